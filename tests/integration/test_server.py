"""The emulator as a library: in threads of a program, several at once, and gone when it is over."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import modelarts_emulator
from modelarts_emulator import Emulator
from modelarts_emulator.config.settings import UsageError
from modelarts_emulator.contract.errors import ApiError
from tests.helpers.places import ROOT

NEW: dict[str, Any] = {
    "dataset_name": "digits",
    "dataset_type": 0,
    "data_sources": [{"data_type": 0, "data_path": "/bucket/in/"}],
    "work_path": "/bucket/out/",
    "work_path_type": 0,
}


def call(emu: Emulator, path: str, body: object = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(emu.url + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def add(emu: Emulator, project_id: str = "p", name: str = "digits") -> str:
    """A dataset over ``bucket``, with one sample."""
    emu.create_bucket("bucket")
    for folder in ("in", "out"):
        emu.path(f"bucket/{folder}").mkdir(exist_ok=True)
    emu.path("bucket/in/a.jpg").write_bytes(b"no picture")
    found: str = call(emu, f"/v2/{project_id}/datasets", {**NEW, "dataset_name": name})["dataset_id"]
    emu.wait_idle()
    return found


def count(emu: Emulator, project_id: str = "p") -> int:
    found: int = call(emu, f"/v2/{project_id}/datasets")["total_number"]
    return found


def test_the_package_has_few_names_and_loads_them_late() -> None:
    assert modelarts_emulator.__all__ == ["Emulator", "__version__"]
    with pytest.raises(AttributeError, match="nothing"):
        modelarts_emulator.nothing  # noqa: B018
    code = "import modelarts_emulator as m, sys; print([n for n in sys.modules if n.startswith((m.__name__, 'flask'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "emulator", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['modelarts_emulator']"


def test_several_at_once_know_nothing_of_each_other() -> None:
    def one(number: int) -> tuple[str, int]:
        with Emulator(data_dir=None) as emu:
            for each in range(number):
                add(emu, name=f"digits-{each}")
            return emu.url, count(emu)

    before = threading.active_count()
    with ThreadPoolExecutor(4) as pool:  # none of them in the main thread
        found = list(pool.map(one, range(4)))
    with Emulator() as first, Emulator() as second:
        add(first)
        assert (count(first), count(second)) == (1, 0)
        assert first.url != second.url
    assert [number for _, number in found] == [0, 1, 2, 3]
    assert threading.active_count() == before


def test_what_has_a_data_directory_is_there_the_next_time(tmp_path: Path) -> None:
    with Emulator(data_dir=str(tmp_path / "data")) as emu:
        dataset_id = add(emu)
        with pytest.raises(UsageError, match="in use"):
            Emulator(data_dir=tmp_path / "data")
    with Emulator(data_dir=tmp_path / "data") as emu:
        assert call(emu, f"/v2/p/datasets/{dataset_id}")["total_sample_count"] == 1


def test_nothing_is_left_of_one_in_memory(tmp_path: Path) -> None:
    with Emulator(temporary_dir=tmp_path, buckets={"mounted": str(tmp_path)}) as emu:
        add(emu)
        assert emu.path("mounted") == tmp_path
        assert [path.name for path in tmp_path.iterdir()] == [emu.runtime.root.name]
        port = int(emu.url.rpartition(":")[2])
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    emu.stop()  # once more does no harm


def test_one_that_has_never_started_is_stopped_all_the_same(tmp_path: Path) -> None:
    before = threading.active_count()
    emu = Emulator(temporary_dir=tmp_path)
    assert emu.client().get("/_emulator/health").status_code == 200
    emu.stop()
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1"):
        Emulator(port=taken.getsockname()[1], temporary_dir=tmp_path)
    with pytest.raises(UsageError, match="'date_dir' is no setting; there are access_keys, auth"):
        Emulator(date_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before


def test_paths() -> None:
    with Emulator() as emu:
        folder = emu.create_bucket("bucket")
        assert emu.create_bucket("bucket") == folder
        for name in ("bucket/in/a.jpg", "/bucket/in/a.jpg", "obs://bucket/in/a.jpg"):
            assert emu.path(name) == folder / "in/a.jpg"
        for name in ("other/a.jpg", "bucket/../a.jpg", ""):
            with pytest.raises(ApiError):
                emu.path(name)
        with pytest.raises(ApiError):
            emu.create_bucket("../outside")


def test_reset_of_everything_or_of_a_project() -> None:
    with Emulator() as emu:
        add(emu, "p")
        add(emu, "q", "others")
        emu.reset("p")
        assert (count(emu, "p"), count(emu, "q")) == (0, 1)
        emu.reset()
        assert (count(emu, "p"), count(emu, "q")) == (0, 0)
        assert emu.runtime.tree.buckets() == []


def test_snapshots() -> None:
    with Emulator() as emu:
        dataset_id = add(emu)
        emu.snapshot("one")
        call(emu, f"/v2/p/datasets/{dataset_id}", method="DELETE")
        emu.path("bucket/in/a.jpg").unlink()
        emu.restore("one")
        assert call(emu, f"/v2/p/datasets/{dataset_id}")["total_sample_count"] == 1
        assert emu.path("bucket/in/a.jpg").read_bytes() == b"no picture"
        with pytest.raises(ApiError):
            emu.restore("two")
        with pytest.raises(ApiError):
            emu.snapshot("../one")
