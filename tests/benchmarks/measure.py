"""A figure beside its limit: measured in turns in the same run, the median of several, told as a ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec


class Row(msgspec.Struct, kw_only=True):
    """One line of the table. ``ratio`` is ours to the limit's, of rates or of times."""

    what: str
    beside: str
    size: int
    unit: str
    ours: float
    limit: float
    ratio: float
    target: float
    at_least: bool

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        return self.ratio >= self.target if self.at_least else self.ratio <= self.target


Measure = Callable[[], float]


def rates(what: str, beside: str, size: int, ours: Measure, limit: Measure, target: float, rounds: int) -> Row:
    """Both give something per second; ours is to reach a share of the limit's."""
    return _row(what, beside, size, "/s", ours, limit, target, rounds, at_least=True)


def times(what: str, beside: str, size: int, ours: Measure, limit: Measure, target: float, rounds: int) -> Row:
    """Both take a while; ours is to stay below a multiple of the limit's."""
    return _row(what, beside, size, "ms", ours, limit, target, rounds, at_least=False)


def bound(what: str, size: int, unit: str, ours: float, most: float) -> Row:
    """A figure that is to stay below a fixed bound."""
    return Row(
        what=what,
        beside="—",
        size=size,
        unit=unit,
        ours=ours,
        limit=most,
        ratio=ours / most,
        target=1.0,
        at_least=False,
    )


def _row(
    what: str,
    beside: str,
    size: int,
    unit: str,
    ours: Measure,
    limit: Measure,
    target: float,
    rounds: int,
    *,
    at_least: bool,
) -> Row:
    ours(), limit()  # once for nothing: whatever is loaded on first use is no part of it
    pairs = [(ours(), limit()) for _ in range(rounds)]
    own, other = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    return Row(
        what=what,
        beside=beside,
        size=size,
        unit=unit,
        ours=own,
        limit=other,
        ratio=ratio,
        target=target,
        at_least=at_least,
    )


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Gives a function that tells how many milliseconds it took."""
    start = time.perf_counter()
    end = 0.0
    yield lambda: (end - start) * 1000
    end = time.perf_counter()


def milliseconds(action: Callable[[], object]) -> float:
    """How long a call takes."""
    with timed() as took:
        action()
    return took()


def table(rows: list[Row]) -> str:
    """The rows as text, aligned."""
    head = ("what", "beside", "size", "ours", "limit", "ratio", "to reach", "")
    lines = [head] + [
        (
            row.what,
            row.beside,
            f"{row.size:,}",
            f"{row.ours:,.1f} {row.unit}",
            f"{row.limit:,.1f} {row.unit}",
            f"{row.ratio:.2f}",
            f"{'≥' if row.at_least else '≤'} {row.target:.2f}",
            "holds" if row.holds else "missed",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
