"""Sample counts at the end of each day, for the dataset's metrics.

No timer is needed: the first change of a day stores the counts of the day before, since nothing has changed them since.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelarts_emulator.store.records import Counts, DatasetRecord

DAY_MS = 24 * 60 * 60 * 1000
DayCounts = tuple[int, int, int]
"""Numbers of samples: all, labelled, to be confirmed."""


def with_daily_counts(record: DatasetRecord, before: Counts, now_ms: int) -> DatasetRecord | None:
    """Return the record with the counts before today's first change added; None if they are stored already.

    Args:
        record: the dataset.
        before: its counts before the change.
        now_ms: current time in ms since the epoch.
    """
    day = now_ms // DAY_MS
    if record.counted_day == day:
        return None
    history = dict(record.history)
    if record.counted_day is not None:
        history[str(day - 1)] = (before.total, before.annotated, before.unconfirmed)
    return msgspec.structs.replace(record, history=history, counted_day=day)


def counts_of_day(history: Mapping[str, DayCounts], day: int, current: DayCounts) -> DayCounts:
    """Return the counts at the end of a day.

    Days without a change are not stored: the next stored day has their counts, or ``current`` if there is none.

    Args:
        history: stored counts by day.
        day: number of the day since the epoch, in UTC.
        current: the present counts.
    """
    later = [int(known) for known in history if int(known) >= day]
    return history[str(min(later))] if later else current
