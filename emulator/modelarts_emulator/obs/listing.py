"""Lists the keys of a bucket in their order, as object storage does: by prefix, rolled up at a delimiter, in pages."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

from modelarts_emulator.obs.paths import is_object_name
from modelarts_emulator.obs.walk import is_below

_UNFINISHED = ".~"  # what the object tree calls a file that it is still writing


class ListedKey(NamedTuple):
    """A key; size in bytes and time in nanoseconds of its file, ``local``, or None for a rolled-up prefix."""

    key: str
    size: int
    mtime_ns: int
    local: str | None


class KeyPage(NamedTuple):
    """Some keys and rolled-up prefixes, each in order; ``last`` is where the next page goes on, None at the end."""

    keys: list[ListedKey]
    prefixes: list[str]
    last: str | None


def page(
    root: str,
    *,
    prefix: str = "",
    delimiter: str = "",
    after: str = "",
    limit: int = 1000,
    directories: Collection[str] = (),
) -> KeyPage:
    """Return the first ``limit`` keys after ``after`` in the folder ``root``.

    ``directories`` are the keys ending in ``/`` that count as objects. Hidden files count too; those still being
    written do not. A key is rolled up to what it has up to the delimiter that follows the prefix.
    """
    keys: list[ListedKey] = []
    prefixes: list[str] = []
    last = ""
    for found in _Lister(root, prefix, delimiter, after, frozenset(directories)).rolled_up():
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

    def rolled_up(self) -> Iterator[ListedKey]:
        """Yield keys and rolled-up prefixes after the marker, in order."""
        previous = None
        for found in self._below(self._root, "", ()):
            head, delimiter, _ = found.key[len(self._prefix) :].partition(self._delimiter or "\0")
            if not delimiter:
                yield found
                continue
            rolled = self._prefix + head + delimiter
            if rolled not in (previous, self._after):
                yield ListedKey(rolled, 0, 0, None)
            previous = rolled

    def _below(self, folder: str, key: str, above: tuple[str, ...]) -> Iterator[ListedKey]:
        """Yield the keys below a folder; only the first of those that the delimiter rolls up."""
        if key in self._directories and key.startswith(self._prefix) and key > self._after:
            yield ListedKey(key, 0, os.stat(folder).st_mtime_ns, folder)  # noqa: PTH116  (strings throughout, as in scan)
        parents = (*above, os.path.realpath(folder))
        for name, entry in self._ordered(folder, key, parents):
            if not name.endswith("/"):
                if (found := _file(key + name, entry)) is not None:
                    yield found
                continue
            inner = self._below(entry.path, key + name, parents)
            if self._rolls_up(key + name):
                yield from (found for found in [next(inner, None)] if found)
            else:
                yield from inner

    def _rolls_up(self, key: str) -> bool:
        """Whether all keys below a folder become one prefix, so that the first of them will do."""
        return self._delimiter == "/" and key.startswith(self._prefix) and len(key) > len(self._prefix)

    def _ordered(self, folder: str, key: str, parents: tuple[str, ...]) -> list[tuple[str, os.DirEntry[str]]]:
        """Return the entries of a folder that can matter, in the order of their keys; folders' names end in ``/``."""
        found: list[tuple[str, os.DirEntry[str]]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(_UNFINISHED) or not is_object_name(entry.name):
                        continue
                    if entry.is_symlink() and not self._may_follow(entry.path, parents):
                        continue
                    name = entry.name + "/" if entry.is_dir() else entry.name
                    if self._can_matter(key + name):
                        found.append((name, entry))
        except OSError:
            return []  # vanished, or not for us to read
        return sorted(found, key=lambda item: item[0])

    def _can_matter(self, key: str) -> bool:
        """Whether a key, or one below it if it ends in ``/``, has the prefix and comes after the marker."""
        if key.endswith("/"):
            within = key.startswith(self._prefix) or self._prefix.startswith(key)
            return within and (key > self._after or self._after.startswith(key))
        return key.startswith(self._prefix) and key > self._after

    def _may_follow(self, link: str, parents: tuple[str, ...]) -> bool:
        """Whether a link stays in the bucket and does not lead in a circle."""
        target = os.path.realpath(link)
        return is_below(target, self._root) and not any(is_below(parent, target) for parent in parents)


def _file(key: str, entry: os.DirEntry[str]) -> ListedKey | None:
    try:
        if not entry.is_file():
            return None
        stat = entry.stat()
    except OSError:
        return None
    return ListedKey(key, stat.st_size, stat.st_mtime_ns, entry.path)
