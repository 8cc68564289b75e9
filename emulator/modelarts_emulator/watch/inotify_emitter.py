"""An emitter of watchdog for any number of folders on Linux: one thread and one inotify instance for all of them.

watchdog's own emitters have a thread each for every folder. This one watches each folder once, however many watched
folders it is in.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterable, Iterator

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
)
from watchdog.observers.api import EventEmitter, EventQueue, ObservedWatch

from modelarts_emulator.watch import inotify_calls as calls
from modelarts_emulator.watch.inotify_calls import Inotify, KernelEvent
from modelarts_emulator.watch.watched_tree import WatchedTree

log = logging.getLogger(__name__)

_CANNOT_BE_WATCHED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG})
"""Codes of a folder that was deleted or replaced since it was listed, or that may not be read."""


class InotifyEmitter(EventEmitter):
    """Queues the events below the folders that ``add`` was called with.

    The events are those of files that were created, closed after writing, moved to their name or deleted, and of
    folders that were created or deleted; a folder that was moved is a deleted and a created one. For a created folder
    there are no events of the files that it has by then. A watched folder that is gone, or whose events the kernel has
    dropped, is reported as deleted: it is to be added again. Raises OSError if no inotify instance is left.
    """

    def __init__(self, event_queue: EventQueue, watch: ObservedWatch, **options: object) -> None:
        super().__init__(event_queue, watch)
        self.name = "watch-inotify"
        self._inotify = Inotify()
        self._tree = WatchedTree()
        self._lock = threading.Lock()
        self.roots: frozenset[str] = frozenset()
        """The folders that are watched with everything below them; replaced with each change."""
        self.failure: OSError | None = None
        """The error that left a new folder without a watch: no watch is left."""

    def add(self, folder: str) -> None:
        """Watch a folder and everything below it. Raises OSError if it cannot be watched, or if no watch is left."""
        with self._lock:
            is_covered = folder in self._tree
            self.roots |= {folder}
        if is_covered:
            return
        try:
            self._place(folder)
            for each in _folders_below(folder):
                self._place_if_possible(each)
        except OSError:
            self.remove(folder)
            raise

    def remove(self, folder: str) -> None:
        """Stop watching a folder, except for what is in another watched one."""
        with self._lock:
            self.roots -= {folder}
            if any(self.roots_of(folder)):
                return
            for path in self._tree.below(folder, stop=self.roots):
                self._unwatch(path)

    def roots_of(self, path: str) -> Iterator[str]:
        """Yield the watched folders that a path is in, or is."""
        roots, here = self.roots, path
        while True:
            if here in roots:
                yield here
            above = os.path.dirname(here)  # noqa: PTH120  (strings, for speed)
            if above == here:
                return
            here = above

    # The thread

    def queue_events(self, timeout: float) -> None:
        """Wait for events of the kernel, and queue what they report. ``timeout`` is not used."""
        for event in self._inotify.read():
            if event.mask & calls.OVERFLOW:
                log.warning("The system has dropped file events: all watched folders are compared")
                self._queue_deleted(self.roots)
                continue
            with self._lock:
                paths = self._tree.paths(event.watch)
            for folder in paths:
                self._process(folder, event)

    def run(self) -> None:
        """Queue events until the emitter is stopped."""
        try:
            super().run()
        finally:
            with self._lock:
                self._inotify.close()

    def on_thread_stop(self) -> None:
        """Wake the thread up, so that it ends."""
        with self._lock:
            self._inotify.wake()

    # Inside

    def _process(self, folder: str, event: KernelEvent) -> None:
        """Queue what an event in a folder reports."""
        if event.mask & (calls.DELETE_SELF | calls.MOVE_SELF | calls.IGNORED):
            # Of a folder below a watched one the folder above it reports more.
            if folder in self.roots or event.mask & calls.IGNORED:
                self._forget_tree(folder)
            return
        path = os.path.join(folder, event.name)  # noqa: PTH118  (strings, for speed)
        if not event.mask & calls.IS_FOLDER:
            self.queue_event(_file_event(path, event.mask))
        elif event.mask & (calls.CREATE | calls.MOVED_TO):
            self._watch_new(path)
            self.queue_event(DirCreatedEvent(path))
        else:
            self._forget_tree(path)
            self.queue_event(DirDeletedEvent(path))

    def _queue_deleted(self, folders: Iterable[str]) -> None:
        for folder in folders:
            self.queue_event(DirDeletedEvent(folder))

    def _watch_new(self, folder: str) -> None:
        """Watch a folder that was created or moved here, with everything below it."""
        try:
            self._place_if_possible(folder)
            for each in _folders_below(folder):
                self._place_if_possible(each)
        except OSError as error:
            self.failure = error

    def _forget_tree(self, folder: str) -> None:
        """Remove the watches of a folder that is gone, and of all below it; queue the watched ones as deleted."""
        with self._lock:
            gone = list(self._tree.below(folder))
            for path in gone:
                self._unwatch(path)
        self._queue_deleted(self.roots.intersection(gone))

    def _place_if_possible(self, folder: str) -> None:
        """Watch a folder unless it is gone. Raises OSError if no watch is left."""
        try:
            self._place(folder)
        except OSError as error:
            if error.errno not in _CANNOT_BE_WATCHED:
                raise

    def _place(self, folder: str) -> None:
        with self._lock:
            self._tree.add(folder, self._inotify.add(folder))

    def _unwatch(self, path: str) -> None:
        watch = self._tree.discard(path)
        if watch is not None:
            self._inotify.remove(watch)


def _file_event(path: str, mask: int) -> FileSystemEvent:
    if mask & calls.CLOSE_WRITE:
        return FileClosedEvent(path)
    if mask & calls.CREATE:
        return FileCreatedEvent(path)
    return FileMovedEvent("", path) if mask & calls.MOVED_TO else FileDeletedEvent(path)


def _folders_below(folder: str) -> Iterator[str]:
    """Yield every folder below a folder, each after the one above it; links are not followed.

    A folder that is created during the listing is yielded, or its event follows: the caller watches each folder before
    it asks for the next.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        if here != folder:
            yield here
        try:
            with os.scandir(here) as entries:
                waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue  # it is gone, or may not be read
