"""labelme JSON: one file per picture with shapes and their points.

Reference: https://github.com/wkentaro/labelme, the files that the tool saves beside each picture.
"""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import LabelType, Shape
from modelarts_emulator.formats.coordinates import number
from modelarts_emulator.formats.encodings import as_utf8
from modelarts_emulator.formats.voc import FEATURE, SHAPE

MAX_BYTES = 64 * 1024 * 1024
"""The files contain the picture itself in base64."""
# The shapes of labelme that have a counterpart.
_SHAPES = {
    "rectangle": Shape.BNDBOX,
    "polygon": Shape.POLYGON,
    "rotation": Shape.POLYGON,
    "line": Shape.LINE,
    "linestrip": Shape.POLYLINE,
    "point": Shape.POINT,
    "circle": Shape.CIRCLE,
}


class _Shape(msgspec.Struct):
    label: str
    points: list[list[float]]
    shape_type: str | None = None
    """Absent or null in old files, which have polygons only."""


class _LabelmeFile(msgspec.Struct):
    shapes: list[msgspec.Raw]


def read(data: bytes) -> tuple[list[SampleLabel], list[str]] | None:
    """Read the labels of a file, and the problems with single shapes; None if it is not a labelme file."""
    if len(data) > MAX_BYTES:
        return None
    try:
        content = msgspec.json.decode(as_utf8(data), type=_LabelmeFile)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    labels: list[SampleLabel] = []
    problems: list[str] = []
    for index, raw in enumerate(content.shapes):
        try:
            labels.append(_label(msgspec.json.decode(raw, type=_Shape)))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
            problems.append(f"shapes[{index}]: {str(error)[:200]}")
    return labels, problems


def _label(shape: _Shape) -> SampleLabel:
    """Return the label of a shape. Raises ValueError."""
    written = shape.shape_type or "polygon"
    kind = _SHAPES.get(written)
    if kind is None:
        raise ValueError(f"the shape {written[:40]!r} is not supported")
    feature = [[number(value) for value in point] for point in shape.points]
    if any(len(point) != 2 for point in feature):
        raise ValueError("a point must have two numbers")
    if kind is Shape.BNDBOX and len(feature) == 4 and not _is_upright(feature):
        kind = Shape.POLYGON
    if kind is Shape.BNDBOX and len(feature) in (2, 4):  # two opposite corners in any order, or all four
        xs, ys = zip(*feature, strict=True)
        feature = [[min(xs), min(ys)], [max(xs), max(ys)]]
    elif kind is Shape.CIRCLE and len(feature) == 2:  # the centre and a point on the circle
        (cx, cy), (x, y) = feature
        feature = [[cx, cy], [number(((x - cx) ** 2 + (y - cy) ** 2) ** 0.5)]]
    return SampleLabel(
        name=shape.label, type=LabelType.OBJECT_DETECTION, property={SHAPE: kind.value, FEATURE: feature}
    )


def _is_upright(corners: list[list[float]]) -> bool:
    """Return whether four corners are those of a box whose sides are parallel to the picture's."""
    return len({x for x, _ in corners}) == len({y for _, y in corners}) == 2 and len({*map(tuple, corners)}) == 4
