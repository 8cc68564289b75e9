"""The walk over a directory: lists its objects with size and modification time. No file is opened."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from modelarts_emulator.obs.paths import MAX_KEY_BYTES, MAX_SEGMENT_BYTES, ObjectKey, is_object_name
from modelarts_emulator.system.folder import Folder, FolderId
from modelarts_emulator.system.open_folder import open_below
from modelarts_emulator.system.real_paths import is_below, real_path

log = logging.getLogger(__name__)

_HIDDEN_PREFIXES = (".", "~$")
_UNFINISHED_SUFFIXES = (".part", ".tmp", ".crdownload")
_SHORT_KEY_CHARACTERS = (MAX_KEY_BYTES - MAX_SEGMENT_BYTES) // 4
"""A key of fewer characters leaves room for any name: a character takes at most four bytes."""


class ObjectEntry(NamedTuple):
    """An object found by a walk."""

    path: ObjectKey
    """``bucket/key``."""
    size: int
    """Size in bytes."""
    mtime_ns: int
    """Modification time in nanoseconds since the epoch."""
    local: str
    """Resolved path of its file."""


class WarnOnce:
    """Logs each warning once, so that a walk that is repeated every second does not fill the log."""

    def __init__(self) -> None:
        self._lines: set[str] = set()

    def warn(self, line: str) -> None:
        """Log a line, unless it has been logged before."""
        if line not in self._lines:
            self._lines.add(line)
            log.warning("%s", line)


def is_ignored(name: str) -> bool:
    """Return whether a file or folder of this name is hidden or temporary, and so never a sample."""
    return name.startswith(_HIDDEN_PREFIXES) or name.endswith(_UNFINISHED_SUFFIXES)


def walk(
    directory: str,
    prefix: str,
    *,
    within: str,
    skip: Collection[str] = (),
    skip_folders: Collection[FolderId] = (),
    skip_linked: Callable[[], Collection[FolderId]] = frozenset,
    warnings: WarnOnce | None = None,
    on_link: Callable[[], None] = lambda: None,
) -> Iterator[ObjectEntry]:
    """Yield the objects below a folder: a directory's files by name, then its subdirectories by key.

    Symbolic links are followed unless they lead out of ``within`` or to one of their own parents. A file that vanishes
    during the walk is skipped.

    Args:
        directory: resolved path of the folder.
        prefix: the folder's ``bucket/key/``, which begins the path of each entry.
        within: resolved path of the bucket.
        skip: resolved paths of folders to skip.
        skip_folders: folders to skip, by whatever path they are reached.
        skip_linked: returns further folders to skip that only symbolic links lead to; called at the first link.
        warnings: where links and names that are skipped are reported.
        on_link: called for each symbolic link.

    Raises:
        OSError: a folder cannot be read for another reason than missing rights. Its objects are then unknown, which
            must not be mistaken for deleted.
    """
    return _Walk(within, skip, skip_folders, skip_linked, warnings or WarnOnce(), on_link).below(directory, prefix)


def walk_at(
    directory: str,
    prefix: str,
    inner: Iterable[str],
    *,
    within: str,
    skip: Collection[str],
    skip_folders: Collection[FolderId],
    skip_linked: Callable[[], Collection[FolderId]],
    warnings: WarnOnce,
    on_link: Callable[[], None],
) -> Iterator[ObjectEntry] | None:
    """Walk some files and folders below a directory only; ``inner`` are their paths relative to it.

    Return None if one of them is reached through a symbolic link: an object may then have several paths, and only a
    whole walk finds all of them. Otherwise as ``walk``.
    """
    walked = _Walk(within, skip, skip_folders, skip_linked, warnings, on_link)
    places = [place for place in inner if not any(map(is_ignored, place.split("/")))]
    if any(real_path(f"{directory}/{place}") != f"{directory}/{place}" for place in places):
        return None
    return chain.from_iterable(walked.at(directory, prefix, place) for place in places)


class _Walk:
    """One walk, with the folders it must not enter and those it has entered through links."""

    def __init__(
        self,
        within: str,
        skip: Collection[str],
        skip_folders: Collection[FolderId],
        skip_linked: Callable[[], Collection[FolderId]],
        warnings: WarnOnce,
        on_link: Callable[[], None],
    ) -> None:
        self._within = within
        self._skip = frozenset(skip)
        self._skip_folders = frozenset(skip_folders)
        self._skip_linked: Callable[[], Collection[FolderId]] | None = skip_linked
        self._warnings = warnings
        self._on_link = on_link
        self._linked: set[str] = set()

    def below(self, directory: str, prefix: str) -> Iterator[ObjectEntry]:
        """Yield the objects below a folder, depth first."""
        pending = [(prefix, directory)]
        while pending:
            key, path = pending.pop()
            if path in self._skip:
                continue
            try:
                folder = open_below(self._within, path)
            except OSError as error:
                self._skip_unreadable(path, error)
                continue
            deeper: list[tuple[str, str]] = []
            try:
                if self._skip_folders and folder.id() in self._skip_folders:
                    continue
                yield from self._inside(folder, key, deeper)
            finally:
                folder.close()
            pending += sorted(deeper, reverse=True)

    def at(self, directory: str, prefix: str, inner: str) -> Iterator[ObjectEntry]:
        """Yield the object at a relative path, or the objects below it."""
        *above, name = inner.split("/")
        path, key = f"{directory}/{inner}", prefix + "".join(f"{each}/" for each in above)
        if any(is_below(path, each) for each in self._skip) or not all(map(is_object_name, above)):
            return
        if self._skip_folders and self._is_in_skipped(directory, above):
            return
        found = self._lstat(path)
        if found is None:
            return  # deleted
        if not self._possible_names([name], path[: -len(name)], key):
            return
        if stat.S_ISDIR(found.st_mode):
            yield from self.below(path, f"{key}{name}/")
        elif stat.S_ISREG(found.st_mode):
            yield ObjectEntry(ObjectKey(key + name), found.st_size, found.st_mtime_ns, path)

    def _lstat(self, path: str) -> os.stat_result | None:
        """Return what is at a resolved path below the bucket; None if it is missing, or a link was swapped in."""
        parent, _, name = path.rpartition("/")
        try:
            if path == self._within:
                return os.lstat(path)
            with open_below(self._within, parent or "/") as folder:
                return folder.lstat(name)
        except OSError:
            return None

    def _is_in_skipped(self, directory: str, above: Iterable[str]) -> bool:
        """Return whether one of the folders on a relative path is skipped."""
        for name in above:
            directory = f"{directory}/{name}"
            if (identity := folder_id(directory)) is None:
                return False  # deleted, with everything in it
            if identity in self._skip_folders:
                return True
        return False

    def _inside(self, folder: Folder, key: str, deeper: list[tuple[str, str]]) -> Iterator[ObjectEntry]:
        """Yield the objects of an open folder, and add its subfolders to ``deeper`` as (key, path)."""
        files, folders, links = self._listed(folder, key)
        start = folder.path if folder.path.endswith("/") else f"{folder.path}/"
        entry = tuple.__new__  # the constructor of a NamedTuple takes half as long as a stat call
        lstat = folder.lstat
        for name in files:
            try:
                # Relative to the open folder: the system does not resolve the whole path for every file.
                found = lstat(name)
            except OSError:
                continue  # deleted after it was listed
            yield entry(ObjectEntry, (key + name, found.st_size, found.st_mtime_ns, start + name))
        for name in links:
            with suppress(FileNotFoundError):
                yield from self._follow(start + name, key + name, deeper)
        deeper += [(f"{key}{name}/", start + name) for name in folders]

    def _follow(self, link: str, key: str, deeper: list[tuple[str, str]]) -> Iterator[ObjectEntry]:
        """Yield the file that a link leads to, or add its folder to ``deeper``."""
        self._on_link()
        if self._skip_linked is not None:
            self._skip_folders = self._skip_folders.union(self._skip_linked())
            self._skip_linked = None
        target = real_path(link)
        if not is_below(target, self._within):
            self._warnings.warn(f"Skipped symbolic link {link}: it leads out of the bucket")
        elif (found := self._lstat(target)) is None:
            return  # deleted
        elif stat.S_ISDIR(found.st_mode):
            # A link to one of its own parents would never end, and links to each other would multiply.
            own_folder = real_path(link.rpartition("/")[0])
            if not is_below(own_folder, target) and target not in self._linked:
                self._linked.add(target)
                deeper.append((f"{key}/", target))
        elif stat.S_ISREG(found.st_mode):
            yield ObjectEntry(ObjectKey(key), found.st_size, found.st_mtime_ns, target)

    def _listed(self, folder: Folder, key: str) -> tuple[list[str], list[str], list[str]]:
        """Return the names of files, folders and links that are not ignored, each sorted."""
        files: list[str] = []
        folders: list[str] = []
        links: list[str] = []
        with folder.scan() as found:
            for entry in found:
                name = entry.name
                if name.startswith(_HIDDEN_PREFIXES) or name.endswith(_UNFINISHED_SUFFIXES):
                    continue
                if entry.is_file(follow_symlinks=False):
                    files.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif entry.is_symlink():
                    links.append(name)
        return (
            self._possible_names(files, folder.path, key),
            self._possible_names(folders, folder.path, key),
            self._possible_names(links, folder.path, key),
        )

    def _possible_names(self, names: list[str], folder: str, key: str) -> list[str]:
        """Sort names, without those that no object can have."""
        names.sort()
        if _are_all_plain(key, names):
            return names
        room = MAX_KEY_BYTES - len(key.encode())
        possible = [name for name in names if is_object_name(name) and len(name.encode()) <= room]
        for name in set(names).difference(possible):
            self._warnings.warn(f"Skipped file {name!a} in {folder!a}: no object can have this name")
        return possible

    def _skip_unreadable(self, folder: str, error: OSError) -> None:
        """Leave out a folder that has vanished or must not be read. Raise any other error."""
        if isinstance(error, PermissionError):
            self._warnings.warn(f"Skipped folder {folder}: no permission to read it ({error.strerror})")
        elif not isinstance(error, FileNotFoundError | NotADirectoryError) and error.errno != errno.ELOOP:
            raise error


def folder_id(path: str) -> FolderId | None:
    """Return what identifies a folder or file by whatever path it is reached; None if it does not exist."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return FolderId(found.st_dev, found.st_ino)


def _are_all_plain(key: str, names: Iterable[str]) -> bool:
    """Return whether no name needs a closer check: one test for a whole folder."""
    joined = "".join(names)
    return joined.isascii() and joined.isprintable() and "\\" not in joined and len(key) < _SHORT_KEY_CHARACTERS
