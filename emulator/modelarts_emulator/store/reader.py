"""Read access to a dataset or to the samples of a version."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.store.assignments import EVERY, AssignmentKey, Group, as_assignment_table
from modelarts_emulator.store.id_table import id_of
from modelarts_emulator.store.index import UNKNOWN_FINGERPRINT, SampleIndex, Selection, paged
from modelarts_emulator.store.indexed_fields import MAX_NUMBER, LabelKey, decode_sample, encode_sample
from modelarts_emulator.store.open_dataset import PENDING, OpenDataset
from modelarts_emulator.store.records import (
    Counts,
    DatasetRecord,
    FileRecord,
    PendingFile,
    SampleRecord,
    TaskRecord,
    VersionRecord,
)
from modelarts_emulator.store.team_records import AssignmentRecord

CHUNK = 500
"""Number of documents that are read under one acquisition of the memory lock."""
_DELETED = b'"deleted":true'


class SampleReader:
    """Read access to a table of samples. Each call is atomic and never waits for the disk.

    Two calls may see different states: changes that are committed in between are visible to the second.
    """

    def __init__(self, samples: SampleIndex, memory: threading.Lock) -> None:
        self._samples, self._memory = samples, memory

    def __len__(self) -> int:
        """Return the number of samples, tombstones included."""
        return len(self._samples)

    @property
    def counts(self) -> Counts:
        """Counts of samples by state; they are maintained with every change, not recomputed."""
        with self._memory:
            return self._samples.counts

    def label_stats(self) -> dict[LabelKey, tuple[int, int]]:
        """Return the number of labels and the number of samples that have them, by name and type of label."""
        with self._memory:
            return self._samples.label_stats()

    def labelers(self) -> list[str]:
        """Return all values of ``annotated_by``, sorted."""
        with self._memory:
            return self._samples.labelers()

    def directories(self) -> list[str]:
        """Return every directory that contains a sample, as ``bucket/dir/``."""
        with self._memory:
            return self._samples.directories()

    def ids(self) -> Iterator[str]:
        """Return the ids of all samples and tombstones as of now."""
        with self._memory:
            documents = self._samples.documents()
        return (id_of(document) for document in documents if document is not None)

    def fingerprints(self) -> set[int]:
        """Return the fingerprints of all known objects, tombstones included."""
        with self._memory:
            fingerprints = self._samples.fingerprints()
        return set(fingerprints)

    def ids_of(self, fingerprints: Set[int]) -> list[str]:
        """Return the ids of samples and tombstones whose object has one of these fingerprints, or an unknown one."""
        with self._memory:
            documents, known = self._samples.documents(), self._samples.fingerprints()
        wanted = fingerprints | {UNKNOWN_FINGERPRINT}
        pairs = zip(documents, known, strict=True)
        return [id_of(document) for document, each in pairs if each in wanted and document is not None]

    def documents(self) -> list[bytes]:
        """Return all samples and tombstones, encoded, as of now."""
        with self._memory:
            documents = self._samples.documents()
        return [document for document in documents if document is not None]

    def tombstones(self) -> Iterator[SampleRecord]:
        """Yield the tombstones as of now: samples that were removed while their objects stayed."""
        with self._memory:
            count = len(self._samples) - self._samples.counts.total
            documents = self._samples.documents() if count else []
        for document in documents:
            if document is not None and _DELETED in document and (sample := decode_sample(document)).deleted:
                yield sample

    def signature(self, sample_id: str) -> int | None:
        """Return the fingerprint of the object of a sample or tombstone; None if the id is unknown."""
        return self._samples.signature(sample_id)

    def get(self, sample_id: str, *, deleted: bool = False) -> SampleRecord | None:
        """Return a sample, or None. A tombstone is returned only with ``deleted`` True."""
        document = self._document(sample_id)
        if document is None:
            return None
        sample = decode_sample(document)
        return sample if deleted or not sample.deleted else None

    def document(self, sample_id: str) -> bytes | None:
        """Return an encoded sample, or None also for a tombstone. Equal samples are equal bytes: a key for caches."""
        document = self._document(sample_id)
        if document is not None and _DELETED in document and decode_sample(document).deleted:
            return None
        return document

    def _document(self, sample_id: str) -> bytes | None:
        with self._memory:
            number = self._samples.number(sample_id)
            return None if number is None else self._samples.document(number)

    def page(
        self, selection: Selection, *, offset: int, limit: int, descending: bool = True
    ) -> tuple[int, list[SampleRecord]]:
        """Return the number of selected samples, and one page of them.

        Args:
            selection: the samples to count.
            offset: number of samples before the page.
            limit: maximum number of samples in the page.
            descending: whether the latest sample comes first.
        """
        total, documents = self.page_of_documents(selection, offset=offset, limit=limit, descending=descending)
        return total, [decode_sample(document) for document in documents]

    def page_of_documents(
        self, selection: Selection, *, offset: int, limit: int, descending: bool = True
    ) -> tuple[int, list[bytes]]:
        """Return the same page as ``page``, with encoded samples. Equal samples have equal bytes: a key for caches."""
        if selection.predicate is None:
            with self._memory:
                return self._samples.page(selection, offset, limit, descending)
        total, samples = paged(self.select(selection, descending=descending), offset, limit)
        return total, [encode_sample(sample) for sample in samples]

    def select(self, selection: Selection, *, descending: bool = False) -> Iterator[SampleRecord]:
        """Yield all selected samples in order.

        A sample that changes concurrently is seen as before or as after the change.
        """
        return (sample for _, sample in self.select_with_documents(selection, descending=descending))

    def select_with_documents(
        self, selection: Selection, *, descending: bool = False
    ) -> Iterator[tuple[bytes, SampleRecord]]:
        """Yield the same samples as ``select``, each with its stored document."""
        with self._memory:
            keys = self._samples.keys(selection).to_array()
        if descending:
            keys.reverse()
        test = selection.predicate
        for start in range(0, len(keys), CHUNK):
            with self._memory:
                documents = [self._samples.document(key & MAX_NUMBER) for key in keys[start : start + CHUNK]]
            for document in documents:
                if document is None:
                    continue
                sample = decode_sample(document)
                if not sample.deleted and (test is None or test(sample)):
                    yield document, sample


class DatasetReader(SampleReader):
    """Read access to a dataset: its samples and its other tables."""

    def __init__(self, dataset: OpenDataset) -> None:
        self._samples, self._memory, self._dataset = dataset.samples, dataset.memory, dataset

    @property
    def record(self) -> DatasetRecord:
        """The dataset's metadata."""
        return self._dataset.record

    @property
    def labels(self) -> list[Label]:
        """Labels in order of creation."""
        return self._rows("labels")

    @property
    def label_count(self) -> int:
        """Number of labels; no label is copied to count them."""
        with self._memory:
            return len(self._dataset.tables["labels"].rows)

    def page_of_labels(self, *, offset: int, limit: int) -> tuple[int, list[Label]]:
        """Return the number of labels, and one page of them in order of creation; ``offset`` counts labels."""
        with self._memory:
            rows = self._dataset.tables["labels"].rows
            return len(rows), [label for _, label in islice(rows.values(), offset, offset + limit)]

    @property
    def versions(self) -> list[VersionRecord]:
        """Versions in order of creation."""
        return self._rows("versions")

    @property
    def tasks(self) -> list[TaskRecord]:
        """Tasks in order of creation."""
        return self._rows("tasks")

    @property
    def files(self) -> Mapping[ObjectKey, FileRecord]:
        """Text and table files that were read, by ``bucket/key``."""
        return _Files(self)

    @property
    def pending_files(self) -> list[PendingFile]:
        """Files that changes under way create or remove."""
        return self._rows(PENDING)

    def pending_file(self, path: str) -> PendingFile | None:
        """Return the record of a file that a change under way creates or removes, or None."""
        return self._row(PENDING, path)  # type: ignore[no-any-return]

    def label(self, name: str, label_type: int | None = None) -> Label | None:
        """Return a label by name, and by type if one is given; None if it does not exist."""
        if label_type is not None:
            return self._row("labels", (name, label_type))  # type: ignore[no-any-return]
        return next((label for label in self.labels if label.name == name), None)

    def version(self, version_id: str) -> VersionRecord | None:
        """Return a version by its id, or None."""
        return self._row("versions", version_id)  # type: ignore[no-any-return]

    def task(self, task_id: str) -> TaskRecord | None:
        """Return a task by its id, or None."""
        return self._row("tasks", task_id)  # type: ignore[no-any-return]

    def assignment(self, task_id: str, sample_id: str, worker_id: str) -> AssignmentRecord | None:
        """Return the assignment of a sample to a labeler, or None."""
        return self._row("assignments", (task_id, sample_id, worker_id))  # type: ignore[no-any-return]

    def assignments_of_sample(self, sample_id: str) -> Sequence[AssignmentKey]:
        """Return the keys of a sample's assignments in all team labelling tasks, in order of allotment."""
        with self._memory:
            return as_assignment_table(self._dataset.tables["assignments"]).of_sample(sample_id)

    def count_assignments(self, task_id: str, group: Group = EVERY, worker_id: str = "") -> int:
        """Return the number of assignments of a task in a group, and with ``worker_id`` of that labeler."""
        with self._memory:
            return as_assignment_table(self._dataset.tables["assignments"]).count(task_id, group, worker_id)

    def page_of_assignments(
        self, task_id: str, group: Group, worker_id: str = "", *, offset: int = 0, limit: int = 2**31
    ) -> list[AssignmentRecord]:
        """Return assignments of a task in a group, in order of allotment; ``offset`` counts assignments."""
        with self._memory:
            table = as_assignment_table(self._dataset.tables["assignments"])
            return table.slice(task_id, group, worker_id, offset, offset + limit)

    def assigned_labels(self, task_id: str) -> list[str]:
        """Return the names of the labels that assignments of a task have."""
        with self._memory:
            return list(as_assignment_table(self._dataset.tables["assignments"]).labels(task_id))

    def _rows(self, table: str) -> list[Any]:
        with self._memory:
            return [record for _, record in self._dataset.tables[table].rows.values()]

    def _row(self, table: str, key: Any) -> Any:
        with self._memory:
            row = self._dataset.tables[table].rows.get(key)
        return row[1] if row else None


class _Files(Mapping[ObjectKey, FileRecord]):
    """The table of files as a mapping; a look-up does not copy the table."""

    def __init__(self, dataset: DatasetReader) -> None:
        self._dataset = dataset

    def __getitem__(self, path: ObjectKey) -> FileRecord:
        file: FileRecord | None = self._dataset._row("files", path)
        if file is None:
            raise KeyError(path)
        return file

    def __iter__(self) -> Iterator[ObjectKey]:
        return iter([file.path for file in self._dataset._rows("files")])

    def __len__(self) -> int:
        return len(self._dataset._rows("files"))
