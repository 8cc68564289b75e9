"""Starts an emulator in the background: a process of its own session, which outlives the shell."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

from modelarts_emulator.cli import FAILED, OK, PROGRAM
from modelarts_emulator.cli.exit_codes import exit_code_of
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.serve import serve
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.exceptions import CommandFailed, UsageError

LOG = "emulator.log"
_LINES = 5
_MAX_FILES = 4096
_TAIL_BYTES = 16_384


def detach(settings: Settings, log_file: Path | None, out: Output) -> int:
    """Start it, and return when it is ready. Raises UsageError, CommandFailed with what its log says last.

    The log is a file of the data directory; in memory mode it goes nowhere, unless a file is named.
    """
    path = log_file or (settings.data_dir / LOG if settings.data_dir else None)
    with _opened(path) as log:
        url, child = _started(settings, log)
    document = {"url": url, "pid": child, "log_file": str(path) if path else None}
    end = f"--data-dir {shlex.quote(str(settings.data_dir))}" if settings.data_dir else f"--url {url}"
    logged = f", log in {path}" if path else ""
    out.result(document, f"listening on {url}\nprocess {child}{logged}; end it with: {PROGRAM} stop {end}")
    return OK


def _started(settings: Settings, log: IO[bytes]) -> tuple[str, int]:
    """The URL and the process of an emulator that is ready. Raises UsageError, CommandFailed."""
    start = log.seek(0, os.SEEK_END)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _become(log.fileno(), writing, lambda: serve(settings, Output(), ready=lambda url: _tell(writing, url)))
    os.close(writing)
    url = _heard(reading, child)
    if not url:
        _, status = os.waitpid(child, 0)
        log.seek(max(start, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
        raise _failure(log.read().decode("utf-8", "replace"), os.waitstatus_to_exitcode(status))
    return url, child


def _opened(path: Path | None) -> IO[bytes]:
    """The log, to be written at its end and read by whoever has started it. Raises UsageError."""
    try:
        if path is None:
            return tempfile.TemporaryFile()
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b")
    except OSError as error:
        raise UsageError(f"cannot write the log file {path}: {error.strerror}") from None


def _become(log: int, pipe: int, command: Callable[[], int]) -> NoReturn:
    """Be a process of its own from here on: without terminal, without anything that the parent has open."""
    code = FAILED
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.closerange(3, pipe)
        os.closerange(pipe + 1, _MAX_FILES)
        code = exit_code_of(command)
    except BaseException:
        traceback.print_exc()  # nobody else would tell
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _tell(writing: int, url: str) -> None:
    with suppress(BrokenPipeError):  # nobody is waiting any more
        os.write(writing, url.encode())
    os.close(writing)


def _heard(reading: int, child: int) -> str:
    """The URL when it is ready; empty where it has ended before. Interrupted meanwhile, the child ends as well."""
    try:
        with os.fdopen(reading, "rb") as pipe:
            return pipe.read().decode()
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise


def _failure(logged: str, code: int) -> Exception:
    """What it has ended with, in its own words; where it had none, what the log says last."""
    lines = [line for line in logged.splitlines() if line.strip()]
    own = [line.removeprefix(f"{PROGRAM}: ") for line in lines if line.startswith(f"{PROGRAM}: ")]
    text = " | ".join(own[-1:] or lines[-_LINES:]) or f"it has ended with code {code}"
    return UsageError(text) if code == UsageError.code else CommandFailed(f"the emulator has not started: {text}")
