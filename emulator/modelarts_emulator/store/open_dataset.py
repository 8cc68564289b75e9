"""One dataset, open: its tables in memory, its files on disk, its one writer.

Readers take the memory lock for moments only, and never wait for the disk. A writer's changes lie in an overlay until
it commits: then they are appended to the journal as one group, applied to memory at once, the writer's lock is given
up, and only then the disk is waited for, so that several writers share one fsync.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.store.files import Rows, Tables
from modelarts_emulator.store.index import SampleIndex
from modelarts_emulator.store.journal import Change
from modelarts_emulator.store.records import DatasetRecord, FileRecord, TaskRecord, VersionRecord
from modelarts_emulator.store.tinydb_storage import DatasetStorage, Documents

R = TypeVar("R")


class RecordTable(Generic[R]):
    """A table that is kept decoded, in order of creation."""

    def __init__(self, name: str, record: type[R], key: Callable[[R], Any]) -> None:
        self.name, self.key = name, key
        self._decoder = msgspec.json.Decoder(record)
        self._keys: dict[int, Any] = {}
        self.rows: dict[Any, tuple[int, R]] = {}
        self.next_number = 1

    def put(self, number: int, document: bytes | msgspec.Raw) -> None:
        """Write a document."""
        record = self._decoder.decode(document)
        key = self._keys[number] = self.key(record)
        self.rows[key] = (number, record)
        self.next_number = max(self.next_number, number + 1)

    def remove(self, number: int) -> None:
        """Forget a document, if it is there."""
        key = self._keys.pop(number, None)
        if key in self.rows and self.rows[key][0] == number:
            del self.rows[key]

    def documents(self) -> Iterator[tuple[int, bytes]]:
        """All documents as of now, encoded one by one."""
        rows = list(self.rows.values())
        return ((number, msgspec.json.encode(record)) for number, record in rows)


def _record_tables() -> dict[str, RecordTable[Any]]:
    tables: list[RecordTable[Any]] = [
        RecordTable("dataset", DatasetRecord, lambda record: record.id),
        RecordTable("labels", Label, lambda label: (label.name, label.type)),
        RecordTable("versions", VersionRecord, lambda version: version.version_id),
        RecordTable("tasks", TaskRecord, lambda task: task.id),
        RecordTable("files", FileRecord, lambda file: file.path),
    ]
    return {table.name: table for table in tables}


LARGE = 5_000
"""From so many changes on, a group would keep readers waiting that long that it is applied to a copy."""


class OpenDataset:
    """A dataset's tables, in memory and on disk. ``folder`` of None keeps it in memory only.

    Raises Damaged where its files cannot be read, FormatTooNew, OSError.
    """

    def __init__(self, folder: Path | None, *, fsync: bool) -> None:
        self.memory = threading.Lock()
        self.writer = threading.Lock()
        self.samples = SampleIndex()
        self.tables = _record_tables()
        self.is_deleted = False
        self._compaction = threading.Lock()  # taken before the writer's
        self._retry_from = 0
        self._storage: DatasetStorage | None = None
        if folder is not None:
            self._storage = DatasetStorage(folder, access_mode="r+", fsync=fsync)
            self.samples, self.tables = self._storage.load(build_tables)

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
        """How many samples there are, tombstones included."""
        return len(self.samples)

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata."""
        _, record = next(iter(self.tables["dataset"].rows.values()))
        return record  # type: ignore[no-any-return]

    @property
    def generation(self) -> int:
        """How many checkpoints there have been."""
        return self._storage.generation if self._storage else 0

    @property
    def is_dirty(self) -> bool:
        """Whether a checkpoint would change anything."""
        return self._storage is not None and self._storage.is_dirty

    @property
    def journal_failed(self) -> bool:
        """Whether the disk has refused so that nothing can be written before a checkpoint."""
        return self._storage is not None and self._storage.journal_failed

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the journal has outgrown what it adds to."""
        storage = self._storage
        return storage is not None and storage.is_oversized and storage.journal_size >= self._retry_from

    def apply(self, changes: Iterable[Change]) -> None:
        """Bring a group into memory."""
        for change in changes:
            table: Any = self.samples if change.table == "samples" else self.tables[change.table]
            if not change.document:
                table.remove(change.number)
            else:
                table.put(change.number, bytes(change.document))

    def commit(self, changes: list[Change]) -> Callable[[], None]:
        """Journal and apply a group; the writer's lock is locked. Returns what waits for the disk. Raises OSError."""
        wait = self._storage.append(changes) if self._storage else _no_wait
        if len(changes) >= max(LARGE, len(self.samples) // 4):
            self._apply_to_copy(changes)
        else:
            with self.memory:
                self.apply(changes)
        return wait

    def _apply_to_copy(self, changes: Iterable[Change]) -> None:
        """Apply a large group beside what readers see, and let them see all of it in a moment."""
        rest, documents = [], self.samples.documents()
        for change in changes:
            if change.table != "samples":
                rest.append(change)
                continue
            if change.number >= len(documents):
                documents.extend([None] * (change.number + 1 - len(documents)))
            documents[change.number] = bytes(change.document) or None
        numbered = [(number, document) for number, document in enumerate(documents) if document is not None]
        samples = SampleIndex()
        samples.load([number for number, _ in numbered], [document for _, document in numbered])
        with self.memory:
            self.apply(rest)
            self.samples = samples

    def checkpoint(self) -> None:
        """Write everything into a new file and begin a new journal, if need be. Raises OSError.

        Writers wait for the beginning of it only, readers for less than that.
        """
        storage = self._storage
        if storage is None:
            return
        with self._compaction:
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
        """Close the journal; what it holds stays. Raises OSError."""
        if self._storage is not None:
            self._storage.close()

    def snapshot(self) -> Documents:
        """Everything as of now; encoded when it is written."""
        with self.memory:
            tables: dict[str, Iterable[tuple[int, bytes]]] = {
                name: table.documents() for name, table in self.tables.items()
            }
            samples = self.samples.documents()
        tables["samples"] = ((number, document) for number, document in enumerate(samples) if document is not None)
        return tables


def build_tables(tables: Tables) -> tuple[SampleIndex, dict[str, RecordTable[Any]]]:
    """Tables in memory from those of the files. Raises msgspec.DecodeError, ValueError."""
    small = _record_tables()
    for name, table in small.items():
        rows = tables.get(name, Rows([], []))
        for number, document in zip(rows.numbers, rows.documents, strict=True):
            table.put(number, document)
    if not small["dataset"].rows:
        raise ValueError("the dataset's own record is missing")
    samples = SampleIndex()
    samples.load(*tables.get("samples", Rows([], [])))
    return samples, small


def _no_wait() -> None:
    """Nothing is written, so there is nothing to wait for."""
