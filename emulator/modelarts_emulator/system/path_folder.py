"""Folders used by path, for systems without descriptors of folders (Windows).

A link that is swapped in between check and use cannot be excluded by path alone. So the path is resolved before and
after each use: it must lead to the same folder both times, or the operation fails.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

from modelarts_emulator.system.durability import flush_folder, replace_file
from modelarts_emulator.system.folder import NOFOLLOW, Folder, FolderId
from modelarts_emulator.system.real_paths import real_path

_MAX_REPLACED = 20
"""Number of times that a file is opened again if another one replaces it in that moment."""


class PathFolder(Folder):
    """A folder used by its resolved path."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._id = FolderId(-1, -1)
        self._id = self._verified()
        self.lstat = self._lstat

    @classmethod
    def open(cls, path: str) -> PathFolder:
        """Use a folder. Raises OSError; NotADirectoryError for a link or a file."""
        return cls(path)

    def close(self) -> None:
        """Do nothing: no descriptor is held."""

    def id(self) -> FolderId:
        """Return device and inode."""
        return self._id

    def stat(self) -> os.stat_result:
        """Return the times of the folder."""
        self._verified()
        return os.lstat(self.path)

    def enter(self, name: str) -> PathFolder:
        """Use a folder in this one."""
        self._verified()
        return PathFolder(f"{self.path}/{name}")

    def mkdir(self, name: str) -> None:
        """Create a folder."""
        self._verified()
        os.mkdir(f"{self.path}/{name}")  # noqa: PTH102  (strings throughout, as in the walk)

    def open_file(self, name: str, flags: int) -> int:
        """Open a file and return its descriptor."""
        path = f"{self.path}/{name}"
        for _ in range(_MAX_REPLACED):
            self._verified()
            if not flags & os.O_EXCL:
                _require_no_link(path, may_be_missing=bool(flags & os.O_CREAT))
            descriptor = os.open(path, flags | NOFOLLOW, 0o666)
            try:
                self._verified()
                opened, found = os.fstat(descriptor), os.lstat(path)
                if (opened.st_dev, opened.st_ino) == (found.st_dev, found.st_ino):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # replaced by another file or a link after it was opened
        raise OSError(errno.ELOOP, "the file was replaced each time it was opened", path)

    def unlink(self, name: str) -> None:
        """Remove a file or a link."""
        self._verified()
        os.unlink(f"{self.path}/{name}")  # noqa: PTH108
        self._verified()

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        self._verified()
        os.rmdir(f"{self.path}/{name}")  # noqa: PTH106
        self._verified()

    def rename(self, source: str, target: str) -> None:
        """Rename a file, over one that has the name."""
        self._verified()
        replace_file(f"{self.path}/{source}", f"{self.path}/{target}")
        self._verified()

    def link(self, source: str, target: str) -> None:
        """Create a hard link."""
        self._verified()
        os.link(f"{self.path}/{source}", f"{self.path}/{target}")
        self._verified()

    def set_times(self, name: str, time_ns: int) -> None:
        """Set access and modification time."""
        os.utime(f"{self.path}/{name}", ns=(time_ns, time_ns))

    def names(self) -> list[str]:
        """List all names."""
        return os.listdir(self.path)  # noqa: PTH208  (strings throughout)

    def scan(self) -> os._ScandirIterator[str]:
        """Return an iterator of the folder's entries, after a check that the path still leads to the same folder."""
        self._verified()
        return os.scandir(self.path)

    def flush(self) -> None:
        """Write the names to the disk."""
        flush_folder(self.path)

    if sys.platform == "win32":

        def lists(self, name: str) -> bool:
            """Ask the system for the file's own name, which is faster than a listing."""
            path = f"{self.path}/{name}"
            if stat.S_ISLNK(os.lstat(path).st_mode):
                return super().lists(name)
            return real_path(path).rpartition("/")[2] == name

    def _lstat(self, name: str) -> os.stat_result:
        return os.lstat(f"{self.path}/{name}")

    def _verified(self) -> FolderId:
        """Check that the path still leads to the folder itself. Raises NotADirectoryError if a link redirects it."""
        found = os.lstat(self.path)
        if not stat.S_ISDIR(found.st_mode) or os.path.normcase(real_path(self.path)) != os.path.normcase(self.path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.path)
        identity = FolderId(found.st_dev, found.st_ino)
        if self._id.device != -1 and identity != self._id:
            raise NotADirectoryError(errno.ENOTDIR, "the folder was replaced while it was used", self.path)
        return identity


def _require_no_link(path: str, *, may_be_missing: bool) -> None:
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except FileNotFoundError:
        if may_be_missing:
            return
        raise
    if is_link:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
