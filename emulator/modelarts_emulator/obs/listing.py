"""List the keys of a bucket in pages, in the order of object storage: by prefix, grouped at a delimiter."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterator
from typing import NamedTuple

from modelarts_emulator.obs.paths import is_object_name
from modelarts_emulator.system.folder import Folder
from modelarts_emulator.system.open_folder import open_below
from modelarts_emulator.system.real_paths import is_below, real_path

_UNFINISHED_PREFIX = ".~"
"""Begins the hidden name of a file that is still being written."""


class ListedKey(NamedTuple):
    """An object, or a common prefix: then ``local`` is None."""

    key: str
    size: int
    """Size in bytes."""
    mtime_ns: int
    """Modification time in nanoseconds since the epoch."""
    local: str | None
    """Path of the file."""


class KeyPage(NamedTuple):
    """Objects and common prefixes, each in order. ``last`` is the marker of the next page, or None at the end."""

    keys: list[ListedKey]
    prefixes: list[str]
    last: str | None


def list_keys(
    root: str,
    *,
    prefix: str = "",
    delimiter: str = "",
    after: str = "",
    limit: int = 1000,
    directories: Collection[str] = (),
) -> KeyPage:
    """Return the first ``limit`` keys and common prefixes that follow ``after``.

    Hidden files count as objects, files that are still being written do not. A key that contains the delimiter behind
    the prefix is replaced by its part up to that delimiter, the common prefix.

    Args:
        root: the bucket's folder, resolved.
        prefix: the beginning of all keys.
        delimiter: ends a common prefix; empty for none.
        after: marker of the page before.
        limit: maximum number of keys and common prefixes together.
        directories: keys that end in ``/`` and were created as objects.
    """
    keys: list[ListedKey] = []
    prefixes: list[str] = []
    last = ""
    for found in _Lister(root, prefix, delimiter, after, frozenset(directories)).grouped():
        if len(keys) + len(prefixes) == limit:
            return KeyPage(keys, prefixes, last)
        last = found.key
        if found.local is None:
            prefixes.append(found.key)
        else:
            keys.append(found)
    return KeyPage(keys, prefixes, None)


class _Lister:
    """One walk over a bucket in the order of its keys."""

    def __init__(self, root: str, prefix: str, delimiter: str, after: str, directories: frozenset[str]) -> None:
        self._root = root
        self._prefix = prefix
        self._delimiter = delimiter
        self._after = after
        self._directories = directories

    def grouped(self) -> Iterator[ListedKey]:
        """Yield keys and common prefixes that follow the marker, in order."""
        previous = None
        for found in self._below(self._root, "", ()):
            head, delimiter, _ = found.key[len(self._prefix) :].partition(self._delimiter or "\0")
            if not delimiter:
                yield found
                continue
            common = self._prefix + head + delimiter
            if common not in (previous, self._after):
                yield ListedKey(common, 0, 0, None)
            previous = common

    def _below(self, place: str, key: str, above: tuple[str, ...]) -> Iterator[ListedKey]:
        """Yield the keys below a folder at a resolved path; of those that form one common prefix, only the first."""
        try:
            folder = open_below(self._root, place)
        except OSError:
            return  # deleted, replaced by a link, or no permission to read it
        with folder:
            if key in self._directories and key.startswith(self._prefix) and key > self._after:
                yield ListedKey(key, 0, folder.stat().st_mtime_ns, place)
            parents = (*above, place)
            for name, target in self._ordered(folder, key, parents):
                if not name.endswith("/"):
                    if (found := self._file(folder, key + name, target)) is not None:
                        yield found
                    continue
                inner = self._below(target, key + name, parents)
                if self._is_common_prefix(key + name):
                    yield from (found for found in [next(inner, None)] if found)
                else:
                    yield from inner

    def _is_common_prefix(self, key: str) -> bool:
        """Return whether all keys below a folder form one common prefix, so that its first key is enough."""
        return self._delimiter == "/" and key.startswith(self._prefix) and len(key) > len(self._prefix)

    def _ordered(self, folder: Folder, key: str, parents: tuple[str, ...]) -> list[tuple[str, str]]:
        """Return the names in a folder that can matter, in the order of their keys, with their resolved paths.

        Folders' names end in ``/``.
        """
        found: list[tuple[str, str]] = []
        try:
            with folder.scan() as entries:
                for entry in entries:
                    name = entry.name
                    if name.startswith(_UNFINISHED_PREFIX) or not is_object_name(name):
                        continue
                    target, is_folder = f"{folder.path}/{name}", entry.is_dir(follow_symlinks=False)
                    if entry.is_symlink():
                        target = real_path(target)
                        if not self._may_follow(target, parents):
                            continue
                        is_folder = self._is_folder(target)
                    name += "/" if is_folder else ""
                    if self._can_matter(key + name):
                        found.append((name, target))
        except OSError:
            return []  # deleted, or no permission to read it
        return sorted(found)

    def _can_matter(self, key: str) -> bool:
        """Return whether a key, or one below it if it ends in ``/``, has the prefix and follows the marker."""
        if key.endswith("/"):
            within = key.startswith(self._prefix) or self._prefix.startswith(key)
            return within and (key > self._after or self._after.startswith(key))
        return key.startswith(self._prefix) and key > self._after

    def _may_follow(self, target: str, parents: tuple[str, ...]) -> bool:
        """Return whether the target of a link is in the bucket and not one of the link's own parents."""
        return is_below(target, self._root) and not any(is_below(parent, target) for parent in parents)

    def _is_folder(self, target: str) -> bool:
        try:
            open_below(self._root, target).close()
        except OSError:
            return False
        return True

    def _file(self, folder: Folder, key: str, target: str) -> ListedKey | None:
        """Return the key of a file at a resolved path, which is in the folder unless a link leads to it."""
        parent, _, name = target.rpartition("/")
        try:
            if parent == folder.path:
                found = folder.lstat(name)
            else:
                with open_below(self._root, parent) as other:
                    found = other.lstat(name)
        except OSError:
            return None
        return ListedKey(key, found.st_size, found.st_mtime_ns, target) if stat.S_ISREG(found.st_mode) else None
