"""``stop``: ends a running emulator, and returns when it has ended."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import add_emulator_options, find_emulator
from modelarts_emulator.cli.process.ready_file import EmulatorProcess, lock_holder
from modelarts_emulator.config.options import Parser, seconds
from modelarts_emulator.exceptions import CommandFailed, NotRunning, UsageError

SETTINGS = False
_LOOK_S = 0.02


def parser(prog: str) -> Parser:
    """Its options."""
    made = Parser(
        prog,
        "End a running emulator: it finishes what it is answering, writes everything out, "
        "and has ended when this returns.",
        usage="[options]",
    )
    add_emulator_options(made)
    made.add_argument("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="how long to wait (default 60)")
    made.add_argument("--kill", action="store_true", help="then end it by force; what was acknowledged is kept")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """End it. Raises NotRunning, UsageError, CommandFailed where it has not ended in time."""
    place = find_emulator(options)
    if place.found is None:
        raise UsageError(f"the emulator at {place.url} can only be stopped where its --data-dir or --ready-file is")
    pid = stop_process(place.found, options["timeout"], out, kill=options["kill"])
    out.result({"stopped": True, "pid": pid, "url": place.url}, f"stopped process {pid}")
    return OK


def stop_process(found: EmulatorProcess, timeout_s: float, out: Output, *, kill: bool = False) -> int:
    """End the process that has a ready file, and return its id. Raises NotRunning, CommandFailed."""
    try:
        file = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NotRunning(f"it has just ended: {found.path}: {error.strerror}") from None
    try:
        # Asked again of this very file: it stays open, and with it what the lock tells of the process.
        pid = lock_holder(file)
        if pid is None:
            raise NotRunning(f"it has just ended: nobody has {found.path} any more")
        _signal(pid, signal.SIGTERM, found.path)
        with out.progress(f"process {pid} is ending"):
            if _has_ended(file, pid, timeout_s):
                return pid
            if not kill:
                raise CommandFailed(f"process {pid} has not ended within {timeout_s:g} s; --kill ends it by force")
            _signal(pid, signal.SIGKILL, found.path)
            if not _has_ended(file, pid, timeout_s):
                raise CommandFailed(f"process {pid} cannot be ended")
    finally:
        os.close(file)
    # Without its own goodbye the file is still there.
    found.path.unlink(missing_ok=True)
    return pid


def _signal(pid: int, number: signal.Signals, path: Path) -> None:
    if not pid:
        raise CommandFailed(f"the process of {path} cannot be seen from here, as from another container")
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended by itself
    except PermissionError:
        raise CommandFailed(f"process {pid} belongs to another user") from None


def _has_ended(file: int, pid: int, timeout_s: float) -> bool:
    """Wait until the process has given up its lock, which it does with its last breath."""
    pause, deadline = threading.Event(), time.monotonic() + timeout_s
    while lock_holder(file) == pid:
        if time.monotonic() > deadline:
            return False
        pause.wait(_LOOK_S)
    return True
