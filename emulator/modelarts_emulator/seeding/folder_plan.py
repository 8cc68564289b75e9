"""Plans for folders of files, and for the datasets of a seed file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import is_ignored
from modelarts_emulator.seeding import BUCKET, manifest_plan
from modelarts_emulator.seeding.plan import DatasetPlan, PlannedFile, PlannedVersion, dataset_name, type_of
from modelarts_emulator.seeding.seed_file import SeedDataset, SeedFile, SeedVersion, names

TEXTS_FILE = "texts.txt"


def plan_folder(folder: Path) -> DatasetPlan:
    """Plan a dataset of all files of a folder; their extensions determine its type. Raises UsageError without files."""
    name = dataset_name(folder.name)
    dataset = SeedDataset(name=name, files=str(folder))
    return plan_dataset(dataset, folder.parent)


def plan_seed_file(seed: SeedFile, base: Path) -> list[DatasetPlan]:
    """Plan the datasets of a seed file; its paths are relative to ``base``. Raises UsageError."""
    return [plan_dataset(dataset, base) for dataset in seed.datasets]


def plan_dataset(dataset: SeedDataset, base: Path) -> DatasetPlan:
    """Plan one dataset of a seed file. Raises UsageError for files that do not exist."""
    input_ = _directory(dataset, "input", dataset.input or f"/{BUCKET}/{dataset.name}/")
    output = _directory(dataset, "output", dataset.output or f"/{BUCKET}/output/")
    files = [
        PlannedFile(content=place, path=_object(dataset, input_, name))
        for given in names(dataset.files)
        for place, name in _files(dataset, base / Path(given).expanduser())
    ]
    texts = "".join(f"{sample.text}\n" for sample in dataset.samples if sample.text is not None)
    if texts:
        files.append(PlannedFile(content=texts.encode(), path=input_.join(TEXTS_FILE)))
    _require_distinct_names(dataset, files)
    manifest = manifest_plan.read_manifest(base / dataset.manifest, dataset.name) if dataset.manifest else None
    return DatasetPlan(
        name=dataset.name,
        type=_type(dataset, files, manifest),
        description=dataset.description,
        input=input_ if files or manifest is None else None,
        output=output,
        files=files + (manifest.files if manifest else []),
        annotations=dataset.import_,
        manifest=manifest.manifest if manifest else None,
        external=manifest.external if manifest else [],
        labels=[{"name": label} if isinstance(label, str) else label.wire() for label in dataset.labels],
        samples=[each for each in dataset.samples if each.labels or each.hard or each.usage],
        versions=[plan_version(each) for each in dataset.versions],
    )


def plan_version(version: str | SeedVersion) -> PlannedVersion:
    """Plan a version of a seed file."""
    if isinstance(version, str):
        return PlannedVersion({"version_name": version}, [])
    return PlannedVersion(version.wire(), version.samples)


def _type(dataset: SeedDataset, files: list[PlannedFile], manifest: manifest_plan.Manifest | None) -> DatasetType:
    if dataset.dataset_type is not None:
        return dataset.dataset_type
    if manifest is not None:
        return manifest.type
    if not files:
        raise UsageError(f"dataset {dataset.name}: `type` is required without files")
    return type_of([file.path.key for file in files])


def _object(dataset: SeedDataset, directory: ObsPath, name: str) -> ObsPath:
    """Return the object for a file name. Raises UsageError for a name that an object cannot have."""
    try:
        return directory.join(name)
    except ApiError as error:
        raise UsageError(f"dataset {dataset.name}: files: {name!r}: {error.message}") from None


def _directory(dataset: SeedDataset, member: str, text: str) -> ObsPath:
    try:
        return ObsPath.directory(text)
    except ApiError as error:
        raise UsageError(f"dataset {dataset.name}: {member}: {error.message}") from None


def _files(dataset: SeedDataset, place: Path) -> Iterator[tuple[Path, str]]:
    """Yield a file with its name, or all files of a folder with their relative names. Raises UsageError.

    Hidden files and links that lead out of the folder are skipped.
    """
    if place.is_file():
        yield place, place.name
        return
    if not place.is_dir():
        raise UsageError(f"dataset {dataset.name}: files: {str(place)!r} does not exist")
    root, found = place.resolve(), False
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place)
        if path.is_file() and not any(map(is_ignored, name.parts)) and path.resolve().is_relative_to(root):
            found = True
            yield path, name.as_posix()
    if not found:
        raise UsageError(f"dataset {dataset.name}: files: {str(place)!r} contains no files")


def _require_distinct_names(dataset: SeedDataset, files: list[PlannedFile]) -> None:
    """Raise UsageError if two files would become the same object."""
    seen: dict[ObsPath, PlannedFile] = {}
    for file in files:
        other = seen.setdefault(file.path, file)
        if other is not file:
            raise UsageError(
                f"dataset {dataset.name}: files: {other.content!s} and {file.content!s} have the same name"
            )
