"""Changes from inotify (Linux), through one watchdog observer with one emitter for all folders."""

from __future__ import annotations

import errno
import os

from watchdog.events import DirDeletedEvent, FileClosedEvent, FileCreatedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import BaseObserver

from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.watch.inotify_emitter import InotifyEmitter
from modelarts_emulator.watch.protocols import Listener


class InotifySource:
    """A source of changes from inotify. Raises OSError if no inotify instance is left."""

    mode = "inotify"

    def __init__(self, listener: Listener) -> None:
        self._observer = BaseObserver(InotifyEmitter)
        self._observer.name = "watch-events"
        handler = _InotifyHandler(listener)
        # One emitter for the whole file system; ``add`` gives it the folders to watch.
        self._observer.schedule(handler, os.sep, recursive=True)
        (emitter,) = self._observer.emitters
        assert isinstance(emitter, InotifyEmitter)
        self._emitter = handler.emitter = emitter
        self._observer.start()

    def add(self, folder: str) -> None:
        """Watch a folder and everything below it. Raises OSError if it does not exist, or if no watch is left."""
        self._emitter.add(folder)

    def remove(self, folder: str) -> None:
        """Stop watching a folder."""
        self._emitter.remove(folder)

    def needs_rescan(self) -> bool:
        """Return whether a new folder could not be watched."""
        return self._emitter.failure is not None

    def check(self) -> None:
        """Raise OSError if a new folder could not be watched, or if a thread has ended that events pass through."""
        if self._emitter.failure is not None:
            raise self._emitter.failure
        if not (self._emitter.is_alive() and self._observer.is_alive()):
            raise OSError(errno.EIO, "a thread that reads or reports file events has ended")

    def stop(self) -> None:
        """End all threads and watches."""
        self._observer.stop()
        self._observer.join()


class _InotifyHandler(FileSystemEventHandler):
    """Filters the events below the watched folders. Runs on the observer's thread."""

    emitter: InotifyEmitter

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._unclosed: set[str] = set()

    def dispatch(self, event: FileSystemEvent) -> None:
        """Report an event, unless a later event will report the same change."""
        path = os.fsdecode(event.src_path or event.dest_path)
        roots = [root for root in self.emitter.roots_of(path) if _is_relevant(path, root)]
        if isinstance(event, DirDeletedEvent) and path in self.emitter.roots:
            self._listener.lost(path)
        if isinstance(event, FileClosedEvent) and _has_no_name(path):
            # A file that was created without a name (O_TMPFILE): if it got one, no other event reports its closing.
            for each in [each for each in self._unclosed if not roots or each.startswith(f"{roots[-1]}/")]:
                self._unclosed.discard(each)
                self._report([root for root in self.emitter.roots_of(each) if _is_relevant(each, root)], each)
            return
        self._unclosed.discard(path)
        if roots and isinstance(event, FileCreatedEvent) and self._can_wait(roots, path):
            self._unclosed.add(path)
        else:
            self._report(roots, path)

    def _report(self, roots: list[str], path: str) -> None:
        for root in roots:
            self._listener.changed(root, [path])

    def _can_wait(self, roots: list[str], path: str) -> bool:
        """Return whether a new file needs no report now: it is recorded already, or a close event will follow.

        A file that is not open for writing was moved in or linked and is complete: no close event follows.
        """
        return all(self._listener.is_recorded(root, path) for root in roots) or is_being_written(path)


def _is_relevant(path: str, root: str) -> bool:
    """Return whether a path below a watched folder may be a sample's."""
    inner = path[len(root) + 1 :]
    return bool(inner) and not any(map(is_ignored, inner.split("/")))


def _has_no_name(path: str) -> bool:
    """Return whether a closed file has no name; the kernel reports such a file as ``#`` and its inode number."""
    return path.rpartition("/")[2].startswith("#") and not os.path.lexists(path)
