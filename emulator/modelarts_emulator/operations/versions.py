"""Version management: published versions of a dataset, each with its manifest and its own unchanging samples.

Reference: ``api-ref/source/data_management/dataset_version_management/``.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.versions import (
    CreateDatasetVersionRequest,
    CreateDatasetVersionResponse,
    DatasetVersion,
    ListDatasetVersionsQuery,
    ListDatasetVersionsResponse,
)
from modelarts_emulator.contract.wire import SampleState, VersionFormat
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.samples.search import ratio_range
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import DatasetRecord, VersionRecord

VERSION_FORMATS = {0: VersionFormat.DEFAULT, 1: VersionFormat.CARBON_DATA, 2: VersionFormat.CSV}
"""The version formats by their number in queries."""


def list_versions(
    service: DatasetService, context: RequestContext, query: ListDatasetVersionsQuery
) -> ListDatasetVersionsResponse:
    """Return a page of versions, newest first, filtered by status, format and split ratio. Raises DATASET_NOT_FOUND."""
    record, versions = service.versions.all(context.project_id, context.dataset_id)
    low, high = ratio_range(query.train_evaluate_ratio)
    version_format = None if query.version_format is None else VERSION_FORMATS[query.version_format]
    selected = [
        version
        for version in versions
        if (query.status is None or version.status == query.status)
        and (version_format is None or version.version_format is version_format)
        and low <= Decimal(version.train_evaluate_sample_ratio) <= high
    ]
    start = query.offset * query.limit
    page = [describe_version(record, version) for version in selected[start : start + query.limit]]
    return ListDatasetVersionsResponse(total_number=len(selected), versions=page)


def describe_dataset_version(service: DatasetService, context: RequestContext) -> DatasetVersion:
    """Return one version with its label statistics. Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND."""
    record, version = service.versions.one(context.project_id, context.dataset_id, context.version_id)
    described = describe_version(record, version)
    return msgspec.structs.replace(described, label_stats=version.label_stats, label_type=version.label_type)


def create_version(
    service: DatasetService, context: RequestContext, request: CreateDatasetVersionRequest
) -> CreateDatasetVersionResponse:
    """Publish the dataset as it is now, in the background: status 0, then 1.

    Raises DATASET_NOT_FOUND, VERSION_EXISTS, SPLIT_RULES, UNSUPPORTED_TYPE, PARAMETER_INVALID and the error of a
    conflicting task: PUBLISHING, SWITCHING, IMPORT_RUNNING, SYNC_RUNNING.
    """
    version_id = service.versions.publish(context.project_id, context.dataset_id, request)
    return CreateDatasetVersionResponse(version_id=version_id)


def delete_version(service: DatasetService, context: RequestContext) -> None:
    """Delete a version; its files stay. Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND, VERSION_NOT_NORMAL."""
    service.versions.delete(context.project_id, context.dataset_id, context.version_id)


def describe_version(record: DatasetRecord, version: VersionRecord) -> DatasetVersion:
    """Return a version as lists answer with it."""
    return DatasetVersion(
        version_id=version.version_id,
        version_name=version.version_name,
        version_format=version.version_format,
        status=version.status,
        description=version.description,
        create_time=version.create_time,
        update_time=version.update_time,
        previous_version_id=version.previous_version_id,
        previous_total_sample_count=version.previous_total_sample_count,
        previous_annotated_sample_count=version.previous_annotated_sample_count,
        total_sample_count=version.total_sample_count,
        annotated_sample_count=version.annotated_sample_count,
        total_sub_sample_count=0,
        annotated_sub_sample_count=0,
        add_sample_count=version.add_sample_count,
        deleted_sample_count=version.deleted_sample_count,
        modified_sample_count=version.modified_sample_count,
        manifest_path=version.manifest_path,
        data_path=version.data_path,
        is_current=version.version_id == record.current_version_id,
        train_evaluate_sample_ratio=version.train_evaluate_sample_ratio,
        clear_hard_property=version.clear_hard_property,
        remove_sample_usage=version.remove_sample_usage,
        export_images=version.export_images,
        with_column_header=version.with_column_header,
        extract_serial_number=False,
        include_dataset_data=version.export_images,
        crop=False,
        rotate=False,
        data_validate=False,
        deletion_stats={},
        data_statistics={"sample_stats": _sample_stats(version)},
        sample_state=_sample_state(version),
        tags=list(DATASET_TYPES[record.type].tags),
        task_type=int(record.type),
        message=version.message,
    )


def _sample_stats(version: VersionRecord) -> dict[str, int]:
    """Return the numbers of samples by state; labels to be confirmed are not published."""
    return {
        "un_annotation": version.total_sample_count - version.annotated_sample_count,
        "manual_annotation": version.annotated_sample_count,
        "all": version.total_sample_count,
    }


def _sample_state(version: VersionRecord) -> SampleState | None:
    """Return the state that all samples of a version have; None if they differ, or if there are none."""
    if not version.total_sample_count or 0 < version.annotated_sample_count < version.total_sample_count:
        return None
    return SampleState.ALL if version.annotated_sample_count else SampleState.NONE
