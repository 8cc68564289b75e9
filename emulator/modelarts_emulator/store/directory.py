"""The data directory: its lock, the paths of its files, and the index of datasets.

Layout::

    lock                                   held by the process that uses the directory
    index.json                             TinyDB file, one document per dataset
    datasets/<dataset id>/dataset.json     checkpoint, with journals beside it (see tinydb_storage)
    datasets/<dataset id>/versions/<version id>.json

The index is a cache of the datasets' own files. It is not flushed to the disk; after a crash it is rebuilt from them.
"""

from __future__ import annotations

import errno
import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from modelarts_emulator.store.files import read_tables, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.journal import first_line
from modelarts_emulator.store.records import Counts, DatasetRecord
from modelarts_emulator.store.tinydb_storage import (
    CHECKPOINT,
    PREVIOUS_CHECKPOINT,
    create_first_journal,
    generation_of,
    journals,
)
from modelarts_emulator.system.directory_lock import DirectoryLock
from modelarts_emulator.system.durability import flush_folder, replace_file

log = logging.getLogger(__name__)

INDEX = "index.json"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
DELETED_PREFIX = ".deleted-"
"""Begins the name of a dataset's folder that is being deleted."""


class IndexRow(msgspec.Struct, omit_defaults=True):
    """A row of ``index.json``: a dataset, and the state of its checkpoint when the row was written."""

    record: DatasetRecord
    counts: Counts
    generation: int
    file: tuple[int, int]
    """Size in bytes and modification time in nanoseconds of the checkpoint."""


class DataDirectory:
    """A data directory, locked until ``unlock``.

    Raises:
        DataDirectoryInUse: another process uses the directory.
        OSError: the directory cannot be created or locked.
    """

    def __init__(self, root: Path, *, fsync: bool) -> None:
        self._root, self._fsync = root, fsync
        self._lock = DirectoryLock(root)

    def unlock(self) -> None:
        """Release the lock."""
        self._lock.release()

    def folder(self, dataset_id: str) -> Path:
        """Return the folder of a dataset."""
        return self._root / "datasets" / dataset_id

    def version_file(self, dataset_id: str, version_id: str) -> Path:
        """Return the file that contains the samples of a version.

        Raises:
            FileNotFoundError: the id has another form than generated ids, so that it could name any file.
        """
        if not _ID.fullmatch(version_id):
            raise FileNotFoundError(errno.ENOENT, "not the id of a version", version_id)
        return self.folder(dataset_id) / "versions" / f"{version_id}.json"

    def create(self, record: DatasetRecord, tables: dict[str, list[tuple[int, bytes]]]) -> None:
        """Create the folder of a dataset with these tables; it is durable when this returns.

        Raises:
            OSError: the disk refuses; the folder is removed again.
        """
        folder = self.folder(record.id)
        try:
            (folder / "versions").mkdir(parents=True)
            create_first_journal(folder, fsync=self._fsync)
            write_tables(folder / CHECKPOINT, tables, fsync=self._fsync)
            if self._fsync:
                flush_folder(folder.parent)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def hide(self, dataset_id: str) -> Path:
        """Rename a dataset's folder so that no start finds it; return its new path.

        The rename is the moment of deletion: it is one step, and removing the files is not.

        Raises:
            OSError: the system refuses; the folder has its old name.
        """
        folder = self.folder(dataset_id)
        hidden = folder.with_name(f"{DELETED_PREFIX}{dataset_id}")
        replace_file(folder, hidden)
        try:
            if self._fsync:
                flush_folder(hidden.parent)
        except OSError:
            replace_file(hidden, folder)
            raise
        return hidden

    def quarantine(self, dataset_id: str, why: Exception, now_ms: int) -> None:
        """Move a dataset that cannot be read to ``<dataset id>.damaged-<time>`` and log that."""
        target = self._root / f"{dataset_id}.damaged-{now_ms}"
        replace_file(self.folder(dataset_id), target)
        log.error("Cannot read dataset %s (%s); quarantined as %s", dataset_id, why, target)

    def datasets(self) -> Iterator[str]:
        """Yield the ids of all datasets, and remove what interrupted creations and deletions have left.

        Raises:
            OSError: the directory cannot be read.
        """
        (self._root / "datasets").mkdir(exist_ok=True)
        for folder in sorted((self._root / "datasets").iterdir()):
            is_complete = (folder / CHECKPOINT).exists() or (folder / PREVIOUS_CHECKPOINT).exists()
            if folder.name.startswith(".") or (folder.is_dir() and not is_complete):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.is_dir():
                yield folder.name

    def read_index(self) -> dict[str, IndexRow]:
        """Return the index rows by dataset id; empty if the index is missing or damaged.

        Raises:
            FormatTooNew: a later release wrote the index.
        """
        try:
            rows = index_rows(self._root / INDEX)
        except FileNotFoundError:
            return {}
        except Damaged as error:
            log.warning("Rebuilding the index from the datasets' files: %s", error)
            return {}
        return {row.record.id: row for row in rows}

    def write_index(self, rows: Iterable[tuple[DatasetRecord, Counts, int]]) -> None:
        """Write the index from (record, counts, generation). A failure is logged: it only slows the next start."""
        documents = []
        for number, (record, counts, generation) in enumerate(rows, 1):
            state = _size_and_mtime(self.folder(record.id) / CHECKPOINT) or (0, 0)
            documents.append((number, msgspec.json.encode(IndexRow(record, counts, generation, state))))
        try:
            # Not flushed: after a crash the index is rebuilt from the datasets' files.
            write_tables(self._root / INDEX, {"datasets": documents}, fsync=False)
        except OSError as error:
            log.warning("Cannot write %s: %s", self._root / INDEX, error)

    def is_current(self, row: IndexRow) -> bool:
        """Return whether an index row still describes the dataset: same checkpoint, and no journal with changes."""
        folder = self.folder(row.record.id)
        if _size_and_mtime(folder / CHECKPOINT) != row.file:
            return False
        return all(
            generation_of(path) < row.generation for path in journals(folder) if path.stat().st_size > len(first_line())
        )


def index_rows(path: Path) -> list[IndexRow]:
    """Return the rows of an index. Raises FileNotFoundError, Damaged, FormatTooNew."""
    _, tables = read_tables(path)
    documents = tables["datasets"].documents if "datasets" in tables else []
    try:
        return [msgspec.json.decode(document, type=IndexRow) for document in documents]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error


def _size_and_mtime(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
