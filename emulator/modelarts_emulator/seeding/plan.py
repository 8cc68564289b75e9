"""What is to be done for each dataset: files with the places they go to, and requests. Nothing is changed here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.contract.dataset_types import IMAGES
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.formats import directory_layouts
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.seeding.seed_file import SeedSample

# Which endings tell a dataset's type, those first that tell more: a text beside a picture is its labels.
_TELLING = {
    DatasetType.IMAGE_CLASSIFICATION: IMAGES,
    DatasetType.SOUND_CLASSIFICATION: (".wav",),
    DatasetType.VIDEO: (".mp4",),
    DatasetType.TEXT_CLASSIFICATION: (".txt",),
    DatasetType.TABLE: (".csv",),
}
_NOT_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A file on the disk, or its content, and the object that it becomes."""

    content: Path | bytes
    path: ObsPath


class PlannedVersion(NamedTuple):
    """A version to publish: the request, and what is changed before it."""

    request: dict[str, Any]
    samples: list[SeedSample]


@dataclass(frozen=True, kw_only=True)
class DatasetPlan:
    """A dataset to be made. ``input`` is empty for one that has no input directory of its own."""

    name: str
    type: DatasetType
    output: ObsPath
    input: ObsPath | None
    files: list[PlannedFile]
    description: str = ""
    annotations: bool = True
    manifest: PlannedFile | None = None
    external: list[ObsPath] = field(default_factory=list)
    """Objects that the manifest names and that must be there already."""
    labels: list[dict[str, Any]] = field(default_factory=list)
    samples: list[SeedSample] = field(default_factory=list)
    versions: list[PlannedVersion] = field(default_factory=list)

    def buckets(self) -> list[str]:
        """Every bucket that it needs."""
        paths = [file.path for file in self.files] + [self.output] + ([self.input] if self.input else [])
        return list(dict.fromkeys(path.bucket for path in paths))


def dataset_name(text: str) -> str:
    """A name that a dataset can have, after that of a file or folder."""
    return _NOT_NAME.sub("-", text).strip("-")[:100] or "dataset"


def type_of(paths: list[str]) -> DatasetType:
    """The type of a dataset of these files."""
    told = (kind for kind, endings in _TELLING.items() if any(path.lower().endswith(endings) for path in paths))
    found = next(told, None)
    if found is DatasetType.IMAGE_CLASSIFICATION and directory_layouts.has_annotations(
        DatasetType.OBJECT_DETECTION, paths
    ):
        return DatasetType.OBJECT_DETECTION
    return DatasetType.FREE_FORMAT if found is None else found
