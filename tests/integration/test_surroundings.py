"""The command in unusual surroundings: few descriptors, other locales, optimized Python."""

from __future__ import annotations

import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.helpers.api import Api
from tests.helpers.process import COMMANDS, running

pytestmark = pytest.mark.slow

NAME = "猫 é.txt"


def kept_text(url: str) -> None:
    """Store an object with a name in several scripts, in a dataset, and find it."""
    requests.put(f"{url}/bucket/in/{NAME}", data="猫".encode(), timeout=10).raise_for_status()
    api = Api(url)
    dataset_id = api.dataset(dataset_type=100)
    assert [sample["source"].rpartition("/")[2].partition("?")[0] for sample in api.samples(dataset_id)["samples"]]
    assert requests.get(f"{url}/bucket/in/{NAME}", timeout=10).content.decode() == "猫"
    api.session.close()


@pytest.mark.parametrize(
    "variables",
    [{}, {"PYTHONCOERCECLOCALE": "0"}, {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}],
    ids=["plain", "not-coerced", "utf-8-off"],
)
@pytest.mark.skipif(sys.platform != "linux", reason="locales of Linux")
def test_locale_c_keeps_names_in_every_script(tmp_path: Path, bucket: Path, variables: dict[str, str]) -> None:
    options = ("--port", "0", "--bucket", f"bucket={bucket}")
    with running(*options, cwd=tmp_path, LC_ALL="C", LANG="C", **variables) as process:
        kept_text(process.url)
    assert (bucket / "in" / NAME).exists()


def test_optimized_python_without_docstrings_serves_every_page(tmp_path: Path, bucket: Path) -> None:
    command = [sys.executable, "-OO", *COMMANDS[0][1:]]
    with running("--port", "0", "--bucket", f"bucket={bucket}", cwd=tmp_path, command=command) as process:
        for path in ("ui", "docs", "openapi.json", "coverage", "health", "requests", "transitions", "snapshots"):
            answer = requests.get(f"{process.url}/_emulator/{path}", timeout=10)
            assert answer.status_code == 200, path
        kept_text(process.url)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX shells")
def test_few_descriptors_serve_many_datasets_and_clients(tmp_path: Path, bucket: Path) -> None:
    """64 descriptors, 70 datasets, 300 idle connections, and 40 clients that send large bodies."""
    command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *COMMANDS[0]]
    options = ("--port", "0", "--bucket", f"bucket={bucket}", "--durability", "process")
    with running(*options, cwd=tmp_path, command=command) as process, ExitStack() as cleanup:
        api = Api(process.url)
        cleanup.callback(api.session.close)
        (bucket / "in/a.txt").write_text("a")
        ids = [api.dataset(dataset_name=f"d{number}", dataset_type=100) for number in range(70)]
        address = urlsplit(process.url)
        for _ in range(300):
            cleanup.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))

        def put(number: int) -> int:
            url = f"{process.url}/bucket/other/{number}.bin"
            return requests.put(url, data=b"x" * 600_000, timeout=60).status_code

        with ThreadPoolExecutor(40) as clients:
            statuses = Counter(clients.map(put, range(120)))
        assert statuses.keys() <= {200, 503}, statuses
        assert statuses[200] >= 60, statuses
        found = {dataset_id: api.samples(dataset_id)["sample_count"] for dataset_id in ids}
        assert set(found.values()) == {1}
        process.terminate()
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
