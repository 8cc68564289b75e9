"""The counts of past days, kept without a clock that ticks: a day's are written down by the first change after it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelarts_emulator.store.records import Counts, DatasetRecord

DAY_MS = 24 * 60 * 60 * 1000
DayCounts = tuple[int, int, int]
"""Samples in all, labelled, and to be confirmed."""


def with_daily_counts(record: DatasetRecord, before: Counts, now_ms: int) -> DatasetRecord | None:
    """The record with the counts that locked until now; None where they are of today, or written down already."""
    day = now_ms // DAY_MS
    if record.counted_day == day:
        return None
    history = dict(record.history)
    if record.counted_day is not None:
        history[str(day - 1)] = (before.total, before.annotated, before.unconfirmed)
    return msgspec.structs.replace(record, history=history, counted_day=day)


def counts_of_day(history: Mapping[str, DayCounts], day: int, current: DayCounts) -> DayCounts:
    """The counts at the end of a day: those of the first day since then that was written down, else the current."""
    later = [int(known) for known in history if int(known) >= day]
    return history[str(min(later))] if later else current
