"""Data export: samples and their annotations go to a directory, or become a new dataset.

Reference: ``api-ref/source/data_management/data_export_task/``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import (
    EXPORT_FILE_ERROR,
    EXPORT_NOT_FOUND,
    INVALID_EXPORT_PARAMETER,
    INVALID_EXPORT_PATH,
    PARAMETER_INVALID,
    UNSUPPORTED_TYPE,
    ApiError,
)
from modelarts_emulator.contract.exports import (
    ExportParams,
    ExportTaskRequest,
    ExportTaskResponse,
    ExportTaskStatusResp,
    GetExportTasksStatusOfDatasetQuery,
    GetExportTasksStatusOfDatasetResponse,
)
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetName, ExportStatus, VersionFormat
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.operations.datasets import checked_work_path, require_free_name
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.search import matcher
from modelarts_emulator.operations.task_rules import claim_export, ending
from modelarts_emulator.operations.versions import read_ratio
from modelarts_emulator.publishing.export_job import Export
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.store import DatasetRecord, TaskRecord

TREE, TILE = 1, 2


def export_task(runtime: Runtime, context: RequestContext, request: ExportTaskRequest) -> ExportTaskResponse:
    """Start an export in the background: ``INIT``, ``RUNNING``, then ``SUCCESSED`` or ``FAILED``.

    Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND, UNSUPPORTED_TYPE, INVALID_EXPORT_PATH, INVALID_EXPORT_PARAMETER,
    DATASET_EXISTS, PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND, PARAMETER_INVALID, SWITCHING.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    if not DATASET_TYPES[record.type].exports:
        raise ApiError(UNSUPPORTED_TYPE, f"a dataset of type {int(record.type)} cannot be exported")
    path = _checked_path(runtime, record, request.path)
    params = _checked_params(runtime, record, request, path)
    with runtime.store.reading(record.id) as dataset:
        if request.version_id:
            context.version(dataset, request.version_id)
    now = runtime.clock.now_ms()
    task = TaskRecord(
        id=runtime.ids.entity(),
        kind="export",
        status=ExportStatus.INIT.value,
        create_time=now,
        update_time=now,
        version_id=request.version_id,
        request=msgspec.to_builtins(
            msgspec.structs.replace(
                request,
                path=str(path),
                export_params=None,
                export_format=request.export_format or TILE,
                version_format=request.version_format or VersionFormat.DEFAULT,
            )
        ),
        export_params=params,
    )
    with claim_export(runtime, record) as right:
        with runtime.store.writing(record.id) as dataset:
            dataset.put_task(task)
            current = dataset.record
            dataset.put_record(msgspec.structs.replace(current, open_exports=current.open_exports + 1))
        right.run(lambda: _run(runtime, context, record.id, task))
    return ExportTaskResponse(**_described(task))


def list_export_tasks(
    runtime: Runtime, context: RequestContext, query: GetExportTasksStatusOfDatasetQuery
) -> GetExportTasksStatusOfDatasetResponse:
    """Export tasks, newest first, filtered by type and paged; ``offset`` counts pages. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        tasks = [
            task
            for task in reversed(dataset.tasks)
            if task.kind == "export" and query.export_type in (None, task.request.get("export_type"))
        ]
    start = query.offset * query.limit
    return GetExportTasksStatusOfDatasetResponse(
        total_count=len(tasks),
        export_tasks=[ExportTaskStatusResp(**_described(task)) for task in tasks[start : start + query.limit]],
    )


def describe_export_task(runtime: Runtime, context: RequestContext) -> ExportTaskStatusResp:
    """One export task. Raises DATASET_NOT_FOUND, EXPORT_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        task = dataset.task(context.task_id)
    if task is None or task.kind != "export":
        raise ApiError(EXPORT_NOT_FOUND, context.task_id[:80])
    return ExportTaskStatusResp(**_described(task))


def _checked_path(runtime: Runtime, record: DatasetRecord, text: str | None) -> ObsPath:
    if not text:
        raise ApiError(INVALID_EXPORT_PATH, "path: where to export to is missing")
    path = ObsPath.directory(text)
    if not runtime.tree.has_bucket(path.bucket):
        runtime.tree.require_directory(path)  # says which error it is
    for directory in input_directories(record):
        # Among the dataset's own files the exported ones would become samples, or take the place of some.
        if directory.contains(path):
            raise ApiError(INVALID_EXPORT_PATH, f"path: must not be the dataset's input path {directory} nor below it")
    return path


def _checked_params(runtime: Runtime, record: DatasetRecord, request: ExportTaskRequest, path: ObsPath) -> ExportParams:
    """The parameters as they are kept and answered, with their defaults."""
    params = request.export_params or ExportParams()
    for condition in params.search_conditions or ():
        matcher(condition, runtime.clock.now_ms())
    read_ratio("train_sample_ratio", params.train_sample_ratio or "1.00", INVALID_EXPORT_PARAMETER)
    if request.source_type_header.removesuffix("://") not in ("obs", "s3"):
        raise ApiError(INVALID_EXPORT_PARAMETER, "source_type_header: must be obs:// or s3://")
    if params.export_dest == "NEW_DATASET":
        name, work_path = params.export_new_dataset_name, params.export_new_dataset_work_path
        if not name or not work_path:
            raise ApiError(
                INVALID_EXPORT_PARAMETER, "NEW_DATASET needs export_new_dataset_name and export_new_dataset_work_path"
            )
        try:
            msgspec.convert(name, DatasetName)
        except msgspec.ValidationError as error:
            raise ApiError(PARAMETER_INVALID, f"export_new_dataset_name: {error}") from None
        require_free_name(runtime, record.project_id, name)
        checked_work_path(runtime, work_path, [DataSource(data_path=str(path))])
    return msgspec.structs.replace(
        params,
        export_dest=params.export_dest or "DIR",
        clear_difficult=bool(params.clear_difficult),
        clear_hard_property=params.clear_hard_property is not False,
        ratio_sample_usage=bool(params.ratio_sample_usage),
        train_sample_ratio=params.train_sample_ratio or "1.00",
    )


def _described(task: TaskRecord) -> dict[str, Any]:
    total, finished = task.counts.get("total_sample_count"), task.counts.get("finished_sample_count")
    done = task.status == ExportStatus.SUCCESSED
    return {
        "task_id": task.id,
        "path": task.request["path"],
        "export_type": task.request.get("export_type"),
        "export_format": task.request["export_format"],
        "version_format": VersionFormat(task.request["version_format"]),
        "version_id": task.version_id,
        "export_params": task.export_params,
        "status": task.status,
        "progress": 100.0 if done else 100.0 * (finished or 0) / (total or 1),
        "total_sample_count": total,
        "finished_sample_count": finished,
        "create_time": task.create_time,
        "update_time": task.update_time,
        "error_code": task.error_code,
        "error_msg": task.error_msg,
    }


def _run(runtime: Runtime, context: RequestContext, dataset_id: str, task: TaskRecord) -> None:
    counts: dict[str, int] = {}

    def note(total: int, finished: int) -> None:
        counts.update(total_sample_count=total, finished_sample_count=finished)
        _note(runtime, dataset_id, task, ExportStatus.RUNNING, counts)

    def succeeded() -> None:
        _note(runtime, dataset_id, task, ExportStatus.SUCCESSED, counts)

    def failed(error: ApiError) -> None:
        _note(runtime, dataset_id, task, ExportStatus.FAILED, counts, error)

    with ending(failed, EXPORT_FILE_ERROR):
        Export(runtime, runtime.store.entry(dataset_id).record, task, context, note, succeeded).run()


def _note(
    runtime: Runtime,
    dataset_id: str,
    task: TaskRecord,
    status: ExportStatus,
    counts: dict[str, int],
    error: ApiError | None = None,
) -> None:
    """Write down how far the task is."""
    with runtime.store.writing(dataset_id) as dataset:
        dataset.put_task(
            msgspec.structs.replace(
                task,
                status=status.value,
                update_time=runtime.clock.now_ms(),
                counts=dict(counts),
                error_code=error.error.code if error else None,
                error_msg=error.message if error else None,
            )
        )
        if status is not ExportStatus.RUNNING:
            runtime.tasks.mark_finished(dataset_id, "export")
            record = dataset.record
            dataset.put_record(msgspec.structs.replace(record, open_exports=record.open_exports - 1))
