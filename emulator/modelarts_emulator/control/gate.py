"""Readers-writer gate: requests pass until ``exclusive()`` waits for running ones and holds back new ones.

A reset or a restore of a snapshot replaces all state; no request may see half of each.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from time import monotonic, perf_counter

# A request that has waited this long is admitted: its client would give up otherwise.
_MAX_WAIT_S = 120.0
# Seconds to wait for running requests before the exclusive part begins anyway.
_DRAIN_S = 10.0


class RequestGate:
    """Admit requests unless ``exclusive`` is active. Thread-safe; one thread at a time is exclusive."""

    def __init__(self) -> None:
        self._closing = threading.Lock()
        self._opened = threading.Event()
        self._opened.set()
        self._left = threading.Event()
        self._is_closed = False
        # Start of the request that each thread serves. Single operations of a dictionary are atomic and need no lock.
        self._inside: dict[int, float] = {}

    def enter(self) -> None:
        """Admit a request, after waiting for an exclusive part to end. ``leave`` ends it, on the same thread."""
        self._inside[get_ident()] = perf_counter()
        # Check the flag after registering: `exclusive` sets the flag before it reads `_inside`, so that one side
        # always sees the other.
        while self._is_closed:
            self.leave()
            is_open = self._opened.wait(_MAX_WAIT_S)
            self._inside[get_ident()] = perf_counter()
            if not is_open:
                return

    def try_enter(self) -> bool:
        """Begin a request if the gate is open; False, and nothing is begun, where it would have to wait."""
        self._inside[get_ident()] = perf_counter()
        if self._is_closed:
            self.leave()
            return False
        return True

    def leave(self) -> float | None:
        """End this thread's request. Return the ``perf_counter`` time of its start; None without a request."""
        started = self._inside.pop(get_ident(), None)
        if self._is_closed:
            self._left.set()
        return started

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold back new requests while the context lasts, after running ones have ended (10 s at most)."""
        with self._closing:
            self._opened.clear()
            self._is_closed = True
            try:
                self._drain()
                yield
            finally:
                self._is_closed = False
                self._opened.set()

    def _drain(self) -> None:
        deadline = monotonic() + _DRAIN_S
        while True:
            self._left.clear()
            remaining = deadline - monotonic()
            if not self._inside or remaining <= 0:
                return
            self._left.wait(remaining)
