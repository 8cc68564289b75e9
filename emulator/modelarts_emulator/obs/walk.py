"""The walk over a directory: which objects lie there, how large, how old. Only names and ``stat``; no file is read."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

from modelarts_emulator.obs.paths import MAX_KEY_BYTES, MAX_SEGMENT_BYTES, is_object_name

log = logging.getLogger(__name__)

_HIDDEN = (".", "~$")
_UNFINISHED = (".part", ".tmp", ".crdownload")
_SURELY_SHORT = (MAX_KEY_BYTES - MAX_SEGMENT_BYTES) // 4  # in characters: one takes up to four bytes


FolderId = tuple[int, int]
"""The device and the inode of a folder."""


class ObjectEntry(NamedTuple):
    """An object: ``path`` is ``bucket/key``, ``size`` in bytes, ``mtime_ns`` in nanoseconds, ``local`` its file."""

    path: str
    size: int
    mtime_ns: int
    local: str


class WarnOnce:
    """What has been logged already, so that a walk every few moments does not fill the log."""

    def __init__(self) -> None:
        self._lines: set[str] = set()

    def warn(self, line: str) -> None:
        """Log a line the first time it comes."""
        if line not in self._lines:
            self._lines.add(line)
            log.warning("%s", line)


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is hidden or temporary: never a sample."""
    return name.startswith(_HIDDEN) or name.endswith(_UNFINISHED)


def walk(
    directory: str,
    prefix: str,
    *,
    within: str,
    skip: Collection[str] = (),
    skip_folders: Collection[FolderId] = (),
    reported: WarnOnce | None = None,
    on_link: Callable[[], None] = lambda: None,
) -> Iterator[ObjectEntry]:
    """Yield the objects below a folder: a directory's files by name, then its subdirectories by key.

    ``prefix`` is the folder's ``bucket/key/``. Symbolic links are followed unless they leave ``within`` or lead in a
    circle. ``directory``, ``within`` and ``skip`` are resolved paths; nothing below a folder in ``skip`` is yielded,
    nor below one that ``skip_folders`` tells by its device and inode, however it is reached.
    A file that vanishes meanwhile is left out. Raises OSError where a folder cannot be read for another reason than
    missing rights, since what lies in it is then unknown rather than gone. ``on_link`` is called for each link.
    """
    return _Walk(within, skip, skip_folders, reported or WarnOnce(), on_link).below(directory, prefix)


def walk_at(
    directory: str,
    prefix: str,
    inner: Iterable[str],
    *,
    within: str,
    skip: Collection[str],
    skip_folders: Collection[FolderId] = (),
    reported: WarnOnce,
    on_link: Callable[[], None],
) -> Iterator[ObjectEntry] | None:
    """As ``walk``, only what lies at these places below it; None where links are in play: then no part tells all."""
    walked = _Walk(within, skip, skip_folders, reported, on_link)
    places = [place for place in inner if not any(map(is_ignored, place.split("/")))]
    if any(os.path.realpath(f"{directory}/{place}") != f"{directory}/{place}" for place in places):
        return None
    return chain.from_iterable(walked.at(directory, prefix, place) for place in places)


class _Walk:
    """One walk: what it must not enter, and what it has entered through links."""

    def __init__(
        self,
        within: str,
        skip: Collection[str],
        skip_folders: Collection[FolderId],
        reported: WarnOnce,
        on_link: Callable[[], None],
    ) -> None:
        self._within = within
        self._skip = frozenset(skip)
        self._skip_folders = frozenset(skip_folders)
        self._reported = reported
        self._on_link = on_link
        self._linked: set[str] = set()

    def below(self, directory: str, prefix: str) -> Iterator[ObjectEntry]:
        """Yield what lies below a folder, depth first."""
        pending = [(prefix, directory)]
        while pending:
            key, folder = pending.pop()
            if folder in self._skip:
                continue
            try:
                descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError as error:
                self._pass_over(folder, error)
                continue
            deeper: list[tuple[str, str]] = []
            try:
                if self._skip_folders and _folder_id(os.fstat(descriptor)) in self._skip_folders:
                    continue
                yield from self._inside(descriptor, folder, key, deeper)
            finally:
                os.close(descriptor)
            pending += sorted(deeper, reverse=True)

    def at(self, directory: str, prefix: str, inner: str) -> Iterator[ObjectEntry]:
        """Yield the object at a place below a folder, or what lies below it."""
        *above, name = inner.split("/")
        place, key = f"{directory}/{inner}", prefix + "".join(f"{each}/" for each in above)
        if any(is_below(place, each) for each in self._skip) or not all(map(is_object_name, above)):
            return
        if self._skip_folders and self._lies_in_skipped(directory, above):
            return
        try:
            found = os.lstat(place)
        except OSError:
            return  # gone
        if not self._fit([name], place[: -len(name)], key):
            return
        if stat.S_ISDIR(found.st_mode):
            yield from self.below(place, f"{key}{name}/")
        elif stat.S_ISREG(found.st_mode):
            yield ObjectEntry(key + name, found.st_size, found.st_mtime_ns, place)

    def _lies_in_skipped(self, directory: str, above: Iterable[str]) -> bool:
        """Whether one of the folders on the way to a place is left out."""
        for name in above:
            directory = f"{directory}/{name}"
            try:
                if _folder_id(os.lstat(directory)) in self._skip_folders:
                    return True
            except OSError:
                return False  # gone, and so is what was in it
        return False

    def _inside(self, descriptor: int, folder: str, key: str, deeper: list[tuple[str, str]]) -> Iterator[ObjectEntry]:
        """Yield the objects of an open folder, and queue its subfolders as key and place."""
        files, folders, links = self._listed(descriptor, folder, key)
        start = folder if folder.endswith("/") else f"{folder}/"
        entry = tuple.__new__  # the constructor of a NamedTuple takes as long as half a stat
        for name in files:
            try:
                # By descriptor and name: the system need not look the whole path up for every file.
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except OSError:
                continue  # vanished since it was listed
            yield entry(ObjectEntry, (key + name, found.st_size, found.st_mtime_ns, start + name))
        for name in links:
            with suppress(FileNotFoundError):
                yield from self._follow(start + name, key + name, deeper)
        deeper += [(f"{key}{name}/", start + name) for name in folders]

    def _follow(self, link: str, key: str, deeper: list[tuple[str, str]]) -> Iterator[ObjectEntry]:
        """Yield a link's file, or queue its folder."""
        self._on_link()
        target = os.path.realpath(link)
        if not is_below(target, self._within):
            self._reported.warn(f"symbolic link {link} is left out: it leaves the bucket")
        elif os.path.isdir(target):  # noqa: PTH112  (strings throughout: a Path a file costs more than its stat)
            # A link to one of its own parents would never end; links to each other would multiply.
            own_folder = os.path.realpath(os.path.dirname(link))  # noqa: PTH120
            if not is_below(own_folder, target) and target not in self._linked:
                self._linked.add(target)
                deeper.append((f"{key}/", target))
        elif os.path.isfile(target):  # noqa: PTH113
            found = os.stat(target)  # noqa: PTH116
            yield ObjectEntry(key, found.st_size, found.st_mtime_ns, target)

    def _listed(self, descriptor: int, folder: str, key: str) -> tuple[list[str], list[str], list[str]]:
        """Return the names of the files, folders and links that count, each sorted."""
        files: list[str] = []
        folders: list[str] = []
        links: list[str] = []
        with os.scandir(descriptor) as found:
            for entry in found:
                name = entry.name
                if name.startswith(_HIDDEN) or name.endswith(_UNFINISHED):
                    continue
                if entry.is_file(follow_symlinks=False):
                    files.append(name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif entry.is_symlink():
                    links.append(name)
        return self._fit(files, folder, key), self._fit(folders, folder, key), self._fit(links, folder, key)

    def _fit(self, names: list[str], folder: str, key: str) -> list[str]:
        """Sort names, without those that no object can have."""
        names.sort()
        if _all_plain(key, names):
            return names
        room = MAX_KEY_BYTES - len(key.encode())
        fit = [name for name in names if is_object_name(name) and len(name.encode()) <= room]
        for name in set(names).difference(fit):
            self._reported.warn(f"file {name!a} in {folder!a} is left out: no object can have this name")
        return fit

    def _pass_over(self, folder: str, error: OSError) -> None:
        """Leave a folder out that has vanished or may not be read. Raises the error if it is another."""
        if isinstance(error, PermissionError):
            self._reported.warn(f"folder {folder} is left out: it may not be read ({error.strerror})")
        elif not isinstance(error, FileNotFoundError | NotADirectoryError) and error.errno != errno.ELOOP:
            raise error


def folder_id(path: str) -> FolderId | None:
    """What tells a folder by whatever path it is reached; None where there is none."""
    try:
        return _folder_id(os.stat(path))  # noqa: PTH116
    except OSError:
        return None


def _folder_id(found: os.stat_result) -> FolderId:
    return found.st_dev, found.st_ino


def is_below(path: str, directory: str) -> bool:
    """Whether a resolved path is the directory or lies below it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _all_plain(key: str, names: Iterable[str]) -> bool:
    """Whether no name needs a closer look; one test for a whole folder."""
    joined = "".join(names)
    return joined.isascii() and joined.isprintable() and "\\" not in joined and len(key) < _SURELY_SHORT
