"""Sample management and manual labelling: list, describe, upload, label and delete samples.

Reference: ``api-ref/source/data_management/sample_management/`` and ``…/manual_labeling/``.
"""

from __future__ import annotations

from typing import cast

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.samples import (
    DeleteSamplesRequest,
    DeleteSamplesResponse,
    DescribeSampleQuery,
    DescribeSampleResp,
    ListSamplesQuery,
    ListSamplesResponse,
    ListSearchResponse,
    UpdateSamplesRequest,
    UpdateSamplesResponse,
    UploadSampleResp,
    UploadSamplesJsonRequest,
    UploadSamplesJsonResponse,
)
from modelarts_emulator.contract.wire import Order, SampleStatus
from modelarts_emulator.operations.batches import batch_results
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.sample_answers import encoded_samples
from modelarts_emulator.samples.changes import labeler_of
from modelarts_emulator.samples.search import as_selection, team_group_of
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import SampleRecord


def list_samples(service: DatasetService, context: RequestContext, query: ListSamplesQuery) -> ListSamplesResponse:
    """Return a page of samples, of the dataset or of one of its versions; ``offset`` counts pages.

    Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND, PARAMETER_INVALID.
    """
    total, documents = service.samples.page(
        context.project_id,
        context.dataset_id,
        as_selection(query, service.clock.now_ms(), context.warnings),
        offset=query.offset * query.limit,
        limit=query.limit,
        descending=query.order is Order.DESC,
        version_id=query.version_id,
        team_group=team_group_of(query.sample_state),
    )
    samples = encoded_samples(
        service,
        context,
        documents,
        locale=query.locale,
        process=query.process_parameter,
        preview=bool(query.preview),
        labelers=service.samples.labelers(context.dataset_id, documents),
    )
    return ListSamplesResponse(sample_count=total, samples=cast("list[DescribeSampleResp]", samples))


def describe_sample(service: DatasetService, context: RequestContext, query: DescribeSampleQuery) -> DescribeSampleResp:
    """Return one sample. Raises DATASET_NOT_FOUND, SAMPLE_NOT_FOUND."""
    document = service.samples.document(context.project_id, context.dataset_id, context.sample_id)
    labelers = service.samples.labelers(context.dataset_id, [document])
    (answer,) = encoded_samples(service, context, [document], locale=query.locale, labelers=labelers)
    return cast(DescribeSampleResp, answer)


def list_search(service: DatasetService, context: RequestContext) -> ListSearchResponse:
    """Return the labels, attributes and labellers by which samples can be searched. Raises DATASET_NOT_FOUND."""
    terms = service.samples.search_terms(context.project_id, context.dataset_id)
    return ListSearchResponse(labels=terms.labels, labelers=terms.labelers, metadata=terms.attributes)


def upload_samples(
    service: DatasetService, context: RequestContext, request: UploadSamplesJsonRequest
) -> UploadSamplesJsonResponse:
    """Store files sent in base64 in the dataset's first input directory, and label them; each is refused by itself.

    A text or table file contains one sample for each line or row: ``info`` is then the id of the first.
    Items fail with SAMPLE_EXISTS, UPLOAD_FAILED, SIZE_UNKNOWN, FILE_TOO_LARGE, PATH_INVALID and the errors of labels.
    Raises DATASET_NOT_FOUND, PARAMETER_INVALID, PUBLISHING_ANNOTATION.
    """
    uploaded = service.samples.upload(
        context.project_id,
        context.dataset_id,
        request.samples,
        user=context.user,
        status=SampleStatus.MANUAL_ANNOTATION if request.final_annotation else SampleStatus.AUTO_ANNOTATION,
        label_format=request.label_format,
    )
    results = [
        _upload_result(sample.name, result) for sample, result in zip(request.samples or (), uploaded, strict=True)
    ]
    return UploadSamplesJsonResponse(success=all(result.success for result in results), results=results)


def update_samples(
    service: DatasetService, context: RequestContext, request: UpdateSamplesRequest
) -> UpdateSamplesResponse:
    """Replace the whole label list of each named sample; each is refused by itself.

    Items fail with SAMPLE_NOT_FOUND, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND, UNSUPPORTED_TYPE.
    Raises DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    user = labeler_of(request.email) if request.email else context.user
    errors = service.samples.update(context.project_id, context.dataset_id, request.samples, user=user)
    return UpdateSamplesResponse(success=not any(errors), results=batch_results(errors))


def delete_samples(
    service: DatasetService, context: RequestContext, request: DeleteSamplesRequest
) -> DeleteSamplesResponse:
    """Delete samples, and with ``delete_source`` their files; each is refused by itself, with SAMPLE_NOT_FOUND.

    Raises DATASET_NOT_FOUND, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    errors = service.samples.delete(
        context.project_id, context.dataset_id, request.samples, delete_source=request.delete_source
    )
    return DeleteSamplesResponse(success=not any(errors), results=batch_results(errors))


def _upload_result(name: str | None, result: SampleRecord | ApiError) -> UploadSampleResp:
    if isinstance(result, ApiError):
        return UploadSampleResp(success=False, name=name, error_code=result.error.code, error_msg=result.message)
    return UploadSampleResp(success=True, name=f"/{result.path}", info=result.id)
