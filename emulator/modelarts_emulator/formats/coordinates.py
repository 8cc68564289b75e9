"""Coordinates that other tools have calculated: their rounding is taken back."""

from __future__ import annotations

import math
from typing import Any

LARGEST = 1e9
_DIGITS = 6
_NEAR = 0.5


def number(value: Any) -> float:
    """A coordinate, as an integer where it is whole. Raises ValueError for what is no number that can be used."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < LARGEST:
        raise ValueError(f"{repr(value)[:40]} is not a number that can be used")
    rounded = round(value, _DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded


def snap_to_edge(value: float, limit: float = math.inf) -> float:
    """A coordinate in pixels; one that lies outside by less than half a pixel is meant to be the edge."""
    value = number(value)
    if -_NEAR < value < 0:
        return 0
    return number(limit) if limit < value < limit + _NEAR else value
