"""Run the command line as a process: start it, or expect that it refuses to start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.helpers.places import ROOT

COMMANDS = [[sys.executable, str(ROOT / "run_emulator.py")], [sys.executable, "-m", "modelarts_emulator"]]


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "emulator"), "PYTHONUNBUFFERED": "1", **variables}


@contextmanager
def running(*arguments: str, cwd: Path, command: list[str] = COMMANDS[0], **variables: str) -> Iterator[Any]:
    """A started emulator; gives its process with ``url``."""
    process: Any = subprocess.Popen(
        [*command, *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on http://"), (line, process.poll() is not None and process.stderr.read())
        process.url = line.removeprefix("listening on ").strip()
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def refused(*arguments: str, cwd: Path, **variables: str) -> str:
    """The one line with which a start is refused."""
    done = subprocess.run(
        [*COMMANDS[0], *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("modelarts-emulator: ")
    return line
