"""Open a folder by its path, step by step, without following links."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from modelarts_emulator.system import features
from modelarts_emulator.system.file_names import fault_of_name
from modelarts_emulator.system.folder import Folder
from modelarts_emulator.system.openat2 import open_beneath
from modelarts_emulator.system.path_folder import PathFolder
from modelarts_emulator.system.real_paths import is_below
from modelarts_emulator.system.spelling import Spellings


def _native() -> Callable[[str], Folder]:
    if sys.platform != "win32" and features.HAS_FOLDER_DESCRIPTORS:
        from modelarts_emulator.system.descriptor_folder import DescriptorFolder  # noqa: PLC0415  (not on Windows)

        return DescriptorFolder.open
    return PathFolder.open


open_root = _native()
"""Open a folder by its resolved path. Raises OSError; NotADirectoryError for a link or a file."""


def open_folder(
    root: str, segments: Sequence[str], *, create: bool, flush: bool, spellings: Spellings | None = None
) -> Folder:
    """Open the folder ``root/segments…``; with ``create`` missing folders are created.

    With ``flush`` a created folder survives power loss. With ``spellings`` a folder that exists with another spelling
    only (``IN`` instead of ``in``) counts as missing, and cannot be created.

    Raises:
        FileNotFoundError: a folder is missing.
        NotADirectoryError: a segment is a link or a file.
        OSError: the system refuses, or no folder can have this name here.
    """
    folder = open_root(root)
    try:
        for name in segments:
            inner = _enter(folder, name, create=create, flush=flush, spellings=spellings)
            folder.close()
            folder = inner
    except BaseException:
        folder.close()
        raise
    return folder


def open_below(root: str, path: str) -> Folder:
    """Open the folder at a resolved path, which is ``root`` or located below it, without following links behind it.

    With ``/`` as root all parents of the folder are trusted.

    Raises:
        NotADirectoryError: the path is not below the root, or a segment is a link or a file now.
        OSError: the folder is missing, or the system refuses.
    """
    if root in ("/", path):
        return open_root(path)
    if not is_below(path, root):
        raise NotADirectoryError(errno.ENOTDIR, "the folder is elsewhere", path)
    inner = path[len(root) + 1 :]
    if (found := _open_at_once(root, inner)) is not None:
        return found
    return open_folder(root, inner.split("/"), create=False, flush=False)


if sys.platform != "win32" and features.HAS_FOLDER_DESCRIPTORS:

    def _open_at_once(root: str, inner: str) -> Folder | None:
        """Open a folder with one system call; None for any failure, whose reason is found step by step."""
        from modelarts_emulator.system.descriptor_folder import FOLDER, DescriptorFolder  # noqa: PLC0415

        descriptor = open_beneath(root, inner, FOLDER)
        return None if descriptor is None else DescriptorFolder(f"{root}/{inner}", descriptor)

else:

    def _open_at_once(root: str, inner: str) -> Folder | None:
        """Return None: this system has no such call."""
        return None


def _enter(folder: Folder, name: str, *, create: bool, flush: bool, spellings: Spellings | None) -> Folder:
    try:
        inner = folder.enter(name)
    except FileNotFoundError:
        if not create:
            raise
        require_possible_name(name)
        with suppress(FileExistsError):  # created concurrently
            folder.mkdir(name)
            if spellings is not None:
                spellings.remember(folder, name)
            if flush:
                folder.flush()
        inner = folder.enter(name)
    if spellings is not None:
        try:
            if create:
                spellings.require_exact(folder, name)
            else:
                spellings.require_visible(folder, name)
        except BaseException:
            inner.close()
            raise
    return inner


def require_possible_name(name: str) -> None:
    """Raise OSError (EINVAL) if no file can have this name on this system."""
    if fault := fault_of_name(name):
        raise OSError(errno.EINVAL, fault)


def is_taken(folder: Folder, name: str) -> bool:
    """Return whether anything has the name, also a link to a missing target."""
    try:
        folder.lstat(name)
    except FileNotFoundError:
        return False
    return True
