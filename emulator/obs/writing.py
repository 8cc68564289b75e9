"""Tells whether somebody is still writing a file, so that a half-written picture is left alone until it is closed."""

from __future__ import annotations

import errno
import os
import signal
import sys

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
            return _refuses_lease(fd)
        finally:
            os.close(fd)

    def _refuses_lease(fd: int) -> bool:
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
