"""The output of commands: JSON, text or nothing, and progress on a terminal only."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelarts_emulator.cli.output import Output, progress_bar
from modelarts_emulator.cli.process.ready_file import ReadyFile
from modelarts_emulator.exceptions import UsageError
from tests.helpers.process import environment

WORK = """
import sys, threading
from modelarts_emulator.cli.output import Output
called = threading.Event()
def how_far():
    called.set()
    return 3, 4
with Output({options}).progress("working", how_far):
    {body}
"""


LOOK = """
import sys
from pathlib import Path
from modelarts_emulator.cli.process.ready_file import read_ready_file
print(read_ready_file(Path(sys.argv[1])))
"""


def on_a_terminal(options: str, body: str) -> str:
    """Return the standard error that a terminal receives."""
    mine, theirs = pty.openpty()
    code = WORK.format(options=options, body=body)
    process = subprocess.Popen([sys.executable, "-c", code], env=environment(), stderr=theirs)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(mine, 1000):
            seen += piece
    except OSError:
        pass  # the other end of the terminal is closed
    finally:
        os.close(mine)
    assert process.wait(timeout=30) == 0
    return seen.decode()


def test_progress_on_a_terminal_is_shown_and_erased() -> None:
    seen = on_a_terminal("", "assert called.wait(20)")
    assert "working [######################........] 3 of 4" in seen
    assert seen.endswith("\r\x1b[K")


@pytest.mark.parametrize("options", ["json=True", "quiet=True"])
def test_progress_with_json_or_quiet_is_not_shown(options: str) -> None:
    assert on_a_terminal(options, "assert not called.wait(0.6)") == ""


def test_progress_of_short_work_is_not_shown() -> None:
    assert on_a_terminal("", "pass") == ""


def test_progress_without_a_terminal_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with Output().progress("working"):
        assert threading.active_count() == before
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [(0, 0, "…"), (1200, 0, "1,200"), (0, 3, f"[{'.' * 30}] 0 of 3"), (9, 3, f"[{'#' * 30}] 9 of 3")],
)
def test_progress_bar_shows_the_finished_part(done: int, total: int, expected: str) -> None:
    assert progress_bar(done, total) == expected


def test_output_is_json_text_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for output in (Output(), Output(json=True), Output(quiet=True), Output(json=True, quiet=True)):
        output.say("on the way")
        output.result({"name": "é"}, "text")
    assert capsys.readouterr().out == 'on the way\ntext\n{\n  "name": "é"\n}\n'


def test_ready_file_names_its_process_and_removes_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    path.write_text("left\n")
    file = ReadyFile(path, "http://here\n")
    command = [sys.executable, "-c", LOOK, str(path)]
    seen = subprocess.check_output(command, env=environment(), text=True, timeout=30)
    assert f"pid={os.getpid()}" in seen and "http://here" in seen
    path.unlink()
    path.write_text("of another process\n")
    file.remove()
    assert path.read_text() == "of another process\n"
    assert [each.name for each in tmp_path.iterdir()] == ["ready"]


def test_ready_file_special_file_is_written_and_kept(tmp_path: Path) -> None:
    file = ReadyFile(Path(os.devnull), "x\n")
    file.remove()
    assert Path(os.devnull).is_char_device()
    with pytest.raises(UsageError, match="cannot write the ready file"):
        ReadyFile(tmp_path, "x\n")


def test_ready_file_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "ready")
    file = ReadyFile(tmp_path / "link", "x\n")
    assert (tmp_path / "link").read_text() == "x\n"
    file.remove()
    assert not (tmp_path / "ready").exists() or (tmp_path / "link").is_symlink()
