"""The gate that every decoding of a picture passes: it bounds the bytes that all pictures in work need together.

A file of some kilobytes can contain a picture that needs hundreds of megabytes when decoded, and several requests
decode pictures concurrently. Reading headers decodes nothing and does not pass the gate.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.contract.storage_errors import SERVICE_UNAVAILABLE

BUDGET_BYTES = 1 << 30
# Each waiting request occupies one of the server's eight threads; the others must remain for other requests.
MAX_WAITING = 4
WAIT_S = 10.0


class PictureGate:
    """Admits work on pictures up to a number of bytes. Thread-safe.

    A small picture may overtake a large one that waits, so that thumbnails are not delayed.

    Args:
        budget_bytes: the bytes that all admitted work may need together.
        max_waiting: the number of requests that wait; more are refused.
        wait_s: the seconds after which a waiting request is refused.
    """

    def __init__(
        self, budget_bytes: int = BUDGET_BYTES, *, max_waiting: int = MAX_WAITING, wait_s: float = WAIT_S
    ) -> None:
        self.budget_bytes = budget_bytes
        self._max_waiting = max_waiting
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._used = 0
        self._peak = 0
        self._waiting = 0

    @property
    def used_bytes(self) -> int:
        """Bytes of the admitted work."""
        return self._used

    @property
    def peak_bytes(self) -> int:
        """The largest number of bytes that were admitted at one time."""
        return self._peak

    @property
    def waiting(self) -> int:
        """Number of requests that wait."""
        return self._waiting

    @contextmanager
    def admit(self, needed_bytes: int, *, patiently: bool = False) -> Iterator[None]:
        """Wait until the budget has room for some bytes, and count them until the block ends.

        A background task waits ``patiently``: as long as it takes, and beside those whose number is limited.

        Raises:
            ApiError: PARAMETER_INVALID if the whole budget is too small; SERVICE_UNAVAILABLE if too many wait, or if
                the wait takes too long.
        """
        if needed_bytes > self.budget_bytes:
            reason = f"the picture needs {needed_bytes} bytes of memory, more than {self.budget_bytes}"
            raise ApiError(PARAMETER_INVALID, f"x-image-process: {reason}")
        with self._changed:
            if not self._has_room(needed_bytes):
                if patiently:
                    self._changed.wait_for(lambda: self._has_room(needed_bytes))
                else:
                    self._wait(needed_bytes)
            self._used += needed_bytes
            self._peak = max(self._peak, self._used)
        try:
            yield
        finally:
            with self._changed:
                self._used -= needed_bytes
                self._changed.notify_all()

    def _has_room(self, needed_bytes: int) -> bool:
        return self._used + needed_bytes <= self.budget_bytes

    def _wait(self, needed_bytes: int) -> None:
        """Wait for room, with the lock released. Raises ApiError."""
        if self._waiting >= self._max_waiting:
            raise ApiError(SERVICE_UNAVAILABLE, "too many pictures are being processed")
        self._waiting += 1
        try:
            if not self._changed.wait_for(lambda: self._has_room(needed_bytes), self._wait_s):
                raise ApiError(SERVICE_UNAVAILABLE, "too many pictures are being processed")
        finally:
            self._waiting -= 1


PROCESS_GATE = PictureGate()
"""The gate of this process: several emulators in one process share its memory."""
