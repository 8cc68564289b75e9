"""Data import: bring samples and labels from a directory or a manifest into a dataset.

Reference: ``api-ref/source/data_management/data_import_task/``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.contract.imports import (
    FileCopyProgress,
    ImportTaskRequest,
    ImportTaskResponse,
    ImportTaskStatusResp,
    ListImportTasksQuery,
    ListImportTasksResponse,
)
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import TaskStatus
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.store import TaskRecord


def list_import_tasks(
    service: DatasetService, context: RequestContext, query: ListImportTasksQuery
) -> ListImportTasksResponse:
    """Return a page of import tasks, newest first; ``offset`` counts pages. Raises DATASET_NOT_FOUND."""
    total, tasks = service.imports.tasks(
        context.project_id, context.dataset_id, offset=query.offset * query.limit, limit=query.limit
    )
    return ListImportTasksResponse(
        total_count=total, import_tasks=[_described(context.dataset_id, task) for task in tasks]
    )


def import_task(service: DatasetService, context: RequestContext, request: ImportTaskRequest) -> ImportTaskResponse:
    """Start an import in the background: ``QUEUING``, ``STARTING``, ``RUNNING``, then ``COMPLETED`` or ``FAILED``.

    Raises DATASET_NOT_FOUND, NO_VALID_FILE, PATH_NOT_FOUND, PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND,
    PARAMETER_INVALID and the error of a conflicting task: IMPORT_RUNNING, PUBLISHING, SWITCHING, SYNC_RUNNING.
    """
    task_id = service.imports.start(context.project_id, context.dataset_id, request, context.user)
    return ImportTaskResponse(task_id=task_id)


def describe_import_task(service: DatasetService, context: RequestContext) -> ImportTaskStatusResp:
    """Return one import task; NOT_EXIST if there is none with this id. Raises DATASET_NOT_FOUND."""
    task = service.imports.task(context.project_id, context.dataset_id, context.task_id)
    if task is None:
        status = TaskStatus.NOT_EXIST.value
        return ImportTaskStatusResp(status=status, dataset_id=context.dataset_id, task_id=context.task_id)
    return _described(context.dataset_id, task)


def _described(dataset_id: str, task: TaskRecord) -> ImportTaskStatusResp:
    counts: dict[str, Any] = {name: count for name, count in task.counts.items() if name != "problem_count"}
    source = task.request.get("data_source")
    return ImportTaskStatusResp(
        status=task.status,
        task_id=task.id,
        dataset_id=dataset_id,
        import_path=task.request["import_path"],
        import_type=task.request["import_type"],
        data_source=msgspec.convert(source, DataSource) if source else None,
        create_time=task.create_time,
        update_ms=task.update_time,
        elapsed_time=(task.update_time - task.create_time) // 1000,
        error_code=task.error_code,
        error_msg=task.error_msg,
        file_statistics=FileCopyProgress(
            file_num_finished=counts.get("finished_file_count", 0),
            file_num_total=counts.get("total_file_count", 0),
            file_size_finished=counts.get("finished_file_size", 0),
            file_size_total=counts.get("total_file_size", 0),
        ),
        **counts,
    )
