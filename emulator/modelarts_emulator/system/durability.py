"""Write data so that it survives power loss, and replace files in one step.

A file's data is durable after ``flush_file``. Its name is durable after ``flush_folder`` of the folder that has it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
from pathlib import Path

from modelarts_emulator.system import features

_NOT_SUPPORTED = frozenset({errno.ENOTSUP, errno.EINVAL, errno.ENOTTY})
_SHARING_VIOLATIONS = frozenset({5, 32})
"""Windows error codes: access denied, and sharing violation. Both occur while another process has the file open."""
_REPLACE_TIMEOUT_S = 2.0

if sys.platform == "darwin":
    import fcntl

    def flush_file(descriptor: int) -> None:
        """Write a file's data and attributes to the disk.

        On macOS ``fsync`` only hands the data to the drive, which may keep it in its cache; ``F_FULLFSYNC`` waits for
        the medium. Not every file system supports it.
        """
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise
            os.fsync(descriptor)

else:

    def flush_file(descriptor: int) -> None:
        """Write a file's data and attributes to the disk (``FlushFileBuffers`` on Windows)."""
        os.fsync(descriptor)


if sys.platform == "linux":

    def flush_data(descriptor: int) -> None:
        """Write a file's data to the disk, and its attributes only where they are needed to read it.

        Faster than ``flush_file`` for a file that grows.
        """
        os.fdatasync(descriptor)

else:

    def flush_data(descriptor: int) -> None:
        """Write a file's data to the disk; this system cannot leave its attributes out."""
        flush_file(descriptor)


def flush_folder(folder: str | Path) -> None:
    """Write the names in a folder to the disk. Windows cannot open folders: NTFS journals names by itself."""
    if features.IS_WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        flush_file(descriptor)
    finally:
        os.close(descriptor)


def flush_file_system(folder: Path) -> None:
    """Write all files below a folder to the disk. Linux does this with one call for the whole file system.

    Raises:
        OSError: a file cannot be written.
    """
    if features.IS_LINUX:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
                raise OSError(ctypes.get_errno(), "the file system cannot be flushed", str(folder))
        finally:
            os.close(descriptor)
        return
    for path, _, names in os.walk(folder):
        for name in names:
            with Path(path, name).open("rb+") as file:
                flush_file(file.fileno())
        flush_folder(path)


def replace_file(source: str | Path, target: str | Path) -> None:
    """Rename a file in one step, over an existing one.

    Windows refuses this while another process has one of the files open: repeated for two seconds.

    Raises:
        OSError: the rename was refused; both files are unchanged.
    """
    deadline = time.monotonic() + _REPLACE_TIMEOUT_S
    pause_s = 0.001
    while True:
        try:
            os.replace(source, target)  # noqa: PTH105  (takes strings as well)
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _SHARING_VIOLATIONS or time.monotonic() > deadline:
                raise
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)
