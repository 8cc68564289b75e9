"""The work paths of all datasets, in order, so that those below a directory are found without comparing the others."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections.abc import Iterable

from modelarts_emulator.obs.paths import ObsPath


class WorkPaths:
    """The directories that datasets write to: no object below them is a sample. Thread-safe.

    >>> paths = WorkPaths(["/bucket/in/work/", "/bucket/out/"])
    >>> [str(path) for path in paths.below(ObsPath.directory("/bucket/in/"))]
    ['/bucket/in/work/']
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        """Make an index of directories, each as ``/bucket/key/``."""
        self._lock = threading.Lock()
        self._sorted = sorted(paths)

    def replace(self, paths: Iterable[str]) -> None:
        """Replace all work paths."""
        ordered = sorted(paths)
        with self._lock:
            self._sorted = ordered

    def add(self, path: str) -> None:
        """Add a work path."""
        with self._lock:
            insort(self._sorted, path)

    def remove(self, path: str) -> None:
        """Remove a work path that was added."""
        with self._lock:
            place = bisect_left(self._sorted, path)
            if self._sorted[place : place + 1] == [path]:
                del self._sorted[place]

    def below(self, directory: ObsPath) -> list[ObsPath]:
        """Return the work paths below a directory, without the directory itself."""
        start = _text(directory)
        with self._lock:
            first = bisect_left(self._sorted, start)
            last = bisect_left(self._sorted, start + "\U0010ffff", first)
            found = self._sorted[first:last]
        return [ObsPath.parse(path) for path in found if path != start]

    def elsewhere(self, directory: ObsPath) -> list[ObsPath]:
        """Return the work paths that are neither below a directory nor around it: only links lead there."""
        start = _text(directory)
        with self._lock:
            found = [path for path in self._sorted if not path.startswith(start) and not start.startswith(path)]
        return list(map(ObsPath.parse, found))


def _text(directory: ObsPath) -> str:
    return f"/{directory.as_directory().object_name}"
