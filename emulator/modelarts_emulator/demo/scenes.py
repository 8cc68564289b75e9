"""Object detection: images with digits in boxes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo import digits
from modelarts_emulator.demo.helpers import encode_png, plan_dataset
from modelarts_emulator.formats import voc
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedAnnotation, SeedSample, SeedVersion

GENERATED, WIDTH, HEIGHT = 12, 320, 240


def plan(folder: Path | None) -> DatasetPlan:
    """Plan a dataset of a folder's images with their VOC files; without the folder, of generated images."""
    files: dict[str, Path | bytes]
    if folder:
        files = {path.name: path for path in sorted(folder.glob("*.jpg"))}
        samples = [SeedSample(file=name, labels=_boxes(folder / name)) for name in files]
    else:
        generated = list(_generated())
        files, samples = {name: data for name, data, _ in generated}, [sample for _, _, sample in generated]
    return plan_dataset(
        "scenes",
        DatasetType.OBJECT_DETECTION,
        files,
        description="Digits in images, with boxes",
        labels="0123456789",
        samples=samples,
        versions=[SeedVersion(name="V001", description="all boxes")],
    )


def _boxes(picture: Path) -> list[str | SeedAnnotation]:
    found = voc.read(picture.with_suffix(".xml").read_bytes())
    return [SeedAnnotation(name=label.name, property=label.property or {}) for label in found.labels]


def _generated() -> Iterator[tuple[str, bytes, SeedSample]]:
    draw = random.Random(2)
    for number in range(GENERATED):
        image = Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB")
        marks: list[str | SeedAnnotation] = []
        for column in range(draw.randint(2, 4)):
            name, side = str(draw.randrange(10)), draw.randint(40, 64)
            x, y = column * 78 + draw.randint(4, 12), draw.randint(4, HEIGHT - side - 4)
            image.paste(digits.picture(name, draw, side).convert("RGB"), (x, y))
            marks.append(SeedAnnotation(name=name, box=[x, y, x + side, y + side]))
        name = f"scene-{number:02d}.png"
        yield name, encode_png(image), SeedSample(file=name, labels=marks)
