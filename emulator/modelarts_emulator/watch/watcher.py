"""Debounced notification of changes in sets of directories."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from modelarts_emulator.system.real_paths import absolute_path
from modelarts_emulator.watch.registry import WatchMode, WatchRegistry

log = logging.getLogger(__name__)

Paths = Collection[str] | None
"""Resolved paths of files and folders that may have changed; None if anything may have."""

MAX_PATHS = 1_000
"""More paths than these are reported as None: a whole scan is faster then."""

_LONG_AGO = float("-inf")
_RESCAN_CHECK_S = 0.2
_RETRY_S = 1.0
_CHECKED_AT_ONCE = 1_000
"""Number of keys whose directories one check compares; with more keys, the checks take turns."""


class CompareLater(Exception):
    """Raised by a callback that cannot compare the files now; it is called again soon, for all of them."""


@dataclass(slots=True)
class _Change:
    """A recorded change: when it was first and last recorded (monotonic clock, seconds), and its paths."""

    first: float
    last: float
    paths: set[str] | None

    def add(self, paths: Paths) -> None:
        """Add another change."""
        if self.paths is not None:
            if paths is None or len(self.paths) >= MAX_PATHS:
                self.paths = None
            else:
                self.paths.update(paths)


@dataclass(slots=True)
class _Call:
    """The last call for a key: when it ended and how long it took, in seconds."""

    ended: float = _LONG_AGO
    took: float = 0.0


class Watcher:
    """Calls ``on_change(key, paths)`` after something below a key's directories has changed, or may have.

    A call is a hint: the callback compares the given paths, which may no longer exist, or with None the whole
    directories. Calls are made one at a time on one thread. A change during a call leads to one more call. After a call
    that raises, the exception is logged and the next call has None.

    Example::

        watcher = Watcher(lambda key, paths: print(key, paths))
        watcher.start()
        watcher.watch("pictures", [Path("buckets/pictures/in")])
    """

    def __init__(
        self,
        on_change: Callable[[str, Paths], None],
        *,
        debounce_s: float = 0.03,
        max_delay_s: float = 0.5,
        mode: WatchMode = WatchMode.AUTO,
        poll_interval_s: float = 1.0,
    ) -> None:
        """Make a watcher that is not started.

        Args:
            on_change: the callback.
            debounce_s: time in seconds without another change after which a key's call is made.
            max_delay_s: longest delay of a call in seconds while changes keep coming.
            mode: how folders are watched.
            poll_interval_s: time in seconds between two scans of a polled folder.
        """
        self._on_change = on_change
        self._debounce = debounce_s
        self._max_delay = max_delay_s
        self._interval = poll_interval_s
        self._registry = WatchRegistry(self, mode=mode, interval_s=poll_interval_s)
        self._condition = threading.Condition()
        self._directories: dict[str, frozenset[str]] = {}
        self._recorded: dict[str, _Change] = {}
        self._calls: dict[str, _Call] = {}
        self._failed: set[str] = set()
        self._compared_by_caller: set[str] = set()
        """Keys that are not called when their directories are first watched: their callers compare these."""
        self._running: str | None = None
        """The key whose call is running; empty while the watches are updated."""
        self._update_requested = False
        self._changed_keys: set[str] = set()
        """Keys whose directories have changed since the last update of the watches."""
        self._unchecked: list[str] = []
        """Keys that the next checks compare."""
        self._checked = 0.0
        self._thread: threading.Thread | None = None
        self._stopping = False

    # For callers

    @property
    def mode(self) -> str:
        """``off``, ``polling``, the name of the system's events as ``inotify``, or both as ``inotify+polling``."""
        return self._registry.mode

    @property
    def polled(self) -> dict[str, str]:
        """Folders that are polled because of the type of their file system, which is the value."""
        return self._registry.polled

    @property
    def pending(self) -> int:
        """The number of keys that wait for a call or are being called; an unfinished burst of events counts as one."""
        return self.pending_of(None)

    def pending_of(self, keys: Collection[str] | None) -> int:
        """Return ``pending`` for some keys, or with None for all."""
        with self._condition:
            return self._pending(keys)

    def start(self) -> None:
        """Start watching; every key is called once, since it may have changed before. No effect if started.

        Raises:
            OSError: mode ``native`` is not possible on this system.
        """
        with self._condition:
            if self._thread is not None:
                return
            self._stopping = False
            self._registry.open()
            self._update_requested = True
            self._changed_keys.update(self._directories)
            self._compared_by_caller.clear()
            for key in self._directories:
                self._record(key, at_once=True)
            self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching and end all threads. Waits for a running call; recorded changes are dropped."""
        with self._condition:
            thread, self._stopping = self._thread, True
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def watch(self, key: str, directories: Collection[Path], *, call_first: bool = True) -> None:
        """Watch directories for a key, instead of its former ones. They need not exist yet.

        Returns at once. The key is called when the watch is active, so that no later change is missed. With
        ``call_first`` False the caller calls ``wait_placed`` and then compares the directories itself.
        """
        with self._condition:
            self._directories[key] = frozenset(map(absolute_path, directories))
            self._update_requested = True
            self._changed_keys.add(key)
            if call_first:
                self._compared_by_caller.discard(key)
                self._record(key, at_once=True)
            else:
                self._compared_by_caller.add(key)
                self._condition.notify_all()

    def wait_placed(self, key: str, timeout_s: float) -> bool:
        """Wait until the directories of a key are watched. False after ``timeout_s``; the key is called then.

        Every change after this method has returned is reported, whatever it returns.
        """
        with self._condition:
            is_placed = self._condition.wait_for(
                lambda: self._thread is None or key not in self._compared_by_caller, timeout_s
            )
            self._compared_by_caller.discard(key)
            return is_placed

    def unwatch(self, key: str) -> None:
        """Forget a key. Does not wait for a running call."""
        with self._condition:
            self._directories.pop(key, None)
            self._recorded.pop(key, None)
            self._calls.pop(key, None)
            self._failed.discard(key)
            self._compared_by_caller.discard(key)
            self._update_requested = True
            self._changed_keys.add(key)
            self._condition.notify_all()

    def touch(self, key: str) -> None:
        """Call a key as if something had changed. No effect for an unknown key."""
        with self._condition:
            if key in self._directories:
                self._record(key)

    def wait_idle(self, timeout_s: float, keys: Collection[str] | None = None) -> bool:
        """Wait until no call is pending, for all keys or some. Return False after ``timeout_s`` seconds."""
        with self._condition:
            return self._condition.wait_for(lambda: self._pending(keys) == 0, timeout_s)

    def flush(self, timeout_s: float, keys: Collection[str] | None = None) -> bool:
        """Call all keys, or some, and wait: all changes made before are then reported. False after ``timeout_s``."""
        with self._condition:
            for key in self._directories:
                if keys is None or key in keys:
                    self._record(key, at_once=True)
        return self.wait_idle(timeout_s, keys)

    # Called by the registry, on any thread

    def record(self, key: str, paths: Paths = None, *, at_once: bool = False) -> None:
        """Record a change for a watched key."""
        with self._condition:
            if key in self._directories and not (at_once and key in self._compared_by_caller):
                self._record(key, paths, at_once=at_once)

    def has_recorded(self, keys: Collection[str], path: str) -> bool:
        """Return whether all these keys wait for a call that includes the path."""
        with self._condition:
            changes = [self._recorded.get(key) for key in keys]
            return all(change is not None and (change.paths is None or path in change.paths) for change in changes)

    def request_update(self) -> None:
        """Update the watches soon."""
        with self._condition:
            self._update_requested = True
            self._condition.notify_all()

    # Inside, with the condition held

    def _record(self, key: str, paths: Paths = None, *, at_once: bool = False) -> None:
        now = _LONG_AGO if at_once else time.monotonic()
        change = self._recorded.get(key)
        if change is None:
            change = self._recorded[key] = _Change(now, now, set())
            self._condition.notify_all()
        else:
            change.first = min(change.first, now)
            change.last = max(change.last, now)
        change.add(paths)

    def _pending(self, keys: Collection[str] | None) -> int:
        """Return the number of pending keys. A pending update of the watches counts for any key."""
        if self._thread is None:
            return 0
        recorded = len(self._recorded) if keys is None else sum(key in self._recorded for key in keys)
        is_running = self._running is not None and (keys is None or self._running in ("", *keys))
        return recorded + is_running + (self._update_requested or self._registry.needs_rescan())

    def _due(self, key: str) -> float:
        """Return the time of a key's call: debounced, but at most ``max_delay_s`` after the first change.

        A key is not called sooner after its last call than that call took, so that at most half the time is spent.
        """
        change, call = self._recorded[key], self._calls.get(key) or _Call()
        quiet = change.last + self._debounce
        latest = change.first + max(self._max_delay, call.took)
        return max(min(quiet, latest), call.ended + call.took)

    def _next_check(self) -> float:
        needs_rescan = self._registry.needs_rescan()
        return self._checked + (min(_RESCAN_CHECK_S, self._interval) if needs_rescan else self._interval)

    # The thread

    def _run(self) -> None:
        try:
            while (key := self._next_key()) is not None:
                now = time.monotonic()
                if self._update_requested or now >= self._next_check():
                    self._update_watches(check=now >= self._next_check())
                elif key:
                    self._call(key)
        finally:
            self._end()

    def _next_key(self) -> str | None:
        """Wait for work. Return a key that is due, an empty text for a check, or None at the end."""
        with self._condition:
            while not self._stopping:
                now = time.monotonic()
                due, key = self._next_due(now)
                if self._update_requested or due <= now:
                    return key if due <= now else ""
                if (rest := min(due, self._next_check()) - now) <= 0:
                    return ""
                self._condition.wait(rest)
        return None

    def _next_due(self, now: float) -> tuple[float, str]:
        """Return time and key of the first recorded change that is due, or else of the next that will be.

        Every key is recorded at a start: choosing the earliest of them before each call would take quadratic time.
        """
        earliest = (float("inf"), "")
        for key in self._recorded:
            due = self._due(key)
            if due <= now:
                return due, key
            earliest = min(earliest, (due, key))
        return earliest

    def _call(self, key: str) -> None:
        with self._condition:
            change = self._recorded.pop(key, None)
            if change is None:
                return
            self._running = key
            paths = None if key in self._failed else change.paths
            self._failed.discard(key)
        start, is_repeated = time.monotonic(), False
        try:
            self._on_change(key, paths)
        except CompareLater as reason:
            log.warning("%s; will retry", reason)
            is_repeated = True
        except Exception:
            log.exception("Cannot process the file changes of %s; will retry at the next change", key)
            self._failed.add(key)
        with self._condition:
            end = time.monotonic()
            if key in self._directories:
                self._calls[key] = _Call(end, end - start)
                if is_repeated:
                    self._record(key)
                    self._recorded[key].first = self._recorded[key].last = end + _RETRY_S
            self._running = None
            self._condition.notify_all()

    def _update_watches(self, *, check: bool) -> None:
        """Watch the directories of changed keys; with ``check`` also of others, as their folders may be new."""
        with self._condition:
            self._update_requested, self._running = False, ""
            directories, silent = dict(self._directories), set(self._compared_by_caller)
            keys, self._changed_keys = self._changed_keys, set()
        checked = set()
        if check:
            self._checked = time.monotonic()
            checked = self._next_unchecked(directories)
        self._registry.update_watches(directories, keys, checked, check=check)
        with self._condition:
            self._compared_by_caller -= silent
            self._running = None
            self._condition.notify_all()

    def _next_unchecked(self, keys: Collection[str]) -> set[str]:
        if len(keys) <= _CHECKED_AT_ONCE:
            return set(keys)
        if not self._unchecked:
            self._unchecked = list(keys)
        taken, self._unchecked = self._unchecked[:_CHECKED_AT_ONCE], self._unchecked[_CHECKED_AT_ONCE:]
        return set(taken)

    def _end(self) -> None:
        self._registry.close()
        with self._condition:
            self._recorded.clear()
            self._thread = None
            self._condition.notify_all()
