"""A bucket of files, as the readers of directories see it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import LabelType, SampleType
from modelarts_emulator.formats import voc
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store import SampleRecord
from tests.helpers.places import FIXTURES

GOLDEN = FIXTURES / "formats"
SCENES = sorted((FIXTURES / "scenes").glob("*.jpg"))


class Place:
    """A bucket named ``bucket``, with one directory ``data/`` in it."""

    directory = "bucket/data/"

    def __init__(self, root: Path) -> None:
        self.root = root / "bucket/data"
        self.root.mkdir(parents=True)
        self.tree = ObjectTree(root / "buckets", {"bucket": root / "bucket"}, fsync=False)

    def write(self, name: str, data: bytes | str = b"") -> Path:
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return file

    def golden(self, folder: str) -> None:
        """Copy a folder of golden files here."""
        shutil.copytree(GOLDEN / folder, self.root, dirs_exist_ok=True)

    def scene(self, number: int) -> SampleRecord:
        """Copy a picture of the demo here; the sample has the boxes of the VOC file beside the original."""
        shutil.copy(SCENES[number], self.root)
        sample = self.sample(SCENES[number].name, shape=(320, 240, 3))
        sample.labels = voc.read(SCENES[number].with_suffix(".xml").read_bytes()).labels
        return sample

    def sample(self, name: str, *labels: SampleLabel, shape: tuple[int, int, int] = (64, 48, 3)) -> SampleRecord:
        path = self.directory + name
        return SampleRecord(id="", path=path, type=SampleType.IMAGE, time=0, shape=shape, labels=list(labels))

    def sparse(self, name: str, size: int = 1 << 30) -> None:
        """A file of zeros that takes no room."""
        with self.write(name).open("r+b") as file:
            file.truncate(size)

    def entries(self, ending: str = "") -> list[ObjectEntry]:
        found = self.tree.walk(ObsPath.directory(f"/{self.directory}"))
        return [entry for entry in found if entry.path.endswith(ending)]

    def open(self, path: str) -> BinaryIO:
        return self.tree.open(ObsPath.parse(f"/{path}"))


def drawn(name: str, shape: str, feature: list[list[float]], score: float | None = None) -> SampleLabel:
    return SampleLabel(
        name=name,
        type=LabelType.OBJECT_DETECTION,
        property={voc.SHAPE: shape, voc.FEATURE: feature},
        score=score,
    )


def parted(items: Iterable[SampleRecord | Problem]) -> tuple[dict[str, SampleRecord], list[str]]:
    """Samples by their names, and what is wrong."""
    samples: dict[str, SampleRecord] = {}
    problems = []
    for item in items:
        if isinstance(item, Problem):
            problems.append(str(item))
        else:
            assert item.path not in samples
            samples[item.path] = item
    return {path.removeprefix(Place.directory): sample for path, sample in samples.items()}, problems


def shapes(sample: SampleRecord) -> list[tuple[str | None, str, list[list[float]]]]:
    """What is drawn on a picture, briefly."""
    return [(label.name, *(label.property or {}).values()) for label in sample.labels]  # type: ignore[misc]
