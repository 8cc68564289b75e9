"""Distinguish names that a file system takes for the same file: ``a.txt`` and ``A.txt`` on Windows and macOS.

For object storage these are two objects. Here the second one is refused, so that it never replaces the first.
"""

from __future__ import annotations

import errno
import os
import threading
import unicodedata

from modelarts_emulator.system.file_names import may_be_short_name, other_spellings
from modelarts_emulator.system.folder import Folder


class Spellings:
    """Checks that a name is the exact name of a file. Costs one ``lstat`` where file names are case-sensitive.

    A few file systems do not keep the spelling of a name (``lowntfs-3g`` with ``ignore_case`` lists all names in lower
    case). For names created through this object, the spelling is then remembered in memory. Thread-safe.
    """

    _STRIPES = 64

    def __init__(self) -> None:
        self._remembered: dict[tuple[str, str], str] = {}
        self._locks = [threading.Lock() for _ in range(self._STRIPES)]

    def lock(self, folder: Folder, name: str) -> threading.Lock:
        """Return the lock under which a name is checked and then taken, shared by all its spellings."""
        return self._locks[hash(_key(folder, name)) % self._STRIPES]

    def is_exact(self, folder: Folder, name: str) -> bool:
        """Return whether the existing file ``name`` was created with this spelling."""
        if not self._has_aliases(folder, name):
            return True
        remembered = self._remembered.get(_key(folder, name))
        return folder.lists(name) if remembered is None else remembered == name

    def is_visible(self, folder: Folder, name: str) -> bool:
        """Return whether the existing file ``name`` may be read under this spelling.

        Both the spelling of its creation and that of the folder's listing may: samples have the latter.
        """
        if not self._has_aliases(folder, name):
            return True
        return self._remembered.get(_key(folder, name)) == name or folder.lists(name)

    def require_visible(self, folder: Folder, name: str) -> None:
        """Raise FileNotFoundError if the existing file ``name`` may not be read under this spelling."""
        if not self.is_visible(folder, name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)

    def require_exact(self, folder: Folder, name: str) -> None:
        """Raise OSError (EINVAL) if a file exists under another spelling of ``name``."""
        if not self.is_exact(folder, name):
            raise OSError(
                errno.EINVAL,
                "the file system takes this name for that of an existing file (upper and lower case, or Unicode"
                " normalization)",
            )

    def remember(self, folder: Folder, name: str) -> None:
        """Record the spelling of a name that has just been created, if the folder's listing shows another one."""
        if self._has_aliases(folder, name):
            if folder.lists(name):
                self._remembered.pop(_key(folder, name), None)
            else:
                self._remembered[_key(folder, name)] = name

    def _has_aliases(self, folder: Folder, name: str) -> bool:
        """Return whether another spelling leads to the same file."""
        if may_be_short_name(name):
            return True
        for other in other_spellings(name):
            try:
                found = folder.lstat(other)
                own = folder.lstat(name)
            except OSError:
                continue
            if (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino):
                return True
        return False


def _key(folder: Folder, name: str) -> tuple[str, str]:
    return folder.path, unicodedata.normalize("NFC", name).casefold()
