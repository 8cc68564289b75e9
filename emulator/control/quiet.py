"""A gate in front of the services: while everything is exchanged, requests wait outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Who waits longer than this is let in all the same: a client would have given up.
_MOST_S = 120.0


class Quiet:
    """Open, until ``closed`` is entered. Thread-safe; one at a time closes it."""

    def __init__(self) -> None:
        self._closing = threading.Lock()
        self._opened = threading.Event()
        self._opened.set()
        self.is_closed = False
        """Whether requests have to wait; looked at for each of them."""

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let no request in meanwhile; who is in already goes on."""
        with self._closing:
            self._opened.clear()
            self.is_closed = True
            try:
                yield
            finally:
                self.is_closed = False
                self._opened.set()

    def wait(self) -> None:
        """Return when it is open."""
        self._opened.wait(_MOST_S)
