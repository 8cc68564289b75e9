"""Labelling data: list, describe, upload, label and delete samples.

Reference: ``api-ref/source/data_management/sample_management/`` and ``…/manual_labeling/``.
"""

from __future__ import annotations

import base64
import binascii
import logging
from typing import Any, cast

import msgspec

from emulator.annotation import checked_labels
from emulator.contract.errors import (
    FILE_NOT_FOUND,
    FILE_TOO_LARGE,
    PARAMETER_INVALID,
    PATH_INVALID,
    SAMPLE_EXISTS,
    SIZE_UNKNOWN,
    TYPE_MISMATCH,
    UNSUPPORTED_TYPE,
    UPLOAD_FAILED,
    ApiError,
)
from emulator.contract.samples import (
    DeleteSamplesRequest,
    DeleteSamplesResponse,
    DescribeSampleQuery,
    DescribeSampleResp,
    ListSamplesQuery,
    ListSamplesResponse,
    ListSearchResponse,
    Sample,
    SampleLabels,
    SampleMetadata,
    UpdateSamplesRequest,
    UpdateSamplesResponse,
    UploadSampleResp,
    UploadSamplesJsonRequest,
    UploadSamplesJsonResponse,
)
from emulator.contract.wire import Locale, SampleStatus, SampleType
from emulator.hard import hard_details
from emulator.ids import sample_id
from emulator.images import read_header_bytes
from emulator.kinds import KINDS
from emulator.obs.paths import ObsPath
from emulator.operations.annotate import annotated, bury, require_sample
from emulator.operations.filters import as_selection
from emulator.operations.labels import ensure_labels, outcome
from emulator.operations.target import Target
from emulator.operations.tasks import require_annotation_allowed
from emulator.runtime import Runtime, input_directories
from emulator.sampling import file_sample
from emulator.store import DatasetRecord, DatasetWriter, SampleRecord
from emulator.store import SampleReader as Samples
from emulator.store.index import decode_sample

log = logging.getLogger("modelarts-emulator")

MAX_IMAGE_BYTES = 25 * 1024 * 1024
MAX_OBJECT_BYTES = 256 * 1024 * 1024
MAX_BATCH = 1_000
IMPORT_ORIGIN = "@modelarts:import_origin"
SIZE = "@modelarts:size"


def list_samples(emu: Runtime, target: Target, query: ListSamplesQuery) -> ListSamplesResponse:
    """A page of samples, of the dataset or of one of its versions; ``offset`` counts pages.

    Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND, PARAMETER_INVALID.
    """
    record = emu.dataset(target.project_id, target.dataset_id)
    selection = as_selection(query, emu.clock.now_ms())
    with emu.store.reading(record.id) as dataset:
        if query.version_id:
            target.version(dataset, query.version_id)
            with emu.store.version(record.id, query.version_id) as version:
                return _page(emu, target, version, query, selection)
        return _page(emu, target, dataset, query, selection)


def describe_sample(emu: Runtime, target: Target, query: DescribeSampleQuery) -> DescribeSampleResp:
    """One sample. Raises DATASET_NOT_FOUND, SAMPLE_NOT_FOUND."""
    record = emu.dataset(target.project_id, target.dataset_id)
    with emu.store.reading(record.id) as dataset:
        return describe(emu, target, require_sample(dataset, target.sample_id), locale=query.locale)


def list_search(emu: Runtime, target: Target) -> ListSearchResponse:
    """What samples can be searched by: labels, metadata and who labelled them. Raises DATASET_NOT_FOUND."""
    record = emu.dataset(target.project_id, target.dataset_id)
    with emu.store.reading(record.id) as dataset:
        return ListSearchResponse(labels=dataset.labels, labelers=dataset.labelers(), metadata={})


def upload_samples(emu: Runtime, target: Target, request: UploadSamplesJsonRequest) -> UploadSamplesJsonResponse:
    """Store files sent as base64 in the dataset's first input directory, and label them; each fails alone.

    Items fail with SAMPLE_EXISTS, UPLOAD_FAILED, SIZE_UNKNOWN, FILE_TOO_LARGE, PATH_INVALID and the errors of labels.
    Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PARAMETER_INVALID, PUBLISHING_ANNOTATION.
    """
    record = emu.dataset(target.project_id, target.dataset_id)
    require_annotation_allowed(emu, record)
    if KINDS[record.type].unit != "file":
        raise ApiError(UNSUPPORTED_TYPE, f"samples of a dataset of type {int(record.type)} cannot be uploaded")
    samples = _require_batch("samples", request.samples)
    status = SampleStatus.MANUAL_ANNOTATION if request.final_annotation else SampleStatus.AUTO_ANNOTATION
    upload = _Upload(emu, target, record, status)
    uploaded: list[tuple[SampleRecord, list[Any]] | UploadSampleResp] = [upload.store(sample) for sample in samples]
    results = upload.record_all(uploaded)
    return UploadSamplesJsonResponse(success=all(result.success for result in results), results=results)


def update_samples(emu: Runtime, target: Target, request: UpdateSamplesRequest) -> UpdateSamplesResponse:
    """Replace the whole label list of each named sample; each fails alone.

    Items fail with SAMPLE_NOT_FOUND, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND, UNSUPPORTED_TYPE.
    Raises DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    record = emu.dataset(target.project_id, target.dataset_id)
    require_annotation_allowed(emu, record)
    items = _require_batch("samples", request.samples)
    now = emu.clock.now_ms()
    with emu.store.writing(record.id) as dataset:
        results = [outcome(lambda item=item: _label(dataset, item, target.user, now)) for item in items]
    return UpdateSamplesResponse(success=all(result.success for result in results), results=results)


def delete_samples(emu: Runtime, target: Target, request: DeleteSamplesRequest) -> DeleteSamplesResponse:
    """Delete samples, and with ``delete_source`` their files; each fails alone, with SAMPLE_NOT_FOUND.

    Raises DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    record = emu.dataset(target.project_id, target.dataset_id)
    require_annotation_allowed(emu, record)
    identities = _require_batch("samples", request.samples)
    with emu.store.writing(record.id) as dataset:
        results = [outcome(lambda i=i: bury(emu, dataset, i, request.delete_source)) for i in identities]
    return DeleteSamplesResponse(success=all(result.success for result in results), results=results)


def describe(
    emu: Runtime, target: Target, sample: SampleRecord, *, process: str | None = None, locale: Locale = Locale.EN
) -> DescribeSampleResp:
    """A sample as it is answered; ``process`` is an image operation for its ``source``."""
    directory, _, name = sample.path.rpartition("/")
    metadata: dict[str, Any] = {IMPORT_ORIGIN: 0, **sample.metadata}
    if sample.shape:
        metadata[SIZE] = list(sample.shape)
    return DescribeSampleResp(
        sample_id=sample.id,
        sample_type=sample.type,
        sample_name=name,
        sample_dir=f"/{directory}/",
        sample_size=sample.size,
        sample_time=sample.time,
        sample_status=sample.status,
        sample_data=sample.cells,
        source=signed_source(emu, target, sample, process),
        labels=sample.labels,
        metadata=metadata,
        hard_details=hard_details(sample.metadata, locale),
        annotated_by=sample.annotated_by,
        worker_id=sample.worker_id,
    )


def signed_source(emu: Runtime, target: Target, sample: SampleRecord, process: str | None = None) -> str:
    """Where a sample can be read: a signed URL of its object, or the text itself as ``content://…``."""
    if sample.text is not None:
        return f"content://{sample.text}"
    process = process if sample.type is SampleType.IMAGE else None
    return emu.signer.sign(target.base_url, sample.path, process=process)


def image_size(sample: SampleRecord) -> dict[str, int]:
    """``width``, ``height`` and ``depth`` of a picture; empty where they are not known."""
    return dict(zip(("width", "height", "depth"), sample.shape or (), strict=False))


def _page(
    emu: Runtime, target: Target, samples: Samples, query: ListSamplesQuery, selection: Any
) -> ListSamplesResponse:
    total, page = samples.page_of_documents(
        selection, offset=query.offset * query.limit, limit=query.limit, descending=query.order.value == "desc"
    )
    # An answer is the same for the same document, until its URL has to expire later: it is made once.
    common = (target.base_url, query.process_parameter, query.locale, emu.signer.expires())
    described = [
        emu.answers.get((document, common), lambda document=document: _encoded(emu, target, query, document))  # type: ignore[misc]
        for document in page
    ]
    return ListSamplesResponse(sample_count=total, samples=cast("list[DescribeSampleResp]", described))


def _encoded(emu: Runtime, target: Target, query: ListSamplesQuery, document: bytes) -> msgspec.Raw:
    sample = decode_sample(document)
    answer = describe(emu, target, sample, process=query.process_parameter, locale=query.locale)
    return msgspec.Raw(msgspec.json.encode(answer))


def _require_batch(field: str, items: list[Any] | None) -> list[Any]:
    if not items:
        raise ApiError(PARAMETER_INVALID, f"{field}: at least one is needed")
    if len(items) > MAX_BATCH:
        raise ApiError(PARAMETER_INVALID, f"{field}: {len(items)} are more than {MAX_BATCH} in one call")
    return items


def _label(dataset: DatasetWriter, item: SampleLabels, user: str, now: int) -> None:
    sample = require_sample(dataset, item.sample_id)
    labels = checked_labels(dataset.record.type, sample, item.labels or ())
    metadata = {**sample.metadata, **_checked_metadata(item.metadata)}
    ensure_labels(dataset, labels)
    labelled = annotated(sample, labels, by=user, now=now)
    dataset.put_sample(
        msgspec.structs.replace(
            labelled,
            metadata=metadata,
            usage=item.sample_usage or sample.usage,
            worker_id=item.worker_id or sample.worker_id,
        )
    )


def _checked_metadata(raw: dict[str, Any] | None) -> dict[str, Any]:
    """Metadata as it is kept: the hard-example members in their types; size and origin are the emulator's own."""
    if not raw:
        return {}
    try:
        known = msgspec.to_builtins(msgspec.convert(raw, SampleMetadata, strict=False))
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, f"metadata: {error}") from None
    kept = {**raw, **known}
    for own in (SIZE, IMPORT_ORIGIN):
        kept.pop(own, None)
    return kept


class _Upload:
    """One upload: files are written before the dataset's lock is taken, then all samples are recorded at once."""

    def __init__(self, emu: Runtime, target: Target, record: DatasetRecord, status: SampleStatus) -> None:
        self.emu, self.target, self.record, self.status = emu, target, record, status
        self.directory = input_directories(record)[0]
        self.kind = KINDS[record.type]

    def store(self, sample: Sample) -> tuple[SampleRecord, list[Any]] | UploadSampleResp:
        """Write the file. What is refused leaves none behind."""
        try:
            path = self._path(sample)
            data = self._data(sample)
            shape = self._shape(sample, data)
            draft = SampleRecord(id="", path=path.object_name, type=self.kind.sample_type, time=0, shape=shape)
            labels = checked_labels(self.record.type, draft, sample.labels or ())
            metadata = _checked_metadata(sample.metadata)
            try:
                stat = self.emu.tree.write(path, data, overwrite=False)
            except FileExistsError:
                raise ApiError(SAMPLE_EXISTS, str(path)) from None
        except ApiError as error:
            return _failed(sample, error)
        except OSError as error:
            log.warning("An uploaded sample cannot be written: %s", error)
            return _failed(sample, ApiError(UPLOAD_FAILED, error.strerror or str(error)))
        identity = sample_id(self.record.id, path.object_name)
        record = file_sample(identity, self.kind, path.object_name, stat.size, stat.mtime_ns)
        record.shape, record.metadata = shape, metadata
        return record, labels

    def record_all(self, uploaded: list[Any]) -> list[UploadSampleResp]:
        """Make samples of the files that were written, in one atomic group."""
        now = self.emu.clock.now_ms()
        with self.emu.store.writing(self.record.id) as dataset:
            for item in uploaded:
                if isinstance(item, UploadSampleResp):
                    continue
                sample, labels = item
                ensure_labels(dataset, labels)
                dataset.put_sample(annotated(sample, labels, by=self.target.user, now=now, status=self.status))
        return [
            item
            if isinstance(item, UploadSampleResp)
            else UploadSampleResp(success=True, name=f"/{item[0].path}", info=item[0].id)
            for item in uploaded
        ]

    def _path(self, sample: Sample) -> ObsPath:
        source = sample.data_source.data_path if sample.data_source else None
        name = sample.name or (ObsPath.parse(source).name if source else "")
        if not name:
            raise ApiError(PARAMETER_INVALID, "name: a sample must have one")
        path = self.directory.join(name)
        if path.is_directory:
            raise ApiError(PATH_INVALID, f"{sample.name}: names a directory")
        if not self.kind.holds(path.name):
            raise ApiError(TYPE_MISMATCH, f"{sample.name}: a file must end in {', '.join(self.kind.extensions)}")
        return path

    def _data(self, sample: Sample) -> bytes:
        """The file: sent in base64, or named by an OBS path."""
        if sample.data is not None or sample.data_source is None or not sample.data_source.data_path:
            return _decoded(sample)
        path = ObsPath.parse(sample.data_source.data_path)
        stat = self.emu.tree.stat(path)
        if stat is None:
            raise ApiError(FILE_NOT_FOUND, str(path))
        if stat.size > MAX_OBJECT_BYTES:
            raise ApiError(FILE_TOO_LARGE, f"{path}: {stat.size} bytes are more than {MAX_OBJECT_BYTES}")
        return self.emu.tree.read(path)

    def _shape(self, sample: Sample, data: bytes) -> tuple[int, int, int] | None:
        if self.kind.sample_type is not SampleType.IMAGE:
            return None
        if len(data) > MAX_IMAGE_BYTES:
            raise ApiError(FILE_TOO_LARGE, f"{sample.name}: {len(data)} bytes are more than {MAX_IMAGE_BYTES}")
        shape = read_header_bytes(data)
        if shape is None:
            raise ApiError(SIZE_UNKNOWN, f"{sample.name}: not a picture that can be read")
        return shape


def _decoded(sample: Sample) -> bytes:
    if not isinstance(sample.data, str) or not sample.data:
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data must be the file in base64")
    try:
        return base64.b64decode(sample.data, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(UPLOAD_FAILED, f"{sample.name}: data is no valid base64") from None


def _failed(sample: Sample, error: ApiError) -> UploadSampleResp:
    return UploadSampleResp(success=False, name=sample.name, error_code=error.error.code, error_msg=error.message)
