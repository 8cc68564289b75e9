"""The interfaces between the watch registry and its sources of changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Listener(Protocol):
    """Receives the changes that a source finds. Called on any thread; must not block."""

    def changed(self, folder: str, paths: Collection[str] | None = None) -> None:
        """Report that these files and folders below a folder may have changed; with None, that anything may have."""

    def lost(self, folder: str) -> None:
        """Report that a folder is no longer watched, because it was deleted or moved. It has to be added again."""

    def is_recorded(self, folder: str, path: str) -> bool:
        """Return whether a change of this path is recorded already, so that another report would add nothing."""


class WatchSource(Protocol):
    """Finds changes below folders. Called by one thread; folders are resolved paths."""

    @property
    def mode(self) -> str:
        """``inotify``, ``fsevents``, ``readdirectorychanges`` or ``polling``."""

    def add(self, folder: str) -> None:
        """Start to watch a folder. Raises OSError if it does not exist, or if the system has no more watches."""

    def remove(self, folder: str) -> None:
        """Stop watching a folder."""

    def needs_rescan(self) -> bool:
        """Return whether changes may have been missed, so that ``check`` should be called soon."""

    def check(self) -> None:
        """Do periodic work: compare files, or replace watches that may have missed changes. Raises OSError."""

    def stop(self) -> None:
        """End all threads and watches."""
