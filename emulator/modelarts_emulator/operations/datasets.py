"""Dataset management: create, list, describe, change and delete datasets; statistics and monitoring data.

Reference: ``api-ref/source/data_management/dataset_management/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.datasets import (
    AnnotationFile,
    CreateDatasetRequest,
    CreateDatasetResponse,
    DatasetAndFilePreview,
    DescDatasetQuery,
    DescDatasetResponse,
    GetDatasetMetricsQuery,
    GetDatasetMetricsResponse,
    ListDatasetsQuery,
    ListDatasetsResponse,
    ListStatsQuery,
    ListStatsResponse,
    PairOfintAndHardDetail,
    UpdateDatasetRequest,
    UpdateDatasetResponse,
)
from modelarts_emulator.contract.labels import LabelStats
from modelarts_emulator.contract.versions import DatasetVersion
from modelarts_emulator.contract.wire import DatasetType, Order, RunningTaskType, SortBy
from modelarts_emulator.contract.workforce import WorkforceDescriptor
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.sample_answers import image_size, signed_source
from modelarts_emulator.operations.versions import VERSION_FORMATS, describe_version
from modelarts_emulator.operations.worker_answers import as_worker
from modelarts_emulator.samples.changes import labeler_of
from modelarts_emulator.samples.dataset_labels import label_stats
from modelarts_emulator.samples.hard_examples import hard_detail
from modelarts_emulator.samples.search import ratio_range, statuses_of, team_group_of
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import Counts, DatasetRecord, IndexEntry, VersionRecord

PREVIEWS = 4
_TASK_METRICS = ("failed", "failed_system", "failed_user", "queuing", "success", "unfinished")
"""The metrics of team and processing tasks, which never run in the emulator: always empty."""


def create_dataset(
    service: DatasetService, context: RequestContext, request: CreateDatasetRequest
) -> CreateDatasetResponse:
    """Create a dataset and read its input path in the background: status 0, then 5 or 8, then 1.

    If the input has labels, an import starts; its id is in the answer. Raises DATASET_EXISTS, BUCKET_NOT_FOUND,
    PATH_NOT_FOUND, PATH_INVALID, PATH_IS_BUCKET, WORK_PATH_TOO_LONG, LABEL_EXISTS, SHORTCUT_EXISTS, LABEL_INCOMPATIBLE,
    NO_TABLE_SCHEMA, PARAMETER_INVALID.
    """
    dataset_id, import_task_id = service.datasets.create(context.project_id, request, context.user)
    return CreateDatasetResponse(dataset_id=dataset_id, import_task_id=import_task_id)


def list_datasets(service: DatasetService, context: RequestContext, query: ListDatasetsQuery) -> ListDatasetsResponse:
    """Return a page of the project's datasets, filtered and sorted; ``offset`` counts pages."""
    start = query.offset * query.limit
    if _selects_all(query) and (
        page := service.datasets.page(
            context.project_id, query.workspace_id, start, query.limit, newest_first=query.order is Order.DESC
        )
    ):
        return ListDatasetsResponse(
            total_number=page.total, datasets=[_listed(service, context, entry, query) for entry in page.entries]
        )
    matches = [entry for entry in service.datasets.entries(context.project_id) if _matches(service, entry, query)]
    # The sort is stable: datasets of the same time, as with a stopped clock, stay in order of creation.
    matches.sort(key=_by_name if query.sort_by is SortBy.DATASET_NAME else _by_time)
    if query.order is Order.DESC:
        matches.reverse()
    return ListDatasetsResponse(
        total_number=len(matches),
        datasets=[_listed(service, context, entry, query) for entry in matches[start : start + query.limit]],
    )


def desc_dataset(service: DatasetService, context: RequestContext, query: DescDatasetQuery) -> DescDatasetResponse:
    """Return everything about a dataset. Raises DATASET_NOT_FOUND."""
    entry, labels, versions = service.datasets.details(context.project_id, context.dataset_id)
    members = _described(service, entry)
    if query.check_running_task:
        members |= _running(service, entry.record, query.running_task_type)
    return DescDatasetResponse(**members, labels=labels, versions=_current_version(entry.record, versions))


def update_dataset(
    service: DatasetService, context: RequestContext, request: UpdateDatasetRequest
) -> UpdateDatasetResponse:
    """Change name, description and labels (deleted, then added, then updated), or switch to a version.

    All of it or nothing. Raises DATASET_NOT_FOUND, DATASET_EXISTS, LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS,
    LABEL_INCOMPATIBLE, VERSION_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING, PUBLISHING_ANNOTATION, SWITCHING.
    """
    service.datasets.update(context.project_id, context.dataset_id, request)
    return UpdateDatasetResponse(dataset_id=context.dataset_id)


def delete_dataset(service: DatasetService, context: RequestContext) -> None:
    """Delete a dataset; its source files and the files of its versions stay. Raises DATASET_NOT_FOUND."""
    service.datasets.delete(context.project_id, context.dataset_id)


def list_stats(service: DatasetService, context: RequestContext, query: ListStatsQuery) -> ListStatsResponse:
    """Return counts by state, label and hard-example reason; state and labeler restrict the label counts.

    Raises DATASET_NOT_FOUND.
    """
    labeler = labeler_of(query.email) if query.email else None
    statistics = service.datasets.statistics(
        context.project_id,
        context.dataset_id,
        statuses_of(query.sample_state),
        labeler,
        team_group_of(query.sample_state),
    )
    counts = statistics.counts
    rows = label_stats(statistics.labels, statistics.label_counts)
    grouped: dict[str, list[LabelStats]] = {}
    for row in rows:
        grouped.setdefault(str(int(row.type or 0)), []).append(row)
    return ListStatsResponse(
        data_path=statistics.data_path,
        label_stats=rows,
        grouped_label_stats=grouped,
        sample_stats=_sample_stats(counts),
        key_sample_stats=_key_sample_stats(counts),
        hard_detail_stats={
            str(reason): PairOfintAndHardDetail(key=count, value=hard_detail(reason, query.locale))
            for reason, count in statistics.hard_reasons.items()
        },
        deletion_stats={},
        metadata_stats={},
        data_spliting_enable=statistics.is_splittable,
    )


def _sample_stats(counts: Counts) -> dict[str, int]:
    """Return the numbers of samples by state."""
    return {
        "un_annotation": counts.total - counts.annotated - counts.unconfirmed,
        "manual_annotation": counts.annotated,
        "auto_annotation": counts.unconfirmed,
        "all": counts.total,
        "total": counts.total + counts.deleted,
        "deleted": counts.deleted,
        "lefted": counts.total,
    }


def _key_sample_stats(counts: Counts) -> dict[str, int]:
    """Return the numbers of hard examples and of other samples."""
    return {"total": counts.total, "key_sample": counts.hard, "non_key_sample": counts.total - counts.hard}


def get_dataset_metrics(
    service: DatasetService, context: RequestContext, query: GetDatasetMetricsQuery
) -> GetDatasetMetricsResponse:
    """Return sample counts by day (UTC) from ``start_time`` to ``end_time``, keyed by their time in ms.

    The time of a day is its last millisecond; for the current day it is now. A team labelling task must exist; its
    counts are those of its dataset. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, PARAMETER_INVALID.
    """
    if query.workforce_task_id:
        service.team_tasks.describe(context.project_id, context.dataset_id, query.workforce_task_id)
    days = service.datasets.daily_counts(context.project_id, context.dataset_id, query.start_time, query.end_time)
    metrics: dict[str, dict[str, int]] = {name: {} for name in _TASK_METRICS}
    metrics["un_annotation"] = {str(day.time): day.total - day.annotated - day.unconfirmed for day in days}
    metrics["manual_annotation"] = {str(day.time): day.annotated for day in days}
    metrics["total"] = {str(day.time): day.total for day in days}
    return GetDatasetMetricsResponse(metrics=metrics)


def _by_time(entry: IndexEntry) -> int:
    return entry.record.create_time


def _by_name(entry: IndexEntry) -> tuple[str, str]:
    return entry.record.name, entry.record.id


def _selects_all(query: ListDatasetsQuery) -> bool:
    """Return whether a query asks for all datasets of a workspace by their time of creation."""
    return (
        query.sort_by is SortBy.CREATE_TIME
        and query.dataset_type is None
        and query.contain_versions is None
        and query.version_format is None
        and not (query.search_content or query.support_export or query.train_evaluate_ratio)
    )


def _matches(service: DatasetService, entry: IndexEntry, query: ListDatasetsQuery) -> bool:
    record = entry.record
    return (
        record.workspace_id == query.workspace_id
        and (query.dataset_type is None or record.type == query.dataset_type)
        and (not query.search_content or query.search_content.lower() in record.name.lower())
        and (query.contain_versions is None or bool(record.version_count) == query.contain_versions)
        and (not query.support_export or DATASET_TYPES[record.type].exports)
        and _has_version(service, record, query)
    )


def _has_version(service: DatasetService, record: DatasetRecord, query: ListDatasetsQuery) -> bool:
    """Return whether a version has the format and split ratio of the query; True if it asks for neither."""
    if query.version_format is None and not query.train_evaluate_ratio:
        return True
    if not record.version_count:
        return False
    low, high = ratio_range(query.train_evaluate_ratio)
    version_format = None if query.version_format is None else VERSION_FORMATS[query.version_format]
    return any(
        (version_format is None or version.version_format is version_format)
        and low <= Decimal(version.train_evaluate_sample_ratio) <= high
        for version in service.datasets.versions(record.id)
    )


def _listed(
    service: DatasetService, context: RequestContext, entry: IndexEntry, query: ListDatasetsQuery
) -> DatasetAndFilePreview:
    record = entry.record
    members = _described(service, entry)
    if query.check_running_task:
        members |= _running(service, record, query.running_task_type)
    if query.with_labels:
        members["labels"] = service.datasets.labels(record.id)
    if query.contain_versions:
        members["versions"] = _current_version(record, service.datasets.versions(record.id))
    if query.file_preview:
        members["samples"] = members["files"] = _previews(service, context, record.id)
    return DatasetAndFilePreview(**members)


def _current_version(record: DatasetRecord, versions: Sequence[VersionRecord]) -> list[DatasetVersion] | None:
    """Return the current version, the only one that the service lists with a dataset; None if there is none."""
    return [
        describe_version(record, version) for version in versions if version.version_id == record.current_version_id
    ] or None


def _previews(service: DatasetService, context: RequestContext, dataset_id: str) -> list[AnnotationFile]:
    return [
        AnnotationFile(
            create_time=sample.time,
            dataset_id=dataset_id,
            file_id=sample.id,
            file_name=sample.path.rpartition("/")[2],
            file_type=sample.path.rpartition(".")[2].lower(),
            size=sample.size,
            tags={str(label.name): str(int(label.type or 0)) for label in sample.labels},
            url=signed_source(service, context, sample),
            **image_size(sample),
        )
        for sample in service.datasets.first_samples(dataset_id, PREVIEWS)
    ]


def _running(service: DatasetService, record: DatasetRecord, task_type: RunningTaskType) -> dict[str, Any]:
    is_running, task_ids = service.datasets.running_tasks(record, task_type)
    return {"exist_running_task": is_running, "running_tasks_id": task_ids}


def _described(service: DatasetService, entry: IndexEntry) -> dict[str, Any]:
    """Return the members that a dataset has both in lists and in its details."""
    record, counts = entry
    inner = record.inner_work_path
    return {
        "dataset_id": record.id,
        "dataset_name": record.name,
        "dataset_type": record.type,
        "data_format": record.data_format,
        "dataset_format": 1 if record.type is DatasetType.TABLE else 0,
        "description": record.description,
        "status": record.status,
        "create_time": record.create_time,
        "update_time": record.update_time,
        "data_update_time": record.data_update_time,
        "data_sources": record.data_sources,
        "schema": record.schema or None,
        "total_sample_count": counts.total,
        "annotated_sample_count": counts.annotated,
        "unconfirmed_sample_count": counts.unconfirmed,
        "deleted_sample_count": counts.deleted,
        "deletion_stats": {},
        "data_statistics": {"sample_stats": _sample_stats(counts), "key_sample_stats": _key_sample_stats(counts)},
        "dataset_tags": list(DATASET_TYPES[record.type].tags),
        "total_sub_sample_count": service.datasets.count_frames(record),
        "annotated_sub_sample_count": 0,
        "loading_sample_count": 0,
        "current_version_id": record.current_version_id,
        "current_version_name": record.current_version_name,
        "dataset_version_count": record.version_count,
        "next_version_num": record.next_version_num,
        "work_path": record.work_path,
        "work_path_type": record.work_path_type,
        "inner_work_path": inner,
        "inner_annotation_path": f"{inner}annotation/",
        "inner_data_path": f"{inner}data/",
        "inner_log_path": f"{inner}logs/",
        "inner_temp_path": f"{inner}temp/",
        "inner_task_path": f"{inner}task/",
        "workspace_id": record.workspace_id,
        "enterprise_project_id": "0",
        "ai_project": "default-ai-project",
        "dataset_version": "v1",
        "managed": record.managed,
        "import_data": record.import_data,
        "import_task_id": record.import_task_id,
        "content_labeling": True,
        "label_task_count": 1 if DATASET_TYPES[record.type].labels else 0,
        "workforce_task_count": len(record.team_tasks),
        "exist_workforce_task": bool(record.team_tasks),
        "exist_running_task": False,
        "running_tasks_id": [],
        "feature_supports": ["0"],
        "workforce_descriptor": _team(service, record),
    }


def _team(service: DatasetService, record: DatasetRecord) -> WorkforceDescriptor | None:
    """Return the newest team labelling task; None without one, because clients disagree on the member's type."""
    if not record.team_tasks:
        return None
    task = record.team_tasks[-1]
    first = next(iter(task.members), None)
    return WorkforceDescriptor(
        current_task_id=task.id,
        current_task_name=task.name,
        repetition=task.repetition,
        reject_num=service.datasets.count_rejected(record),
        is_synchronize_auto_labeling_data=task.sync_auto_labels,
        is_synchronize_data=task.sync_data,
        workers=[as_worker(member) for member in task.members],
        workforce_id=first.team_id if first else None,
        workforce_name=first.team_name if first else None,
    )
