"""Imports into datasets whose samples are text lines or table rows.

The files come first: they are copied to the input and read like those that a synchronization finds, but with the
options of the import. Labels are then merged onto the samples that this has made.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, TYPE_MISMATCH, ApiError
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.text import MAX_LINE_BYTES, RESULT, TOO_LONG
from modelarts_emulator.ingest.import_files import Import
from modelarts_emulator.ingest.merge import Candidate
from modelarts_emulator.ingest.sync_lines import LineSync
from modelarts_emulator.obs.paths import ObjectKey, ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.samples.factory import WHOLE_LINES, row_samples, text_sample
from modelarts_emulator.store import DatasetWriter, FileRecord, ReadOptions, SampleRecord, Selection


class _LineImport(Import):
    """The part that imports of lines and of rows share: files that are read with the options of the import."""

    reports_lines = True
    """Whether unusable lines are reported when the files of the input are read."""

    def read_files(self, paths: Sequence[ObjectKey], options: ReadOptions) -> None:
        """Read files of the dataset's input again.

        The caller holds the synchronization lock, so that no other thread reads them with other options.
        """
        store = self.runtime.store
        with store.writing(self.record.id) as dataset:
            for path in paths:
                dataset.put_file(FileRecord(path=path, read_options=options))
        self.record = store.entry(self.record.id).record
        sync = LineSync(store, self.runtime.tree, self.record, self.progress.report if self.reports_lines else None)
        sync.read([self._entry(path) for path in paths])
        self.record = store.entry(self.record.id).record  # reading the first table sets the schema

    def count_file(self, path: ObjectKey) -> None:
        """Count a file as finished."""
        self.progress.finished_file_count += 1
        self.progress.finished_file_size += self._entry(path).size

    def _entry(self, path: ObjectKey) -> ObjectEntry:
        place = ObsPath.of(path)
        stat = self.runtime.tree.stat(place)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(place))
        return ObjectEntry(path, stat.size, stat.mtime_ns, str(self.runtime.tree.local(place)))


class TextImport(_LineImport):
    """An import of texts: those that the dataset does not have become lines of new files in its input."""

    reports_lines = False  # the items of the import report them

    def complete_batch(self, dataset: DatasetWriter) -> None:
        """Keep the new files pending until all batches are stored: their lines get labels in several of them."""

    def prepare(self) -> None:
        """Read the files that are in the input already, and write the texts that are new."""
        with self.runtime.synchronizer.lock(self.record.id):
            self._read_own_files()
            self._ids = self._stored_texts()
            if self.plan.samples:
                self._write_new_texts()
        self._seen: Counter[bytes] = Counter()
        self.on_progress()

    def resolve(self, item: SampleRecord) -> Candidate | None:
        """Return the sample of a text; equal texts get the samples of equal lines in turn. Raises ApiError."""
        self._require_usable(item)
        key = _key(item)
        ids, position = self._ids.get(key, []), self._seen[key]
        self._seen[key] += 1
        if position >= len(ids):
            return None  # not in the dataset, and the import adds no samples
        return Candidate(ids[position], None, self.labelling(item), name=item.path or f"text {item.text!r:.42}")

    def _read_own_files(self) -> None:
        if self.listing is None:
            return
        files = [
            entry
            for entry in self.listing.entries(self.source)
            if self.traits.holds(entry.path) and not entry.path.endswith(RESULT)
        ]
        self.progress.total_file_count += len(files)
        self.progress.total_file_size += sum(entry.size for entry in files)
        own = [entry.path for entry in files if self.copier.is_in_input(entry.path)]
        if own:
            self.read_files(own, ReadOptions(label_format=self.plan.options.label_format))
            for path in own:
                self.count_file(path)

    def _stored_texts(self) -> dict[bytes, list[str]]:
        """Return the sample ids of each text."""
        ids: dict[bytes, list[str]] = defaultdict(list)
        with self.runtime.store.reading(self.record.id) as dataset:
            for sample in dataset.select(Selection()):
                ids[_key(sample)].append(sample.id)
        return ids

    def _write_new_texts(self) -> None:
        """Write the texts that are not stored, one file for each file that they come from."""
        seen: Counter[bytes] = Counter()
        for source, items in groupby(self._usable_items(), key=lambda item: item.path):
            new: list[SampleRecord] = []
            for item in items:
                seen[_key(item)] += 1
                if seen[_key(item)] > len(self._ids.get(_key(item), [])):
                    new.append(item)
            if new:
                self._write_file(source or self.source.object_name, new)
            if source and not self.copier.is_in_input(source):
                self.count_file(source)

    def _usable_items(self) -> Iterator[SampleRecord]:
        """Return the items that can be samples, and count all of them; the others are reported when resolved."""
        for item in self.items():
            self.progress.total_sample_count += 1
            if not isinstance(item, Problem) and self.plan.accepts(item) and self._is_usable(item):
                yield item

    def _is_usable(self, item: SampleRecord) -> bool:
        try:
            self._require_usable(item)
        except ApiError:
            return False
        return True

    def _require_usable(self, item: SampleRecord) -> None:
        if fault := _fault(item):
            raise ApiError(TYPE_MISMATCH, fault)
        self.require_valid_labels(item)

    def _write_file(self, source: ObjectKey, new: Sequence[SampleRecord]) -> None:
        relative = self.relative(source)
        if not self.traits.holds(relative):
            relative = f"{relative.rpartition('.')[0] or relative}.txt"
        path = self.copier.write(relative, ((item.text or "").encode("utf-8") + b"\n" for item in new)).object_name
        self.read_files([path], WHOLE_LINES)
        occurrences: Counter[bytes] = Counter()
        for item in new:
            key = _key(item)
            sample = text_sample(self.record.id, path, item.text or "", occurrences[key], 0)
            occurrences[key] += 1
            self._ids[key].append(sample.id)


class RowImport(_LineImport):
    """An import of tables: whole files, one sample for each row. Rows have no labels."""

    def run(self) -> None:
        """Copy the files and read them."""
        options = self.plan.options
        read_options = ReadOptions(with_column_header=options.with_column_header, schema_maps=list(options.schema_maps))
        sources = list(self._sources())
        progress = self.progress
        progress.total_file_count += len(sources)
        self.on_progress()
        with self.pending, self.runtime.synchronizer.lock(self.record.id):
            for source in sources:
                if not self._is_usable(source, read_options):
                    continue
                path = self.copy_to_input(source)
                self.copier.flush()
                self.read_files([path], read_options)
                self.count_file(path)
                progress.imported_sample_count += self._count_rows(path)
                self.on_progress()
        progress.total_file_size = progress.finished_file_size
        progress.total_sample_count = progress.imported_sample_count + progress.problem_count

    def _is_usable(self, source: ObjectKey, options: ReadOptions) -> bool:
        """Return whether a file has a usable row, or no rows at all; otherwise report why, and copy nothing."""
        with self.runtime.tree.open(ObsPath.of(source)) as stream:
            has_rows = False
            for row in row_samples(self.record, source, stream, options, time=0):
                if isinstance(row, SampleRecord):
                    return True
                has_rows = True
            stream.seek(0)  # a second reading, rather than all problems in memory
            for row in row_samples(self.record, source, stream, options, time=0) if has_rows else ():
                if isinstance(row, Problem):
                    self.progress.report(Problem(f"{source} {row.where}", row.why, row.line))
        return not has_rows

    def _sources(self) -> Iterator[ObjectKey]:
        if self.listing is not None:
            yield from (entry.path for entry in self.listing.entries(self.source) if self.traits.holds(entry.path))
            return
        for item in self.accepted_items():
            if item.path and self.traits.holds(item.path):
                yield item.path
            else:
                self.progress.report(Problem(item.path or "a text", "is not a CSV file"))

    def _count_rows(self, path: ObjectKey) -> int:
        with self.runtime.store.reading(self.record.id) as dataset:
            folder = path[: path.rfind("/") + 1]
            selection = Selection(directory=folder, predicate=lambda sample: sample.path == path)
            return sum(1 for _ in dataset.select(selection))


def _key(sample: SampleRecord) -> bytes:
    return hashlib.blake2b((sample.text or "").encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _fault(item: SampleRecord) -> str | None:
    """Return why an item cannot be a line of a text file; None if it can."""
    if item.text is None:
        return "a sample of this dataset is a text, as content://…"
    if not item.text.strip() or "\n" in item.text or item.text.endswith("\r"):
        return "a text must be one line"
    try:
        size = len(item.text.encode("utf-8"))
    except UnicodeEncodeError:
        return "a text must be valid Unicode"
    return TOO_LONG if size > MAX_LINE_BYTES else None
