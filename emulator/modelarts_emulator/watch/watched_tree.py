"""The folders that have a kernel watch: their paths by the number of the watch, and their subfolders."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator


class WatchedTree:
    """Maps watches to paths and back. A folder can have several paths: a mount, or a rename not yet noticed."""

    def __init__(self) -> None:
        self._watches: dict[str, int] = {}
        self._paths: dict[int, tuple[str, ...]] = {}
        self._subfolders: dict[str, set[str]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._watches

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, path: str, watch: int) -> None:
        """Add a path, below that of the folder above it if that is watched."""
        if self._watches.get(path) != watch:
            self.discard(path)
            self._watches[path] = watch
            self._paths[watch] = (*self._paths.get(watch, ()), path)
        above, name = os.path.split(path)
        if above in self._watches and name:
            self._subfolders.setdefault(above, set()).add(name)

    def paths(self, watch: int) -> tuple[str, ...]:
        """Return the paths of a watch; none if it was removed."""
        return self._paths.get(watch, ())

    def discard(self, path: str) -> int | None:
        """Remove a path, and not those below it. Return its watch if no other path has it."""
        watch = self._watches.pop(path, None)
        if watch is None:
            return None
        above, name = os.path.split(path)
        siblings = self._subfolders.get(above)
        if siblings is not None:
            siblings.discard(name)
            if not siblings:
                del self._subfolders[above]
        left = tuple(each for each in self._paths[watch] if each != path)
        if left:
            self._paths[watch] = left
            return None
        del self._paths[watch]
        return watch

    def below(self, path: str, stop: Collection[str] = ()) -> Iterator[str]:
        """Yield a path and all below it, without the folders of ``stop`` and all below them.

        The path itself is yielded in any case. Removing the paths that were yielded is allowed.
        """
        waiting = [path]
        while waiting:
            here = waiting.pop()
            inner = (os.path.join(here, name) for name in self._subfolders.get(here, ()))  # noqa: PTH118
            waiting += [each for each in inner if each not in stop]
            yield here
