"""Label management: the labels a dataset knows, with colour, shape, shortcut and attributes.

Reference: ``api-ref/source/data_management/label_management/``.
"""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.labels import (
    CreateLabelsRequest,
    CreateLabelsResponse,
    DeleteLabelAndSamplesQuery,
    DeleteLabelsQuery,
    DeleteLabelsRequest,
    DeleteLabelsResponse,
    Label,
    ListLabelsQuery,
    ListLabelsResponse,
    UpdateLabelQuery,
    UpdateLabelRequest,
    UpdateLabelsRequest,
    UpdateLabelsResponse,
)
from modelarts_emulator.operations.batches import batch_results
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.samples.dataset_labels import LABEL_ONLY, WITH_SAMPLES, WITH_SOURCES
from modelarts_emulator.service.dataset_service import DatasetService


def list_labels(service: DatasetService, context: RequestContext, query: ListLabelsQuery) -> ListLabelsResponse:
    """Return a page of the labels of a dataset, or of one of its versions.

    Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND.
    """
    total, labels = service.labels.page(
        context.project_id, context.dataset_id, query.version_id, offset=query.offset * query.limit, limit=query.limit
    )
    return ListLabelsResponse(labels=labels, total_number=total)


def create_labels(
    service: DatasetService, context: RequestContext, request: CreateLabelsRequest
) -> CreateLabelsResponse:
    """Create labels; each one is refused by itself.

    Items fail with LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND. Raises
    DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    errors = service.labels.create(context.project_id, context.dataset_id, request.labels)
    return CreateLabelsResponse(success=not any(errors), results=batch_results(errors))


def update_labels(
    service: DatasetService, context: RequestContext, request: UpdateLabelsRequest
) -> UpdateLabelsResponse:
    """Change labels, with ``@modelarts:rename_to`` also their names on every sample; each one is refused by itself.

    Items fail with LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND. Raises
    DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING_ANNOTATION, PARAMETER_INVALID.
    """
    errors = service.labels.update(context.project_id, context.dataset_id, request.labels)
    return UpdateLabelsResponse(success=not any(errors), results=batch_results(errors))


def delete_labels(
    service: DatasetService, context: RequestContext, query: DeleteLabelsQuery, request: DeleteLabelsRequest
) -> DeleteLabelsResponse:
    """Delete labels; with ``delete_policy`` 1 also the samples that have only this label, with 2 their files as well.

    Items fail with LABEL_NOT_FOUND, ENTITY_IN_USE. Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING_ANNOTATION,
    PARAMETER_INVALID.
    """
    policy = query.delete_policy or LABEL_ONLY
    errors = service.labels.delete(context.project_id, context.dataset_id, request.labels, policy)
    return DeleteLabelsResponse(success=not any(errors), results=batch_results(errors))


def update_named_label(
    service: DatasetService, context: RequestContext, query: UpdateLabelQuery, request: UpdateLabelRequest
) -> None:
    """Change the label that the path names. Raises as an item of ``update_labels`` fails, and DATASET_NOT_FOUND."""
    label = Label(name=context.label_name, type=query.label_type, property=msgspec.to_builtins(request))
    service.labels.update_one(context.project_id, context.dataset_id, label)


def delete_label_and_samples(
    service: DatasetService, context: RequestContext, query: DeleteLabelAndSamplesQuery
) -> None:
    """Delete the label that the path names and the samples that have only this label; with ``delete_source`` files too.

    Raises LABEL_NOT_FOUND, ENTITY_IN_USE, DATASET_NOT_FOUND.
    """
    label = Label(name=context.label_name, type=query.label_type)
    policy = WITH_SOURCES if query.delete_source else WITH_SAMPLES
    service.labels.delete_one(context.project_id, context.dataset_id, label, policy)
