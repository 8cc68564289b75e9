"""A gate in front of the services: while everything is exchanged, requests wait outside, and none is left inside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from time import monotonic, perf_counter

# Who waits longer than this is let in all the same: a client would have given up.
_MOST_S = 120.0
# So long it is waited for requests that are inside already; one that takes longer is not disturbed by much.
_DRAIN_S = 10.0


class RequestGate:
    """Open, until ``exclusive`` is entered. Thread-safe; one at a time closes it."""

    def __init__(self) -> None:
        self._closing = threading.Lock()
        self._opened = threading.Event()
        self._opened.set()
        self._left = threading.Event()
        self._is_closed = False
        # The threads that serve a request, and since when. One operation of a dictionary needs no lock.
        self._inside: dict[int, float] = {}

    def enter(self) -> None:
        """Begin a request, once it is open; ``leave`` ends it, on the same thread."""
        self._inside[get_ident()] = perf_counter()
        # Looked at only now: who closes it looks at who is inside only after that.
        while self._is_closed:
            self.leave()
            is_open = self._opened.wait(_MOST_S)
            self._inside[get_ident()] = perf_counter()
            if not is_open:
                return

    def leave(self) -> float | None:
        """End a request, and return when it was begun, as ``perf_counter`` tells it; None where none was."""
        started = self._inside.pop(get_ident(), None)
        if self._is_closed:
            self._left.set()
        return started

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no request in meanwhile; who is in already is waited for."""
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
            rest = deadline - monotonic()
            if not self._inside or rest <= 0:
                return
            self._left.wait(rest)
