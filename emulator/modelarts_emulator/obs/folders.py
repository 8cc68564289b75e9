"""Change folders of the object tree: remove them, and append to hidden files in them.

All names are looked up in open folders, so that a link that is swapped in concurrently is not followed.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import BinaryIO

from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.os_errors import translate_os_errors
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.system.folder import APPEND, READ, Folder


def remove_directory(tree: ObjectTree, path: ObsPath) -> None:
    """Remove an empty directory. Raises ApiError, and OSError if it is not empty."""
    with tree.open_directory(path.parent) as parent:
        parent.rmdir(path.name)


def remove_tree(tree: ObjectTree, path: ObsPath) -> None:
    """Remove a directory with everything in it, and its parent if that is empty then. Raises ApiError, OSError."""
    with tree.open_directory(path.parent) as parent:
        parent.remove_tree(path.name)
    if path.parent.key:
        remove_directory(tree, path.parent)


def remove_empty_folders(tree: ObjectTree, bucket: str) -> None:
    """Remove the folders of a bucket that contain no files. Raises ApiError, OSError."""
    with tree.open_directory(ObsPath(bucket)) as folder:
        _remove_empty(folder)


def _remove_empty(folder: Folder) -> None:
    for name in folder.names():
        if stat.S_ISDIR(folder.lstat(name).st_mode):
            with folder.enter(name) as inner:
                _remove_empty(inner)
            with suppress(OSError):
                folder.rmdir(name)


class HiddenFiles:
    """The hidden files of a directory whose names begin with ``prefix``."""

    def __init__(self, tree: ObjectTree, directory: ObsPath, prefix: str) -> None:
        self._tree, self._directory, self._prefix = tree, directory, prefix

    def names(self) -> list[str]:
        """Return their names without the prefix. Raises ApiError, OSError."""
        with self._tree.open_directory(self._directory) as folder:
            return [name[len(self._prefix) :] for name in folder.names() if name.startswith(self._prefix)]

    def append_to(self, name: str) -> BinaryIO:
        """Open one for appending; it and the directory are created if missing. Raises ApiError, OSError."""
        self._tree.make_directory(self._directory)
        with self._tree.open_directory(self._directory) as folder, translate_os_errors(str(self._directory)):
            return os.fdopen(folder.open_file(self._prefix + name, APPEND), "ab")

    def read(self, name: str) -> bytes:
        """Return the content of one. Raises ApiError, OSError."""
        with self._tree.open_directory(self._directory) as folder:
            descriptor = folder.open_file(self._prefix + name, READ)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    def remove(self, name: str) -> None:
        """Remove one; no effect if it does not exist. Raises ApiError, OSError."""
        with self._tree.open_directory(self._directory) as folder, suppress(FileNotFoundError):
            folder.unlink(self._prefix + name)
