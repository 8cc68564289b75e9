"""Run commands as processes with a data directory, a temporary directory and an environment of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from modelarts_emulator.cli.process.ready_file import read_ready_file
from tests.helpers.places import ROOT


class Shell:
    """A shell's place: where commands run, and what is in their environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir()
        own = {name: text for name, text in os.environ.items() if not name.startswith("MODELARTS_EMULATOR_")}
        self.environment = {**own, "PYTHONPATH": str(ROOT / "emulator"), "TMPDIR": str(folder / "tmp")}

    def run(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """Run a command to its end. Returns its output, or the one line that says why it has not worked."""
        done = subprocess.run(
            [sys.executable, "-m", "modelarts_emulator", *arguments],
            cwd=self.folder,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        if not code:
            return done.stdout
        assert done.stderr.count("\n") <= 1, done.stderr
        return done.stderr + done.stdout

    def json(self, *arguments: str, code: int = 0, **variables: str) -> Any:
        """What a command prints for scripts."""
        return json.loads(self.run(*arguments, "--json", code=code, **variables))

    def detached(self, *arguments: str, **variables: str) -> Any:
        """Start an emulator in the background; gives its ``url`` and ``pid``."""
        return self.json("start", "--detach", "--port", "0", *arguments, **variables)

    def end(self) -> None:
        """Leave no process."""
        for path in [*self.folder.rglob("running"), *self.folder.rglob("ready*")]:
            if path.is_file() and (found := read_ready_file(path)):
                os.kill(found.pid, signal.SIGKILL)
