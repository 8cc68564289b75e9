"""Whether a file is still being written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelarts_emulator.system.open_files import is_being_written
from tests.helpers.abilities import needs_leases

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


@needs_leases
def test_is_being_written_until_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.write(b"half")
        file.flush()
        assert is_being_written(path)
    assert not is_being_written(path)
    with path.open("rb"):
        assert not is_being_written(path)
    with path.open("ab"):
        assert is_being_written(str(path))


@needs_leases
def test_is_being_written_by_another_process_returns_true(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    script = "import sys; f = open(sys.argv[1], 'wb'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert is_being_written(path)
    assert not is_being_written(path)


def test_is_being_written_unknown_returns_false(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_being_written(tmp_path / "nowhere")
    assert not is_being_written(tmp_path / "pipe")
    assert not is_being_written(tmp_path)
    assert not is_being_written("/proc/self/status")


def test_is_being_written_concurrent_open_does_not_signal_the_process(tmp_path: Path) -> None:
    """The lease is broken by whoever opens the file for writing; both go on."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"")
    script = "import sys\nfor _ in range(3000): open(sys.argv[1], 'ab').close()"
    with subprocess.Popen([sys.executable, "-c", script, str(path)]) as writer:
        while writer.poll() is None:
            is_being_written(path)
    assert writer.returncode == 0
