"""A file that says where an emulator is, for as long as its process lives.

The process keeps a lock on the file, and the kernel knows whose it is: what a dead process has left is told from what a
living one says, and no process id is ever read from a file, where another process may have it by now.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from modelarts_emulator.exceptions import UsageError

# struct flock: what is asked of the kernel, and where in its answer the process stands.
_FLOCK, _TYPE, _PID = ("qqihh", 3, 2) if sys.platform == "darwin" else ("hhqqi4x", 0, 4)
_MAX_BYTES = 4096


class EmulatorProcess(NamedTuple):
    """Whose file it is: a living process. ``url`` is empty while it is starting."""

    pid: int
    url: str
    path: Path


class ReadyFile:
    """A file of this process, gone when it is removed. Raises UsageError where another emulator has it, or none can.

    Only one object of a process may have a file: whoever closes it gives up the lock, so the system says.
    """

    def __init__(self, path: Path, text: str = "") -> None:
        self._path = path
        self._file = -1
        try:
            owner = read_ready_file(path)
            if owner:
                raise UsageError(f"the file {path} belongs to a running emulator, process {owner.pid}")
            self._make(text)
        except OSError as error:
            self.remove()
            raise UsageError(f"cannot write the ready file {path}: {error.strerror}") from None

    def write(self, text: str) -> None:
        """Put another text in it. Raises OSError."""
        os.pwrite(self._file, text.encode(), 0)
        os.ftruncate(self._file, len(text.encode()))

    def remove(self) -> None:
        """Remove the file, if it is still this one. The lock stays until the process ends."""
        if self._file < 0:
            return
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file), self._path.stat()) and self._is_plain():
                self._path.unlink()

    def _make(self, text: str) -> None:
        """Write it beside its place first: whoever sees the name sees all of it, and the lock."""
        if self._path.exists() and not self._is_plain():
            self._file = os.open(self._path, os.O_WRONLY)  # a pipe, or a terminal: nothing to lock
            os.write(self._file, text.encode())
            return
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        self._file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.write(text)
            new.replace(self._path)
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def _is_plain(self) -> bool:
        return stat.S_ISREG(self._path.stat().st_mode)


def read_ready_file(path: Path) -> EmulatorProcess | None:
    """What a ready file says; None where there is none, or its process is dead. Raises OSError."""
    try:
        # Not waiting for whoever might write into a pipe of this name.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return None
        pid = lock_holder(file)
        text = os.pread(file, _MAX_BYTES, 0).decode("utf-8", "replace").strip()
        return EmulatorProcess(pid, text, path) if pid is not None else None
    finally:
        os.close(file)


def lock_holder(file: int) -> int | None:
    """Which process has the lock of an open file; None for nobody. It is 0 for one that cannot be seen from here."""
    asked = [0] * len(struct.unpack(_FLOCK, bytes(struct.calcsize(_FLOCK))))
    asked[_TYPE] = fcntl.F_WRLCK
    answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, *asked)))
    return None if answer[_TYPE] == fcntl.F_UNLCK else int(answer[_PID])
