"""Plan a dataset from a manifest and the files that it names: files beside it, or existing objects."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelarts_emulator.contract.dataset_types import DATASET_TYPES, DatasetTypeTraits
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.formats.manifest import MAX_LINE_BYTES, SEGMENTATION, TYPE_NAMES
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.seeding import BUCKET
from modelarts_emulator.seeding.plan import DatasetPlan, PlannedFile, dataset_name, type_of

_CONTENT = "content://"
_SCHEMES = ("obs://", "s3://", "s3a://", "/")
_VIDEO = "@modelarts:parent_source"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest to import, its files, and the objects that must exist already."""

    type: DatasetType
    manifest: PlannedFile
    files: list[PlannedFile]
    external: list[ObsPath]


def plan_manifest(path: Path) -> DatasetPlan:
    """Plan a dataset of a manifest's samples. Raises UsageError, which names the invalid line."""
    name = dataset_name(path.stem)
    found = read_manifest(path, name)
    return DatasetPlan(
        name=name,
        type=found.type,
        input=None,
        output=ObsPath(BUCKET, "output/"),
        files=found.files,
        manifest=found.manifest,
        external=found.external,
    )


def read_manifest(path: Path, name: str) -> Manifest:
    """Read the manifest of the dataset called ``name``. Raises UsageError."""
    reader = _ManifestResolver(path, name)
    try:
        with path.open("rb") as stream:
            number = 0
            while raw := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                reader.line(number, raw.removeprefix(_BOM).strip() if number == 1 else raw.strip())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    return reader.manifest()


def is_manifest(path: Path) -> bool:
    """Return True if a file is a manifest, by its extension or its first line."""
    if path.suffix == ".manifest":
        return True
    try:
        with path.open("rb") as stream:
            first = json.loads(stream.readline(MAX_LINE_BYTES).removeprefix(_BOM))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and isinstance(first.get("source"), str)


class _ManifestResolver:
    """Finds the files that the lines name, and replaces relative paths with object URIs."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._folder = path, path.parent.resolve()
        self._own = ObsPath(BUCKET, f"{name}/")
        self._name = name
        self._lines: list[str] = []
        self._files: dict[ObsPath, Path | None] = {}
        self._types: set[str] = set()
        self._has_frames = False
        self._number = 0

    def line(self, number: int, raw: bytes) -> None:
        """Add a line of the manifest. Raises UsageError."""
        self._number = number
        if not raw:
            return
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise self._wrong(f"invalid JSON: {error}") from None
        if not isinstance(line, dict) or not isinstance(line.get("source"), str):
            raise self._wrong("not a JSON object with a string `source`")
        if not line["source"].startswith(_CONTENT):
            line["source"] = self._found(line["source"])
        of_frame = line.get("property")
        if isinstance(of_frame, dict) and isinstance(of_frame.get(_VIDEO), str):
            of_frame[_VIDEO] = self._found(of_frame[_VIDEO])
            self._has_frames = True
        annotations = line.get("annotation") or []
        if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
            raise self._wrong("`annotation` must be a list of JSON objects")
        for each in annotations:
            self._types.add(str(each.get("type", "")))
            if isinstance(each.get("annotation-loc"), str):
                each["annotation-loc"] = self._found(each["annotation-loc"])
        self._lines.append(json.dumps(line, ensure_ascii=False))

    def manifest(self) -> Manifest:
        """Return the manifest after its last line. Raises UsageError if it is empty."""
        if not self._lines:
            raise UsageError(f"{self._path}: the manifest is empty")
        text = "".join(f"{line}\n" for line in self._lines)
        return Manifest(
            type=self._type(),
            manifest=PlannedFile(content=text.encode(), path=ObsPath(BUCKET, f"manifests/{self._name}.manifest")),
            files=[PlannedFile(content=place, path=path) for path, place in self._files.items() if place is not None],
            external=[path for path, place in self._files.items() if place is None],
        )

    def _found(self, uri: str) -> str:
        """Return the URI of a file that a line names; a relative path becomes an object of the dataset's own folder."""
        try:
            path = ObsPath.parse(uri) if uri.startswith(_SCHEMES) else self._own.join(uri)
        except ApiError as error:
            raise self._wrong(error.message) from None
        if path.is_directory:
            raise self._wrong(f"{uri!r} is not the path of a file")
        if path not in self._files:
            relative = uri if not uri.startswith(_SCHEMES) else path.object_name
            self._files[path] = self._beside(relative)
            if self._files[path] is None and not uri.startswith(_SCHEMES):
                raise self._wrong(f"{uri!r} does not exist beside the manifest")
        return path.uri()

    def _beside(self, name: str) -> Path | None:
        """Return the file below the manifest's folder that matches the longest end of a path; links must stay in it."""
        parts = name.split("/")
        for start in range(len(parts)):
            place = self._folder.joinpath(*parts[start:])
            if place.is_file() and place.resolve().is_relative_to(self._folder):
                return place
        return None

    def _type(self) -> DatasetType:
        if self._has_frames:
            return DatasetType.VIDEO
        found = {f"modelarts/{name.removeprefix('modelarts/')}" for name in self._types}
        # If the annotations suit two types, the first one is the type with fewer kinds of labels.
        names = {dataset_type: _names(dataset_type, kind) for dataset_type, kind in DATASET_TYPES.items()}
        for dataset_type in sorted(names, key=lambda each: len(names[each])):
            if found and found <= names[dataset_type]:
                return dataset_type
        return type_of([path.key for path in self._files]) if self._files else DatasetType.TEXT_CLASSIFICATION

    def _wrong(self, why: Any) -> UsageError:
        return UsageError(f"{self._path}, line {self._number}: {why}")


def _names(dataset_type: DatasetType, kind: DatasetTypeTraits) -> set[str]:
    """Return the annotation type names of a dataset type."""
    masks = {SEGMENTATION} if dataset_type is DatasetType.OBJECT_DETECTION else set()
    return {TYPE_NAMES[label_type] for label_type in kind.labels} | masks
