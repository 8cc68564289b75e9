"""Labelling data: list, describe, upload, label and delete samples.

Reference: ``api-ref/source/data_management/sample_management/`` and ``…/manual_labeling/``.
"""

from __future__ import annotations

import logging
from functools import partial
from operator import attrgetter
from typing import Any, cast

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PARAMETER_INVALID, SAMPLE_NOT_FOUND, ApiError
from modelarts_emulator.contract.samples import (
    DeleteSamplesRequest,
    DeleteSamplesResponse,
    DescribeSampleQuery,
    DescribeSampleResp,
    ListSamplesQuery,
    ListSamplesResponse,
    ListSearchResponse,
    SampleLabels,
    UpdateSamplesRequest,
    UpdateSamplesResponse,
    UploadSamplesJsonRequest,
    UploadSamplesJsonResponse,
)
from modelarts_emulator.contract.wire import DatasetType, Locale, SampleStatus, SampleType
from modelarts_emulator.ingest.upload import FileUpload, LineUpload
from modelarts_emulator.operations.labels import ensure_labels, outcome
from modelarts_emulator.operations.request_context import RequestContext, version_samples
from modelarts_emulator.operations.search import as_selection
from modelarts_emulator.operations.task_rules import require_annotation_allowed
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import (
    IMPORT_ORIGIN,
    SIZE,
    checked_metadata,
    delete_sample,
    require_sample,
    with_labels,
)
from modelarts_emulator.samples.hard_examples import hard_details
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.store import DatasetWriter, SampleRecord, Selection, decode_sample
from modelarts_emulator.store import SampleReader as Samples
from modelarts_emulator.util.lru import Lru

log = logging.getLogger(__name__)

MAX_BATCH = 1_000
MAX_ATTRIBUTES = 100
ANSWERS = 10_000
_success_of = attrgetter("success")
PREVIEW = "image/resize,m_lfit,h_200"


def list_samples(runtime: Runtime, context: RequestContext, query: ListSamplesQuery) -> ListSamplesResponse:
    """A page of samples, of the dataset or of one of its versions; ``offset`` counts pages.

    Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND, PARAMETER_INVALID.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    selection = as_selection(query, runtime.clock.now_ms(), lambda name: context.warnings.append(_unknown(name)))
    with runtime.store.reading(record.id) as dataset:
        if query.version_id:
            context.version(dataset, query.version_id)
            with version_samples(runtime, record.id, query.version_id) as version:
                return _page(runtime, context, version, query, selection)
        return _page(runtime, context, dataset, query, selection)


def _unknown(member: str) -> str:
    return f"search_conditions.{member} is not known"


def describe_sample(runtime: Runtime, context: RequestContext, query: DescribeSampleQuery) -> DescribeSampleResp:
    """One sample. Raises DATASET_NOT_FOUND, SAMPLE_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        document = dataset.document(context.sample_id)
    if document is None:
        raise ApiError(SAMPLE_NOT_FOUND, context.sample_id[:80])
    wanted = ListSamplesQuery(locale=query.locale)
    known = runtime.answer_cache.get(_form(context, wanted, runtime), known_answers)
    answer = known.get(document, lambda: _encoded(runtime, context, wanted, document))
    return cast(DescribeSampleResp, answer)


def list_search(runtime: Runtime, context: RequestContext) -> ListSearchResponse:
    """What samples can be searched by: labels, metadata and who labelled them. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        return ListSearchResponse(labels=dataset.labels, labelers=dataset.labelers(), metadata=_attributes(dataset))


def _attributes(dataset: Samples) -> dict[str, list[str]]:
    """The attributes that users have given samples, each with its values; the first hundred of either."""
    found: dict[str, dict[str, None]] = {}
    for sample in dataset.select(Selection(predicate=lambda sample: bool(sample.metadata))):
        for name, value in sample.metadata.items():
            if name.startswith("@modelarts:") or not isinstance(value, (str, int, float)):
                continue
            if name in found or len(found) < MAX_ATTRIBUTES:
                values = found.setdefault(name, {})
                if len(values) < MAX_ATTRIBUTES:
                    values[str(value)] = None
    return {name: list(values) for name, values in found.items()}


def upload_samples(
    runtime: Runtime, context: RequestContext, request: UploadSamplesJsonRequest
) -> UploadSamplesJsonResponse:
    """Store files sent as base64 in the dataset's first input directory, and label them; each fails alone.

    A text or table file holds a sample a line or row: ``info`` is then the id of the first.
    Items fail with SAMPLE_EXISTS, UPLOAD_FAILED, SIZE_UNKNOWN, FILE_TOO_LARGE, PATH_INVALID and the errors of labels.
    Raises DATASET_NOT_FOUND, PARAMETER_INVALID, PUBLISHING_ANNOTATION.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    require_annotation_allowed(runtime, record)
    samples = _require_batch("samples", request.samples)
    status = SampleStatus.MANUAL_ANNOTATION if request.final_annotation else SampleStatus.AUTO_ANNOTATION
    if DATASET_TYPES[record.type].unit == "file":
        results = FileUpload(runtime, record, context.user, status).run(samples)
    else:
        results = LineUpload(runtime, record, context.user, status, request.label_format).run(samples)
    return UploadSamplesJsonResponse(success=all(result.success for result in results), results=results)


def update_samples(runtime: Runtime, context: RequestContext, request: UpdateSamplesRequest) -> UpdateSamplesResponse:
    """Replace the whole label list of each named sample; each fails alone.

    Items fail with SAMPLE_NOT_FOUND, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND, UNSUPPORTED_TYPE.
    Raises DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    require_annotation_allowed(runtime, record)
    items = _require_batch("samples", request.samples)
    now = runtime.clock.now_ms()
    with runtime.store.writing(record.id) as dataset:
        results = list(map(partial(outcome, _label, dataset, record.type, context.user, now), items))
    return UpdateSamplesResponse(success=all(map(_success_of, results)), results=results)


def delete_samples(runtime: Runtime, context: RequestContext, request: DeleteSamplesRequest) -> DeleteSamplesResponse:
    """Delete samples, and with ``delete_source`` their files; each fails alone, with SAMPLE_NOT_FOUND.

    Raises DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    require_annotation_allowed(runtime, record)
    identities = _require_batch("samples", request.samples)
    with runtime.store.writing(record.id) as dataset:
        delete = partial(outcome, delete_sample, runtime, dataset, request.delete_source)
        results = list(map(delete, identities))
    return DeleteSamplesResponse(success=all(map(_success_of, results)), results=results)


def describe(
    runtime: Runtime,
    context: RequestContext,
    sample: SampleRecord,
    *,
    process: str | None = None,
    locale: Locale = Locale.EN,
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
        source=signed_source(runtime, context, sample, process),
        labels=sample.labels,
        metadata=metadata,
        hard_details=hard_details(sample.metadata, locale),
        annotated_by=sample.annotated_by,
        worker_id=sample.worker_id,
    )


def signed_source(runtime: Runtime, context: RequestContext, sample: SampleRecord, process: str | None = None) -> str:
    """Where a sample can be read: a signed URL of its object, or the text itself as ``content://…``."""
    if sample.text is not None:
        return f"content://{sample.text}"
    process = process if sample.type is SampleType.IMAGE else None
    return runtime.signer.sign(context.base_url, sample.path, process=process)


def image_size(sample: SampleRecord) -> dict[str, int]:
    """``width``, ``height`` and ``depth`` of a picture; empty where they are not known."""
    return dict(zip(("width", "height", "depth"), sample.shape or (), strict=False))


def _page(
    runtime: Runtime, context: RequestContext, samples: Samples, query: ListSamplesQuery, selection: Any
) -> ListSamplesResponse:
    total, page = samples.page_of_documents(
        selection, offset=query.offset * query.limit, limit=query.limit, descending=query.order.value == "desc"
    )
    # An answer is the same for the same document, until its URL has to expire later: it is made once.
    known = runtime.answer_cache.get(_form(context, query, runtime), known_answers)
    described = known.get_all(page, lambda document: _encoded(runtime, context, query, document))
    return ListSamplesResponse(sample_count=total, samples=cast("list[DescribeSampleResp]", described))


def known_answers() -> Lru[msgspec.Raw]:
    """Samples as lists have answered with them, by document: some 5 MB of what clients page through again and again."""
    return Lru(ANSWERS)


def _form(context: RequestContext, query: ListSamplesQuery, runtime: Runtime) -> str:
    """What a sample's answer depends on beside the sample: as one text, whose hash is worked out once."""
    parts = (query.locale.value, str(query.preview), str(runtime.signer.expires()), query.process_parameter or "")
    return " ".join((context.base_url, *parts))


def _encoded(runtime: Runtime, context: RequestContext, query: ListSamplesQuery, document: bytes) -> msgspec.Raw:
    sample = decode_sample(document)
    answer = describe(runtime, context, sample, process=query.process_parameter, locale=query.locale)
    if query.preview and sample.type is SampleType.IMAGE:
        answer.preview = signed_source(runtime, context, sample, PREVIEW)
    return msgspec.Raw(msgspec.json.encode(answer))


def _require_batch(field: str, items: list[Any] | None) -> list[Any]:
    if not items:
        raise ApiError(PARAMETER_INVALID, f"{field}: at least one is needed")
    if len(items) > MAX_BATCH:
        raise ApiError(PARAMETER_INVALID, f"{field}: {len(items)} are more than {MAX_BATCH} in one call")
    return items


def _label(dataset: DatasetWriter, kind: DatasetType, user: str, now: int, item: SampleLabels) -> None:
    sample = require_sample(dataset, item.sample_id)
    labels = validate_labels(kind, sample, item.labels or ())
    metadata = {**sample.metadata, **checked_metadata(item.metadata)} if item.metadata else sample.metadata
    ensure_labels(dataset, labels)
    labelled = with_labels(sample, labels, by=user, now=now)
    dataset.put_sample(
        msgspec.structs.replace(
            labelled,
            metadata=metadata,
            usage=item.sample_usage or sample.usage,
            worker_id=item.worker_id or sample.worker_id,
        )
    )
