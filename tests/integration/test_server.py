"""The emulator as a library: in threads of a program, several at once, restarted, and without remains."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

import modelarts_emulator
from modelarts_emulator import (
    ApiError,
    CommandFailed,
    Emulator,
    EmulatorError,
    IdleTimeout,
    InvalidValue,
    LoggedRequest,
    NotRunning,
    Settings,
    UnexpectedCalls,
    UnknownKeyword,
    UsageError,
)
from modelarts_emulator.contract.datasets import CreateDatasetRequest
from modelarts_emulator.contract.versions import CreateDatasetVersionRequest
from modelarts_emulator.control.fault_injection import Fault
from modelarts_emulator.control.request_log.log import OPERATIONS
from modelarts_emulator.embedding import keywords
from modelarts_emulator.jobs.transitions import TransitionMode
from modelarts_emulator.testing import RequestRefused
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
    """Create a dataset over ``bucket`` with one sample."""
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


# The public names


def test_package_public_names_are_pinned() -> None:
    assert modelarts_emulator.__all__ == [
        "AccessKey",
        "ApiError",
        "CommandFailed",
        "Emulator",
        "EmulatorError",
        "IdleTimeout",
        "InvalidValue",
        "LoggedRequest",
        "NotRunning",
        "Settings",
        "UnexpectedCalls",
        "UnknownKeyword",
        "UsageError",
        "User",
        "__version__",
    ]
    for name in modelarts_emulator.__all__:
        assert getattr(modelarts_emulator, name) is not None
    assert set(modelarts_emulator.__all__) <= set(dir(modelarts_emulator))
    assert modelarts_emulator.testing.__all__ == [
        "DatasetFactory",
        "Project",
        "ProjectFactory",
        "ReadyDataset",
        "ReadyTeam",
        "ReadyTeamTask",
        "RequestRefused",
        "TeamFactory",
    ]
    with pytest.raises(AttributeError, match="nothing"):
        modelarts_emulator.nothing  # noqa: B018


def test_package_import_loads_no_other_module() -> None:
    code = "import modelarts_emulator as m, sys; print([n for n in sys.modules if n.startswith((m.__name__, 'flask'))])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "emulator", capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['modelarts_emulator']"


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (UsageError, [EmulatorError]),
        (UnknownKeyword, [UsageError, TypeError]),
        (InvalidValue, [UsageError, ValueError]),
        (CommandFailed, [EmulatorError]),
        (NotRunning, [CommandFailed]),
        (IdleTimeout, [EmulatorError, TimeoutError]),
        (UnexpectedCalls, [EmulatorError, AssertionError]),
        (ApiError, [EmulatorError]),
        (RequestRefused, [EmulatorError, AssertionError]),
    ],
)
def test_exceptions_have_one_base_class(error: type[Exception], bases: list[type[Exception]]) -> None:
    assert issubclass(error, tuple(bases))
    assert all(issubclass(error, base) for base in [*bases, EmulatorError])


@pytest.mark.parametrize(
    ("typed", "members"),
    [
        (keywords.SettingsKeywords, {each.name for each in fields(Settings)}),
        (keywords.FaultKeywords, set(Fault.__struct_fields__)),
        (
            keywords.DatasetKeywords,
            set(CreateDatasetRequest.__struct_fields__) - {"dataset_name", "dataset_type", "labels"},
        ),
        (keywords.VersionKeywords, set(CreateDatasetVersionRequest.__struct_fields__)),
    ],
    ids=["settings", "fault", "dataset", "version"],
)
def test_keywords_are_the_members_of_their_type(typed: type, members: set[str]) -> None:
    assert set(typed.__annotations__) == members


def test_operation_and_mode_names_are_complete() -> None:
    assert set(get_args(keywords.OperationName)) == OPERATIONS
    assert list(get_args(keywords.ModeName)) == [mode.value for mode in TransitionMode]


# Arguments


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"date_dir": "x"}, UnknownKeyword, "unknown keyword 'date_dir' for Emulator\\(\\); did you mean 'data_dir'"),
        ({"sync": "sometimes"}, InvalidValue, "sync 'sometimes' is not accepted; accepted are auto, manual"),
        ({"durability": "ful"}, InvalidValue, "did you mean 'full'"),
        ({"port": 70000}, InvalidValue, "port must be an integer from 0 to 65535, not 70000"),
        ({"port": "8765"}, InvalidValue, "port must be an integer"),
        ({"threads": 0}, InvalidValue, "threads must be an integer from 1"),
        ({"data_dir": 5}, InvalidValue, "data_dir: "),
        ({"buckets": ["a"]}, InvalidValue, "buckets: "),
        ({"auth": "strict"}, UsageError, "--auth strict requires at least one --user NAME:PASSWORD"),
    ],
)
def test_emulator_invalid_keyword_raises(given: dict[str, Any], error: type[Exception], message: str) -> None:
    before = threading.active_count()
    with pytest.raises(error, match=message):
        Emulator(**given)
    assert threading.active_count() == before


def test_emulator_settings_and_keywords_together_raise(tmp_path: Path) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data")
    with pytest.raises(UnknownKeyword, match="a Settings object or keywords, not both: port, nonsense"):
        Emulator(settings, port=1, nonsense=1)  # type: ignore[call-overload]
    with pytest.raises(InvalidValue, match="not str"):
        Emulator("data")  # type: ignore[call-overload]
    assert list(tmp_path.iterdir()) == []


def test_settings_repr_has_no_secret() -> None:
    assert "very-secret" not in repr(Settings(control_key="very-secret"))


# Life cycle


def test_several_emulators_in_one_process_are_independent() -> None:
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


def test_data_directory_is_kept_and_used_by_one_emulator(tmp_path: Path) -> None:
    with Emulator(data_dir=str(tmp_path / "data")) as emu:
        dataset_id = add(emu)
        with pytest.raises(UsageError, match="in use"):
            Emulator(data_dir=tmp_path / "data")
    with Emulator(data_dir=tmp_path / "data") as emu:
        assert call(emu, f"/v2/p/datasets/{dataset_id}")["total_sample_count"] == 1


def test_stop_in_memory_removes_files_and_port(tmp_path: Path) -> None:
    with Emulator(temporary_dir=tmp_path, buckets={"mounted": str(tmp_path)}) as emu:
        add(emu)
        assert emu.path("mounted") == tmp_path
        assert [path.name for path in tmp_path.iterdir()] == [emu.directory.name]
        port = int(emu.url.rpartition(":")[2])
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    emu.stop()  # a second call has no effect


def test_stop_without_start_removes_everything(tmp_path: Path) -> None:
    before = threading.active_count()
    emu = Emulator(temporary_dir=tmp_path)
    assert emu.client().get("/_emulator/health").status_code == 200
    emu.stop()
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []


def test_emulator_port_in_use_raises_and_leaves_nothing(tmp_path: Path) -> None:
    before = threading.active_count()
    taken = socket.create_server(("127.0.0.1", 0))
    with taken, pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1"):
        Emulator(port=taken.getsockname()[1], temporary_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before


def test_start_after_stop_serves_the_same_data_at_the_same_url(tmp_path: Path) -> None:
    before = threading.active_count()
    emu = Emulator(data_dir=tmp_path / "data")
    assert "not started, data in" in repr(emu)
    for _ in range(2):
        assert emu.start() is emu
        assert emu.start() is emu  # no effect
        assert emu.is_running
    dataset_id, url = add(emu), emu.url
    emu.faults.add(status=503)
    emu.stop()
    assert repr(emu) == f"<Emulator {url} stopped, data in {tmp_path / 'data'}>"
    with pytest.raises(urllib.error.URLError):
        call(emu, "/v2/p/datasets")
    with emu:
        assert repr(emu) == f"<Emulator {url} running, data in {tmp_path / 'data'}>"
        assert call(emu, f"/v2/p/datasets/{dataset_id}")["total_sample_count"] == 1
        assert len(emu.faults) == 0
    assert threading.active_count() == before


def test_start_after_stop_in_memory_is_empty(tmp_path: Path) -> None:
    emu = Emulator(temporary_dir=tmp_path)
    with emu:
        add(emu)
        url = emu.url
    with emu:
        assert (emu.url, count(emu)) == (url, 0)
    assert list(tmp_path.iterdir()) == []


def test_start_after_stop_with_the_port_taken_says_so() -> None:
    emu = Emulator().start()
    emu.stop()
    port = int(emu.url.rpartition(":")[2])
    taken = socket.create_server(("127.0.0.1", port))
    message = rf"cannot listen on 127\.0\.0\.1:{port}: .*; choose another --port, or 0 for a free one"
    with taken, pytest.raises(UsageError, match=message):
        emu.start()
    emu.start()
    assert count(emu) == 0
    emu.stop()


# Objects and datasets


def test_path_accepts_every_form_of_an_object_path() -> None:
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


def test_write_object_and_remove_bucket(tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"copied")
    (tmp_path / "mounted").mkdir()
    with Emulator(buckets={"mounted": tmp_path / "mounted"}) as emu:
        emu.create_bucket("bucket")
        for content, expected in [
            (b"bytes", b"bytes"),
            ("ä", "ä".encode()),
            (source, b"copied"),
            ([b"a", b"b"], b"ab"),
        ]:
            assert emu.write_object("bucket/in/file", content) == "/bucket/in/file"
            assert emu.path("bucket/in/file").read_bytes() == expected
        emu.write_object("mounted/file", b"kept")
        assert emu.buckets() == ["bucket", "mounted"]
        with pytest.raises(ApiError):
            emu.write_object("bucket/../outside", b"")
        emu.remove_bucket("bucket")
        emu.remove_bucket("mounted")
        assert emu.buckets() == ["mounted"]
        assert (tmp_path / "mounted/file").read_bytes() == b"kept"
        with pytest.raises(ApiError):
            emu.remove_bucket("bucket")


def test_datasets_and_samples_of_a_project() -> None:
    with Emulator() as emu:
        dataset_id = add(emu)
        add(emu, "q", "others")
        assert emu.datasets("p") == {dataset_id: "digits"}
        assert sorted(emu.datasets().values()) == ["digits", "others"]
        assert list(emu.samples(dataset_id)) == ["bucket/in/a.jpg"]
        with pytest.raises(ApiError):
            emu.samples("nothing")


def test_reset_deletes_everything_or_one_project() -> None:
    with Emulator() as emu:
        add(emu, "p")
        add(emu, "q", "others")
        emu.reset("p")
        assert (count(emu, "p"), count(emu, "q")) == (0, 1)
        emu.reset()
        assert (count(emu, "p"), count(emu, "q")) == (0, 0)
        assert emu.buckets() == []


def test_restore_brings_back_a_snapshot() -> None:
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


# Requests, faults and transitions


def test_requests_and_assert_called() -> None:
    with Emulator() as emu:
        add(emu)
        emu.clear_requests()
        count(emu, "p")
        count(emu, "q")
        with pytest.raises(urllib.error.HTTPError) as refused:
            call(emu, "/v2/p/datasets/nothing")
        refused.value.close()
        found = emu.requests("ListDatasets", project_id="q")
        assert [type(each) for each in found] == [LoggedRequest]
        assert len(emu.requests(status=400)) == len(emu.requests(method="GET")) - 2 == 1
        emu.assert_called("ListDatasets")
        emu.assert_called("ListDatasets", times=2)
        emu.assert_called("ListDatasets", 1, project_id="q", status=200)
        emu.assert_called("ListSamples", times=0)
        with pytest.raises(UnexpectedCalls, match="ListDatasets was called 2 times, expected 3 times; received:\nGET "):
            emu.assert_called("ListDatasets", times=3)
        with pytest.raises(AssertionError, match="ListSamples was called 0 times, expected at least once"):
            emu.assert_called("ListSamples")
        with pytest.raises(InvalidValue, match="operation 'ListSample' is not accepted; did you mean 'ListSamples'"):
            emu.assert_called("ListSample")  # type: ignore[arg-type]


def test_faults_are_added_listed_and_removed() -> None:
    with Emulator() as emu:
        fault_id = emu.faults.add(operation="ListDatasets", status=418, project_id="p")
        with pytest.raises(urllib.error.HTTPError, match="418") as refused:
            count(emu)
        refused.value.close()
        assert [(each.id, each.hits) for each in emu.faults.active()] == [(fault_id, 1)]
        assert repr(emu.faults) == "<FaultControl: 1 faults>"
        emu.faults.remove(fault_id)
        assert count(emu) == 0
        for given, error in [
            ({"opration": "ListDatasets", "status": 500}, UnknownKeyword),
            ({"operation": "ListDataset", "status": 500}, InvalidValue),
            ({"status": 99}, InvalidValue),
            ({}, InvalidValue),
        ]:
            with pytest.raises(error):
                emu.faults.add(**given)  # type: ignore[arg-type]
        assert len(emu.faults) == 0


def test_transitions_hold_a_task_until_released() -> None:
    with Emulator() as emu:
        dataset_id = add(emu)
        with emu.transitions.held("publish", project_id="p"):
            version = call(emu, f"/v2/p/datasets/{dataset_id}/versions", {})["version_id"]
            with pytest.raises(IdleTimeout, match="publish of dataset"):
                emu.wait_tasks(0.05)
            with pytest.raises(TimeoutError, match="held before RUNNING"):
                emu.wait_idle(0.05, "p")
            assert "publish" not in repr(emu.transitions)
        emu.wait_tasks()
        assert call(emu, f"/v2/p/datasets/{dataset_id}/versions/{version}")["status"] == 1
        emu.transitions.set("import", "polls", polls=3)
        emu.transitions.set("export", "hold")
        assert emu.transitions.rules()["import"].polls == 3
        assert repr(emu.transitions) == "<TransitionControl: {'import': 'polls', 'export': 'hold'}>"
        emu.transitions.clear()
        assert repr(emu.transitions) == "<TransitionControl: all immediate>"
