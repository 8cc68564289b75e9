"""Uploads: files that arrive as base64, or are named by an OBS path, and become samples at once."""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
from modelarts_emulator.contract.samples import Sample, SampleLabel, UploadSampleResp
from modelarts_emulator.contract.sources import LabelFormat
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleStatus, SampleType
from modelarts_emulator.formats import text
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.ingest.sync_lines import LineSync
from modelarts_emulator.media.images import read_header_bytes
from modelarts_emulator.obs.object_tree import ObjectStat
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry, is_ignored
from modelarts_emulator.operations.labels import ensure_labels
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.samples.changes import checked_metadata, with_labels
from modelarts_emulator.samples.factory import file_sample, line_samples, reading_of, row_samples
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.store import DatasetRecord, FileRecord, ReadOptions, SampleRecord
from modelarts_emulator.util.ids import sample_id

log = logging.getLogger(__name__)

MAX_IMAGE_BYTES = 25 * 1024 * 1024
MAX_OBJECT_BYTES = 256 * 1024 * 1024

_THREADS = 4
_WORTH_THREADS = 8

Uploaded = tuple[SampleRecord, list[SampleLabel]]


class _Upload:
    """What uploads into datasets of every type have in common."""

    def __init__(self, runtime: Runtime, record: DatasetRecord, user: str, status: SampleStatus) -> None:
        self.runtime, self.record, self.user, self.status = runtime, record, user, status
        self.at_ms = runtime.clock.now_ms()  # one time for all, so that they are listed in their order
        self.directory = input_directories(record)[0]
        self.kind = DATASET_TYPES[record.type]

    def _path(self, sample: Sample) -> ObsPath:
        source = sample.data_source.data_path if sample.data_source else None
        name = sample.name or (ObsPath.parse(source).name if source else "")
        if not name:
            raise ApiError(PARAMETER_INVALID, "name: a sample must have one")
        path = self.directory.join(name)
        if path.is_directory:
            raise ApiError(PATH_INVALID, f"{sample.name}: names a directory")
        if any(map(is_ignored, name.split("/"))):
            raise ApiError(PATH_INVALID, f"{sample.name}: a hidden or temporary file is no sample")
        if not self.kind.holds(path.name):
            raise ApiError(TYPE_MISMATCH, f"{sample.name}: a file must end in {', '.join(self.kind.extensions)}")
        return path

    def _data(self, sample: Sample) -> bytes:
        """The file: sent in base64, or named by an OBS path."""
        if sample.data is not None or sample.data_source is None or not sample.data_source.data_path:
            return _decoded(sample)
        path = ObsPath.parse(sample.data_source.data_path)
        stat = self.runtime.tree.stat(path)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(path))
        if stat.size > MAX_OBJECT_BYTES:
            raise ApiError(FILE_TOO_LARGE, f"{path}: {stat.size} bytes are more than {MAX_OBJECT_BYTES}")
        return self.runtime.tree.read(path)

    def _write(self, path: ObsPath, data: bytes) -> ObjectStat:
        try:
            return self.runtime.tree.write(path, data, overwrite=False, flush=False, at_ms=self.at_ms)
        except FileExistsError:
            raise ApiError(SAMPLE_EXISTS, str(path)) from None
        except OSError as error:
            log.warning("An uploaded sample cannot be written: %s", error)
            raise ApiError(UPLOAD_FAILED, error.strerror or str(error)) from None

    def _flush(self, samples: Sequence[SampleRecord]) -> None:
        for directory in {ObsPath.parse(f"/{sample.path}").parent for sample in samples}:
            self.runtime.tree.flush(directory)


class FileUpload(_Upload):
    """Uploads into a dataset whose samples are files: these are written before the dataset's lock is taken."""

    def run(self, samples: Sequence[Sample]) -> list[UploadSampleResp]:
        """Store every file, then record all samples in one atomic group. Each fails alone."""
        # A synchronization that finds the new files first would add the samples in another order.
        with self.runtime.sync_lock(self.record.id):
            uploaded = self._all_stored(samples)
            good = [item for item in uploaded if not isinstance(item, UploadSampleResp)]
            self._flush([sample for sample, _ in good])
            now = self.runtime.clock.now_ms()
            if good:
                with self.runtime.store.writing(self.record.id) as dataset:
                    for sample, labels in good:
                        ensure_labels(dataset, labels)
                        dataset.put_sample(with_labels(sample, labels, by=self.user, now=now, status=self.status))
        return [item if isinstance(item, UploadSampleResp) else _succeeded(item[0]) for item in uploaded]

    def _all_stored(self, samples: Sequence[Sample]) -> list[Uploaded | UploadSampleResp]:
        """Write all files: several at once, since most of it is waiting for the disk."""
        # Of two with the same name the first gets it.
        if len(samples) < _WORTH_THREADS or len({sample.name for sample in samples}) < len(samples):
            return [self._stored(sample) for sample in samples]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="upload") as threads:
            return list(threads.map(self._stored, samples))

    def _stored(self, sample: Sample) -> Uploaded | UploadSampleResp:
        """Write the file. What is refused leaves none behind."""
        try:
            path = self._path(sample)
            data = self._data(sample)
            shape = self._shape(sample, data)
            draft = SampleRecord(id="", path=path.object_name, type=self.kind.sample_type, time=0, shape=shape)
            labels = validate_labels(self.record.type, draft, sample.labels or ())
            metadata = checked_metadata(sample.metadata)
            stat = self._write(path, data)
        except ApiError as error:
            return _failed(sample, error)
        identity = sample_id(self.record.id, path.object_name)
        record = file_sample(identity, self.kind, path.object_name, stat.size, stat.mtime_ns)
        record.shape, record.metadata = shape, metadata
        return record, labels

    def _shape(self, sample: Sample, data: bytes) -> tuple[int, int, int] | None:
        if self.kind.sample_type is not SampleType.IMAGE:
            return None
        if len(data) > MAX_IMAGE_BYTES:
            raise ApiError(FILE_TOO_LARGE, f"{sample.name}: {len(data)} bytes are more than {MAX_IMAGE_BYTES}")
        shape = read_header_bytes(data)
        if shape is None:
            raise ApiError(SIZE_UNKNOWN, f"{sample.name}: not a picture that can be read")
        return shape


class LineUpload(_Upload):
    """Uploads of text and table files, which hold a sample a line or row.

    Labels are those behind the separators of ``label_format``, and those that the request gives for the whole file.
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

    def run(self, samples: Sequence[Sample]) -> list[UploadSampleResp]:
        """Store and read every file; each fails alone."""
        return [self._upload(sample) for sample in samples]

    def _upload(self, sample: Sample) -> UploadSampleResp:
        try:
            path = self._path(sample)
            data = _as_utf8(sample, self._data(sample))
            reading = self._reading(path)
            uploaded = self._samples(sample, path, data, reading)
            metadata = checked_metadata(sample.metadata)
            self._store(path, data, reading)
        except ApiError as error:
            return _failed(sample, error)
        now = self.runtime.clock.now_ms()
        with self.runtime.store.writing(self.record.id) as dataset:
            for fresh, labels in uploaded:
                known = dataset.get(fresh.id)
                if known is not None and (labels or metadata):
                    ensure_labels(dataset, labels)
                    known.metadata = metadata
                    dataset.put_sample(with_labels(known, labels, by=self.user, now=now, status=self.status))
        return _succeeded(uploaded[0][0])

    def _reading(self, path: ObsPath) -> ReadOptions:
        if self._label_format is not None and self.record.type is DatasetType.TEXT_CLASSIFICATION:
            return ReadOptions(label_format=self._label_format)
        return reading_of(self.record, path.object_name)

    def _samples(self, sample: Sample, path: ObsPath, data: bytes, reading: ReadOptions) -> list[Uploaded]:
        """What the file holds, before anything is written. Raises ApiError for nothing, or a wrong label."""
        given = sample.labels or []
        if self.record.type is DatasetType.TABLE:
            rows = row_samples(self.record, path.object_name, BytesIO(data), reading, time=0)
            found = [
                (row, validate_labels(self.record.type, row, given)) for row in rows if isinstance(row, SampleRecord)
            ]
        else:
            found = self._lines(path, data, reading, given)
        if not found:
            raise ApiError(UPLOAD_FAILED, f"{sample.name}: holds no sample")
        return found

    def _lines(self, path: ObsPath, data: bytes, reading: ReadOptions, given: Sequence[SampleLabel]) -> list[Uploaded]:
        lines = line_samples(self.record, path.object_name, BytesIO(data), reading, time=0, has_results=False)
        samples = [line for line in lines if isinstance(line, SampleRecord)]
        names: list[list[str]] = []
        for line in text.read_lines(BytesIO(data)):
            if not isinstance(line, Problem):
                content, behind = text.split(line[1], reading.label_format)
                names += [behind] if content.strip() else []
        return [
            (
                sample,
                validate_labels(
                    self.record.type,
                    sample,
                    [*(SampleLabel(name=name, type=LabelType.TEXT_CLASSIFICATION) for name in behind), *given],
                ),
            )
            for sample, behind in zip(samples, names, strict=True)
        ]

    def _store(self, path: ObsPath, data: bytes, reading: ReadOptions) -> None:
        with self.runtime.sync_lock(self.record.id):
            stat = self._write(path, data)
            self.runtime.tree.flush(path.parent)
            with self.runtime.store.writing(self.record.id) as dataset:
                dataset.put_file(FileRecord(path=path.object_name, read_options=reading))
            entry = ObjectEntry(path.object_name, stat.size, stat.mtime_ns, str(self.runtime.tree.local(path)))
            LineSync(self.runtime.store, self.runtime.tree, self.record).read([entry])


def _as_utf8(sample: Sample, data: bytes) -> bytes:
    """A text file as it is stored, from the encoding that the request names. Raises UPLOAD_FAILED."""
    try:
        return data.decode("utf-8-sig" if sample.encoding.upper() == "UTF-8" else sample.encoding).encode("utf-8")
    except (LookupError, UnicodeError):
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data is not in {sample.encoding[:40]}") from None


def _decoded(sample: Sample) -> bytes:
    if not isinstance(sample.data, str) or not sample.data:
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data must be the file in base64")
    try:
        # Many encoders break lines, as in mail.
        return base64.b64decode(sample.data.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data is no valid base64") from None


def _succeeded(sample: SampleRecord) -> UploadSampleResp:
    return UploadSampleResp(success=True, name=f"/{sample.path}", info=sample.id)


def _failed(sample: Sample, error: ApiError) -> UploadSampleResp:
    return UploadSampleResp(success=False, name=sample.name, error_code=error.error.code, error_msg=error.message)
