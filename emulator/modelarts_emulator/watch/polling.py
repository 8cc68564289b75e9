"""The watcher's hints from looking at the files every so often."""

from __future__ import annotations

import time
from collections.abc import Collection

from modelarts_emulator.obs.walk import walk
from modelarts_emulator.system.open_files import is_being_written
from modelarts_emulator.watch.protocols import Listener


class PollingSource:
    """Hints from looking at the whole tree every ``interval_s``; large trees are looked at less often."""

    mode = "polling"

    # A look may take a tenth of the time, not more.
    _SHARE = 10

    def __init__(self, listener: Listener, interval_s: float) -> None:
        self._listener = listener
        self._interval = interval_s
        self._prints: dict[str, _Fingerprint] = {}
        self._next: dict[str, float] = {}

    def add(self, folder: str) -> None:
        """Take the folder's fingerprint. Raises OSError if it cannot be read."""
        self._prints[folder] = _Fingerprint(folder)
        self._scan(folder)

    def remove(self, folder: str) -> None:
        """Look at a folder no longer."""
        self._prints.pop(folder, None)
        self._next.pop(folder, None)

    def needs_rescan(self) -> bool:
        """Never: what was missed is found by the next look."""
        return False

    def check(self) -> None:
        """Compare the folders that are due."""
        now = time.monotonic()
        for folder in [folder for folder, due in self._next.items() if due <= now]:
            try:
                if self._scan(folder):
                    self._listener.changed(folder)
            except OSError:
                self._listener.changed(folder)

    def stop(self) -> None:
        """Forget everything."""
        self._prints.clear()
        self._next.clear()

    def _scan(self, folder: str) -> bool:
        start = time.monotonic()
        try:
            return self._prints[folder].renew()
        finally:
            end = time.monotonic()
            self._next[folder] = end + max(self._interval, self._SHARE * (end - start))


class _Fingerprint:
    """What a tree looked like: one number over all paths, sizes and times, and which files were being written."""

    _RECENT_NS = 5_000_000_000

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._value = 0
        self._newest_ns = 0
        self._unfinished: Collection[str] = ()

    def renew(self) -> bool:
        """Look again; whether it has changed. Raises OSError if a folder cannot be read."""
        value, newest, unfinished = 0, self._newest_ns, set()
        now_ns = time.time_ns()
        for entry in walk(self._folder, "", within="/"):
            recent = entry.mtime_ns > self._newest_ns - self._RECENT_NS
            # Closing a file changes neither size nor time, yet only then it is complete.
            if (recent or entry.local in self._unfinished) and is_being_written(entry.local):
                unfinished.add(entry.local)
            value = hash((value, entry.path, entry.size, entry.mtime_ns))
            # One file from the future must not make all that follow look old.
            if entry.mtime_ns <= now_ns:
                newest = max(newest, entry.mtime_ns)
        changed = value != self._value or unfinished != self._unfinished
        self._value, self._newest_ns, self._unfinished = value, newest, unfinished
        return changed
