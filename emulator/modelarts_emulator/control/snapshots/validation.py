"""Check every record of a snapshot before a restore changes anything.

A snapshot may come from a stranger. Ids in records become file names, and paths in them are read, written and removed
later; so each has to have the form that the emulator itself gives it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT
from modelarts_emulator.control.snapshots.task_validation import require_task_content
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.samples.train_eval_split import parse_ratio
from modelarts_emulator.store.backup import DatasetBackup
from modelarts_emulator.store.files import Rows, Tables
from modelarts_emulator.store.records import DatasetRecord, FileRecord, SampleRecord, TaskRecord, VersionRecord
from modelarts_emulator.store.team_records import AssignmentRecord
from modelarts_emulator.store.team_store import TeamData

_ENTITY_ID = re.compile(r"[A-Za-z0-9]{16,64}")
"""Ids of datasets and versions."""
_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,140}")
_SAMPLE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DATASET_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_TASK_KINDS = frozenset({"sync", "import", "export", "publish", "switch", "inference"})
_R = TypeVar("_R", bound=msgspec.Struct)


def validate_backup(backup: DatasetBackup) -> None:
    """Check all records of a dataset. Raises INVALID_SNAPSHOT with the first record that is not valid."""
    for dataset in _records(backup.tables, "dataset", DatasetRecord):
        with _Naming(f"dataset {dataset.id[:80]}"):
            _require_dataset(dataset)
    versions = list(_records(backup.tables, "versions", VersionRecord))
    for version in versions:
        with _Naming(f"version {version.version_id[:80]}"):
            _require_version(version)
    unknown = backup.versions.keys() - {version.version_id for version in versions}
    if unknown:
        raise ApiError(INVALID_SNAPSHOT, f"version {min(unknown)[:80]} has samples, but no record")
    for task in _records(backup.tables, "tasks", TaskRecord):
        with _Naming(f"task {task.id[:80]}"):
            _require_task(task)
    for assignment in _records(backup.tables, "assignments", AssignmentRecord):
        with _Naming("an assignment"):
            _require(_ENTITY_ID, "task_id", assignment.task_id)
            _require(_SAMPLE_ID, "sample_id", assignment.sample_id)
            _require(_ENTITY_ID, "worker_id", assignment.worker_id)
    for file in _records(backup.tables, "files", FileRecord):
        with _Naming("a file record"):
            _require_object(file.path)
    for tables in (backup.tables, *backup.versions.values()):
        _require_samples(tables)


def validated_teams(data: TeamData) -> TeamData:
    """Check the labelling teams of a snapshot and return them. Raises INVALID_SNAPSHOT."""
    for team in data.teams.values():
        with _Naming(f"team {team.id[:80]}"):
            _require(_ENTITY_ID, "id", team.id)
    for worker in data.workers.values():
        with _Naming(f"team member {worker.id[:80]}"):
            _require(_ENTITY_ID, "id", worker.id)
            if worker.team_id not in data.teams:
                raise ValueError(f"team {worker.team_id[:80]!r} is missing")
    return data


class _Naming:
    """Context that turns ValueError and path errors into INVALID_SNAPSHOT with the name of a record."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ApiError):
            raise ApiError(INVALID_SNAPSHOT, f"{self._name}: {error.message}") from None
        if isinstance(error, ValueError):
            raise ApiError(INVALID_SNAPSHOT, f"{self._name}: {error}") from None


def _records(tables: Tables | Mapping[str, Rows], name: str, kind: type[_R]) -> Iterator[_R]:
    decode: Callable[[bytes], _R] = msgspec.json.Decoder(kind).decode
    for document in tables.get(name, Rows([], [])).documents:
        with _Naming(f"table {name}"):  # msgspec.DecodeError is a ValueError
            record = decode(document)
        yield record


def _require_dataset(dataset: DatasetRecord) -> None:
    _require(_ENTITY_ID, "id", dataset.id)
    _require(_DATASET_NAME, "name", dataset.name)
    for version_id in (dataset.current_version_id,):
        if version_id:
            _require(_ENTITY_ID, "current_version_id", version_id)
    for task in dataset.team_tasks:
        _require(_ENTITY_ID, "team_tasks.id", task.id)
    for source in dataset.data_sources:
        if source.data_path:
            ObsPath.directory(source.data_path)
    work_path = ObsPath.directory(dataset.work_path)
    output = ObsPath.directory(dataset.inner_work_path)
    name, _, dataset_id = output.name.rpartition("-")
    # The output folder is removed together with the dataset: it must not be any other folder.
    if output.parent != work_path or dataset_id != dataset.id or not _DATASET_NAME.fullmatch(name):
        raise ValueError(f"inner_work_path must be {work_path}<name>-{dataset.id}/")
    if any(
        source.data_path and output.contains(ObsPath.directory(source.data_path)) for source in dataset.data_sources
    ):
        raise ValueError("inner_work_path must not contain an input path")


def _require_version(version: VersionRecord) -> None:
    _require(_ENTITY_ID, "version_id", version.version_id)
    if version.previous_version_id:
        _require(_ENTITY_ID, "previous_version_id", version.previous_version_id)
    parse_ratio("train_evaluate_sample_ratio", version.train_evaluate_sample_ratio)
    for path in (version.manifest_path, version.data_path):
        if path:
            ObsPath.parse(path)


def _require_task(task: TaskRecord) -> None:
    _require(_TASK_ID, "id", task.id)
    if task.kind not in _TASK_KINDS:
        raise ValueError(f"unknown kind {task.kind[:80]!r}")
    if task.version_id:
        _require(_ENTITY_ID, "version_id", task.version_id)
    require_task_content(task)


def _require_samples(tables: Tables) -> None:
    seen: set[str] = set()
    checked = ""  # lines and rows of one file follow each other
    for sample in _records(tables, "samples", SampleRecord):
        with _Naming(f"sample {sample.id[:80]}"):
            _require(_SAMPLE_ID, "id", sample.id)
            if sample.parent:
                _require(_SAMPLE_ID, "parent", sample.parent)
            if sample.path != checked:
                _require_object(sample.path)
                checked = sample.path
            if sample.id in seen:
                raise ValueError("there are two samples with this id")
            seen.add(sample.id)


def _require_object(path: str) -> None:
    if ObsPath.parse(f"/{path}").is_directory:
        raise ValueError(f"{path[:80]!r} is not the path of an object")


def _require(pattern: re.Pattern[str], member: str, value: str) -> None:
    if not pattern.fullmatch(value):
        raise ValueError(f"{member} {value[:80]!r} is not valid")
