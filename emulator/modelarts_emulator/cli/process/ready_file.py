"""A file with the URL of an emulator, valid while its process lives.

The process holds a POSIX lock on the file, and the kernel reports the owner of the lock. So a file of a dead process is
recognized, and a process id is never read from the file itself, where it could belong to another process by now.
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

# struct flock of fcntl(2), and the places of l_type and l_pid in it.
_FLOCK, _TYPE, _PID = ("qqihh", 3, 2) if sys.platform == "darwin" else ("hhqqi4x", 0, 4)
_MAX_BYTES = 4096


class EmulatorProcess(NamedTuple):
    """The living process that holds a ready file. ``url`` is empty while it is starting."""

    pid: int
    url: str
    path: Path


class ReadyFile:
    """A ready file of this process. Raises UsageError if another emulator holds it, or if it cannot be written.

    A process must open the same file only once: closing any of its descriptors would release the POSIX lock.
    """

    def __init__(self, path: Path, text: str = "") -> None:
        self._path = path
        self._file = -1
        try:
            owner = read_ready_file(path)
            if owner:
                raise UsageError(f"the file {path} belongs to a running emulator, process {owner.pid}")
            self._create(text)
        except OSError as error:
            self.remove()
            raise UsageError(f"cannot write the ready file {path}: {error.strerror}") from None

    def write(self, text: str) -> None:
        """Replace the text of the file. Raises OSError."""
        os.pwrite(self._file, text.encode(), 0)
        os.ftruncate(self._file, len(text.encode()))

    def remove(self) -> None:
        """Delete the file, unless another one has replaced it. The lock is held until the process exits."""
        if self._file < 0:
            return
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._file), self._path.stat()) and self._is_regular():
                self._path.unlink()

    def _create(self, text: str) -> None:
        """Write and lock the file under a temporary name, then rename it, so that no reader sees half of it."""
        if self._path.exists() and not self._is_regular():
            self._file = os.open(self._path, os.O_WRONLY)  # a pipe or a terminal cannot be locked
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

    def _is_regular(self) -> bool:
        return stat.S_ISREG(self._path.stat().st_mode)


def read_ready_file(path: Path) -> EmulatorProcess | None:
    """Return the process that holds a ready file; None if there is no file, or its process is dead. Raises OSError."""
    try:
        # O_NONBLOCK: opening a named pipe would otherwise wait for a writer.
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
    """Return the id of the process that holds the lock of an open file, None if it is not locked.

    The id is 0 if the process is not visible from here, as in another container.
    """
    asked = [0] * len(struct.unpack(_FLOCK, bytes(struct.calcsize(_FLOCK))))
    asked[_TYPE] = fcntl.F_WRLCK
    answer = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_FLOCK, *asked)))
    return None if answer[_TYPE] == fcntl.F_UNLCK else int(answer[_PID])
