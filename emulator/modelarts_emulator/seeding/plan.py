"""Plans for datasets: files with their object paths, and requests. Making a plan changes nothing."""

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

# The extensions that determine a dataset's type, in order: a text file beside an image contains its labels.
_EXTENSIONS = {
    DatasetType.IMAGE_CLASSIFICATION: IMAGES,
    DatasetType.SOUND_CLASSIFICATION: (".wav",),
    DatasetType.VIDEO: (".mp4",),
    DatasetType.TEXT_CLASSIFICATION: (".txt",),
    DatasetType.TABLE: (".csv",),
}
_INVALID_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A file on disk or its content, and the path of the object to write."""

    content: Path | bytes
    path: ObsPath


class PlannedVersion(NamedTuple):
    """A version to publish: the request, and the sample changes before it."""

    request: dict[str, Any]
    samples: list[SeedSample]


@dataclass(frozen=True, kw_only=True)
class DatasetPlan:
    """A dataset to create. ``input`` is None for a dataset without an input directory of its own."""

    name: str
    type: DatasetType
    output: ObsPath
    input: ObsPath | None
    files: list[PlannedFile]
    description: str = ""
    annotations: bool = True
    manifest: PlannedFile | None = None
    external: list[ObsPath] = field(default_factory=list)
    """Objects that the manifest names and that must exist already."""
    labels: list[dict[str, Any]] = field(default_factory=list)
    samples: list[SeedSample] = field(default_factory=list)
    versions: list[PlannedVersion] = field(default_factory=list)

    def buckets(self) -> list[str]:
        """Return the names of all buckets that it needs."""
        paths = [file.path for file in self.files] + [self.output] + ([self.input] if self.input else [])
        return list(dict.fromkeys(path.bucket for path in paths))


def dataset_name(text: str) -> str:
    """Return a valid dataset name derived from the name of a file or folder."""
    return _INVALID_NAME.sub("-", text).strip("-")[:100] or "dataset"


def type_of(paths: list[str]) -> DatasetType:
    """Return the type of a dataset of these files."""
    matching = (kind for kind, endings in _EXTENSIONS.items() if any(path.lower().endswith(endings) for path in paths))
    found = next(matching, None)
    if found is DatasetType.IMAGE_CLASSIFICATION and directory_layouts.is_detection(paths):
        return DatasetType.OBJECT_DETECTION
    return DatasetType.FREE_FORMAT if found is None else found
