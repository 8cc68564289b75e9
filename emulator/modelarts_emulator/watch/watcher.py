"""The watcher: says that something below a key's directories has changed, soon after it has, and seldom in vain."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from modelarts_emulator.watch.registry import WatchRegistry

log = logging.getLogger(__name__)

Paths = Collection[str] | None
"""Files and folders that have changed, as resolved paths; None where anything may have."""

# More than these are told as "anything": to look at all is quicker then.
MAX_PATHS = 1_000

_LONG_AGO = float("-inf")
_UNSURE_CHECK_S = 0.2


@dataclass(slots=True)
class _Change:
    """A change that waits: when it was first and last noted, on the monotonic clock, in seconds, and of what."""

    first: float
    last: float
    paths: set[str] | None

    def add(self, paths: Paths) -> None:
        """Take in a further change."""
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
    """Calls ``on_change(key, paths)`` when something below a key's directories has changed, or may have.

    Changes are hints: who is called compares those paths, which may be gone, or with None whole directories. After a
    call that raises, the next is for anything. Calls come one at a time on one thread, ``debounce_s`` after the last
    change, or ``max_delay_s`` after the first while changes keep coming; a change during a call leads to one more.
    What ``on_change`` raises is logged. ``polling=True`` looks at the files every ``poll_interval_s`` instead of
    listening; otherwise that is the fallback where inotify cannot be had.
    """

    def __init__(
        self,
        on_change: Callable[[str, Paths], None],
        *,
        debounce_s: float = 0.03,
        max_delay_s: float = 0.5,
        polling: bool | None = None,
        poll_interval_s: float = 1.0,
    ) -> None:
        self._on_change = on_change
        self._debounce = debounce_s
        self._max_delay = max_delay_s
        self._interval = poll_interval_s
        self._registry = WatchRegistry(self, polling=bool(polling), interval_s=poll_interval_s)
        self._condition = threading.Condition()
        self._directories: dict[str, frozenset[str]] = {}
        self._recorded: dict[str, _Change] = {}
        self._calls: dict[str, _Call] = {}
        self._failed: set[str] = set()
        self._compared_by_caller: set[str] = set()
        """Keys that are not called when their directories are first watched: their callers compare these."""
        self._running: str | None = None
        """The key whose call is under way; empty while the places are brought in step."""
        self._update_requested = False
        self._checked = 0.0
        self._thread: threading.Thread | None = None
        self._stopping = False

    # What callers use

    @property
    def mode(self) -> str:
        """``inotify``, ``polling``, or ``off`` while it is not started."""
        return self._registry.mode

    @property
    def pending(self) -> int:
        """How many keys wait for their call, the one being called included; a burst not yet at rest counts too."""
        return self.pending_of(None)

    def pending_of(self, keys: Collection[str] | None) -> int:
        """How many of some keys do, or with None of all."""
        with self._condition:
            return self._pending(keys)

    def start(self) -> None:
        """Begin to watch; every key is called once, since it may have changed before. No effect when started."""
        with self._condition:
            if self._thread is not None:
                return
            self._stopping = False
            self._registry.open()
            self._update_requested = True
            self._compared_by_caller.clear()
            for key in self._directories:
                self._record(key, at_once=True)
            self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the watch and its threads; a call under way is waited for, changes not yet told are dropped."""
        with self._condition:
            thread, self._stopping = self._thread, True
            self._condition.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def watch(self, key: str, directories: Collection[Path], *, call_first: bool = True) -> None:
        """Watch directories for a key, in place of those it had; they need not exist yet.

        Returns at once. The key is called once the watch stands, so that nothing is missed that happens after this.
        Without ``call_first`` the caller calls ``wait_placed`` and then compares the directories itself.
        """
        with self._condition:
            self._directories[key] = frozenset(str(each.absolute()) for each in directories)
            self._update_requested = True
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
        """Forget a key. A call for it that is under way is not waited for."""
        with self._condition:
            self._directories.pop(key, None)
            self._recorded.pop(key, None)
            self._calls.pop(key, None)
            self._failed.discard(key)
            self._compared_by_caller.discard(key)
            self._update_requested = True
            self._condition.notify_all()

    def touch(self, key: str) -> None:
        """Have a key called as if something had changed. No effect on a key that is not watched."""
        with self._condition:
            if key in self._directories:
                self._record(key)

    def wait_idle(self, timeout_s: float, keys: Collection[str] | None = None) -> bool:
        """Wait until every change that has been noted is told, of all keys or some; False after ``timeout_s``."""
        with self._condition:
            return self._condition.wait_for(lambda: self._pending(keys) == 0, timeout_s)

    def flush(self, timeout_s: float, keys: Collection[str] | None = None) -> bool:
        """Have all keys, or some, called and wait: what lay on disk before is told then. False after ``timeout_s``."""
        with self._condition:
            for key in self._directories:
                if keys is None or key in keys:
                    self._record(key, at_once=True)
        return self.wait_idle(timeout_s, keys)

    # What the places call, on any thread

    def record(self, key: str, paths: Paths = None, *, at_once: bool = False) -> None:
        """Note a change for a key that is watched: of these paths, or of anything."""
        with self._condition:
            if key in self._directories and not (at_once and key in self._compared_by_caller):
                self._record(key, paths, at_once=at_once)

    def has_recorded(self, keys: Collection[str], path: str) -> bool:
        """Whether all these keys wait already for a call that tells of the path."""
        with self._condition:
            changes = [self._recorded.get(key) for key in keys]
            return all(change is not None and (change.paths is None or path in change.paths) for change in changes)

    def request_update(self) -> None:
        """Have the places brought in step soon."""
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
        """How much is open of these keys, or of all; what concerns the places concerns everybody."""
        if self._thread is None:
            return 0
        noted = len(self._recorded) if keys is None else sum(key in self._recorded for key in keys)
        is_running = self._running is not None and (keys is None or self._running in ("", *keys))
        return noted + is_running + (self._update_requested or self._registry.needs_rescan())

    def _due(self, key: str) -> float:
        """When a key is to be called. One that takes long rests as long, however fast the changes come."""
        change, call = self._recorded[key], self._calls.get(key) or _Call()
        quiet = change.last + self._debounce
        enough = change.first + max(self._max_delay, call.took)
        return max(min(quiet, enough), call.ended + call.took)

    def _next_check(self) -> float:
        return self._checked + (
            min(_UNSURE_CHECK_S, self._interval) if self._registry.needs_rescan() else self._interval
        )

    # The worker

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
        """Wait for something to do: a key that is due, or empty for a check; None at the end."""
        with self._condition:
            while not self._stopping:
                now = time.monotonic()
                due, key = min(((self._due(key), key) for key in self._recorded), default=(float("inf"), ""))
                if self._update_requested or due <= now:
                    return key if due <= now else ""
                if (rest := min(due, self._next_check()) - now) <= 0:
                    return ""
                self._condition.wait(rest)
        return None

    def _call(self, key: str) -> None:
        with self._condition:
            change = self._recorded.pop(key, None)
            if change is None:
                return
            self._running = key
            paths = None if key in self._failed else change.paths
            self._failed.discard(key)
        start = time.monotonic()
        try:
            self._on_change(key, paths)
        except Exception:
            log.exception("cannot take in the file changes of %s; the next change tries again", key)
            self._failed.add(key)
        with self._condition:
            end = time.monotonic()
            if key in self._directories:
                self._calls[key] = _Call(end, end - start)
            self._running = None
            self._condition.notify_all()

    def _update_watches(self, *, check: bool) -> None:
        """Bring the places in step with the directories that are wanted."""
        with self._condition:
            self._update_requested, self._running = False, ""
            directories, silent = dict(self._directories), set(self._compared_by_caller)
        if check:
            self._checked = time.monotonic()
        self._registry.update_watches(directories, check=check)
        with self._condition:
            self._compared_by_caller -= silent
            self._running = None
            self._condition.notify_all()

    def _end(self) -> None:
        self._registry.close()
        with self._condition:
            self._recorded.clear()
            self._thread = None
            self._condition.notify_all()
