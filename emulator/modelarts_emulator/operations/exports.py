"""Data export: samples and their labels go to a directory, or become a new dataset.

Reference: ``api-ref/source/data_management/data_export_task/``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.contract.exports import (
    ExportParams,
    ExportTaskRequest,
    ExportTaskResponse,
    ExportTaskStatusResp,
    GetExportTasksStatusOfDatasetQuery,
    GetExportTasksStatusOfDatasetResponse,
)
from modelarts_emulator.contract.wire import ExportStatus, VersionFormat
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import TaskRecord


def export_task(service: DatasetService, context: RequestContext, request: ExportTaskRequest) -> ExportTaskResponse:
    """Start an export in the background: ``INIT``, ``RUNNING``, then ``SUCCESSED`` or ``FAILED``.

    Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND, UNSUPPORTED_TYPE, INVALID_EXPORT_PATH, INVALID_EXPORT_PARAMETER,
    DATASET_EXISTS, PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND, PARAMETER_INVALID, SWITCHING.
    """
    return ExportTaskResponse(**_described(service.exports.start(context.project_id, context.dataset_id, request)))


def list_export_tasks(
    service: DatasetService, context: RequestContext, query: GetExportTasksStatusOfDatasetQuery
) -> GetExportTasksStatusOfDatasetResponse:
    """Return a page of export tasks of a type, newest first; ``offset`` counts pages. Raises DATASET_NOT_FOUND."""
    total, tasks = service.exports.tasks(
        context.project_id,
        context.dataset_id,
        export_type=query.export_type,
        offset=query.offset * query.limit,
        limit=query.limit,
    )
    return GetExportTasksStatusOfDatasetResponse(
        total_count=total, export_tasks=[ExportTaskStatusResp(**_described(task)) for task in tasks]
    )


def describe_export_task(service: DatasetService, context: RequestContext) -> ExportTaskStatusResp:
    """Return one export task. Raises DATASET_NOT_FOUND, EXPORT_NOT_FOUND."""
    task = service.exports.task(context.project_id, context.dataset_id, context.task_id)
    return ExportTaskStatusResp(**_described(task))


def _described(task: TaskRecord) -> dict[str, Any]:
    total, finished = task.counts.get("total_sample_count"), task.counts.get("finished_sample_count")
    has_succeeded = task.status == ExportStatus.SUCCESSED
    return {
        "task_id": task.id,
        "path": task.request["path"],
        "export_type": task.request.get("export_type"),
        "export_format": task.request["export_format"],
        "version_format": VersionFormat(task.request["version_format"]),
        "version_id": task.version_id,
        "export_params": _with_number(task.export_params) if task.export_params else None,
        "status": task.status,
        "progress": 100.0 if has_succeeded else 100.0 * (finished or 0) / (total or 1),
        "total_sample_count": total,
        "finished_sample_count": finished,
        "create_time": task.create_time,
        "update_time": task.update_time,
        "error_code": task.error_code,
        "error_msg": task.error_msg,
    }


def _with_number(params: ExportParams) -> ExportParams:
    """Return the parameters with the split ratio as a number, as in every example of an answer."""
    return msgspec.structs.replace(params, train_sample_ratio=float(params.train_sample_ratio or 1))
