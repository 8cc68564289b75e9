"""Tells whether somebody is still writing a file, so that a half-written picture is left alone until it is closed."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys


def open_nonblocking(path: str) -> io.FileIO:
    """Open a file for reading, unbuffered; a named pipe does not wait for its writer. Raises OSError."""
    return open(path, "rb", buffering=0, opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


if sys.platform == "linux":
    import fcntl

    def is_being_written(path: str | os.PathLike[str]) -> bool:
        """Whether any process has the file open for writing; False also where that cannot be known, or it is gone.

        The kernel grants a read lease only on a file that nobody has open for writing. It is given back at once;
        it needs the file's owner or root, and a file system with leases (not NFS).
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return is_open_for_writing(fd)
        finally:
            os.close(fd)

    def is_open_for_writing(fd: int) -> bool:
        """As ``is_being_written``, of a file that is open for reading."""
        try:
            # Who opens the file for writing within this instant sends us a signal; SIGIO, the default, would kill us.
            fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

else:

    def is_being_written(path: str | os.PathLike[str]) -> bool:
        """Whether any process has the file open for writing; this system does not tell, so never."""
        return False

    def is_open_for_writing(fd: int) -> bool:
        """As ``is_being_written``, of a file that is open for reading."""
        return False
