"""Imports into datasets of text lines and of table rows.

The files come first: they are placed and read like those that a synchronization finds, each the way that the import
says. Then annotations go onto the samples that this has made.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, TYPE_MISMATCH, ApiError
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.text import MAX_LINE_BYTES
from modelarts_emulator.ingest.import_files import Import, ImportProgress
from modelarts_emulator.ingest.sync_lines import LineSync
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.samples.factory import WHOLE_LINES, text_sample
from modelarts_emulator.store import FileRecord, ReadOptions, SampleRecord, Selection


class _LineImport(Import):
    """What both have in common: files that are read as the import says."""

    def read_files(self, paths: Sequence[str], reading: ReadOptions) -> None:
        """Read files of the dataset's input anew; ``holding_still`` is held, so that nobody reads them otherwise."""
        with self.runtime.store.writing(self.record.id) as dataset:
            for path in paths:
                dataset.put_file(FileRecord(path=path, read_options=reading))
        self.record = self.runtime.store.entry(self.record.id).record
        lines = LineSync(self.runtime.store, self.runtime.tree, self.record, self.tally.fail)
        lines.read([self._entry(path) for path in paths])
        self.record = self.runtime.store.entry(self.record.id).record

    def _entry(self, path: str) -> ObjectEntry:
        place = ObsPath.parse(f"/{path}")
        stat = self.runtime.tree.stat(place)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(place))
        return ObjectEntry(path, stat.size, stat.mtime_ns, str(self.runtime.tree.local(place)))

    def count_file(self, path: str) -> None:
        """Count a file as transferred."""
        size = self._entry(path).size
        self.tally.finished_file_count += 1
        self.tally.finished_file_size += size


class TextImport(_LineImport):
    """An import of texts: those that the dataset has not become lines of a new file of its input."""

    def prepare(self) -> None:
        """Read files that lie in the input already, and write the texts that nobody has yet."""
        with self.runtime.sync_lock(self.record.id):
            self._read_own_files()
            self._ids = self._known_texts()
            if self.wanted.samples:
                self._write_texts()
        self._seen: Counter[bytes] = Counter()
        self.note(self.tally)

    def prepared(self, item: SampleRecord) -> tuple[SampleRecord, SampleRecord | None] | None:
        """The sample of a text: of equal ones the first, then the second, and so on. Raises ApiError."""
        self._require_good(item)
        key = _key(item)
        ids, place = self._ids.get(key, []), self._seen[key]
        self._seen[key] += 1
        if place >= len(ids):
            return None  # not in the dataset, and not to be brought there
        return msgspec.structs.replace(item, id=ids[place]), None

    def _read_own_files(self) -> None:
        if self.wanted.is_manifest:
            return
        files = [entry for entry in self.entries() if self.kind.holds(entry.path) and not _is_result(entry.path)]
        self.tally.total_file_count = len(files)
        self.tally.total_file_size = sum(entry.size for entry in files)
        own = [entry.path for entry in files if self.placement.is_placed(entry.path)]
        if own:
            self.read_files(own, ReadOptions(label_format=self.wanted.options.label_format))
            for path in own:
                self.count_file(path)

    def _known_texts(self) -> dict[bytes, list[str]]:
        known: dict[bytes, list[str]] = defaultdict(list)
        with self.runtime.store.reading(self.record.id) as dataset:
            for sample in dataset.select(Selection()):
                known[_key(sample)].append(sample.id)
        return known

    def _write_texts(self) -> None:
        """Write new texts, a file for each that they come from; texts are counted as they go by."""
        seen: Counter[bytes] = Counter()
        for source, items in groupby(self._lines(), key=lambda item: item.path):
            news: list[SampleRecord] = []
            for item in items:
                seen[_key(item)] += 1
                if seen[_key(item)] > len(self._ids.get(_key(item), [])):
                    news.append(item)
            if news:
                self._write_file(source or self.wanted.source.object_name, news)
            if source and not self.placement.is_placed(source):
                self.count_file(source)

    def _lines(self) -> Iterator[SampleRecord]:
        for item in self.items():
            self.tally.total_sample_count += 1
            if not isinstance(item, Problem) and self.is_wanted(item) and self._is_good(item):
                yield item

    def _is_good(self, item: SampleRecord) -> bool:
        """Whether an item can be a sample; that it cannot is told when its turn comes."""
        try:
            self._require_good(item)
        except ApiError:
            return False
        return True

    def _require_good(self, item: SampleRecord) -> None:
        fault = _fault(item)
        if fault:
            raise ApiError(TYPE_MISMATCH, fault)
        self.require_fitting(item)

    def _write_file(self, source: str, news: Sequence[SampleRecord]) -> None:
        relative = self.relative(source)
        if not self.kind.holds(relative):
            relative = f"{relative.rpartition('.')[0] or relative}.txt"
        path = self.placement.write(relative, ((item.text or "").encode("utf-8") + b"\n" for item in news)).object_name
        self.read_files([path], WHOLE_LINES)
        occurrences: Counter[bytes] = Counter()
        for item in news:
            key = _key(item)
            sample = text_sample(self.record.id, path, item.text or "", occurrences[key], 0)
            occurrences[key] += 1
            self._ids[key].append(sample.id)


class RowImport(_LineImport):
    """An import of tables: whole files come along, a sample a row. Rows have no annotations."""

    def run(self) -> ImportProgress:
        """Place the files and read them."""
        options = self.wanted.options
        reading = ReadOptions(with_column_header=options.with_column_header, schema_maps=list(options.schema_maps))
        sources = list(self._sources())
        self.tally.total_file_count = len(sources)
        self.note(self.tally)
        with self.runtime.sync_lock(self.record.id):
            for source in sources:
                path = self.place(source)
                self.placement.flush()
                self.read_files([path], reading)
                self.count_file(path)
                self.tally.imported_sample_count += self._count_rows(path)
                self.note(self.tally)
        self.tally.total_file_size = self.tally.finished_file_size
        self.tally.total_sample_count = self.tally.imported_sample_count + self.tally.problem_count
        return self.tally

    def _sources(self) -> Iterator[str]:
        if not self.wanted.is_manifest:
            yield from (entry.path for entry in self.entries() if self.kind.holds(entry.path))
            return
        for item in self.wanted_items():
            if item.path and self.kind.holds(item.path):
                yield item.path
            else:
                self.tally.fail(Problem(item.path or "a text", "is no CSV file"))

    def _count_rows(self, path: str) -> int:
        with self.runtime.store.reading(self.record.id) as dataset:
            wanted = Selection(directory=path[: path.rfind("/") + 1], predicate=lambda sample: sample.path == path)
            return sum(1 for _ in dataset.select(wanted))


def _key(sample: SampleRecord) -> bytes:
    return hashlib.blake2b((sample.text or "").encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _is_result(path: str) -> bool:
    return path.endswith("_result.txt")


def _fault(item: SampleRecord) -> str | None:
    """Why an item cannot be a line of a text file, if it cannot."""
    if item.text is None:
        return "a sample of this dataset is a text, as content://…"
    if not item.text.strip() or "\n" in item.text or item.text.endswith("\r"):
        return "a text must be one line"
    try:
        size = len(item.text.encode("utf-8"))
    except UnicodeEncodeError:
        return "a text must be valid Unicode"
    return f"longer than {MAX_LINE_BYTES} bytes" if size > MAX_LINE_BYTES else None
