"""Changes from comparing all files at a fixed interval."""

from __future__ import annotations

import time
from collections.abc import Collection

from modelarts_emulator.obs.walk import walk
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.watch.protocols import Listener


class PollingSource:
    """Walks each folder once per interval; a change is found within two intervals.

    A walk lists the folders and reads size and time of each file; no file is opened, except recent ones to see whether
    they are still being written. If a walk takes longer than half the interval, the pause after it is as long as the
    walk.
    """

    mode = "polling"

    def __init__(self, listener: Listener, interval_s: float) -> None:
        """Make a source without folders; ``interval_s`` is the time from one walk to the next."""
        self._listener = listener
        self._interval = interval_s
        self._fingerprints: dict[str, _Fingerprint] = {}
        self._next: dict[str, float] = {}

    def add(self, folder: str) -> None:
        """Take the fingerprint of a folder. Raises OSError if it cannot be read."""
        self._fingerprints[folder] = _Fingerprint(folder)
        self._scan(folder)

    def remove(self, folder: str) -> None:
        """Stop scanning a folder."""
        self._fingerprints.pop(folder, None)
        self._next.pop(folder, None)

    def needs_rescan(self) -> bool:
        """Return False: the next walk finds whatever was missed."""
        return False

    def check(self) -> None:
        """Compare the folders that are due."""
        # The caller checks once per interval: a folder that is due a little later would wait for a second interval.
        now = time.monotonic() + self._interval / 4
        for folder in [folder for folder, due in self._next.items() if due <= now]:
            try:
                if self._scan(folder):
                    self._listener.changed(folder)
            except OSError:
                self._listener.changed(folder)

    def stop(self) -> None:
        """Forget all folders."""
        self._fingerprints.clear()
        self._next.clear()

    def _scan(self, folder: str) -> bool:
        start = time.monotonic()
        try:
            return self._fingerprints[folder].renew()
        finally:
            end = time.monotonic()
            self._next[folder] = max(start + self._interval, end + (end - start))


class _Fingerprint:
    """The state of a tree: one hash over all paths, sizes and times, and the files that were being written."""

    _RECENT_NS = 5_000_000_000

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._value = 0
        self._newest_ns = 0
        self._unfinished: Collection[str] = ()

    def renew(self) -> bool:
        """Walk the tree, and return whether it has changed. Raises OSError if a folder cannot be read."""
        value, newest, unfinished = 0, self._newest_ns, set()
        now_ns = time.time_ns()
        for entry in walk(self._folder, "", within="/"):
            is_recent = entry.mtime_ns > self._newest_ns - self._RECENT_NS
            # Closing a file changes neither its size nor its time, but only a closed file is complete.
            if (is_recent or entry.local in self._unfinished) and is_being_written(entry.local):
                unfinished.add(entry.local)
            value = hash((value, entry.path, entry.size, entry.mtime_ns))
            # A file with a time in the future must not make the following files look old.
            if entry.mtime_ns <= now_ns:
                newest = max(newest, entry.mtime_ns)
        changed = value != self._value or unfinished != self._unfinished
        self._value, self._newest_ns, self._unfinished = value, newest, unfinished
        return changed
