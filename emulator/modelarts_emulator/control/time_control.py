"""``/_emulator/clock``: the emulator's time. Time stamps, expiry and ordering all follow it; files keep their own."""

from __future__ import annotations

from datetime import datetime, timezone

import msgspec

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.util.clock import AdjustableClock

# Years 1970 to 8999: what expires a while after that can still be written as a time.
_FIRST_MS, _LAST_MS = 0, 221_845_392_000_000 - 1


class ClockChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be done, in this order; at least one of them."""

    real: bool = False
    """Show the machine's time again."""
    at: int | str | None = None
    """Make it this time: milliseconds since the epoch, or as ``2026-01-31T12:00:00Z``."""
    advance_ms: int | None = None
    """Move on, or back below 0."""
    freeze: bool | None = None
    """Let the time stand still, or go on from where it stands."""


class ClockState(msgspec.Struct, kw_only=True):
    """What time it is."""

    now_ms: int
    now: str
    frozen: bool
    offset_ms: int
    """How far it is ahead of the machine's time."""


class ClockControl:
    """The endpoints."""

    def __init__(self, clock: AdjustableClock) -> None:
        self._clock = clock

    def show_clock(self) -> ClockState:
        """What time it is."""
        now_ms = self._clock.now_ms()
        now = datetime.fromtimestamp(now_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
        return ClockState(
            now_ms=now_ms,
            now=now.replace("+00:00", "Z"),
            frozen=self._clock.is_frozen,
            offset_ms=self._clock.offset_ms,
        )

    def change_clock(self, request: ClockChange) -> ClockState:
        """Stop, move or put back the time; then what time it is. Raises PARAMETER_INVALID."""
        if request == ClockChange():
            raise ApiError(PARAMETER_INVALID, "one of real, at, advance_ms and freeze is needed")
        start_ms = _moment(request.at) if request.at is not None else None
        now_ms = self._clock.now_ms() - (self._clock.offset_ms if request.real else 0)
        base_ms = now_ms if start_ms is None else start_ms
        if not _FIRST_MS <= base_ms + (request.advance_ms or 0) <= _LAST_MS:
            raise ApiError(PARAMETER_INVALID, "the time must be from 1970 to 8999")
        if request.real:
            self._clock.real()
        if request.freeze:
            self._clock.freeze()  # before it is set, or it would go on until it is stopped
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
        raise ApiError(PARAMETER_INVALID, f"at: {at[:80]!r} is no time such as 2026-01-31T12:00:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)
