"""Helpers for the plans of the demonstration datasets."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.seeding.folder_plan import plan_version
from modelarts_emulator.seeding.plan import DatasetPlan, PlannedFile
from modelarts_emulator.seeding.seed_file import SeedLabel, SeedSample, SeedVersion

BUCKET = "demo"
COLOURS = ("#e6553d", "#3d7de6", "#2e9e5b", "#b8860b", "#8e44ad", "#00838f", "#c2185b", "#5d6d7e", "#7cb342", "#f57c00")


def plan_dataset(
    name: str,
    dataset_type: DatasetType,
    files: Mapping[str, Path | bytes],
    *,
    description: str,
    labels: Sequence[str] = (),
    samples: Sequence[SeedSample] = (),
    versions: Sequence[SeedVersion] = (),
) -> DatasetPlan:
    """Plan a dataset in a directory of its name; ``files`` are contents by name. Labels get a colour and a shortcut."""
    place = ObsPath(BUCKET, f"{name}/")
    return DatasetPlan(
        name=name,
        type=dataset_type,
        description=description,
        input=place,
        output=ObsPath(BUCKET, "output/"),
        files=[PlannedFile(content=content, path=place.join(key)) for key, content in files.items()],
        annotations=False,  # the plan has the labels
        labels=[plan_label(each, number) for number, each in enumerate(labels)],
        samples=list(samples),
        versions=[plan_version(version) for version in versions],
    )


def plan_label(name: str, number: int) -> dict[str, Any]:
    """Return a label with a colour and a shortcut of its own, in the form of the API."""
    shortcut = str(number) if number < 10 else None
    return SeedLabel(name=name, color=COLOURS[number % len(COLOURS)], shortcut=shortcut).wire()


def encode_png(image: Image.Image) -> bytes:
    """Return an image as a PNG file."""
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
