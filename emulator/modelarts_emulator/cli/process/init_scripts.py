"""Scripts of ``--init``, run before the emulator reports that it is ready."""

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

_TERMINATE_S = 5.0


def find_scripts(paths: Sequence[Path]) -> list[Path]:
    """Return the scripts at the paths: files, and all executable files of directories by name. Raises UsageError."""
    return [script for path in paths for script in _scripts(path)]


def _scripts(path: Path) -> Iterator[Path]:
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.is_file() and not is_ignored(each.name))
        yield from (each for each in files if _command(each))
    elif _command(path):
        yield path
    else:
        raise UsageError(f"the script {path} is neither executable nor a .py file; make it executable with chmod +x")


def _command(script: Path) -> list[str]:
    if script.suffix == ".py":
        return [sys.executable, str(script)]
    return [str(script)] if os.access(script, os.X_OK) else []


def run_script(script: Path, variables: Mapping[str, str], out: Output) -> None:
    """Run a script in its own directory and wait for it. Raises CommandFailed for a non-zero exit code."""
    out.say(f"running {script.name}")
    # Its output goes to standard error: standard output is reserved for the emulator's own result.
    code = run_command(_command(script), variables, cwd=script.parent, stdin=subprocess.DEVNULL, stdout=2)
    if code:
        raise CommandFailed(f"{script.name} {describe_exit(code)}")


def run_command(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    cwd: Path | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
) -> int:
    """Run a command with additional environment variables, and return its exit code; negative for a signal.

    If this process is interrupted, the command is terminated first. Raises CommandFailed if it cannot be started.
    """
    # Made in two steps: a signal can arrive when the command runs already, and its start has not returned yet.
    process: subprocess.Popen[bytes] = subprocess.Popen.__new__(subprocess.Popen)
    try:
        process.__init__(  # type: ignore[misc]
            command, cwd=cwd, env={**os.environ, **variables}, stdin=stdin, stdout=stdout
        )
        return process.wait()
    except OSError as error:
        raise CommandFailed(f"{Path(command[0]).name} cannot be run: {error.strerror or error}") from None
    except BaseException:
        if getattr(process, "pid", None) is not None:
            _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_TERMINATE_S)
    process.kill()
    process.wait()


def describe_exit(code: int) -> str:
    """Return an exit code as words."""
    return f"exited with code {code}" if code > 0 else f"was killed by signal {-code}"
