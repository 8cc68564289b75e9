"""Image classification: handwritten digits with two versions, partly labelled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo.helpers import encode_png, plan_dataset
from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.seeding.plan import DatasetPlan
from modelarts_emulator.seeding.seed_file import SeedSample, SeedVersion

LABELLED, MORE = 20, 100
"""The number of labelled images in the first version, and of those added in the second."""
HARD = 7
SIDE, PER_DIGIT = 32, 20


def plan(folder: Path | None) -> DatasetPlan:
    """Plan a dataset of a folder with one folder for each digit; without the folder, of generated images."""
    files: dict[str, Path | bytes] = dict(_files(folder) if folder else _generated())
    by_number = sorted(files, key=lambda name: name.rpartition("/")[2])
    first, second = by_number[:LABELLED], by_number[LABELLED : LABELLED + MORE]
    return plan_dataset(
        "digits",
        DatasetType.IMAGE_CLASSIFICATION,
        files,
        description="Handwritten digits, partly labelled",
        labels="0123456789",
        samples=[_sample(name) for name in first],
        versions=[
            SeedVersion(name="V001", description="the first digits"),
            SeedVersion(
                name="V002",
                description="more digits, some of them hard examples",
                keep_hard=True,
                samples=[_sample(name, hard=not number % HARD) for number, name in enumerate(second)],
            ),
        ],
    )


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*.png")):
        if path.is_file() and not is_ignored(path.name):
            yield path.relative_to(folder).as_posix(), path


def _sample(name: str, *, hard: bool = False) -> SeedSample:
    return SeedSample(file=name, labels=[name.partition("/")[0]], hard=[1, 8] if hard else False)


def _generated() -> Iterator[tuple[str, bytes]]:
    draw = random.Random(1)
    for number in range(10 * PER_DIGIT):
        digit = str(draw.randrange(10))
        yield f"{digit}/digit-{number:04d}.png", encode_png(picture(digit, draw))


def picture(digit: str, draw: random.Random, side: int = SIDE) -> Image.Image:
    """Return the image of a digit, slightly rotated, dark on a light background."""
    image = Image.new("L", (side, side), 250)
    font = ImageFont.load_default()
    # Without FreeType, Pillow has one small font only: the digit is drawn small and then enlarged.
    small = Image.new("L", (12, 14), 250)
    ImageDraw.Draw(small).text((3, 1), digit, fill=draw.randrange(90), font=font)
    turned = small.rotate(draw.uniform(-15, 15), fillcolor=250, resample=Image.Resampling.BICUBIC)
    image.paste(turned.resize((side * 12 // 14, side), Image.Resampling.BICUBIC), (side // 14, 0))
    return image
