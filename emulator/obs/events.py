"""The watcher's hints from inotify, through one watchdog observer."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import time
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

from emulator.obs.scan import is_ignored
from emulator.obs.sources import Listener
from emulator.obs.writing import is_being_written

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


class EventSource:
    """Hints from inotify, one watchdog observer for all folders. Raises OSError where inotify cannot be had."""

    mode = "inotify"

    def __init__(self, listener: Listener) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "no inotify on this system")
        # Here, because these modules cannot be loaded elsewhere.
        from watchdog.observers import inotify_c  # noqa: PLC0415
        from watchdog.observers.inotify import InotifyObserver  # noqa: PLC0415

        _mute(inotify_c)
        self._listener = listener
        self._limit = _WatchLimit()
        self._watches: dict[str, ObservedWatch] = {}
        self._burst = Burst()
        try:
            self._observer: BaseObserver = InotifyObserver()
        except OSError:
            self._limit.close()
            raise
        self._observer.start()

    def add(self, folder: str) -> None:
        """Watch a folder and all below it. Raises OSError: it is gone, or no watch is left."""
        handler = _Handler(folder, self._listener, self._burst)
        self._watches[folder] = self._observer.schedule(handler, folder, recursive=True, event_filter=_WANTED)
        # watchdog passes over subfolders that it gets no watch for.
        self._limit.require_one_left()

    def remove(self, folder: str) -> None:
        """Watch a folder no longer."""
        if watch := self._watches.pop(folder, None):
            self._observer.unschedule(watch)

    def unsure(self) -> bool:
        """Whether a burst may have overflowed the kernel's queue."""
        return self._burst.is_large()

    def check(self) -> None:
        """Watch everything anew after a burst that may have overflowed the queue. Raises OSError as ``add``."""
        if self._burst.is_over():
            for folder in list(self._watches):
                self.remove(folder)
                self._listener.lost(folder)
        for emitter in self._observer.emitters.copy():
            if not emitter.is_alive():
                self._listener.lost(str(emitter.watch.path))
        if self._burst.new_folders:
            self._burst.new_folders = False
            self._limit.require_one_left()

    def stop(self) -> None:
        """End every thread and watch."""
        self._watches.clear()
        self._observer.stop()
        self._observer.join()
        self._limit.close()


class _Handler(FileSystemEventHandler):
    """Judges the events below one folder; runs on the observer's thread."""

    def __init__(self, folder: str, listener: Listener, burst: Burst) -> None:
        self._folder = folder
        self._listener = listener
        self._burst = burst

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass on what matters."""
        self._burst.count(new_folder=event.is_directory)
        source = os.fsdecode(event.src_path)
        if isinstance(event, DirDeletedEvent) and source == self._folder:
            self._listener.lost(self._folder)
            return
        paths = [path for path in (source, os.fsdecode(event.dest_path)) if self._counts(path)]
        if paths and not (isinstance(event, FileCreatedEvent) and self._can_wait(source)):
            self._listener.changed(self._folder, paths)

    def _can_wait(self, path: str) -> bool:
        """Whether a new file is told already, or will be by its closing; one moved in or linked is complete."""
        return self._listener.is_noted(self._folder, path) or is_being_written(path)

    def _counts(self, path: str) -> bool:
        inner = path[len(self._folder) + 1 :]
        return bool(inner) and not any(map(is_ignored, inner.split("/")))


class Burst:
    """Counts events, since the kernel drops what does not fit its queue, and not every watchdog tells.

    An overflow leaves a full queue to be read, so a burst of fewer events than a quarter of the queue had none: no
    event that is passed on stands for more than four in the queue.
    """

    QUIET_S = 0.2
    _FORGET_S = 5.0

    def __init__(self, threshold: int | None = None) -> None:
        self._threshold = threshold or _queue_length() // 4
        self._events = 0
        self._last = 0.0
        self.new_folders = False

    def count(self, *, new_folder: bool) -> None:
        """Note an event."""
        now = time.monotonic()
        self._events = 1 if not self.is_large() and now - self._last > self._FORGET_S else self._events + 1
        self._last = now
        self.new_folders |= new_folder

    def is_large(self) -> bool:
        """Whether events may have been lost."""
        return self._events >= self._threshold

    def is_over(self) -> bool:
        """Whether a large burst has come to rest; then the count begins anew."""
        if not self.is_large() or time.monotonic() - self._last < self.QUIET_S:
            return False
        self._events = 0
        return True


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


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))


def _queue_length() -> int:
    try:
        return int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    except (OSError, ValueError):
        return 16_384
