"""What a source of the watcher's hints is, and who listens to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Listener(Protocol):
    """Who takes the hints. Called on any thread; must not block."""

    def changed(self, folder: str, paths: Collection[str] | None = None) -> None:
        """Something below the folder is different, or may be: these files and folders, or anything."""

    def lost(self, folder: str) -> None:
        """The folder is gone; what comes in its place is not seen until it is added again."""

    def is_recorded(self, folder: str, path: str) -> bool:
        """Whether a change of this path below the folder waits already, so that another changes nothing."""


class WatchSource(Protocol):
    """A source of hints. One thread calls it; folders are resolved paths."""

    @property
    def mode(self) -> str:
        """``inotify`` or ``polling``."""

    def add(self, folder: str) -> None:
        """Begin to look at a folder. Raises OSError: it is gone, or the system has no more watches to give."""

    def remove(self, folder: str) -> None:
        """Look at a folder no longer."""

    def needs_rescan(self) -> bool:
        """Whether hints may have been missed, so that a check is wanted soon."""

    def check(self) -> None:
        """Do what is to be done now and then. Raises OSError as ``add``."""

    def stop(self) -> None:
        """End every thread and watch."""
