"""The objects below a job's source directories, walked once for each job."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store.work_paths import WorkPaths

MAX_AGE_S = 5.0


class Listing:
    """The objects below some directories. Each directory is walked when its entries are first read, and only once.

    The walk goes only as far as entries are read: a request can check the first entries, and the job that it starts
    continues the same walk. With ``keep=False`` the entries are not stored, so that they can be read only once but
    take no memory. Objects below ``work_paths`` are skipped: datasets write their own files there.
    """

    def __init__(
        self, tree: ObjectTree, directories: Sequence[ObsPath], work_paths: WorkPaths, *, keep: bool = True
    ) -> None:
        self.directories = tuple(directory.as_directory() for directory in directories)
        self.has_links = False
        """Whether a symbolic link was found so far: then no part of a directory can be compared by itself."""
        self._tree, self._work_paths, self._keep = tree, work_paths, keep
        self._walks: dict[ObsPath, _StoredWalk] = {}
        self._began_s: float | None = None

    def entries(self, directory: ObsPath) -> Iterator[ObjectEntry]:
        """Return the objects below one of the directories. Raises as ``ObjectTree.walk``."""
        walk = self._walks.get(directory)
        if walk is None:
            self._began_s = self._began_s or time.monotonic()
            found = self._tree.walk(
                directory,
                skip=self._work_paths.below(directory),
                skip_linked=lambda: self._work_paths.elsewhere(directory),
                on_link=self._found_link,
            )
            if not self._keep:
                return found
            walk = self._walks[directory] = _StoredWalk(found)
        return iter(walk)

    def entries_at(self, directory: ObsPath, inner: Collection[str]) -> Iterator[ObjectEntry] | None:
        """Return the objects at some places below a directory, and below these places.

        ``inner`` are paths relative to the directory. Returns None if symbolic links are involved.
        """
        return self._tree.walk_at(
            directory,
            inner,
            skip=self._work_paths.below(directory),
            skip_linked=lambda: self._work_paths.elsewhere(directory),
            on_link=self._found_link,
        )

    def refresh(self) -> None:
        """Forget the entries if they are older than MAX_AGE_S, as after a task was held before it started."""
        if self._began_s is not None and time.monotonic() - self._began_s > MAX_AGE_S:
            self._walks.clear()
            self._began_s = None

    def _found_link(self) -> None:
        self.has_links = True


class _StoredWalk:
    """A walk that is continued as far as needed; entries that were read before are stored."""

    def __init__(self, rest: Iterator[ObjectEntry]) -> None:
        self._found: list[ObjectEntry] = []
        self._rest = rest

    def __iter__(self) -> Iterator[ObjectEntry]:
        found, position = self._found, 0
        while position < len(found) or self._continue():
            end = len(found)
            yield from islice(found, position, end)
            position = end

    def _continue(self) -> bool:
        """Walk on by a few entries; return whether there were any."""
        more = list(islice(self._rest, 100))
        self._found += more
        return bool(more)
