"""Object detection: images with every shape that a label can have."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageDraw

from modelarts_emulator.contract.wire import DatasetType, Shape
from modelarts_emulator.demo.helpers import COLOURS, encode_png, plan_dataset
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedAnnotation, SeedSample

PICTURES, LABELLED, WIDTH, HEIGHT = 8, 6, 480, 320
Points = list[list[float]]


def plan() -> DatasetPlan:
    """Plan a dataset of images with all seven shapes; the last images have no labels."""
    made = list(_pictures())
    return plan_dataset(
        "shapes",
        DatasetType.OBJECT_DETECTION,
        {name: data for name, data, _ in made},
        description="Every shape that a label can have",
        labels=[shape.value for shape in Shape],
        samples=[sample for _, _, sample in made[:LABELLED]],
    )


def _pictures() -> Iterator[tuple[str, bytes, SeedSample]]:
    draw = random.Random(3)
    for number in range(PICTURES):
        image = Image.new("RGB", (WIDTH, HEIGHT), (246, 244, 238))
        pencil = ImageDraw.Draw(image)
        marks: list[str | SeedAnnotation] = []
        for place, shape in enumerate(Shape):
            x, y = 65 + place % 4 * 115 + draw.randint(-8, 8), 85 + place // 4 * 150 + draw.randint(-8, 8)
            feature = _feature(shape, x, y, draw.randint(24, 42))
            _paint(pencil, shape, feature, COLOURS[place])
            property_: dict[str, Any] = {"@modelarts:shape": shape.value, "@modelarts:feature": feature}
            marks.append(SeedAnnotation(name=shape.value, property=property_))
        name = f"shapes-{number}.png"
        yield name, encode_png(image), SeedSample(file=name, labels=marks)


def _feature(shape: Shape, x: float, y: float, size: float) -> Points:
    """Return the coordinates of a shape around a point, in the form of the API; a circle is its centre and radius."""
    if shape is Shape.POINT:
        return [[x, y]]
    if shape is Shape.CIRCLE:
        return [[x, y], [size]]
    if shape is Shape.BNDBOX:
        return [[x - size, y - size * 0.7], [x + size, y + size * 0.7]]
    if shape in (Shape.LINE, Shape.DASHED):
        return [[x - size, y + size / 2], [x + size, y - size / 2]]
    corners = [(size * math.cos(turn), size * math.sin(turn)) for turn in (0.3, 1.5, 2.8, 4.0, 5.2)]
    return [[round(x + dx, 1), round(y + dy, 1)] for dx, dy in corners]


def _paint(pencil: ImageDraw.ImageDraw, shape: Shape, feature: Points, colour: str) -> None:
    points = [(each[0], each[-1]) for each in feature]
    if shape in (Shape.POINT, Shape.CIRCLE):
        (x, y), radius = points[0], feature[1][0] if shape is Shape.CIRCLE else 5
        pencil.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    elif shape is Shape.BNDBOX:
        pencil.rectangle(points, fill=colour)
    elif shape is Shape.POLYGON:
        pencil.polygon(points, fill=colour)
    else:
        pencil.line(points, fill=colour, width=4)
