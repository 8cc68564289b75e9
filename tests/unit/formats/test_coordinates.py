"""Coordinates: usable numbers, rounding, and the snap to the edge of a picture."""

from __future__ import annotations

import math
from typing import Any

import pytest

from modelarts_emulator.formats.coordinates import LARGEST, number, snap_to_edge


@pytest.mark.parametrize(
    ("value", "expected", "kind"),
    [
        (3, 3, int),
        (3.0, 3, int),
        (-0.0, 0, int),
        (2.5, 2.5, float),
        (2.0000001, 2, int),
        (2.9999999, 3, int),
        (2.000001, 2.000001, float),
        (1.23456789, 1.234568, float),
        (LARGEST - 1, LARGEST - 1, int),
        (1 - LARGEST, 1 - LARGEST, int),
    ],
)
def test_number_is_rounded_and_whole_if_it_can_be(value: float, expected: float, kind: type) -> None:
    found = number(value)
    assert found == expected
    assert type(found) is kind


@pytest.mark.parametrize(
    "value", [True, False, None, "1", [1], math.nan, math.inf, -math.inf, LARGEST, -LARGEST, 10**400]
)
def test_number_refuses_what_is_not_a_usable_number(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a usable number"):
        number(value)


@pytest.mark.parametrize(
    ("value", "limit", "expected"),
    [
        (-0.49, 64, 0),
        (-0.5, 64, -0.5),
        (-1, 64, -1),
        (0, 64, 0),
        (63.9, 64, 63.9),
        (64, 64, 64),
        (64.00001, 64, 64),
        (64.49, 64, 64),
        (64.5, 64, 64.5),
        (66, 64, 66),
        (1e6, math.inf, 1e6),
    ],
)
def test_snap_to_edge_moves_only_what_is_outside_by_less_than_half_a_pixel(
    value: float, limit: float, expected: float
) -> None:
    assert snap_to_edge(value, limit) == expected
