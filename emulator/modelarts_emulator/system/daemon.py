"""Run a function in a background process that outlives this one and its terminal.

The native branch forks. The portable branch starts a new interpreter and passes it the pickled function.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, NoReturn

from modelarts_emulator.system import features

Command = Callable[[int], int]
"""A picklable function. It gets the descriptor of a pipe to the parent, and returns the exit code."""

_MAX_FILES = 4096
_BOOT = "from modelarts_emulator.system.daemon import run_pickled; run_pickled()"


class DaemonProcess:
    """A background process: its id, and the parent's end of its pipe."""

    def __init__(self, pid: int, reading: int, process: subprocess.Popen[bytes] | None = None) -> None:
        self.pid, self.reading = pid, reading
        self._process = process

    def wait(self) -> int:
        """Wait until the process has exited, and return its exit code; negative for a signal."""
        if self._process is not None:
            return self._process.wait()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def release(self) -> None:
        """Let the process run on without this one."""
        if self._process is not None:
            # Without a return code, the destruction of the object warns that the process is still running.
            self._process.returncode = 0

    def terminate(self) -> None:
        """Ask the process to exit."""
        os.kill(self.pid, signal.SIGTERM)


def start_daemon(log: IO[bytes], command: Command) -> DaemonProcess:
    """Run a command in a process in its own session, without a terminal; ``log`` receives its output."""
    return _fork(log.fileno(), command) if features.HAS_FORK else _spawn(log, command)


def _spawn(log: IO[bytes], command: Command) -> DaemonProcess:
    flags = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    process = subprocess.Popen(
        [sys.executable, "-c", _BOOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        creationflags=flags,
        start_new_session=not features.IS_WINDOWS,
    )
    assert process.stdin is not None and process.stdout is not None
    with suppress(BrokenPipeError), process.stdin:
        pickle.dump(command, process.stdin)
    with process.stdout:
        reading = os.dup(process.stdout.fileno())
    return DaemonProcess(process.pid, reading, process)


def run_pickled() -> NoReturn:
    """Run the command on the standard input, with the standard output as its pipe. Never returns."""
    command: Command = pickle.load(sys.stdin.buffer)
    pipe = os.dup(1)
    os.dup2(2, 1)
    sys.exit(command(pipe))


if sys.platform == "win32":

    def _fork(log: int, command: Command) -> DaemonProcess:
        raise NotImplementedError

else:

    def _fork(log: int, command: Command) -> DaemonProcess:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            _run_as_daemon(log, writing, command)
        os.close(writing)
        return DaemonProcess(pid, reading)

    def _run_as_daemon(log: int, pipe: int, command: Command) -> NoReturn:
        """Leave the session and the terminal, close all inherited files, run the command and exit."""
        code = 1
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((null, 0), (log, 1), (log, 2)):
                os.dup2(source, target)
            os.closerange(3, pipe)
            os.closerange(pipe + 1, _MAX_FILES)
            code = command(pipe)
        except BaseException:
            traceback.print_exc()  # into the log
        finally:
            with suppress(OSError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
