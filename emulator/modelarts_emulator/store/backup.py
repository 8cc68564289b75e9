"""Backups of all datasets: how they are written, read, and staged for a restore. Works without an open store.

A backup is a folder with one folder per dataset, ``<dataset id>/``, which contains ``dataset.json`` and
``versions/<version id>.json``. ``Store.export`` and ``Store.replace_all`` use this module.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelarts_emulator.store.directory import DataDirectory
from modelarts_emulator.store.files import Tables, read_tables, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.open_dataset import PENDING, build_tables
from modelarts_emulator.store.tinydb_storage import CHECKPOINT, Documents, create_first_journal
from modelarts_emulator.store.version_samples import VersionSamples

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STAGED = ".restored-"
"""Prefix of staged folders. It begins with a dot: the next start removes such folders after a crash."""


class DatasetBackup(NamedTuple):
    """One dataset of a backup, read and checked."""

    tables: Tables
    versions: dict[str, Tables]


def version_path(folder: Path, version_id: str) -> Path:
    """Return the file of a version's samples in a dataset's backup folder."""
    return folder / "versions" / f"{version_id}.json"


def write_dataset(folder: Path, tables: Documents) -> None:
    """Write the tables of a dataset into its backup folder.

    Raises:
        OSError: the folder exists, or the disk refuses the write.
    """
    (folder / "versions").mkdir(parents=True)
    write_tables(folder / CHECKPOINT, tables, fsync=False)


def read_backup(folder: Path, validate: Callable[[DatasetBackup], object]) -> dict[str, DatasetBackup]:
    """Read all datasets of a backup. ``validate`` may raise for a dataset that cannot be used.

    Raises:
        Damaged: a file is missing or not valid.
        FormatTooNew: a later release wrote the backup.
        OSError: a file cannot be read.
    """
    return {each.name: _read_dataset(each, validate) for each in sorted(folder.iterdir())} if folder.is_dir() else {}


def _read_dataset(folder: Path, validate: Callable[[DatasetBackup], object]) -> DatasetBackup:
    try:
        _, tables = read_tables(folder / CHECKPOINT)
        tables.pop(PENDING, None)  # it would remove files, and a backup may come from a stranger
        _, records = build_tables(tables)
        files = {path.stem: path for path in (folder / "versions").glob("*.json")}
        versions = {version_id: read_tables(path)[1] for version_id, path in files.items()}
        for each in versions.values():
            VersionSamples.from_tables(each).index()
    except FileNotFoundError as error:
        raise Damaged(folder / CHECKPOINT, "missing") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise Damaged(folder, f"cannot be read: {error}") from error
    if list(records["dataset"].rows) != [folder.name] or not all(map(_ID.fullmatch, (folder.name, *versions))):
        raise Damaged(folder, "the folder's name is not the id of the dataset in it")
    found = DatasetBackup(tables, versions)
    validate(found)
    return found


def stage(directory: DataDirectory, backups: Mapping[str, DatasetBackup], *, fsync: bool) -> None:
    """Write all datasets of a backup beside the present ones, so that a full disk loses nothing.

    Raises:
        OSError: the disk refuses a write; the staged folders are removed.
    """
    folders = [staged_folder(directory, dataset_id) for dataset_id in backups]
    try:
        for folder, backup in zip(folders, backups.values(), strict=True):
            (folder / "versions").mkdir(parents=True)
            create_first_journal(folder, fsync=fsync)
            files = {folder / CHECKPOINT: backup.tables}
            files |= {version_path(folder, version_id): tables for version_id, tables in backup.versions.items()}
            for path, tables in files.items():
                write_tables(path, {name: zip(*rows, strict=True) for name, rows in tables.items()}, fsync=fsync)
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def staged_folder(directory: DataDirectory, dataset_id: str) -> Path:
    """Return the folder in which ``stage`` writes a dataset."""
    return directory.folder(f"{_STAGED}{dataset_id}")
