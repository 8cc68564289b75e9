"""Bring a dataset of text lines or table rows in step with its files.

A file is opened only where its size or time has changed. Its lines are known by their content, so those that stay
keep their labels wherever they move to.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, ApiError
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.formats import csv_table, text
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.samples.factory import has_header, line_samples, reading_of, row_samples, schema_of
from modelarts_emulator.store import DatasetRecord, FileRecord, ReadOptions, SampleRecord, Selection, Store
from modelarts_emulator.system.open_files import is_being_written

log = logging.getLogger(__name__)

BATCH = 1_000
TOLD = 3

Told = Callable[[Problem], None]


class LineSync:
    """The files of one dataset, read into samples. ``told`` hears of every line that is wrong."""

    def __init__(self, store: Store, tree: ObjectTree, record: DatasetRecord, told: Told | None = None) -> None:
        self._store, self._tree, self._record = store, tree, record
        self._told = told
        self._buried: dict[str, set[str]] | None = None
        self.added = self.removed = self.changed = 0

    def follow(self, entries: Iterable[ObjectEntry]) -> None:
        """Read what has changed of all files that there are, and forget those that are gone."""
        found = [entry for entry in entries if not entry.path.endswith(text.RESULT)]
        self.read(found)
        paths = {entry.path for entry in found}
        with self._store.reading(self._record.id) as dataset:
            gone = [path for path in dataset.files if path not in paths]
        for path in gone:
            if self._tree.stat(ObsPath.parse(f"/{path}")) is None or not self._is_input(path):
                self._forget(path)

    def read(self, entries: Sequence[ObjectEntry]) -> None:
        """Read those of the files that have changed since they were read last."""
        with self._store.reading(self._record.id) as dataset:
            known = dataset.files
        for entry in entries:
            file = known.get(entry.path)
            if file is not None and file.signature == (entry.size, entry.mtime_ns):
                continue
            # What is still being written is left as it is: the end of the writing leads here again.
            if not is_being_written(entry.local):
                self._read_file(entry, file)

    def _is_input(self, path: str) -> bool:
        place = ObsPath.parse(f"/{path}")
        sources = [ObsPath.directory(source.data_path) for source in self._record.data_sources if source.data_path]
        return any(directory.contains(place) for directory in sources or [ObsPath.directory(self._own_folder)])

    @property
    def _own_folder(self) -> str:
        return f"{self._record.inner_work_path}data/"

    def _read_file(self, entry: ObjectEntry, file: FileRecord | None) -> None:
        reading = (file.read_options if file else None) or reading_of(self._record, entry.path)
        live, before = self._ids(entry.path)
        try:
            self._put(self._samples(entry, reading), before)
        except ApiError as error:
            if error.error is not FILE_NOT_FOUND:
                raise
            return  # vanished since it was listed
        with self._store.writing(self._record.id) as dataset:
            for identity in before:
                dataset.remove_sample(identity)
            read = FileRecord(
                path=entry.path,
                signature=(entry.size, entry.mtime_ns),
                read_options=file.read_options if file else None,
            )
            dataset.put_file(read)
        self.removed += len(before & live)
        self.changed += file is not None and file.signature is not None

    def _samples(self, entry: ObjectEntry, reading: ReadOptions) -> Iterator[SampleRecord]:
        place = ObsPath.parse(f"/{entry.path}")
        time = entry.mtime_ns // 1_000_000
        wrong = 0
        with self._tree.open(place) as stream:
            if self._record.type is DatasetType.TABLE:
                self._take_schema(csv_table.header(stream), reading)
                stream.seek(0)
                items = row_samples(self._record, entry.path, stream, reading, time=time)
            else:
                beside = ObsPath.parse(f"/{stem(entry.path)}{text.RESULT}")
                has_results = self._tree.stat(beside) is not None
                items = line_samples(self._record, entry.path, stream, reading, time=time, has_results=has_results)
            for item in items:
                if isinstance(item, SampleRecord):
                    yield item
                    continue
                wrong += 1
                if wrong <= TOLD:
                    log.warning("%s: %s is left out: %s", entry.path, item.where, item.why)
                if self._told:
                    self._told(Problem(f"{entry.path} {item.where}", item.why, item.line))
        if wrong > TOLD:
            log.warning("%s: %d more are left out", entry.path, wrong - TOLD)

    def _take_schema(self, names: Sequence[str], reading: ReadOptions) -> None:
        """A table without a schema gets it from the first header that comes."""
        if self._record.schema or not names or not has_header(names, (), reading):
            return
        with self._store.writing(self._record.id) as dataset:
            self._record = msgspec.structs.replace(dataset.record, schema=schema_of(names))
            dataset.put_record(self._record)

    def _put(self, samples: Iterator[SampleRecord], before: set[str]) -> None:
        """Put the samples that are new; those that are still there are taken out of ``before``."""
        batch: list[SampleRecord] = []
        with self._store.reading(self._record.id) as dataset:
            for sample in samples:
                if dataset.signature(sample.id) is None:
                    batch.append(sample)
                    if len(batch) >= BATCH:
                        self._commit(batch)
                        batch = []
                else:
                    before.discard(sample.id)
        self._commit(batch)

    def _commit(self, batch: Sequence[SampleRecord]) -> None:
        if batch:
            with self._store.writing(self._record.id) as dataset:
                dataset.put_samples(batch)
            self.added += len(batch)

    def _ids(self, path: str) -> tuple[set[str], set[str]]:
        """The samples of a file; and these with those that were deleted, which end with their line."""
        folder = path[: path.rfind("/") + 1]
        wanted = Selection(directory=folder, predicate=lambda sample: sample.path == path)
        with self._store.reading(self._record.id) as dataset:
            live = {sample.id for sample in dataset.select(wanted)}
            if self._buried is None:
                self._buried = defaultdict(set)
                for sample in dataset.tombstones():
                    self._buried[sample.path].add(sample.id)
        return live, live | self._buried.pop(path, set())

    def _forget(self, path: str) -> None:
        live, gone = self._ids(path)
        with self._store.writing(self._record.id) as dataset:
            for identity in gone:
                dataset.remove_sample(identity)
            dataset.remove_file(path)
        self.removed += len(live)
