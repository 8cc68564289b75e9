"""Synchronization of datasets whose samples are text lines or table rows: read the files that have changed.

A file is read only if its size or time has changed. A line or row is identified by its content, so that it keeps its
labels wherever it moves within the file.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import FILE_NOT_FOUND, ApiError
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.formats import csv_table, text
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.ingest.import_plan import MAX_REPORTED
from modelarts_emulator.ingest.merge import Candidate, merge_sync
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.ingest.pipeline import Outcome, run_pipeline
from modelarts_emulator.ingest.sync_files import SyncResult, is_readable
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObjectKey, ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.samples.factory import (
    has_header,
    input_directories,
    line_samples,
    read_options_of,
    row_samples,
    schema_of,
)
from modelarts_emulator.store import (
    DatasetReader,
    DatasetRecord,
    FileRecord,
    ReadOptions,
    SampleRecord,
    Selection,
    Store,
)
from modelarts_emulator.system.open_files import is_open_for_writing

log = logging.getLogger(__name__)

MAX_LOGGED = 3
"""The number of unusable lines that are logged for each file."""

OnProblem = Callable[[Problem], None]


class LineSync:
    """Reads the text or table files of one dataset into samples. ``on_problem`` gets every line that is unusable.

    ``added``, ``changed`` and ``removed`` count the samples added, the files read again, and the samples removed.
    """

    def __init__(
        self, store: Store, tree: ObjectTree, record: DatasetRecord, on_problem: OnProblem | None = None
    ) -> None:
        self._store, self._tree, self._record = store, tree, record
        self._on_problem = on_problem
        self._tombstones: dict[str, set[str]] | None = None
        """The ids of deleted samples by file; collected when the first file is read."""
        self.added = self.removed = self.changed = 0
        self._problem_count = 0
        """Number of unusable lines of the current file."""
        self._problem: str | None = None
        """The first of them."""

    def run(self, listing: Listing) -> SyncResult:
        """Read the files of a listing that have changed, and remove the samples of files that are gone."""
        holds = DATASET_TYPES[self._record.type].holds
        found = [
            entry
            for directory in listing.directories
            if is_readable(self._tree, directory)
            for entry in listing.entries(directory)
            if holds(entry.path) and not entry.path.endswith(text.RESULT)
        ]
        self.read(found)
        paths = {entry.path for entry in found}
        with self._store.reading(self._record.id) as dataset:
            missing = [path for path in dataset.files if path not in paths]
        for path in missing:
            if self._tree.stat(ObsPath.of(path)) is None or not self._is_input(path):
                self._remove_file(path)
        return SyncResult(self.added, self.changed, self.removed)

    def read(self, entries: Sequence[ObjectEntry]) -> None:
        """Read those of the files that have changed since they were last read."""
        with self._store.reading(self._record.id) as dataset:
            known = dataset.files
        for entry in entries:
            file = known.get(entry.path)
            if file is not None and file.signature == (entry.size, entry.mtime_ns):
                continue
            # Skip a file that is still open for writing: closing it raises another event.
            if not self._is_being_written(entry):
                self._read_file(entry, file)

    def _is_being_written(self, entry: ObjectEntry) -> bool:
        try:
            with self._tree.open_entry(entry) as file:
                return is_open_for_writing(file.fileno())
        except OSError:
            return False

    def _is_input(self, path: ObjectKey) -> bool:
        place = ObsPath.of(path)
        return any(directory.contains(place) for directory in input_directories(self._record))

    def _read_file(self, entry: ObjectEntry, file: FileRecord | None) -> None:
        options = (file.read_options if file else None) or read_options_of(self._record, entry.path)
        live, vanished = self._ids(entry.path)
        try:
            run_pipeline(
                self._store,
                self._record.id,
                self._new_samples(self._samples(entry, options), vanished),
                lambda batch: [Candidate(sample.id, sample) for sample in batch],
                partial(merge_sync, is_current=lambda sample: True),
                self._count_added,
            )
        except ApiError as error:
            if error.error is not FILE_NOT_FOUND:
                raise
            return  # deleted since it was listed
        with self._store.writing(self._record.id) as dataset:
            for identity in vanished:
                dataset.remove_sample(identity)
            dataset.put_file(
                FileRecord(
                    path=entry.path,
                    signature=(entry.size, entry.mtime_ns),
                    read_options=file.read_options if file else None,
                    problem_count=self._problem_count,
                    problem=self._problem,
                )
            )
        self.removed += len(vanished & live)
        self.changed += file is not None and file.signature is not None

    def _samples(self, entry: ObjectEntry, options: ReadOptions) -> Iterator[SampleRecord]:
        """Return the samples of a file; unusable lines are reported and skipped."""
        place = ObsPath.of(entry.path)
        time = entry.mtime_ns // 1_000_000
        self._problem_count, self._problem = 0, None
        with self._tree.open(place) as stream:
            if self._record.type is DatasetType.TABLE:
                self._adopt_schema(csv_table.header(stream), options)
                stream.seek(0)
                items = row_samples(self._record, entry.path, stream, options, time=time)
            else:
                beside = ObsPath.of(ObjectKey(f"{stem(entry.path)}{text.RESULT}"))
                has_results = self._tree.stat(beside) is not None
                items = line_samples(self._record, entry.path, stream, options, time=time, has_results=has_results)
            for item in items:
                if isinstance(item, SampleRecord):
                    yield item
                    continue
                self._report(entry, item)
        if self._problem_count > MAX_LOGGED:
            log.warning("%s: skipped %d more", entry.path, self._problem_count - MAX_LOGGED)

    def _report(self, entry: ObjectEntry, item: Problem) -> None:
        """Log, count and report a line that is not usable."""
        problem = Problem(f"{entry.path} {item.where}", item.why, item.line)
        self._problem_count += 1
        self._problem = self._problem or str(problem)
        if self._problem_count <= MAX_LOGGED:
            log.warning("%s: skipped %s: %s", entry.path, item.where, item.why)
        if self._on_problem:
            self._on_problem(problem)

    def _adopt_schema(self, names: Sequence[str], options: ReadOptions) -> None:
        """Give a table without a schema the one of the first header that is read."""
        if self._record.schema or not names or not has_header(names, (), options):
            return
        with self._store.writing(self._record.id) as dataset:
            self._record = msgspec.structs.replace(dataset.record, schema=schema_of(names))
            dataset.put_record(self._record)

    def _new_samples(self, samples: Iterable[SampleRecord], vanished: set[str]) -> Iterator[SampleRecord]:
        """Return the samples that are not stored; the ids of those that are, are taken out of ``vanished``."""
        with self._store.reading(self._record.id) as dataset:
            for sample in samples:
                if dataset.signature(sample.id) is None:
                    yield sample
                else:
                    vanished.discard(sample.id)

    def _count_added(self, outcomes: Iterable[Outcome]) -> None:
        self.added += sum(outcome.merged is not None for outcome in outcomes)

    def _ids(self, path: ObjectKey) -> tuple[set[str], set[str]]:
        """Return the ids of a file's samples, and these together with those of its deleted samples.

        A tombstone ends when its line is gone from the file.
        """
        folder = path[: path.rfind("/") + 1]
        selection = Selection(directory=folder, predicate=lambda sample: sample.path == path)
        with self._store.reading(self._record.id) as dataset:
            live = {sample.id for sample in dataset.select(selection)}
            if self._tombstones is None:
                self._tombstones = defaultdict(set)
                for sample in dataset.tombstones():
                    self._tombstones[sample.path].add(sample.id)
        return live, live | self._tombstones.pop(path, set())

    def _remove_file(self, path: ObjectKey) -> None:
        live, all_ids = self._ids(path)
        with self._store.writing(self._record.id) as dataset:
            for identity in all_ids:
                dataset.remove_sample(identity)
            dataset.remove_file(path)
        self.removed += len(live)


def unusable_lines(dataset: DatasetReader) -> str:
    """Return how many lines or rows of a dataset's files are not usable, with an example of each file; empty if none.

    The files were read by this synchronization or an earlier one: a file that has not changed is not read again.
    """
    files = [file for file in dataset.files.values() if file.problem_count]
    if not files:
        return ""
    named = "; ".join(str(file.problem) for file in files[:MAX_REPORTED])
    return f"{sum(file.problem_count for file in files)} skipped: {named}"
