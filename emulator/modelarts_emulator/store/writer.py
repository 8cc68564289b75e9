"""Write access to a dataset: changes are collected in an overlay and become one group of the journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.store.assignments import AssignmentKey
from modelarts_emulator.store.index import Selection
from modelarts_emulator.store.indexed_fields import encode_sample
from modelarts_emulator.store.journal import DocumentChange
from modelarts_emulator.store.open_dataset import PENDING, OpenDataset
from modelarts_emulator.store.reader import DatasetReader
from modelarts_emulator.store.records import (
    DatasetRecord,
    FileRecord,
    PendingFile,
    SampleRecord,
    TaskRecord,
    VersionRecord,
)
from modelarts_emulator.store.team_records import AssignmentRecord


class DatasetWriter(DatasetReader):
    """Read and write access to a dataset. Its changes are visible to itself only until they are committed.

    Look-ups (``get``, ``label``, ``tasks``, …) include the changes. Counts, statistics, pages and selections do not.
    """

    def __init__(self, dataset: OpenDataset) -> None:
        super().__init__(dataset)
        self._changed: dict[str, dict[Any, Any]] = {}
        self._replaced: set[str] = set()
        """Tables that are replaced completely by their part of ``_changed``."""
        self._added_labels = 0
        """The change of the number of labels; negative if more are removed."""
        self._numbers: dict[str, int | None] = {}
        """Document numbers of samples that were read. The writer lock keeps them valid until the commit."""

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata, including changes."""
        changed = self._changed.get("dataset")
        if changed:
            record: DatasetRecord = next(iter(changed.values()))
            return record
        return self._dataset.record

    def get(self, sample_id: str, *, deleted: bool = False) -> SampleRecord | None:
        """Return a sample, including changes; None if it does not exist."""
        changed = self._changed.get("samples", {})
        if sample_id not in changed:
            return super().get(sample_id, deleted=deleted)
        sample: SampleRecord | None = changed[sample_id]
        return sample if sample is None or deleted or not sample.deleted else None

    def document(self, sample_id: str) -> bytes | None:
        """Return an encoded sample, including changes; None if it does not exist."""
        if sample_id not in self._changed.get("samples", {}):
            return super().document(sample_id)
        sample = self.get(sample_id)
        return None if sample is None else encode_sample(sample)

    def _document(self, sample_id: str) -> bytes | None:
        with self._memory:
            number = self._numbers[sample_id] = self._samples.number(sample_id)
            return None if number is None else self._samples.document(number)

    def labelled(self, name: str, label_type: int | None) -> Iterator[SampleRecord]:
        """Yield every sample that has a label, including changes."""
        changed = self._changed.get("samples", {})
        fresh = [s for s in changed.values() if s is not None and not s.deleted]
        committed = (s for s in super().select(Selection(label=(name, label_type))) if s.id not in changed)
        for sample in (*fresh, *committed):
            if any(label.name == name and label.type == label_type for label in sample.labels):
                yield sample

    @property
    def label_count(self) -> int:
        """Number of labels, including changes."""
        return super().label_count + self._added_labels

    def put_record(self, record: DatasetRecord) -> None:
        """Replace the dataset's metadata."""
        self._put("dataset", record.id, record)

    def put_sample(self, sample: SampleRecord) -> None:
        """Add or replace a sample."""
        self._changed.setdefault("samples", {})[sample.id] = sample

    def put_samples(self, samples: Iterable[SampleRecord]) -> None:
        """Add or replace samples."""
        for sample in samples:
            self.put_sample(sample)

    def remove_sample(self, sample_id: str) -> None:
        """Remove a sample without leaving a tombstone."""
        self._put("samples", sample_id, None)

    def put_label(self, label: Label) -> None:
        """Add a label at the end, or replace the one with its name and type."""
        key = (label.name, label.type)
        if self._changed.get("labels", {}).get(key, label) is None:
            self.replace_labels(self.labels)  # removed in this transaction: it must not return to its former place
        self._added_labels += self._row("labels", key) is None
        self._put("labels", key, label)

    def remove_label(self, name: str, label_type: int | None) -> None:
        """Remove a label from the dataset; samples are not changed."""
        self._added_labels -= self._row("labels", (name, label_type)) is not None
        self._put("labels", (name, label_type), None)

    def replace_labels(self, labels: Iterable[Label]) -> None:
        """Replace all labels by these, in this order."""
        self._changed["labels"] = {(label.name, label.type): label for label in list(labels)}
        self._replaced.add("labels")
        self._added_labels = len(self._changed["labels"]) - super().label_count

    def put_version(self, version: VersionRecord) -> None:
        """Add or replace a version's record."""
        self._put("versions", version.version_id, version)

    def remove_version(self, version_id: str) -> None:
        """Remove a version's record."""
        self._put("versions", version_id, None)

    def put_task(self, task: TaskRecord) -> None:
        """Add or replace a task."""
        self._put("tasks", task.id, task)

    def remove_task(self, task_id: str) -> None:
        """Remove the record of a task. Its output files stay."""
        self._put("tasks", task_id, None)

    def put_file(self, file: FileRecord) -> None:
        """Add or replace the record of a file that was read."""
        self._put("files", file.path, file)

    def remove_file(self, path: str) -> None:
        """Remove the record of a file."""
        self._put("files", path, None)

    def put_pending_file(self, file: PendingFile) -> None:
        """Record that a file is about to be created, or is to be removed."""
        self._put(PENDING, file.path, file)

    def drop_pending_file(self, path: str) -> None:
        """Drop the record of a file that is created or removed now."""
        self._put(PENDING, path, None)

    def put_assignment(self, assignment: AssignmentRecord) -> None:
        """Add or replace the assignment of a sample to a labeler."""
        self._put("assignments", (assignment.task_id, assignment.sample_id, assignment.worker_id), assignment)

    def remove_assignment(self, key: AssignmentKey) -> None:
        """Remove the assignment of a sample to a labeler."""
        self._put("assignments", key, None)

    @property
    def is_changed(self) -> bool:
        """Whether there are changes to commit."""
        return bool(self._changed)

    def changes(self) -> list[DocumentChange]:
        """Return the changes for the journal: one line per changed record."""
        if self._dataset.tables["assignments"].rows and "samples" in self._changed:
            self._release_deleted_samples()
        lines: list[DocumentChange] = []
        for table, changed in self._changed.items():
            lines += self._sample_lines(changed) if table == "samples" else self._small_lines(table, changed)
        return lines

    def _release_deleted_samples(self) -> None:
        """Remove deleted samples from team labelling tasks, which count them."""
        released: Counter[str] = Counter()
        for sample_id, sample in self._changed["samples"].items():
            if sample is None or sample.deleted:
                keys = self.assignments_of_sample(sample_id)
                released.update({key[0] for key in keys})
                for key in keys:
                    self.remove_assignment(key)
        if released:
            tasks = [
                msgspec.structs.replace(task, deleted=task.deleted + released[task.id])
                for task in self.record.team_tasks
            ]
            self.put_record(msgspec.structs.replace(self.record, team_tasks=tasks))

    def _sample_lines(self, changed: dict[str, SampleRecord | None]) -> list[DocumentChange]:
        lines: list[DocumentChange] = []
        free: Iterator[int] | None = None
        for sample_id, sample in changed.items():
            number = self._numbers[sample_id] if sample_id in self._numbers else self._samples.number(sample_id)
            if sample is not None:
                if number is None:
                    free = free or self._samples.free_numbers()
                    number = next(free)
                lines.append(DocumentChange("samples", number, msgspec.Raw(encode_sample(sample))))
            elif number is not None:
                lines.append(DocumentChange("samples", number))
        return lines

    def _small_lines(self, name: str, changed: dict[Any, Any]) -> Iterator[DocumentChange]:
        table = self._dataset.tables[name]
        rows, free = table.rows, table.next_number
        if name in self._replaced:
            yield from (DocumentChange(name, number) for number, _ in rows.values())
            rows = {}
        for key, record in changed.items():
            row = rows.get(key)
            if record is not None:
                number = row[0] if row else free
                free += 0 if row else 1
                yield DocumentChange(name, number, msgspec.Raw(msgspec.json.encode(record)))
            elif row:
                yield DocumentChange(name, row[0])

    def _put(self, table: str, key: Any, record: Any) -> None:
        self._changed.setdefault(table, {})[key] = record

    def _rows(self, table: str) -> list[Any]:
        changed = self._changed.get(table)
        if changed is None:
            return super()._rows(table)
        rows: dict[Any, Any] = {}
        if table not in self._replaced:
            with self._memory:
                rows = {key: record for key, (_, record) in self._dataset.tables[table].rows.items()}
        rows.update(changed)
        return [record for record in rows.values() if record is not None]

    def _row(self, table: str, key: Any) -> Any:
        changed = self._changed.get(table, {})
        return changed[key] if key in changed else None if table in self._replaced else super()._row(table, key)
