"""Changes from inotify (Linux), through one watchdog observer for all folders."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Collection
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import ObservedWatch

from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.system.folder import CLOEXEC
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.watch.protocols import Listener
from modelarts_emulator.watch.watchdog_api import dead_folders, inotify_observer

_EVENTS: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""The events that are requested. With more, the kernel's queue overflows sooner in a burst."""


class InotifySource:
    """A source of changes from inotify. Raises OSError if no inotify instance is left."""

    mode = "inotify"

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._limit = _WatchLimit()
        self._watches: dict[str, ObservedWatch] = {}
        self._rescans = RescanTracker()
        try:
            self._observer = inotify_observer()
        except OSError:
            self._limit.close()
            raise
        self._observer.start()

    def add(self, folder: str) -> None:
        """Watch a folder and everything below it. Raises OSError if it does not exist, or if no watch is left."""
        handler = _InotifyHandler(folder, self._listener, self._rescans)
        self._watches[folder] = self._observer.schedule(handler, folder, recursive=True, event_filter=_EVENTS)
        # watchdog silently skips subfolders for which no watch is left.
        self._limit.require_one_left()

    def remove(self, folder: str) -> None:
        """Stop watching a folder."""
        if watch := self._watches.pop(folder, None):
            self._observer.unschedule(watch)

    def needs_rescan(self) -> bool:
        """Return whether events may have been lost, or reported with a wrong path."""
        return self._rescans.is_pending()

    def check(self) -> None:
        """Stop watching idle folders whose events may be incomplete, and report them as lost.

        The listener then adds them again. Raises OSError if no watch is left.
        """
        for folder in self._rescans.take_due(self._watches.keys()):
            self.remove(folder)
            self._listener.lost(folder)
        for folder in dead_folders(self._observer):
            self._listener.lost(folder)
        if self._rescans.new_folders:
            self._rescans.new_folders = False
            self._limit.require_one_left()

    def stop(self) -> None:
        """End all threads and watches."""
        self._watches.clear()
        self._observer.stop()
        self._observer.join()
        self._limit.close()


class _InotifyHandler(FileSystemEventHandler):
    """Filters the events below one folder. Runs on the observer's thread."""

    def __init__(self, folder: str, listener: Listener, rescans: RescanTracker) -> None:
        self._folder = folder
        self._listener = listener
        self._rescans = rescans
        self._unclosed: set[str] = set()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Report an event, unless a later event will report the same change."""
        self._rescans.count(self._folder, event)
        source = os.fsdecode(event.src_path or "")  # older versions give no path for what is moved in from outside
        if isinstance(event, DirDeletedEvent) and source == self._folder:
            self._listener.lost(self._folder)
            return
        paths = [path for path in (source, os.fsdecode(event.dest_path or "")) if self._is_relevant(path)]
        if isinstance(event, FileClosedEvent) and _has_no_name(source):
            # A file that was created without a name (O_TMPFILE): if it got one, no other event reports its closing.
            paths = list(self._unclosed)
        self._unclosed.difference_update(paths)
        if paths and isinstance(event, FileCreatedEvent) and self._can_wait(source):
            self._unclosed.add(source)
        elif paths:
            self._listener.changed(self._folder, paths)

    def _can_wait(self, path: str) -> bool:
        """Return whether a new file needs no report now: it is recorded already, or a close event will follow.

        A file that is not open for writing was moved in or linked and is complete: no close event follows.
        """
        return self._listener.is_recorded(self._folder, path) or is_being_written(path)

    def _is_relevant(self, path: str) -> bool:
        inner = path[len(self._folder) + 1 :]
        return bool(inner) and not any(map(is_ignored, inner.split("/")))


def _has_no_name(path: str) -> bool:
    """Return whether a closed file has no name; the kernel reports such a file as ``#`` and its inode number."""
    return path.rpartition("/")[2].startswith("#") and not os.path.lexists(path)


class RescanTracker:
    """Tracks folders whose events may be incomplete, until they are watched again and scanned.

    After a burst these are all folders: inotify drops events when its queue overflows, and some versions of watchdog do
    not report that. An event that is received stands for at most four kernel events, so a burst of fewer events than a
    quarter of the queue cannot have caused an overflow.

    After a folder was renamed, it is the watched folder above it: watchdog reads events with a delay. A file or folder
    that was created in the renamed folder just before is then looked up under the wrong path, and gets no watch.
    """

    QUIET_S = 0.2
    """A burst has ended after this time without an event."""
    MAX_WAIT_S = 2.0
    """Longest wait for the end of a burst."""
    _FORGET_S = 5.0

    def __init__(self, threshold: int | None = None) -> None:
        """Make a tracker; ``threshold`` is the number of events in a burst that may mean an overflow."""
        self._threshold = threshold or _queue_length() // 4
        self._events = 0
        self._last = 0.0
        self._since = 0.0
        self._renamed: set[str] = set()
        self._lock = threading.Lock()
        self.new_folders = False
        """Whether a folder was created, which needs another watch."""

    def count(self, folder: str, event: FileSystemEvent) -> None:
        """Count an event below a watched folder."""
        now = time.monotonic()
        with self._lock:
            was_pending = self.is_pending()
            self._events = 1 if not was_pending and now - self._last > self._FORGET_S else self._events + 1
            self._last = now
            self.new_folders |= event.is_directory
            if isinstance(event, DirMovedEvent):
                self._renamed.add(folder)
            if not was_pending:
                self._since = now

    def is_pending(self) -> bool:
        """Return whether the events of a folder may be incomplete."""
        return bool(self._renamed) or self._events >= self._threshold

    def take_due(self, watched: Collection[str]) -> list[str]:
        """Return the watched folders to be watched again now, and stop tracking them. Empty during a burst."""
        now = time.monotonic()
        with self._lock:
            is_quiet = now - self._last >= self.QUIET_S or now - self._since >= self.MAX_WAIT_S
            if not self.is_pending() or not is_quiet:
                return []
            folders = watched if self._events >= self._threshold else self._renamed.intersection(watched)
            self._events, self._renamed = 0, set()
            return list(folders)


class _WatchLimit:
    """Tests whether this user may create one more inotify watch (``fs.inotify.max_user_watches``)."""

    _IN_DELETE_SELF = 0x400

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(self._libc.inotify_init1(CLOEXEC))
        if self._descriptor < 0:
            raise _last_error()

    def require_one_left(self) -> None:
        """Create a watch and remove it. Raises OSError if none is left."""
        watch = int(self._libc.inotify_add_watch(self._descriptor, b"/", self._IN_DELETE_SELF))
        if watch < 0:
            raise _last_error()
        self._libc.inotify_rm_watch(self._descriptor, watch)

    def close(self) -> None:
        """Close the inotify instance."""
        os.close(self._descriptor)


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def _queue_length() -> int:
    try:
        return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    except (OSError, ValueError):
        return 16_384
