"""A gate in front of the services: while everything is exchanged, requests wait outside, and none is left inside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

# Who waits longer than this is let in all the same: a client would have given up.
_MOST_S = 120.0
# So long it is waited for requests that are inside already; one that takes longer is not disturbed by much.
_DRAIN_S = 10.0


class Quiet:
    """Open, until ``closed`` is entered. Thread-safe; one at a time closes it."""

    def __init__(self) -> None:
        self._closing = threading.Lock()
        self._opened = threading.Event()
        self._opened.set()
        self._left = threading.Event()
        self._is_closed = False
        # The threads that serve a request. One operation of a dictionary needs no lock.
        self._inside: dict[int, None] = {}

    def enter(self) -> None:
        """Begin a request, once it is open; ``leave`` ends it, on the same thread."""
        thread = get_ident()
        self._inside[thread] = None
        # Looked at only now: who closes it looks at who is inside only after that.
        while self._is_closed:
            self.leave()
            is_open = self._opened.wait(_MOST_S)
            self._inside[thread] = None
            if not is_open:
                return

    def leave(self) -> None:
        """End a request. No effect where none was begun."""
        self._inside.pop(get_ident(), None)
        if self._is_closed:
            self._left.set()

    @contextmanager
    def closed(self) -> Iterator[None]:
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
        deadline = time.monotonic() + _DRAIN_S
        while True:
            self._left.clear()
            rest = deadline - time.monotonic()
            if not self._inside or rest <= 0:
                return
            self._left.wait(rest)
