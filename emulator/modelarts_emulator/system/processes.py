"""Processes and their users: end a process, and recognize files of this user."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

TERMINATE = signal.SIGTERM
"""Asks a process to exit. On Windows it ends the process at once."""
KILL: signal.Signals = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Ends a process at once."""


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process; no effect if it has exited.

    Raises:
        PermissionError: the process belongs to another user.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        raise
    except OSError:
        if sys.platform != "win32":  # Windows reports an unknown process id as an invalid parameter
            raise


if sys.platform == "win32":

    def is_owned_by_user(status: os.stat_result, *, or_root: bool = False) -> bool:
        """Return True: Windows protects the folders of a user by their access rights."""
        return True

    def restrict_to_owner(descriptor: int) -> None:
        """Do nothing: Windows protects the folders of a user by their access rights."""

else:

    def is_owned_by_user(status: os.stat_result, *, or_root: bool = False) -> bool:
        """Return whether a file belongs to the user of this process, or to root with ``or_root``."""
        return status.st_uid == os.geteuid() or (or_root and status.st_uid == 0)

    def restrict_to_owner(descriptor: int) -> None:
        """Make an open file readable and writable by its owner only. Raises OSError."""
        os.fchmod(descriptor, 0o600)


def own_path(path: Path) -> bool:
    """Return whether a file or folder is not a link and belongs to the user of this process. Raises OSError."""
    return not path.is_symlink() and is_owned_by_user(path.lstat())
