"""One loaded dataset: its tables in memory, its files on disk, and its locks.

Locks, in the order in which they are taken:

1. ``_checkpointing``: one checkpoint at a time.
2. ``writer``: one writer at a time. It is held while a change is prepared and journalled.
3. ``memory``: protects the tables in memory. It is held for microseconds and never while waiting for the disk.

Readers take the memory lock only. A writer collects its changes in an overlay. At the commit they are appended to the
journal as one group and applied to memory; then the writer lock is released, and only then does the writer wait for the
disk. Several writers can so share one flush (group commit).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.store.assignments import AssignmentTable
from modelarts_emulator.store.files import Rows, Tables
from modelarts_emulator.store.index import SampleIndex
from modelarts_emulator.store.journal import DocumentChange
from modelarts_emulator.store.open_tables import RecordTable
from modelarts_emulator.store.records import DatasetRecord, FileRecord, PendingFile, TaskRecord, VersionRecord
from modelarts_emulator.store.tinydb_storage import DatasetStorage, Documents

PENDING = "pending"
"""The table of files that changes under way create or remove."""


def _record_tables() -> dict[str, RecordTable[Any]]:
    tables: list[RecordTable[Any]] = [
        RecordTable("dataset", DatasetRecord, lambda record: record.id),
        RecordTable("labels", Label, lambda label: (label.name, label.type)),
        RecordTable("versions", VersionRecord, lambda version: version.version_id),
        RecordTable("tasks", TaskRecord, lambda task: task.id),
        RecordTable("files", FileRecord, lambda file: file.path),
        RecordTable(PENDING, PendingFile, lambda file: file.path),
        AssignmentTable(),
    ]
    return {table.name: table for table in tables}


LARGE_GROUP = 5_000
"""A group of at least this many changes is applied to a copy: applied in place, it would block readers too long."""
OPTIONAL_TABLES = frozenset({PENDING, "assignments"})
"""Tables that are written only if they have rows, so that files stay readable for releases without them."""
SLICE = 1_000
"""Number of changes of a large group that are applied under one acquisition of the memory lock."""


class OpenDataset:
    """The tables of a dataset, in memory and on disk. Without a folder it exists in memory only.

    Raises:
        Damaged: its files cannot be read.
        FormatTooNew: a later release wrote a file.
        OSError: a file cannot be read or created.
    """

    def __init__(self, folder: Path | None, *, fsync: bool) -> None:
        self.memory = threading.Lock()
        self.writer = threading.Lock()
        self.samples = SampleIndex()
        self.tables = _record_tables()
        self.is_deleted = False
        self._checkpointing = threading.Lock()
        self._retry_from = 0
        self._storage: DatasetStorage | None = None
        if folder is not None:
            self._storage = DatasetStorage(folder, access_mode="r+", fsync=fsync)
            self.samples, self.tables = self._storage.load(partial(build_tables, dataset_id=folder.name))

    @classmethod
    def from_tables(cls, tables: Tables) -> OpenDataset:
        """Make a dataset that exists in memory only.

        Raises:
            msgspec.DecodeError, ValueError: a document is not valid.
        """
        dataset = cls(None, fsync=False)
        dataset.samples, dataset.tables = build_tables(tables)
        return dataset

    def __len__(self) -> int:
        """Return the number of samples, tombstones included."""
        return len(self.samples)

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata."""
        _, record = next(iter(self.tables["dataset"].rows.values()))
        return record  # type: ignore[no-any-return]

    @property
    def has_pending_files(self) -> bool:
        """Whether a change with files is under way, or was interrupted."""
        return bool(self.tables[PENDING].rows)

    @property
    def generation(self) -> int:
        """The number of checkpoints so far."""
        return self._storage.generation if self._storage else 0

    @property
    def is_dirty(self) -> bool:
        """Whether a checkpoint would change anything."""
        return self._storage is not None and self._storage.is_dirty

    @property
    def journal_failed(self) -> bool:
        """Whether a write to the journal failed, so that nothing can be written before a checkpoint."""
        return self._storage is not None and self._storage.journal_failed

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the journal is oversized. After a failed checkpoint, only when it has doubled."""
        storage = self._storage
        return storage is not None and storage.is_oversized and storage.journal_size >= self._retry_from

    def apply(self, changes: Iterable[DocumentChange]) -> None:
        """Apply a group to the tables in memory. The caller holds the memory lock."""
        for change in changes:
            table: Any = self.samples if change.table == "samples" else self.tables[change.table]
            if not change.document:
                table.remove(change.number)
            else:
                table.put(change.number, bytes(change.document))

    def commit(self, changes: list[DocumentChange]) -> Callable[[], None]:
        """Append a group to the journal and apply it to memory. The caller holds the writer lock.

        Returns a function that waits until the group is durable. Call it after releasing the writer lock.

        Raises:
            OSError: the journal cannot be written; memory is unchanged.
        """
        wait = self._storage.append(changes) if self._storage else _no_wait
        if len(changes) < LARGE_GROUP:
            with self.memory:
                self.apply(changes)
            return wait
        samples = [change for change in changes if change.table == "samples"]
        others = [change for change in changes if change.table != "samples"]
        if len(samples) >= max(LARGE_GROUP, len(self.samples) // 4):
            self._apply_to_copy(samples)
        else:
            others += samples
        self._apply_in_slices(others)
        return wait

    def _apply_in_slices(self, changes: list[DocumentChange]) -> None:
        """Apply a large group so that readers wait for a slice only. The dataset's record, which names tasks, is last.

        A team labelling task that is new in the record so has all its assignments when a reader first sees it.
        """
        changes.sort(key=lambda change: change.table == "dataset")
        for start in range(0, len(changes), SLICE):
            with self.memory:
                self.apply(changes[start : start + SLICE])

    def _apply_to_copy(self, changes: Iterable[DocumentChange]) -> None:
        """Apply many changes of samples to a new index, and exchange the indexes under the memory lock."""
        documents = self.samples.documents()
        for change in changes:
            if change.number >= len(documents):
                documents.extend([None] * (change.number + 1 - len(documents)))
            documents[change.number] = bytes(change.document) or None
        numbered = [(number, document) for number, document in enumerate(documents) if document is not None]
        samples = SampleIndex()
        samples.load([number for number, _ in numbered], [document for _, document in numbered])
        with self.memory:
            self.samples = samples

    def checkpoint(self) -> None:
        """Write all tables to a new file and start a new journal, if anything has changed.

        The writer lock is held only while the journal is rotated and references to all documents are copied. Writers
        continue while the file is written.

        Raises:
            OSError: the disk refuses; the old checkpoint and the journals are kept.
        """
        storage = self._storage
        if storage is None:
            return
        with self._checkpointing:
            with self.writer:
                if not storage.is_dirty or self.is_deleted:
                    return
                generation = storage.rotate()
                tables = self.snapshot()
            try:
                storage.write_checkpoint(generation, tables)
            except OSError:
                self._retry_from = storage.journal_size * 2
                if not self.is_deleted:
                    raise
            else:
                self._retry_from = 0

    def close(self) -> None:
        """Flush and close the journal. Raises OSError."""
        if self._storage is not None:
            self._storage.close()

    def reopen(self) -> None:
        """Open the journal again after ``close``."""
        if self._storage is not None:
            self._storage.reopen()

    def snapshot(self) -> Documents:
        """Return all tables as of now. Documents are encoded when they are read, without a lock."""
        with self.memory:
            tables: dict[str, Iterable[tuple[int, bytes]]] = {
                name: table.documents()
                for name, table in self.tables.items()
                if table.rows or name not in OPTIONAL_TABLES
            }
            samples = self.samples.documents()
        tables["samples"] = ((number, document) for number, document in enumerate(samples) if document is not None)
        return tables


def build_tables(tables: Tables, *, dataset_id: str | None = None) -> tuple[SampleIndex, dict[str, RecordTable[Any]]]:
    """Build the tables in memory from those of the files.

    Raises:
        msgspec.DecodeError: a document is not valid.
        ValueError: the record of the dataset is missing or has another id, or a document number is out of range.
    """
    records = _record_tables()
    for name, table in records.items():
        rows = tables.get(name, Rows([], []))
        for number, document in zip(rows.numbers, rows.documents, strict=True):
            table.put(number, document)
    if not records["dataset"].rows:
        raise ValueError("the record of the dataset is missing")
    if dataset_id is not None and list(records["dataset"].rows) != [dataset_id]:
        raise ValueError("the id of the dataset is not the name of its folder")
    samples = SampleIndex()
    samples.load(*tables.get("samples", Rows([], [])))
    return samples, records


def _no_wait() -> None:
    """Return at once: a dataset in memory has nothing to wait for."""
