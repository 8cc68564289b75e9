"""labelme JSON: each shape, bad shapes, and files that are not labelme."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modelarts_emulator.formats import labelme
from modelarts_emulator.formats.voc import FEATURE, SHAPE


def document(*shapes: Any) -> bytes:
    return json.dumps({"version": "5.0", "shapes": shapes, "imagePath": "a.jpg", "imageData": None}).encode()


@pytest.mark.parametrize(
    ("kind", "points", "shape", "feature"),
    [
        ("rectangle", [[9, 8], [1, 2]], "bndbox", [[1, 2], [9, 8]]),
        ("rectangle", [[1, 8], [9, 2]], "bndbox", [[1, 2], [9, 8]]),
        ("polygon", [[1, 1], [9, 1], [5, 7.5]], "polygon", [[1, 1], [9, 1], [5, 7.5]]),
        ("line", [[1, 1], [9, 1]], "line", [[1, 1], [9, 1]]),
        ("linestrip", [[1, 1], [9, 1], [9, 9]], "polyline", [[1, 1], [9, 1], [9, 9]]),
        ("point", [[3, 4]], "point", [[3, 4]]),
        ("circle", [[10, 10], [13, 14]], "circle", [[10, 10], [5]]),
    ],
)
def test_labelme_shape_is_read(kind: str, points: Any, shape: str, feature: Any) -> None:
    found = labelme.read(document({"label": "cat", "points": points, "shape_type": kind}))
    assert found is not None
    (label,), problems = found
    assert (label.name, label.property, problems) == ("cat", {SHAPE: shape, FEATURE: feature}, [])


def test_labelme_shape_without_a_type_is_a_polygon() -> None:
    found = labelme.read(document({"label": "cat", "points": [[1, 1], [9, 1], [5, 7]]}))
    assert found is not None
    assert (found[0][0].property or {})[SHAPE] == "polygon"


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ({"label": "a", "points": [[1, 1]], "shape_type": "mask"}, "'mask' is not supported"),
        ({"label": "a", "points": [[1]], "shape_type": "point"}, "two numbers"),
        ({"label": "a", "points": [[1, 1e300]], "shape_type": "point"}, "not a usable number"),
        ({"points": [[1, 1]], "shape_type": "point"}, "label"),
        (7, "object"),
    ],
)
def test_labelme_shape_that_is_bad_costs_only_itself(shape: Any, why: str) -> None:
    good = {"label": "good", "points": [[1, 1]], "shape_type": "point"}
    found = labelme.read(document(good, shape, good))
    assert found is not None
    labels, (problem,) = found
    assert [label.name for label in labels] == ["good", "good"]
    assert problem.startswith("shapes[1]: ") and why in problem and len(problem) < 300


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"images": []}', b"\xff", b'{"shapes": 1}', b"[" * 100_000])
def test_other_json_is_not_labelme(data: bytes) -> None:
    assert labelme.read(data) is None
