"""The sizes of the parts of an object, kept after its multipart upload so that a part can be read by its number.

They are stored in groups of equal sizes, as ``5242880*99,1024``: most uploads have two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

STORED = "part-sizes"
"""The stored header that has the sizes, without the dialect's prefix."""


_GROUP = re.compile(r"(\d{1,18})\*(\d{1,5})")


class PlacedPart(NamedTuple):
    """A part of an object: its first byte, and the byte after its last."""

    number: int
    start: int
    stop: int


def encode_sizes(sizes: Iterable[int]) -> str:
    """Return sizes in bytes in the form in which they are stored."""
    return ",".join(f"{size}*{sum(1 for _ in equal)}" for size, equal in groupby(sizes))


def count_parts(stored: str) -> int:
    """Return how many parts an object has; none are stored for one that was written at once."""
    return sum(count for _, count in _groups(stored))


def find_part(stored: str, number: int) -> PlacedPart | None:
    """Return a part by its number, from 1 on; None if there is no such part."""
    start, left = 0, number - 1
    for size, count in _groups(stored):
        if left < count:
            return PlacedPart(number, start + left * size, start + (left + 1) * size) if left >= 0 else None
        start, left = start + size * count, left - count
    return None


def placed_parts(stored: str, after: int, limit: int) -> list[PlacedPart]:
    """Return at most ``limit`` parts with numbers above ``after``."""
    numbers = range(max(after, 0) + 1, min(count_parts(stored), after + limit) + 1)
    return [part for number in numbers if (part := find_part(stored, number))]


def _groups(stored: str) -> Iterator[tuple[int, int]]:
    for size, count in _GROUP.findall(stored):
        yield int(size), int(count)
