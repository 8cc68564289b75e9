"""``stop``: stop a running emulator and wait until its process has exited."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

from modelarts_emulator.cli import OK
from modelarts_emulator.cli.output import Output
from modelarts_emulator.cli.process.discovery import add_emulator_options, find_emulator
from modelarts_emulator.cli.process.ready_file import EmulatorProcess
from modelarts_emulator.config.options import Parser, seconds
from modelarts_emulator.exceptions import CommandFailed, NotRunning, UsageError
from modelarts_emulator.system.process_file import ProcessFileReader
from modelarts_emulator.system.processes import KILL, TERMINATE, signal_process

SETTINGS = False
_POLL_S = 0.02


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Stop a running emulator: it answers open requests and writes all data. The command "
        "returns when its process has exited.",
        usage="[options]",
    )
    add_emulator_options(made)
    made.add_argument("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="time to wait (default 60)")
    made.add_argument("--kill", action="store_true", help="kill it after that time; acknowledged changes are kept")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Stop the emulator. Raises NotRunning, UsageError, CommandFailed if it does not exit in time."""
    found = find_emulator(options)
    if found.process is None:
        with found.client() as client:
            client.send("GET", "/_emulator/health")  # NotRunning if there is none
        raise UsageError(f"the emulator at {found.url} can only be stopped with its --data-dir or --ready-file")
    pid = stop_process(found.process, options["timeout"], out, kill=options["kill"])
    out.result(
        {"stopped": True, "pid": pid, "url": found.url},
        f"stopped process {pid}" + (f" at {found.url}" if found.url else ""),
    )
    return OK


def stop_process(process: EmulatorProcess, timeout_s: float, out: Output, *, kill: bool = False) -> int:
    """Stop the process that holds a ready file, and return its id. Raises NotRunning, CommandFailed."""
    try:
        file = ProcessFileReader(process.path)
    except OSError as error:
        raise NotRunning(f"the emulator has just stopped: {process.path}: {error.strerror}") from None
    with file:
        # The pid is read from the lock of this open file, so a new process with a reused pid is never signalled.
        pid = file.holder()
        if pid is None:
            raise NotRunning(f"the emulator has just stopped: {process.path} is not locked any more")
        _signal(pid, TERMINATE, process.path)
        with out.progress(f"stopping process {pid}"):
            if _has_exited(file, pid, timeout_s):
                return pid
            if not kill:
                raise CommandFailed(f"process {pid} has not exited within {timeout_s:g} s; use --kill to kill it")
            _signal(pid, KILL, process.path)
            if not _has_exited(file, pid, timeout_s):
                raise CommandFailed(f"process {pid} could not be killed")
    # A killed process has not removed its file.
    process.path.unlink(missing_ok=True)
    return pid


def _signal(pid: int, number: signal.Signals, path: Path) -> None:
    if not pid:
        raise CommandFailed(f"the process of {path} is not visible from here; it may run in another container")
    try:
        signal_process(pid, number)
    except PermissionError:
        raise CommandFailed(f"process {pid} belongs to another user") from None


def _has_exited(file: ProcessFileReader, pid: int, timeout_s: float) -> bool:
    """Wait until the process has exited; the kernel releases its file lock then."""
    pause, deadline = threading.Event(), time.monotonic() + timeout_s
    while file.holder() == pid:
        if time.monotonic() > deadline:
            return False
        pause.wait(_POLL_S)
    return True
