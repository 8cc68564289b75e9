"""Uploads: files that are sent in base64, or named by an OBS path, become samples at once.

Their samples go through the ingest pipeline with the UPLOAD policy: an object that exists already is refused.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import (
    FILE_NOT_FOUND,
    FILE_TOO_LARGE,
    PARAMETER_INVALID,
    PATH_INVALID,
    SAMPLE_EXISTS,
    SIZE_UNKNOWN,
    TYPE_MISMATCH,
    UPLOAD_FAILED,
    ApiError,
)
from modelarts_emulator.contract.samples import Sample, SampleLabel
from modelarts_emulator.contract.sources import DataSource, LabelFormat
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleStatus, SampleType
from modelarts_emulator.formats import text
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.ingest.merge import Candidate, IncomingLabels, merge_upload
from modelarts_emulator.ingest.pending_files import PendingFiles
from modelarts_emulator.ingest.pipeline import Outcome, commit
from modelarts_emulator.ingest.sync_lines import LineSync
from modelarts_emulator.media.images import read_header_bytes
from modelarts_emulator.obs.object_tree import ObjectStat
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry, is_ignored
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import SIZE, checked_metadata, given_size
from modelarts_emulator.samples.factory import (
    file_sample,
    input_directories,
    line_samples,
    read_options_of,
    row_samples,
)
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.store import DatasetRecord, FileRecord, ReadOptions, SampleRecord
from modelarts_emulator.util.ids import sample_id

log = logging.getLogger(__name__)

MAX_IMAGE_BYTES = 25 * 1024 * 1024
MAX_OBJECT_BYTES = 256 * 1024 * 1024

_ENCODINGS = {"UTF-8": "utf-8-sig", "UTF8": "utf-8-sig", "GBK": "gb18030", "GB2312": "gb18030"}
_THREADS = 4
_MIN_FILES_FOR_THREADS = 8

LabelledSample = tuple[SampleRecord, list[SampleLabel]]


class SampleUpload:
    """The base class of FileUpload and LineUpload. ``status`` is given to samples that are uploaded with labels."""

    def __init__(self, runtime: Runtime, record: DatasetRecord, user: str, status: SampleStatus) -> None:
        self.runtime, self.record, self.user, self.status = runtime, record, user, status
        self.now = runtime.clock.now_ms()  # one time for all files, so that they are listed in request order
        self.directory = input_directories(record)[0]
        self.traits = DATASET_TYPES[record.type]

    def target(self, sample: Sample) -> ObsPath:
        """Return where a file is to be stored. Raises: PARAMETER_INVALID, PATH_INVALID, TYPE_MISMATCH."""
        source = sample.data_source.data_path if sample.data_source else None
        name = sample.name or (ObsPath.parse(source).name if source else "")
        if not name:
            raise ApiError(PARAMETER_INVALID, "name: a sample must have one")
        path = self.directory.join(name)
        if path.is_directory:
            raise ApiError(PATH_INVALID, f"{sample.name}: names a directory")
        if any(map(is_ignored, name.split("/"))):
            raise ApiError(PATH_INVALID, f"{sample.name}: a hidden or temporary file cannot be a sample")
        if not self.traits.holds(path.name):
            raise ApiError(TYPE_MISMATCH, f"{sample.name}: a file must end in {', '.join(self.traits.extensions)}")
        if not self._fits(sample.sample_type):
            raise ApiError(
                TYPE_MISMATCH, f"{sample.name}: the samples of this dataset are not of type {sample.sample_type}"
            )
        return path

    def _fits(self, given: SampleType | None) -> bool:
        """Return whether an upload may name this type of sample; 9 names none, and free format has samples of any."""
        own = self.traits.sample_type
        return given in (None, own, SampleType.FREE_FORMAT) or own is SampleType.FREE_FORMAT

    def content(self, sample: Sample) -> bytes:
        """Return the bytes of a file. Raises: FILE_NOT_FOUND, FILE_TOO_LARGE, UPLOAD_FAILED."""
        if sample.data is not None or sample.data_source is None or not sample.data_source.data_path:
            return _decode_base64(sample)
        path = ObsPath.parse(sample.data_source.data_path)
        stat = self.runtime.tree.stat(path)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(path))
        if stat.size > MAX_OBJECT_BYTES:
            raise ApiError(FILE_TOO_LARGE, f"{path}: {stat.size} bytes are more than {MAX_OBJECT_BYTES}")
        return self.runtime.tree.read(path)

    def write(self, path: ObsPath, data: bytes) -> ObjectStat | None:
        """Write a new object; None if there is one of this name. Raises UPLOAD_FAILED."""
        try:
            return self.runtime.tree.write(path, data, overwrite=False, flush=False, at_ms=self.now)
        except FileExistsError:
            return None
        except OSError as error:
            log.warning("Cannot write an uploaded sample: %s", error)
            raise ApiError(UPLOAD_FAILED, error.strerror or str(error)) from None

    def labelling(self, labels: Sequence[SampleLabel], metadata: dict[str, object]) -> IncomingLabels:
        """Return the labels and metadata that come with a sample."""
        return IncomingLabels(labels, self.user, self.now, self.status, metadata)

    def commit(self, candidates: Sequence[Candidate], pending: PendingFiles) -> list[Outcome]:
        """Merge candidates in one transaction, after which the new files are no longer pending."""
        return commit(self.runtime.store, self.record.id, candidates, merge_upload, pending.drop_all)

    def pending_files(self, samples: Sequence[Sample]) -> PendingFiles:
        """Return the record of the files that an upload creates; they are announced before they are written."""
        pending = PendingFiles(self.runtime.store, self.runtime.tree, self.record.id, self.runtime.clock, self.now)
        targets = []
        for sample in samples:
            with suppress(ApiError):  # the sample is refused later
                targets.append(self.target(sample))
        pending.announce(targets)
        return pending


class FileUpload(SampleUpload):
    """Uploads into a dataset whose samples are whole files."""

    def run(self, samples: Sequence[Sample]) -> list[SampleRecord | ApiError]:
        """Store all files, then add their samples in one transaction. Each file is refused by itself."""
        # A synchronization that finds the new files first would add their samples in another order.
        with self.runtime.synchronizer.lock(self.record.id), self.pending_files(samples) as pending:
            results = self._store_all(samples)
            candidates = [result for result in results if isinstance(result, Candidate)]
            for directory in {ObsPath.parse(each.name).parent for each in candidates if each.is_created}:
                self.runtime.tree.flush(directory)
            outcomes = iter(self.commit(candidates, pending))
        return [result if isinstance(result, ApiError) else _sample_of(next(outcomes)) for result in results]

    def _store_all(self, samples: Sequence[Sample]) -> list[Candidate | ApiError]:
        """Write all files, several at once, because most of it is waiting for the disk."""
        # Of two files with the same name the first one must win, so they are written in turn.
        if len(samples) < _MIN_FILES_FOR_THREADS or len({sample.name for sample in samples}) < len(samples):
            return [self._store(sample) for sample in samples]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="upload") as threads:
            return list(threads.map(self._store, samples))

    def _store(self, sample: Sample) -> Candidate | ApiError:
        """Validate and write one file. A file that is refused is not written."""
        try:
            path = self.target(sample)
            data = self.content(sample)
            shape = self._shape(sample, data)
            draft = SampleRecord(id="", path=path.object_name, type=self.traits.sample_type, time=0, shape=shape)
            labels = validate_labels(self.record.type, draft, sample.labels or ())
            labelling = self.labelling(labels, checked_metadata(sample.metadata))
            stat = self.write(path, data)
        except ApiError as error:
            return error
        identity = sample_id(self.record.id, path.object_name)
        if stat is None:
            return Candidate(identity, name=str(path))
        record = file_sample(identity, self.traits, path.object_name, stat.size, stat.mtime_ns)
        record.shape = shape
        return Candidate(identity, record, labelling, is_created=True, name=str(path))

    def _shape(self, sample: Sample, data: bytes) -> tuple[int, int, int] | None:
        if self.traits.sample_type is not SampleType.IMAGE:
            return None
        if len(data) > MAX_IMAGE_BYTES:
            raise ApiError(FILE_TOO_LARGE, f"{sample.name}: {len(data)} bytes are more than {MAX_IMAGE_BYTES}")
        shape = read_header_bytes(data) or given_size(sample.metadata)
        if shape is None:
            raise ApiError(SIZE_UNKNOWN, f"{sample.name}: not a readable image, and {SIZE} has no possible size")
        return shape


class LineUpload(SampleUpload):
    """Uploads of text and table files, with one sample for each line or row.

    Labels are those after the separators of ``label_format``, and those that the request gives for the whole file.
    """

    def __init__(
        self,
        runtime: Runtime,
        record: DatasetRecord,
        user: str,
        status: SampleStatus,
        label_format: LabelFormat | None,
    ) -> None:
        super().__init__(runtime, record, user, status)
        self._label_format = label_format

    def run(self, samples: Sequence[Sample]) -> list[SampleRecord | ApiError]:
        """Store and read every file; each is refused by itself. Returns the first sample of each file."""
        return [self._upload(sample) for sample in samples]

    def _upload(self, sample: Sample) -> SampleRecord | ApiError:
        try:
            path = self.target(sample)
            data = _as_utf8(sample, self.content(sample))
            options = self._read_options(path, sample.data_source)
            read = self._read(sample, path, data, options)
            metadata = checked_metadata(sample.metadata)
            with self.pending_files([sample]) as pending:
                self._store(path, data, options)
                self.commit(
                    [
                        Candidate(record.id, None, self.labelling(labels, metadata), is_created=True, name=str(path))
                        for record, labels in read
                        if labels or metadata
                    ],
                    pending,
                )
        except ApiError as error:
            return error
        return read[0][0]

    def _read_options(self, path: ObsPath, source: DataSource | None) -> ReadOptions:
        if self.record.type is DatasetType.TABLE and source is not None:
            return ReadOptions(with_column_header=source.with_column_header, schema_maps=source.schema_maps or [])
        if self._label_format is not None and self.record.type is DatasetType.TEXT_CLASSIFICATION:
            return ReadOptions(label_format=self._label_format)
        return read_options_of(self.record, path.object_name)

    def _read(self, sample: Sample, path: ObsPath, data: bytes, options: ReadOptions) -> list[LabelledSample]:
        """Return the samples of a file before it is written. Raises ApiError if it has none, or for a wrong label."""
        given = sample.labels or []
        if self.record.type is DatasetType.TABLE:
            rows = self._usable(sample, row_samples(self.record, path.object_name, BytesIO(data), options, time=0))
            found = [(row, validate_labels(self.record.type, row, given)) for row in rows]
        else:
            found = self._read_lines(sample, path, data, options)
        if not found:
            raise ApiError(UPLOAD_FAILED, f"{sample.name}: contains no sample")
        return found

    def _usable(self, sample: Sample, items: Iterable[SampleRecord | Problem]) -> list[SampleRecord]:
        """Return the samples of a file. Raises UPLOAD_FAILED for a line or row that is not usable."""
        found = []
        for item in items:
            if isinstance(item, Problem):
                raise ApiError(UPLOAD_FAILED, f"{sample.name} {item}")
            found.append(item)
        return found

    def _read_lines(self, sample: Sample, path: ObsPath, data: bytes, options: ReadOptions) -> list[LabelledSample]:
        given = sample.labels or []
        lines = line_samples(self.record, path.object_name, BytesIO(data), options, time=0, has_results=False)
        samples = self._usable(sample, lines)
        names: list[list[str]] = []
        for line in text.read_lines(BytesIO(data)):
            if not isinstance(line, Problem):
                content, label_names = text.split(line[1], options.label_format)
                names += [label_names] if content.strip() else []
        return [
            (
                sample,
                validate_labels(
                    self.record.type,
                    sample,
                    [*(SampleLabel(name=name, type=LabelType.TEXT_CLASSIFICATION) for name in label_names), *given],
                ),
            )
            for sample, label_names in zip(samples, names, strict=True)
        ]

    def _store(self, path: ObsPath, data: bytes, options: ReadOptions) -> None:
        """Write a file and read its samples; the lock keeps the watcher from reading it with other options."""
        store, tree = self.runtime.store, self.runtime.tree
        with self.runtime.synchronizer.lock(self.record.id):
            stat = self.write(path, data)
            if stat is None:
                raise ApiError(SAMPLE_EXISTS, str(path))
            tree.flush(path.parent)
            with store.writing(self.record.id) as dataset:
                dataset.put_file(FileRecord(path=path.object_name, read_options=options))
            entry = ObjectEntry(path.object_name, stat.size, stat.mtime_ns, str(tree.local(path)))
            LineSync(store, tree, self.record).read([entry])


def _sample_of(outcome: Outcome) -> SampleRecord | ApiError:
    if outcome.error is not None:
        return outcome.error
    assert outcome.merged is not None
    return outcome.merged


def _as_utf8(sample: Sample, data: bytes) -> bytes:
    """Return a text file in UTF-8, from the encoding that the request names. Raises UPLOAD_FAILED."""
    # GB18030 contains GBK and GB2312, and what Windows writes under their names.
    encoding = _ENCODINGS.get(sample.encoding.upper(), sample.encoding)
    try:
        return data.decode(encoding).encode("utf-8")
    except (LookupError, UnicodeError):
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data is not in {sample.encoding[:40]}") from None


def _decode_base64(sample: Sample) -> bytes:
    if not isinstance(sample.data, str) or not sample.data:
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data must be the file in base64")
    try:
        # Many encoders break lines, as in e-mail.
        return base64.b64decode(sample.data.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data is not valid base64") from None
