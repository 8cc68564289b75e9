"""The clock that can be moved and stopped."""

from __future__ import annotations

from modelarts_emulator.util.clock import AdjustableClock, SystemClock


class Hand:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.at = 1000

    def now_ms(self) -> int:
        return self.at


def test_clock_unadjusted_shows_the_time_of_its_base() -> None:
    hand = Hand()
    clock = AdjustableClock(hand)
    assert (clock.now_ms(), clock.offset_ms, clock.is_frozen) == (1000, 0, False)
    hand.at = 1500
    assert clock.now_ms() == 1500
    assert abs(AdjustableClock().now_ms() - SystemClock().now_ms()) < 60_000


def test_clock_set_and_advanced_continues_from_there() -> None:
    hand = Hand()
    clock = AdjustableClock(hand)
    clock.advance(500)
    clock.advance(-100)
    hand.at += 10
    assert (clock.now_ms(), clock.offset_ms) == (1410, 400)
    clock.set(9000)
    hand.at += 10
    assert clock.now_ms() == 9010


def test_clock_frozen_changes_only_when_set() -> None:
    hand = Hand()
    clock = AdjustableClock(hand)
    clock.freeze()
    hand.at = 2000
    assert (clock.now_ms(), clock.is_frozen, clock.offset_ms) == (1000, True, -1000)
    clock.advance(5)
    assert clock.now_ms() == 1005
    clock.set(7000)
    assert (clock.now_ms(), clock.is_frozen) == (7000, True)


def test_clock_unfrozen_continues_or_returns_to_real_time() -> None:
    hand = Hand()
    clock = AdjustableClock(hand)
    clock.freeze()
    hand.at = 2000
    clock.unfreeze()
    hand.at = 2100
    assert (clock.now_ms(), clock.is_frozen) == (1100, False)
    clock.freeze()
    clock.real()
    assert (clock.now_ms(), clock.is_frozen, clock.offset_ms) == (2100, False, 0)
