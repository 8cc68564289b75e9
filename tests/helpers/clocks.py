"""Clocks for tests: one that shows a set time, and one that is ahead of the machine's."""

from __future__ import annotations

from modelarts_emulator.util.clock import SystemClock

START_MS = 1_767_225_600_000
"""2026-01-01, midnight UTC, in ms since the epoch."""


class SetClock:
    """A clock that shows ``ms`` until a test sets another time."""

    def __init__(self, ms: int = START_MS) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms


class MovingClock:
    """The machine's time plus ``ahead_ms``, for what is compared with times that clients make."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now_ms(self) -> int:
        return SystemClock().now_ms() + self.ahead_ms
