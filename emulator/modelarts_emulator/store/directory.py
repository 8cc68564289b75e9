"""A data directory: whose it is, where everything lies in it, and the index of its datasets.

Layout: ``lock``, ``index.json`` (TinyDB, one document a dataset), ``datasets/<id>/dataset.json`` with its journals, and
``datasets/<id>/versions/<version id>.json``. The index is a cache of what the folders say: after a crash it is repaired
from them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from modelarts_emulator.store.files import read_tables, sync_directory, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.records import Counts, DatasetRecord
from modelarts_emulator.store.tinydb_storage import CHECKPOINT, PREVIOUS_CHECKPOINT, generation_of, journals

log = logging.getLogger(__name__)

INDEX = "index.json"


class DataDirectoryInUse(Exception):
    """Another process uses the data directory; the text names both."""


class IndexRow(msgspec.Struct, omit_defaults=True):
    """A row of ``index.json``: a dataset, and how its file looked when the row was right."""

    record: DatasetRecord
    counts: Counts
    generation: int
    file: tuple[int, int]


class DataDirectory:
    """A data directory, locked until it is closed. Raises DataDirectoryInUse, OSError."""

    def __init__(self, root: Path, *, fsync: bool) -> None:
        self._root, self._fsync = root, fsync
        self._lock: IO[str] | None = _take_lock(root)

    def unlock(self) -> None:
        """Give it up."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def folder(self, dataset_id: str) -> Path:
        """Where a dataset lies."""
        return self._root / "datasets" / dataset_id

    def version_file(self, dataset_id: str, version_id: str) -> Path:
        """Where the samples of a version lie."""
        return self.folder(dataset_id) / "versions" / f"{version_id}.json"

    def create(self, record: DatasetRecord, tables: dict[str, list[tuple[int, bytes]]]) -> None:
        """Make a dataset's folder; it is on the disk when this returns. Raises OSError, and nothing is left of it."""
        folder = self.folder(record.id)
        try:
            (folder / "versions").mkdir(parents=True)
            write_tables(folder / CHECKPOINT, tables, fsync=self._fsync)
            if self._fsync:
                sync_directory(folder.parent)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def hide(self, dataset_id: str) -> Path:
        """Take a dataset's folder out of sight; return where it is now. Raises OSError, and it is where it was."""
        folder = self.folder(dataset_id)
        gone = folder.replace(folder.with_name(f".deleted-{dataset_id}"))
        try:
            if self._fsync:
                sync_directory(gone.parent)
        except OSError:
            gone.replace(folder)
            raise
        return gone

    def quarantine(self, dataset_id: str, why: Exception, now_ms: int) -> None:
        """Move a dataset that cannot be read out of the way, and say so."""
        aside = self._root / f"{dataset_id}.damaged-{now_ms}"
        self.folder(dataset_id).replace(aside)
        log.error("Dataset %s cannot be read (%s): it is set aside as %s", dataset_id, why, aside)

    def datasets(self) -> Iterator[str]:
        """The ids of all datasets; what cut short deletions and creations have left is removed. Raises OSError."""
        (self._root / "datasets").mkdir(exist_ok=True)
        for folder in sorted((self._root / "datasets").iterdir()):
            is_whole = (folder / CHECKPOINT).exists() or (folder / PREVIOUS_CHECKPOINT).exists()
            if folder.name.startswith(".") or (folder.is_dir() and not is_whole):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.is_dir():
                yield folder.name

    def read_index(self) -> dict[str, IndexRow]:
        """The index by dataset id; empty where it cannot be read. Raises FormatTooNew."""
        try:
            _, tables = read_tables(self._root / INDEX)
            found = tables["datasets"].documents if "datasets" in tables else []
            rows = [msgspec.json.decode(document, type=IndexRow) for document in found]
        except FileNotFoundError:
            return {}
        except (Damaged, msgspec.DecodeError) as error:
            log.warning("%s; it is rebuilt from the datasets' own files", error)
            return {}
        return {row.record.id: row for row in rows}

    def write_index(self, rows: Iterable[tuple[DatasetRecord, Counts, int]]) -> None:
        """Write the index from records, counts and generations. Where that fails, the next start is only slower."""
        documents = []
        for number, (record, counts, generation) in enumerate(rows, 1):
            row = IndexRow(record, counts, generation, _size_and_mtime(self.folder(record.id) / CHECKPOINT) or (0, 0))
            documents.append((number, msgspec.json.encode(row)))
        try:
            # What a crash leaves of it is repaired from the folders, so it need not be synced.
            write_tables(self._root / INDEX, {"datasets": documents}, fsync=False)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._root / INDEX, error)

    def is_current(self, row: IndexRow) -> bool:
        """Whether a dataset's file is the one that the index speaks of, and no journal adds to it."""
        folder = self.folder(row.record.id)
        if _size_and_mtime(folder / CHECKPOINT) != row.file:
            return False
        return all(generation_of(path) < row.generation for path in journals(folder) if path.stat().st_size)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep everybody else from using a data directory, without changing anything in it. Raises DataDirectoryInUse."""
    try:
        file = (root / "lock").open(encoding="utf-8")
    except FileNotFoundError:
        yield  # it has never been used
        return
    with file:
        _flock(root, file)
        yield


def _size_and_mtime(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _take_lock(root: Path) -> IO[str]:
    """One process a data directory. Raises DataDirectoryInUse, OSError."""
    root.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")
    try:
        _flock(root, file)
    except DataDirectoryInUse:
        file.close()
        raise
    file.truncate(0)
    file.seek(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def _flock(root: Path, file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = file.read().strip() or "unknown"
        raise DataDirectoryInUse(f"the data directory {root} is in use by process {owner}") from None
