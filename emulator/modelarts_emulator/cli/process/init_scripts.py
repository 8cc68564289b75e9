"""Scripts that are run when the emulator is ready, before anybody is told that it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from modelarts_emulator.cli.output import Output
from modelarts_emulator.exceptions import CommandFailed, UsageError
from modelarts_emulator.obs.walk import is_ignored


def scripts(paths: Sequence[Path]) -> list[Path]:
    """Every script: what is named, and of a folder all files that can be run, by name. Raises UsageError."""
    return [script for path in paths for script in _scripts(path)]


def _scripts(path: Path) -> Iterator[Path]:
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file() and not is_ignored(each.name))
        yield from (each for each in files if _command(each))
    elif _command(path):
        yield path
    else:
        raise UsageError(f"the script {path} can be run neither by itself nor by Python; chmod +x makes it a program")


def _command(script: Path) -> list[str]:
    if script.suffix == ".py":
        return [sys.executable, str(script)]
    return [str(script)] if os.access(script, os.X_OK) else []


def run(script: Path, variables: Mapping[str, str], out: Output) -> None:
    """Run a script in its own directory and wait for it. Raises CommandFailed for a non-zero exit code."""
    out.say(f"running {script.name}")
    try:
        # To where messages go: standard output is kept for what the emulator itself has to say.
        process = subprocess.Popen(
            _command(script), cwd=script.parent, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=2
        )
    except OSError as error:
        raise CommandFailed(f"{script.name} cannot be run: {error.strerror or error}") from None
    try:
        code = process.wait()
    except BaseException:
        # The end has come meanwhile: the script has no emulator to talk to any more.
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
        raise
    if code:
        why = f"has ended with code {code}" if code > 0 else f"was ended by signal {-code}"
        raise CommandFailed(f"{script.name} {why}")
