"""An exclusive lock on a directory, held by one process until it ends or releases it.

The lock is an advisory lock of the operating system on the file ``lock`` in the directory (``flock``, or
``msvcrt.locking`` on Windows). The kernel releases it when the process ends, however it ends. The file contains the
process id of its last owner.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import portalocker

_NAME = "lock"


class DataDirectoryInUse(Exception):
    """Another process holds the lock. ``directory`` is locked by ``owner``, a process id or None if unknown."""

    def __init__(self, directory: Path, owner: int | None) -> None:
        by = "another process" if owner is None else f"process {owner}"
        super().__init__(f"the data directory {directory} is in use by {by}")
        self.directory, self.owner = directory, owner


class DirectoryLock:
    """A held lock; ``release`` it.

    Raises:
        DataDirectoryInUse: another process, or another object of this process, holds the lock.
        OSError: the directory or the file cannot be created.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self._file: IO[str] | None = os.fdopen(os.open(directory / _NAME, flags, 0o644), "r+", encoding="ascii")
        try:
            _lock(directory, self._file)
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.seek(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Release the lock; no effect if it is released already."""
        if self._file is not None:
            self._file.close()
            self._file = None


class ReadOnlyDirectoryLock:
    """A context manager that holds the lock and changes nothing, not even the lock file.

    A directory without a lock file has never been used and is not locked.

    Raises:
        DataDirectoryInUse: another process holds the lock.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        try:
            self._file = (self._directory / _NAME).open(encoding="ascii")
        except FileNotFoundError:
            return
        try:
            _lock(self._directory, self._file)
        except BaseException:
            self._file.close()
            raise

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()


def _lock(directory: Path, file: IO[str]) -> None:
    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.LockException:
        raise DataDirectoryInUse(directory, _owner(file)) from None


def _owner(file: IO[str]) -> int | None:
    """Return the process id in a lock file; None if it is empty, or if Windows does not let others read it."""
    try:
        return int(file.read())
    except (OSError, ValueError):
        return None
