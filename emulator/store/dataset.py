"""One dataset, open: its tables in memory, its checkpoint and journals on disk, its one writer.

Readers take the memory lock for moments only, and never wait for the disk. A writer's changes lie in an overlay until
it commits: then they are appended to the journal as one group, applied to memory at once, the writer's lock is given
up, and only then the disk is waited for, so that several writers share one fsync.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from emulator.contract.labels import Label
from emulator.store.checkpoints import Checkpoints
from emulator.store.index import (
    LabelKey,
    SampleIndex,
    Selection,
    decode_sample,
    encode_sample,
    paged,
)
from emulator.store.journal import Change, Journal, encode_group
from emulator.store.records import Counts, DatasetRecord, FileRecord, SampleRecord, TaskRecord, VersionRecord

R = TypeVar("R")
CHUNK = 500
_NUMBER = (1 << 32) - 1


class SmallTable(Generic[R]):
    """A table that is kept decoded, in order of creation."""

    def __init__(self, name: str, record: type[R], key: Callable[[R], Any]) -> None:
        self.name, self.key = name, key
        self._decoder = msgspec.json.Decoder(record)
        self.rows: dict[Any, tuple[int, R]] = {}
        self.next_number = 1

    def put(self, number: int, document: bytes | msgspec.Raw) -> None:
        """Write a document."""
        record = self._decoder.decode(document)
        self.rows[self.key(record)] = (number, record)
        self.next_number = max(self.next_number, number + 1)

    def remove(self, number: int) -> None:
        """Forget a document."""
        for key, (known, _) in self.rows.items():
            if known == number:
                del self.rows[key]
                return

    def documents(self) -> list[tuple[int, bytes]]:
        """All documents, encoded."""
        return [(number, msgspec.json.encode(record)) for number, record in self.rows.values()]


def _small_tables() -> dict[str, SmallTable[Any]]:
    tables: list[SmallTable[Any]] = [
        SmallTable("dataset", DatasetRecord, lambda record: record.id),
        SmallTable("labels", Label, lambda label: (label.name, label.type)),
        SmallTable("versions", VersionRecord, lambda version: version.version_id),
        SmallTable("tasks", TaskRecord, lambda task: task.id),
        SmallTable("files", FileRecord, lambda file: file.path),
    ]
    return {table.name: table for table in tables}


class OpenDataset:
    """A dataset's tables, in memory and on disk. ``folder`` of None keeps it in memory only."""

    def __init__(self, folder: Path | None, *, fsync: bool) -> None:
        self.memory = threading.Lock()
        self.writer = threading.Lock()
        self.samples = SampleIndex()
        self.tables = _small_tables()
        self.users = 0
        self._checkpoints = Checkpoints(folder, fsync=fsync) if folder else None
        self.journal: Journal | None = None
        if self._checkpoints:
            self._load(self._checkpoints)

    def _load(self, checkpoints: Checkpoints) -> None:
        tables = checkpoints.read()
        self.samples.load((int(number), bytes(raw)) for number, raw in tables.get("samples", {}).items())
        for name, table in self.tables.items():
            for number, raw in tables.get(name, {}).items():
                table.put(int(number), raw)
        for group in checkpoints.replay():
            self.apply(group)
        self.journal = checkpoints.open_journal()

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata."""
        _, record = next(iter(self.tables["dataset"].rows.values()))
        return record  # type: ignore[no-any-return]

    def apply(self, changes: Iterable[Change]) -> None:
        """Bring a group into memory."""
        for change in changes:
            table: Any = self.samples if change.table == "samples" else self.tables[change.table]
            if not change.document:
                table.remove(change.number)
            elif change.table == "samples":
                self.samples.put(change.number, bytes(change.document))
            else:
                table.put(change.number, change.document)

    def commit(self, changes: list[Change]) -> Callable[[], None]:
        """Journal and apply a group; the writer's lock is held. Returns what waits for the disk. Raises OSError."""
        journal, wait = self.journal, _no_wait
        if journal is not None:
            end = journal.append(encode_group(changes))
            wait = lambda: journal.sync(end)  # noqa: E731
        with self.memory:
            self.apply(changes)
        return wait

    @property
    def wants_checkpoint(self) -> bool:
        """Whether the journal has outgrown what it adds to."""
        return bool(self._checkpoints and self.journal and self._checkpoints.is_outgrown_by(self.journal.size))

    @property
    def is_dirty(self) -> bool:
        """Whether a checkpoint would change anything."""
        return bool(self.journal and self.journal.size) or bool(self._checkpoints and self._checkpoints.is_behind)

    def checkpoint(self) -> None:
        """Write everything into a new file and begin a new journal. Writers wait for the start of it only."""
        if self._checkpoints is None or self.journal is None:
            return
        with self.writer:
            with self.memory:
                tables = {name: table.documents() for name, table in self.tables.items()}
                tables["samples"] = self.samples.documents()
            old = self.journal
            generation, self.journal = self._checkpoints.rotate()
        old.close()
        self._checkpoints.write(generation, tables)

    @property
    def generation(self) -> int:
        """How many checkpoints there have been."""
        return self._checkpoints.generation if self._checkpoints else 0

    def close(self) -> None:
        """Close the journal; what it holds stays."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None


def _no_wait() -> None:
    """Nothing is written, so there is nothing to wait for."""


class SampleReader:
    """A view of one table of samples. Each method is atomic by itself and never waits for the disk."""

    def __init__(self, samples: SampleIndex, memory: threading.Lock) -> None:
        self._samples, self._memory = samples, memory

    def __len__(self) -> int:
        """How many samples there are, tombstones included."""
        return len(self._samples)

    @property
    def counts(self) -> Counts:
        """Counts of samples by state; kept, not recomputed."""
        with self._memory:
            return self._samples.counts

    def label_stats(self) -> dict[LabelKey, tuple[int, int]]:
        """How many labels on how many samples, by name and type of label."""
        with self._memory:
            return self._samples.label_stats()

    def labelers(self) -> list[str]:
        """Everybody who has labelled a sample."""
        with self._memory:
            return self._samples.labelers()

    def ids(self) -> Iterator[str]:
        """Every sample's id, tombstones included, as of now."""
        with self._memory:
            return iter(self._samples.ids())

    def signature(self, sample_id: str) -> int | None:
        """The fingerprint of a sample's object, tombstones included; None where the sample is not known."""
        return self._samples.signature(sample_id)

    def get(self, sample_id: str, *, deleted: bool = False) -> SampleRecord | None:
        """One sample; a tombstone only where ``deleted`` asks for it."""
        with self._memory:
            number = self._samples.number(sample_id)
            document = None if number is None else self._samples.document(number)
        if document is None:
            return None
        sample = decode_sample(document)
        return sample if deleted or not sample.deleted else None

    def page(
        self, selection: Selection, *, offset: int, limit: int, descending: bool = True
    ) -> tuple[int, list[SampleRecord]]:
        """How many samples are selected, and one page of them; ``offset`` counts samples."""
        total, documents = self.page_of_documents(selection, offset=offset, limit=limit, descending=descending)
        return total, [decode_sample(document) for document in documents]

    def page_of_documents(
        self, selection: Selection, *, offset: int, limit: int, descending: bool = True
    ) -> tuple[int, list[bytes]]:
        """As ``page``, the samples still encoded: equal samples are equal bytes, which can be looked up."""
        with self._memory:
            direct = self._samples.page(selection, offset, limit, descending)
        if direct is not None:
            return direct
        total, samples = paged(self.select(selection, descending=descending), offset, limit)
        return total, [encode_sample(sample) for sample in samples]

    def select(self, selection: Selection, *, descending: bool = False) -> Iterator[SampleRecord]:
        """All selected samples in order. What changes meanwhile is seen as it was or as it is, never half."""
        with self._memory:
            keys, test = self._samples.ordered(selection)
        if descending:
            keys.reverse()
        for start in range(0, len(keys), CHUNK):
            with self._memory:
                documents = [self._samples.document(key & _NUMBER) for key in keys[start : start + CHUNK]]
            for document in documents:
                if document is None:
                    continue
                sample = decode_sample(document)
                if not sample.deleted and (test is None or test(sample)):
                    yield sample


class DatasetReader(SampleReader):
    """A view of a dataset: its samples, and its other tables."""

    def __init__(self, dataset: OpenDataset) -> None:
        super().__init__(dataset.samples, dataset.memory)
        self._dataset = dataset

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata."""
        return self._dataset.record

    @property
    def labels(self) -> list[Label]:
        """Labels in order of creation."""
        return self._rows("labels")

    @property
    def versions(self) -> list[VersionRecord]:
        """Versions in order of creation."""
        return self._rows("versions")

    @property
    def tasks(self) -> list[TaskRecord]:
        """Tasks in order of creation."""
        return self._rows("tasks")

    @property
    def files(self) -> Mapping[str, FileRecord]:
        """Text and table files that have been read, by path."""
        return {file.path: file for file in self._rows("files")}

    def label(self, name: str, label_type: int | None = None) -> Label | None:
        """A label by name, and by type where one is given."""
        if label_type is not None:
            return self._row("labels", (name, label_type))  # type: ignore[no-any-return]
        return next((label for label in self.labels if label.name == name), None)

    def version(self, version_id: str) -> VersionRecord | None:
        """A version by its id."""
        return self._row("versions", version_id)  # type: ignore[no-any-return]

    def task(self, task_id: str) -> TaskRecord | None:
        """A task by its id."""
        return self._row("tasks", task_id)  # type: ignore[no-any-return]

    def _rows(self, table: str) -> list[Any]:
        with self._memory:
            return [record for _, record in self._dataset.tables[table].rows.values()]

    def _row(self, table: str, key: Any) -> Any:
        with self._memory:
            row = self._dataset.tables[table].rows.get(key)
        return row[1] if row else None


class DatasetWriter(DatasetReader):
    """A reader that sees its own changes, which nobody else does before they are committed.

    Counts, statistics, pages and selections are those from before the changes.
    """

    def __init__(self, dataset: OpenDataset) -> None:
        super().__init__(dataset)
        self._changed: dict[str, dict[Any, Any]] = {}

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata, with its changes."""
        changed = self._changed.get("dataset")
        return next(iter(changed.values())) if changed else super().record

    def get(self, sample_id: str, *, deleted: bool = False) -> SampleRecord | None:
        """One sample, with its changes."""
        changed = self._changed.get("samples", {})
        if sample_id not in changed:
            return super().get(sample_id, deleted=deleted)
        sample: SampleRecord | None = changed[sample_id]
        return sample if sample is None or deleted or not sample.deleted else None

    def labelled(self, name: str, label_type: int | None) -> Iterator[SampleRecord]:
        """Every sample with a label, with its changes."""
        changed = self._changed.get("samples", {})
        fresh = [s for s in changed.values() if s is not None and not s.deleted]
        committed = (s for s in super().select(Selection(label=(name, label_type))) if s.id not in changed)
        for sample in (*fresh, *committed):
            if any(label.name == name and label.type == label_type for label in sample.labels):
                yield sample

    def put_record(self, record: DatasetRecord) -> None:
        """Write the dataset's metadata."""
        self._put("dataset", record.id, record)

    def put_sample(self, sample: SampleRecord) -> None:
        """Write a sample, new or known."""
        self._put("samples", sample.id, sample)

    def put_samples(self, samples: Iterable[SampleRecord]) -> None:
        """Write many samples."""
        for sample in samples:
            self.put_sample(sample)

    def remove_sample(self, sample_id: str) -> None:
        """Remove a sample wholly, without a tombstone."""
        self._put("samples", sample_id, None)

    def put_label(self, label: Label) -> None:
        """Write a label, new or known by name and type."""
        self._put("labels", (label.name, label.type), label)

    def remove_label(self, name: str, label_type: int | None) -> None:
        """Remove a label; samples are not touched."""
        self._put("labels", (name, label_type), None)

    def replace_labels(self, labels: Iterable[Label]) -> None:
        """Write all labels anew, in this order."""
        wanted = list(labels)
        for label in self.labels:
            self._put("labels", (label.name, label.type), None)
        for label in wanted:
            self._put("labels", (label.name, label.type), label)

    def put_version(self, version: VersionRecord) -> None:
        """Write a version's record."""
        self._put("versions", version.version_id, version)

    def remove_version(self, version_id: str) -> None:
        """Remove a version's record."""
        self._put("versions", version_id, None)

    def put_task(self, task: TaskRecord) -> None:
        """Write a task."""
        self._put("tasks", task.id, task)

    def remove_task(self, task_id: str) -> None:
        """Remove a task."""
        self._put("tasks", task_id, None)

    def put_file(self, file: FileRecord) -> None:
        """Note a file as read."""
        self._put("files", file.path, file)

    def remove_file(self, path: str) -> None:
        """Forget a file."""
        self._put("files", path, None)

    @property
    def is_changed(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._changed)

    def changes(self) -> list[Change]:
        """What is to be journalled: a line a touched record."""
        lines: list[Change] = []
        for table, changed in self._changed.items():
            lines += self._sample_lines(changed) if table == "samples" else self._small_lines(table, changed)
        return lines

    def _sample_lines(self, changed: dict[str, SampleRecord | None]) -> Iterator[Change]:
        free = self._samples.next_number()
        for sample_id, sample in changed.items():
            number = self._samples.number(sample_id)
            if sample is not None:
                if number is None:
                    number, free = free, free + 1
                yield Change("samples", number, msgspec.Raw(encode_sample(sample)))
            elif number is not None:
                yield Change("samples", number)

    def _small_lines(self, name: str, changed: dict[Any, Any]) -> Iterator[Change]:
        table = self._dataset.tables[name]
        free = table.next_number
        for key, record in changed.items():
            row = table.rows.get(key)
            if record is not None:
                number = row[0] if row else free
                free += 0 if row else 1
                yield Change(name, number, msgspec.Raw(msgspec.json.encode(record)))
            elif row:
                yield Change(name, row[0])

    def _put(self, table: str, key: Any, record: Any) -> None:
        self._changed.setdefault(table, {})[key] = record

    def _rows(self, table: str) -> list[Any]:
        changed = self._changed.get(table)
        if not changed:
            return super()._rows(table)
        with self._memory:
            rows = {key: record for key, (_, record) in self._dataset.tables[table].rows.items()}
        rows.update(changed)
        return [record for record in rows.values() if record is not None]

    def _row(self, table: str, key: Any) -> Any:
        changed = self._changed.get(table)
        return changed[key] if changed and key in changed else super()._row(table, key)
