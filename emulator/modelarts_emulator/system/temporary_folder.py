"""The folder of an emulator in memory. It is removed when the emulator stops, or, after a kill, at the next start."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from modelarts_emulator.system.directory_lock import DataDirectoryInUse, DirectoryLock
from modelarts_emulator.system.processes import own_path

PREFIX = "modelarts-emulator-"
_MARK = ".memory"
"""The locked folder in it. A data directory that a user has given such a name does not have it."""


class TemporaryFolder:
    """A new folder below ``parent``, or below the system's folder for temporary files.

    It is locked while the process lives. Folders of this user that are not locked any more are removed first.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self, parent: Path | None = None) -> None:
        _remove_abandoned(Path(parent or tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        while True:
            # A start at the same time may take the folder to be abandoned before it is locked, and remove it.
            with suppress(DataDirectoryInUse):
                self._lock = DirectoryLock(self.path / _MARK)
                if (self.path / _MARK / "lock").exists():
                    return
                self._lock.release()
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)  # Windows keeps a file that is open


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        mark = folder / _MARK
        with suppress(OSError, DataDirectoryInUse):
            if own_path(folder) and own_path(mark) and own_path(mark / "lock"):
                lock = DirectoryLock(mark)
                shutil.rmtree(folder, ignore_errors=True)
                lock.release()
                shutil.rmtree(folder, ignore_errors=True)
