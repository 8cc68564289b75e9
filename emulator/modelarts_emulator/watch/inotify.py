"""The watcher's hints from inotify, through one watchdog observer."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

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
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.version import VERSION_MAJOR

from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.watch.protocols import Listener

# No more: an observer that takes every event loses some in a burst.
_WANTED: list[type[FileSystemEvent]] = [
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]


class InotifySource:
    """Hints from inotify, one watchdog observer for all folders. Raises OSError where inotify cannot be had."""

    mode = "inotify"

    def __init__(self, listener: Listener) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "no inotify on this system")
        # Here, because these modules cannot be loaded elsewhere.
        from watchdog.observers import inotify_c  # noqa: PLC0415
        from watchdog.observers.inotify import InotifyObserver  # noqa: PLC0415

        _mute(inotify_c)
        logging.getLogger("watchdog.observers.inotify").addFilter(_is_news)
        self._listener = listener
        self._limit = _WatchLimit()
        self._watches: dict[str, ObservedWatch] = {}
        self._rescans = RescanTracker()
        try:
            # Before version 7 a folder that is moved in from elsewhere gets no watch; this tells it from a new one,
            # and puts it in doubt. Later versions need no help.
            self._observer: BaseObserver = InotifyObserver(generate_full_events=VERSION_MAJOR < 7)
        except OSError:
            self._limit.close()
            raise
        self._observer.start()

    def add(self, folder: str) -> None:
        """Watch a folder and all below it. Raises OSError: it is gone, or no watch is left."""
        handler = _Handler(folder, self._listener, self._rescans)
        self._watches[folder] = self._observer.schedule(handler, folder, recursive=True, event_filter=_WANTED)
        # watchdog passes over subfolders that it gets no watch for.
        self._limit.require_one_left()

    def remove(self, folder: str) -> None:
        """Watch a folder no longer."""
        if watch := self._watches.pop(folder, None):
            self._observer.unschedule(watch)

    def needs_rescan(self) -> bool:
        """Whether events may have been lost or misunderstood."""
        return self._rescans.is_pending()

    def check(self) -> None:
        """Watch anew what is in doubt, once it is at rest. Raises OSError as ``add``."""
        for folder in self._rescans.take_due(self._watches.keys()):
            self.remove(folder)
            self._listener.lost(folder)
        for emitter in self._observer.emitters.copy():
            if not emitter.is_alive():
                self._listener.lost(str(emitter.watch.path))
        if self._rescans.new_folders:
            self._rescans.new_folders = False
            self._limit.require_one_left()

    def stop(self) -> None:
        """End every thread and watch."""
        self._watches.clear()
        self._observer.stop()
        self._observer.join()
        self._limit.close()


class _Handler(FileSystemEventHandler):
    """Judges the events below one folder; runs on the observer's thread."""

    def __init__(self, folder: str, listener: Listener, rescans: RescanTracker) -> None:
        self._folder = folder
        self._listener = listener
        self._rescans = rescans
        self._unclosed: set[str] = set()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass on what matters."""
        self._rescans.count(self._folder, event)
        source = os.fsdecode(event.src_path or "")  # of what has come from elsewhere, older versions know none
        if isinstance(event, DirDeletedEvent) and source == self._folder:
            self._listener.lost(self._folder)
            return
        paths = [path for path in (source, os.fsdecode(event.dest_path or "")) if self._counts(path)]
        if isinstance(event, FileClosedEvent) and _has_no_name(source):
            # It was made without one. If it has been given one meanwhile, nothing else tells of its end.
            paths = list(self._unclosed)
        self._unclosed.difference_update(paths)
        if paths and isinstance(event, FileCreatedEvent) and self._can_wait(source):
            self._unclosed.add(source)
        elif paths:
            self._listener.changed(self._folder, paths)

    def _can_wait(self, path: str) -> bool:
        """Whether a new file is told already, or will be by its closing; one moved in or linked is complete."""
        return self._listener.is_recorded(self._folder, path) or is_being_written(path)

    def _counts(self, path: str) -> bool:
        inner = path[len(self._folder) + 1 :]
        return bool(inner) and not any(map(is_ignored, inner.split("/")))


def _has_no_name(path: str) -> bool:
    """Whether what was closed is a file without a name; the kernel tells of one as of ``#`` and its number."""
    return path.rpartition("/")[2].startswith("#") and not os.path.lexists(path)


class RescanTracker:
    """The folders whose events may not tell all that happens, until they are watched anew.

    After a burst all of them: the kernel drops what does not fit its queue, and not every watchdog tells. An overflow
    leaves a full queue to be read, so a burst of fewer events than a quarter of the queue had none: no event that is
    passed on stands for more than four in the queue.

    After a folder has been renamed, the folder above: watchdog reads events later than they happen. What was made in
    it before is then no longer where it is looked for, gets no watch, or the events of another folder.
    """

    QUIET_S = 0.2
    PATIENCE_S = 2.0
    """Where the quiet does not come, rescans wait no longer than this."""
    _FORGET_S = 5.0

    def __init__(self, threshold: int | None = None) -> None:
        self._threshold = threshold or _queue_length() // 4
        self._events = 0
        self._last = 0.0
        self._since = 0.0
        self._renamed: set[str] = set()
        self._lock = threading.Lock()
        self.new_folders = False

    def count(self, folder: str, event: FileSystemEvent) -> None:
        """Note an event below a watched folder."""
        now = time.monotonic()
        with self._lock:
            had_some = self.is_pending()
            self._events = 1 if not had_some and now - self._last > self._FORGET_S else self._events + 1
            self._last = now
            self.new_folders |= event.is_directory
            if isinstance(event, DirMovedEvent):
                self._renamed.add(folder)
            if not had_some:
                self._since = now

    def is_pending(self) -> bool:
        """Whether anything is in doubt."""
        return bool(self._renamed) or self._events >= self._threshold

    def take_due(self, watched: Collection[str]) -> list[str]:
        """Which of the watched folders are to be watched anew now; they are in doubt no longer."""
        now = time.monotonic()
        with self._lock:
            if not self.is_pending() or (now - self._last < self.QUIET_S and now - self._since < self.PATIENCE_S):
                return []
            folders = watched if self._events >= self._threshold else self._renamed.intersection(watched)
            self._events, self._renamed = 0, set()
            return list(folders)


class _WatchLimit:
    """Tells whether this user may have one more inotify watch (``fs.inotify.max_user_watches``)."""

    _IN_DELETE_SELF = 0x400

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(self._libc.inotify_init1(os.O_CLOEXEC))
        if self._descriptor < 0:
            raise _last_error()

    def require_one_left(self) -> None:
        """Take a watch and give it back. Raises OSError if none is left."""
        watch = int(self._libc.inotify_add_watch(self._descriptor, b"/", self._IN_DELETE_SELF))
        if watch < 0:
            raise _last_error()
        self._libc.inotify_rm_watch(self._descriptor, watch)

    def close(self) -> None:
        """Give the instance back."""
        os.close(self._descriptor)


class _Mute:
    """Stands in for the module ``warnings``."""

    @staticmethod
    def warn(*_: object, **__: object) -> None:
        """Say nothing."""


def _mute(module: ModuleType) -> None:
    """Keep watchdog from warning of a folder that it meets twice, by a walk and by an event: that is as it should be.

    Where warnings are errors, as in many a test suite, it would end the thread that reads the events. A filter does
    not help: pytest sets the filters anew for every test.
    """
    if hasattr(module, "warnings"):
        vars(module)["warnings"] = _Mute


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of watchdog's tells anything; that a watch has ended it calls an error, whoever has ended it."""
    return "called when the thread is inactive" not in record.getMessage()


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def _queue_length() -> int:
    try:
        return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    except (OSError, ValueError):
        return 16_384
