"""The one source of time. Everything that stamps, orders or expires asks the injected clock."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


class SystemClock:
    """The machine's own time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return time.time_ns() // 1_000_000


class AdjustableClock:
    """The time of another clock, until it is moved or stopped. Thread-safe."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base: Clock = base or SystemClock()
        self._is_system = type(self._base) is SystemClock
        self._adjusting = threading.Lock()
        # Where it stands still, and how far it is off: replaced as one, so that asking for the time needs no lock.
        self._state: tuple[int | None, int] = (None, 0)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        frozen_ms, offset_ms = self._state
        if frozen_ms is not None:
            return frozen_ms
        # Most requests read the time more than once, nearly always that of the machine.
        base_ms = time.time_ns() // 1_000_000 if self._is_system else self._base.now_ms()
        return base_ms + offset_ms

    @property
    def is_frozen(self) -> bool:
        """Whether the time stands still."""
        return self._state[0] is not None

    @property
    def offset_ms(self) -> int:
        """How far it is ahead of the other clock just now."""
        frozen_ms, offset_ms = self._state
        return offset_ms if frozen_ms is None else frozen_ms - self._base.now_ms()

    @property
    def adjustment(self) -> tuple[int | None, int]:
        """How it has been moved or stopped, to be given to ``adjust``."""
        return self._state

    def adjust(self, adjustment: tuple[int | None, int]) -> None:
        """Move or stop it as it has been before."""
        with self._adjusting:
            self._state = adjustment

    def set(self, at_ms: int) -> None:
        """Make it this time now, in milliseconds since the epoch; a frozen clock stays frozen."""
        with self._adjusting:
            self._set(at_ms)

    def advance(self, by_ms: int) -> None:
        """Move on by so many milliseconds; a frozen clock stays frozen."""
        with self._adjusting:
            self._set(self.now_ms() + by_ms)

    def freeze(self) -> None:
        """Let the time stand still."""
        with self._adjusting:
            self._state = (self.now_ms(), 0)

    def unfreeze(self) -> None:
        """Let the time go on from where it stands."""
        with self._adjusting:
            self._state = (None, self.offset_ms)

    def real(self) -> None:
        """Show the other clock's time again."""
        with self._adjusting:
            self._state = (None, 0)

    def _set(self, at_ms: int) -> None:
        self._state = (at_ms, 0) if self.is_frozen else (None, at_ms - self._base.now_ms())
