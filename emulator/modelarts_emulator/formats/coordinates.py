"""Coordinates calculated by other tools: remove the effects of their rounding."""

from __future__ import annotations

import math
from typing import Any

LARGEST = 1e9
_DIGITS = 6
_NEAR = 0.5


def number(value: Any) -> float:
    """Return a coordinate, as an integer if it is whole. Raises ValueError if it is not a finite number below 1e9."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < LARGEST:
        raise ValueError(f"{repr(value)[:40]} is not a usable number")
    rounded = round(value, _DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded


def snap_to_edge(value: float, limit: float = math.inf) -> float:
    """Return a coordinate in pixels. One that is outside by less than half a pixel is moved to the edge."""
    value = number(value)
    if -_NEAR < value < 0:
        return 0
    return number(limit) if limit < value < limit + _NEAR else value
