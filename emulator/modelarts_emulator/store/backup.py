"""Copies of all datasets with their versions, and going back to one; the same on disk and in memory.

A copy is a folder ``<dataset id>/`` a dataset, with ``dataset.json`` and ``versions/<version id>.json``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelarts_emulator.store.files import Tables, read_tables, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.open_dataset import OpenDataset, _build
from modelarts_emulator.store.records import DatasetRecord
from modelarts_emulator.store.store import IndexEntry, Store, Unknown, _frozen_of
from modelarts_emulator.store.tinydb_storage import NAME

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STAGED = ".restored-"  # begins with a dot: what a crash leaves of it is removed at the next start


def export(store: Store, folder: Path) -> int:
    """Write every dataset as it is now, and return how many there were. Raises OSError."""
    number = 0
    for entry in store.entries():
        with suppress(Unknown):  # deleted meanwhile
            _export_dataset(store, entry.record.id, folder / entry.record.id)
            number += 1
    return number


def _export_dataset(store: Store, dataset_id: str, folder: Path) -> None:
    with store._using(dataset_id) as dataset:
        (folder / "versions").mkdir(parents=True)
        tables = dataset._documents()
        versions = list(dataset.tables["versions"].rows)
        write_tables(folder / NAME, tables, fsync=False)
    for version_id in versions:
        with suppress(Unknown):  # being created, or not readable any more
            _export_version(store, dataset_id, version_id, folder / "versions" / f"{version_id}.json")


def _export_version(store: Store, dataset_id: str, version_id: str, path: Path) -> None:
    documents = store.version_documents(dataset_id, version_id)
    write_tables(path, {"samples": enumerate(documents, 1)}, fsync=False)


class _Prepared(NamedTuple):
    """A dataset of a copy, read and found good."""

    folder: Path
    tables: Tables
    versions: dict[str, Tables]


def replace(
    store: Store,
    folder: Path,
    *,
    judge: Callable[[DatasetRecord], object] = lambda record: None,
    before: Callable[[], object] = lambda: None,
) -> None:
    """Have the datasets of a copy instead of those there are; nothing has changed if it cannot be read.

    ``judge`` may raise for a dataset that cannot be used. ``before`` is called when all has been read, and anything is
    about to change. Raises Damaged, FormatTooNew, OSError.
    """
    prepared = {place.name: _read(place, judge) for place in sorted(folder.iterdir())} if folder.is_dir() else {}
    if store._directory:
        _stage(store, prepared)
    before()
    for entry in store.entries():
        with suppress(Unknown):
            store.delete(entry.record.id)
    with store._guard:
        for dataset_id, each in prepared.items():
            _take_in(store, dataset_id, each)
        store._entries = dict(sorted(store._entries.items(), key=lambda item: item[1].record.create_time))
        store._write_index()


def _read(folder: Path, judge: Callable[[DatasetRecord], object]) -> _Prepared:
    """Read a dataset of a copy as a whole. Raises Damaged, FormatTooNew, OSError, and what ``judge`` raises."""
    try:
        _, tables = read_tables(folder / NAME)
        _, small = _build(tables)
        files = {path.stem: path for path in (folder / "versions").glob("*.json")}
        versions = {version_id: read_tables(path)[1] for version_id, path in files.items()}
        for each in versions.values():
            _frozen_of(each).index()
    except FileNotFoundError as error:
        raise Damaged(f"{folder.name}/{NAME} is missing") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise Damaged(f"dataset {folder.name} cannot be read: {error}") from error
    if list(small["dataset"].rows) != [folder.name] or not all(map(_ID.fullmatch, (folder.name, *versions))):
        raise Damaged(f"{folder.name} is not the id of the dataset in it")
    for _, record in small["dataset"].rows.values():
        judge(record)
    return _Prepared(folder, tables, versions)


def _stage(store: Store, prepared: dict[str, _Prepared]) -> None:
    """Write what is to come beside what there is, so that a full disk loses nothing. Raises OSError."""
    assert store._directory
    staged = [store._directory.folder(f"{_STAGED}{dataset_id}") for dataset_id in prepared]
    try:
        for place, each in zip(staged, prepared.values(), strict=True):
            (place / "versions").mkdir(parents=True)
            for name, tables in {
                NAME: each.tables,
                **{f"versions/{v}.json": t for v, t in each.versions.items()},
            }.items():
                rows = {table: zip(*found, strict=True) for table, found in tables.items()}
                write_tables(place / name, rows, fsync=store._fsync)
    except BaseException:
        for place in staged:
            shutil.rmtree(place, ignore_errors=True)
        raise


def _take_in(store: Store, dataset_id: str, each: _Prepared) -> None:
    if store._directory:
        staged = store._directory.folder(f"{_STAGED}{dataset_id}")
        staged.replace(store._directory.folder(dataset_id))
        dataset = store._load(dataset_id)
    else:
        dataset = OpenDataset(None, fsync=False)
        dataset.samples, dataset.tables = _build(each.tables)
        for version_id, tables in each.versions.items():
            store._versions.put((dataset_id, version_id), _frozen_of(tables))
    store._datasets.put((dataset_id, None), dataset)
    store._entries[dataset_id] = IndexEntry(dataset.record, dataset.samples.counts)
