"""Detect files that another process is still writing, so that a half-written picture is not read.

Only Linux reports this. Elsewhere a file counts as complete at once; its next change corrects the sample.
"""

from __future__ import annotations

import errno
import os
import signal
import sys

from modelarts_emulator.system import features

_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)


def is_being_written(path: str | os.PathLike[str]) -> bool:
    """Return whether a process has the file open for writing.

    False if the file does not exist or the system does not tell.
    """
    if not features.HAS_LEASES:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | _NONBLOCK | _CLOEXEC)
    except OSError:
        return False
    try:
        return is_open_for_writing(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "linux":
    import fcntl

    def is_open_for_writing(descriptor: int) -> bool:
        """Return whether a process has this file open for writing; ``descriptor`` is open for reading.

        The kernel grants a read lease only on a file that no process has open for writing. The lease is released at
        once. It requires the file's owner or root, and a file system with leases (not NFS).
        """
        if not features.HAS_LEASES:
            return False
        try:
            # A process that opens the file for writing while the lease is held makes the kernel signal this process.
            # The default signal, SIGIO, would end it; SIGURG is ignored.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False

else:

    def is_open_for_writing(descriptor: int) -> bool:
        """Return False: this system does not report whether a file is open for writing."""
        return False
