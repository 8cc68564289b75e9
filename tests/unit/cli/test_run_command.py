"""Running a command: it never outlives an interrupt."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from modelarts_emulator.cli.process.init_scripts import run_command
from modelarts_emulator.exceptions import CommandFailed

SLEEPING = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_run_command_interrupted_before_its_start_returns_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen._execute_child  # type: ignore[attr-defined]

    def interrupted(self: subprocess.Popen[bytes], *arguments: Any) -> None:
        start(self, *arguments)
        started.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "_execute_child", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_command(SLEEPING, {})
    (process,) = started
    assert process.returncode is not None and process.returncode < 0


def test_run_command_interrupted_while_it_waits_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[subprocess.Popen[bytes]] = []
    wait = subprocess.Popen.wait

    def interrupted(self: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        waited.append(self)
        if len(waited) == 1:
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_command(SLEEPING, {})
    assert waited[0].returncode is not None


def test_run_command_returns_the_exit_code_and_names_a_missing_program() -> None:
    assert (
        run_command([sys.executable, "-c", "import os; raise SystemExit(int(os.environ['CODE']))"], {"CODE": "3"}) == 3
    )
    with pytest.raises(CommandFailed, match="no-such-program cannot be run"):
        run_command(["no-such-program"], {})
