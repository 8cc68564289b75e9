"""The clock of the emulator: the only source of the time of day, injected wherever a time is stored or compared."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Gives the time of day."""

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


class AdjustableClock:
    """A clock that can be set, advanced and frozen; until then it shows the time of its base. Thread-safe.

    Example:
        >>> clock = AdjustableClock()
        >>> clock.freeze()
        >>> before = clock.now_ms()
        >>> clock.advance(60_000)
        >>> clock.now_ms() - before
        60000
    """

    def __init__(self, base: Clock | None = None) -> None:
        self._base: Clock = base or SystemClock()
        self._is_system = type(self._base) is SystemClock
        self._adjusting = threading.Lock()
        # The frozen time or None, and the offset from the base. One tuple, so that reading it needs no lock.
        self._state: tuple[int | None, int] = (None, 0)

    def __repr__(self) -> str:
        return f"<AdjustableClock at {self.now_ms()} ms{', frozen' if self.is_frozen else ''}>"

    def now_ms(self) -> int:
        """Return the time in milliseconds since the epoch."""
        frozen_ms, offset_ms = self._state
        if frozen_ms is not None:
            return frozen_ms
        # A request reads the time several times, nearly always that of the machine: spares a call each time.
        base_ms = time.time_ns() // 1_000_000 if self._is_system else self._base.now_ms()
        return base_ms + offset_ms

    @property
    def is_frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._state[0] is not None

    @property
    def offset_ms(self) -> int:
        """The difference from the base in milliseconds; positive if this clock is ahead."""
        frozen_ms, offset_ms = self._state
        return offset_ms if frozen_ms is None else frozen_ms - self._base.now_ms()

    @property
    def adjustment(self) -> tuple[int | None, int]:
        """The present adjustment, an argument for ``adjust``: the frozen time or None, and the offset, in ms."""
        return self._state

    def adjust(self, adjustment: tuple[int | None, int]) -> None:
        """Restore an earlier value of ``adjustment``."""
        with self._adjusting:
            self._state = adjustment

    def set(self, at_ms: int) -> None:
        """Set the time, in milliseconds since the epoch; a frozen clock stays frozen."""
        with self._adjusting:
            self._set(at_ms)

    def advance(self, by_ms: int) -> None:
        """Advance the time by milliseconds, back if negative; a frozen clock stays frozen."""
        with self._adjusting:
            self._set(self.now_ms() + by_ms)

    def freeze(self) -> None:
        """Freeze the clock at the present time."""
        with self._adjusting:
            self._state = (self.now_ms(), 0)

    def unfreeze(self) -> None:
        """Let a frozen clock continue from its time."""
        with self._adjusting:
            self._state = (None, self.offset_ms)

    def real(self) -> None:
        """Remove all adjustments: show the time of the base."""
        with self._adjusting:
            self._state = (None, 0)

    def _set(self, at_ms: int) -> None:
        self._state = (at_ms, 0) if self.is_frozen else (None, at_ms - self._base.now_ms())
