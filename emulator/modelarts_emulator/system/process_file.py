"""A file that belongs to one process: it has a text, and others can see which living process holds it.

On POSIX systems the process holds a record lock on the file, and the kernel reports the owner of the lock. So a process
id is never read from a file, where it could belong to another process by now. The portable branch keeps a lock file and
a file with the process id beside it; that id is used only while the lock is held.
"""

from __future__ import annotations

import atexit
import os
import stat
import struct
import sys
from contextlib import suppress
from pathlib import Path

import portalocker

from modelarts_emulator.system import features
from modelarts_emulator.system.durability import replace_file
from modelarts_emulator.system.folder import BINARY, CLOEXEC, NONBLOCK

_MAX_BYTES = 4096


class ProcessFile:
    """A file that this process holds until it exits. Create only one for a path.

    Closing any descriptor of the file would release the POSIX lock.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; ``create`` writes the file."""
        self._path = path
        self._file = -1
        self._written: os.stat_result | None = None
        """The file that was written last, if the lock is beside it."""

    def create(self, text: str) -> None:
        """Write and lock the file under a temporary name, then rename it, so that no reader sees half of it.

        A pipe or a terminal gets the text and no lock.

        Raises:
            OSError: the file is locked by another process, or cannot be written.
        """
        if self._path.exists() and not self._is_regular():
            self._file = os.open(self._path, os.O_WRONLY)
            os.write(self._file, text.encode())
            return
        if not features.HAS_RECORD_LOCKS:
            _lock_beside(self._path)
            self._replace(text)
            return
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        self._file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | CLOEXEC, 0o644)
        try:
            _lock_record(self._file)
            self.write(text)
            new.replace(self._path)
        except OSError:
            new.unlink(missing_ok=True)
            raise

    def write(self, text: str) -> None:
        """Replace the text of the file. Raises OSError."""
        if self._written is not None:
            self._replace(text)
            return
        os.lseek(self._file, 0, os.SEEK_SET)
        os.write(self._file, text.encode())
        os.ftruncate(self._file, len(text.encode()))

    def remove(self) -> None:
        """Delete the file, unless another one has replaced it. The lock is held until the process exits."""
        with suppress(OSError):
            if self._written is not None:
                for path in _beside(self._path):
                    path.unlink()
                found = self._path.lstat()
                # The time as well: a file that replaced this one may have got its inode.
                if os.path.samestat(self._written, found) and self._written.st_mtime_ns == found.st_mtime_ns:
                    self._path.unlink()
            elif self._file >= 0 and os.path.samestat(os.fstat(self._file), self._path.stat()) and self._is_regular():
                self._path.unlink()

    def _replace(self, text: str) -> None:
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        new.write_bytes(text.encode())
        replace_file(new, self._path)
        self._written = self._path.lstat()

    def _is_regular(self) -> bool:
        return stat.S_ISREG(self._path.stat().st_mode)


class ProcessFileReader:
    """An open process file of any process. A context manager that closes it.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # O_NONBLOCK: opening a named pipe would otherwise wait for a writer.
        self._file = os.open(path, os.O_RDONLY | NONBLOCK | BINARY | CLOEXEC)

    def __enter__(self) -> ProcessFileReader:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._file)

    def holder(self) -> int | None:
        """Return the id of the process that holds the file; None if it is dead.

        The id is 0 if the process is not visible from here, as in another container.
        """
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            return None
        return _record_lock_holder(self._file) if features.HAS_RECORD_LOCKS else _holder_beside(self._path)

    def text(self) -> str:
        """Return the text of the file, without surrounding spaces."""
        os.lseek(self._file, 0, os.SEEK_SET)
        return os.read(self._file, _MAX_BYTES).decode("utf-8", "replace").strip()


if sys.platform != "win32":
    import fcntl

    # struct flock of fcntl(2), and the places of l_type and l_pid in it.
    _FLOCK, _TYPE, _PID = ("qqihh", 3, 2) if sys.platform == "darwin" else ("hhqqi4x", 0, 4)

    def _lock_record(descriptor: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _record_lock_holder(descriptor: int) -> int | None:
        asked = [0] * len(struct.unpack(_FLOCK, bytes(struct.calcsize(_FLOCK))))
        asked[_TYPE] = fcntl.F_WRLCK
        answer = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(_FLOCK, *asked)))
        return None if answer[_TYPE] == fcntl.F_UNLCK else int(answer[_PID])

else:

    def _lock_record(descriptor: int) -> None:
        raise NotImplementedError

    def _record_lock_holder(descriptor: int) -> int | None:
        raise NotImplementedError


def _beside(path: Path) -> tuple[Path, Path]:
    """Return the lock file and the file with the process id of the portable branch."""
    return path.with_name(f".{path.name}.lock"), path.with_name(f".{path.name}.pid")


def _lock_beside(path: Path) -> None:
    lock_path, pid_path = _beside(path)
    file = lock_path.open("a", encoding="ascii")
    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        pid_path.write_text(f"{os.getpid()}\n", "ascii")
    except portalocker.LockException as error:
        file.close()
        raise OSError(f"{path} is held by another process") from error
    except BaseException:
        file.close()
        raise
    atexit.register(file.close)  # and not earlier: that would release the lock


def _holder_beside(path: Path) -> int | None:
    lock_path, pid_path = _beside(path)
    try:
        with lock_path.open("r+", encoding="ascii") as file:
            portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
            portalocker.unlock(file)
        return None
    except FileNotFoundError:
        return None
    except portalocker.LockException:
        with suppress(OSError, ValueError):
            return int(pid_path.read_text("ascii"))
        return 0
