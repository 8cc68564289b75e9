"""Changes from the events of macOS (FSEvents) and Windows (ReadDirectoryChangesW), through watchdog."""

from __future__ import annotations

import os

from watchdog.events import DirDeletedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.api import ObservedWatch

from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.system import features
from modelarts_emulator.watch.protocols import Listener
from modelarts_emulator.watch.watchdog_api import dead_folders, native_observer


class NativeSource:
    """A source of changes from watchdog's observer of this system. Raises OSError if there is none."""

    mode = features.EVENTS

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._watches: dict[str, ObservedWatch] = {}
        self._observer = native_observer()
        self._observer.start()

    def add(self, folder: str) -> None:
        """Watch a folder and everything below it. Raises OSError if it does not exist."""
        os.lstat(folder)
        self._watches[folder] = self._observer.schedule(_NativeHandler(folder, self._listener), folder, recursive=True)

    def remove(self, folder: str) -> None:
        """Stop watching a folder."""
        if watch := self._watches.pop(folder, None):
            self._observer.unschedule(watch)

    def needs_rescan(self) -> bool:
        """Return False: these systems report a lost event as a change of the folder."""
        return False

    def check(self) -> None:
        """Report folders that are no longer watched."""
        for folder in dead_folders(self._observer):
            self._listener.lost(folder.replace(os.sep, "/"))

    def stop(self) -> None:
        """End all threads and watches."""
        self._watches.clear()
        self._observer.stop()
        self._observer.join()


class _NativeHandler(FileSystemEventHandler):
    """Reports every event below one folder: these systems do not report that a file was closed."""

    def __init__(self, folder: str, listener: Listener) -> None:
        self._folder = folder
        self._listener = listener

    def dispatch(self, event: FileSystemEvent) -> None:
        """Report the paths of an event to the listener, without ignored names."""
        found = (os.fsdecode(path or "").replace(os.sep, "/") for path in (event.src_path, event.dest_path))
        source, *_ = paths = list(found)
        if isinstance(event, DirDeletedEvent) and source == self._folder:
            self._listener.lost(self._folder)
            return
        if source == self._folder:
            # The folder itself: a change that the system cannot name.
            self._listener.changed(self._folder, None)
        elif relevant := [path for path in paths if self._is_relevant(path)]:
            self._listener.changed(self._folder, relevant)

    def _is_relevant(self, path: str) -> bool:
        inner = path[len(self._folder) + 1 :]
        return path.startswith(f"{self._folder}/") and not any(map(is_ignored, inner.split("/")))
