"""``/_emulator/clock``: freeze and move the emulator's time, which time stamps, expiry and ordering follow.

Modification times of files are set by the file system and follow the machine's time.
"""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.util.clock import AdjustableClock

# Years 1970 to 8999: an expiry some time after that is still a valid date.
_FIRST_MS, _LAST_MS = 0, 221_845_392_000_000 - 1


class ClockChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes of the clock, applied in this order; at least one is required."""

    real: bool = False
    """Return to the machine's time."""
    at: int | str | None = None
    """Set the clock: ms since the epoch, or ISO 8601 such as ``2026-01-31T12:00:00Z``; years 1970 to 8999."""
    advance_ms: int | None = None
    """Milliseconds to add; negative numbers go back."""
    freeze: bool | None = None
    """True stops the clock, false lets it continue from its current time."""


class ClockState(msgspec.Struct, kw_only=True):
    """The clock's state."""

    now_ms: int
    """Current time, in ms since the epoch."""
    now: str
    """The same time in ISO 8601, UTC."""
    frozen: bool
    """Whether the clock is stopped."""
    offset_ms: int
    """Milliseconds that the clock is ahead of the machine's time."""


class ClockControl:
    """The endpoints ``/_emulator/clock``."""

    def __init__(self, clock: AdjustableClock) -> None:
        self._clock = clock

    def show_clock(self) -> ClockState:
        """Return the time and whether it is stopped. The clock is global, not per project."""
        now_ms = self._clock.now_ms()
        now = datetime.fromtimestamp(now_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
        return ClockState(
            now_ms=now_ms,
            now=now.replace("+00:00", "Z"),
            frozen=self._clock.is_frozen,
            offset_ms=self._clock.offset_ms,
        )

    def change_clock(self, request: ClockChange) -> ClockState:
        """Stop, set or move the clock of all projects, and return its new state. Raises PARAMETER_INVALID."""
        if request == ClockChange():
            raise ApiError(PARAMETER_INVALID, "at least one of real, at, advance_ms and freeze is required")
        start_ms = _moment(request.at) if request.at is not None else None
        now_ms = self._clock.now_ms() - (self._clock.offset_ms if request.real else 0)
        base_ms = now_ms if start_ms is None else start_ms
        if not _FIRST_MS <= base_ms + (request.advance_ms or 0) <= _LAST_MS:
            raise ApiError(PARAMETER_INVALID, "the time must be from 1970 to 8999")
        if request.real:
            self._clock.real()
        if request.freeze:
            self._clock.freeze()  # before setting, so that no time passes in between
        if start_ms is not None:
            self._clock.set(start_ms)
        if request.advance_ms:
            self._clock.advance(request.advance_ms)
        if request.freeze is False:
            self._clock.unfreeze()
        return self.show_clock()


def _moment(at: int | str) -> int:
    if isinstance(at, int):
        return at
    try:
        moment = datetime.fromisoformat(at[:-1] + "+00:00" if at.endswith(("Z", "z")) else at)
    except ValueError:
        raise ApiError(PARAMETER_INVALID, f"at: {at[:80]!r} is not a time such as 2026-01-31T12:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)
