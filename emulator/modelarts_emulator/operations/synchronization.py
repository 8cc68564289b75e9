"""Data synchronization: the dataset follows its input path.

Reference: ``api-ref/source/data_management/data_synchronization_task/``.
"""

from __future__ import annotations

import logging

import msgspec

from modelarts_emulator.contract.errors import PATH_NOT_FOUND, SYNC_FAILED, ApiError
from modelarts_emulator.contract.synchronization import SyncDataSourceStateResponse
from modelarts_emulator.contract.wire import DatasetStatus, TaskStatus
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.task_rules import claim, ending
from modelarts_emulator.publishing.version_switch import forget_switched_out
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.store import DatasetRecord, TaskRecord

log = logging.getLogger(__name__)


def sync_data_source(runtime: Runtime, context: RequestContext) -> None:
    """Start a synchronization in the background; what lies on disk now is visible when it is COMPLETED.

    Raises DATASET_NOT_FOUND, SYNC_RUNNING, PUBLISHING, SWITCHING, IMPORT_RUNNING, BUCKET_NOT_FOUND, PATH_NOT_FOUND.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    for directory in input_directories(record):
        runtime.tree.require_directory(directory)
    start_sync(runtime, record, DatasetStatus.SYNCHRONIZING)


def sync_data_source_state(runtime: Runtime, context: RequestContext) -> SyncDataSourceStateResponse:
    """The latest synchronization; NOT_EXIST where there was none. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        task = max((task for task in dataset.tasks if task.kind == "sync"), key=lambda t: t.create_time, default=None)
    if task is None:
        return SyncDataSourceStateResponse(status=TaskStatus.NOT_EXIST, dataset_id=record.id)
    return SyncDataSourceStateResponse(
        status=TaskStatus(task.status),
        dataset_id=record.id,
        task_id=task.id,
        create_time=task.create_time,
        duration_time=task.update_time - task.create_time,
        error_code=task.error_code,
        error_msg=task.error_msg,
        **task.counts,
    )


def start_sync(runtime: Runtime, record: DatasetRecord, status: DatasetStatus) -> None:
    """Note the task, set the dataset's status while it runs, and run it. Raises the error of a task in its way."""
    now = runtime.clock.now_ms()
    task = TaskRecord(
        id=runtime.ids.entity(), kind="sync", status=TaskStatus.QUEUING.value, create_time=now, update_time=now
    )
    with claim(runtime, record, "sync") as right:
        with runtime.store.writing(record.id) as dataset:
            for earlier in dataset.tasks:
                if earlier.kind == "sync":
                    dataset.remove_task(earlier.id)  # only the latest can be asked for
            dataset.put_task(task)
            dataset.put_record(msgspec.structs.replace(dataset.record, status=status))
        right.run(lambda: _synchronize(runtime, record.id, task))


def _synchronize(runtime: Runtime, dataset_id: str, task: TaskRecord) -> None:
    def failed(error: ApiError) -> None:
        _note(runtime, dataset_id, task, TaskStatus.FAILED, error=error)

    with ending(failed, SYNC_FAILED):
        runtime.transitions.enter("sync", dataset_id, TaskStatus.RUNNING.value)
        _note(runtime, dataset_id, task, TaskStatus.RUNNING)
        with runtime.store.writing(dataset_id) as dataset:
            forget_switched_out(dataset)
        outcome = runtime.reconcile(dataset_id, lambda done: _note(runtime, dataset_id, task, TaskStatus.RUNNING))
        runtime.transitions.enter("sync", dataset_id, TaskStatus.COMPLETED.value)
        counts = {"add_sample_count": outcome.added, "deleted_sample_count": outcome.removed}
        _note(runtime, dataset_id, task, TaskStatus.COMPLETED, counts=counts)


def _note(
    runtime: Runtime,
    dataset_id: str,
    task: TaskRecord,
    status: TaskStatus,
    *,
    counts: dict[str, int] | None = None,
    error: ApiError | None = None,
) -> None:
    """Write down how far the task is; at its end the dataset comes to rest."""
    now = runtime.clock.now_ms()
    ended = status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
    with runtime.store.writing(dataset_id) as dataset:
        counts = {**(counts or {}), "total_sample_count": dataset.counts.total}
        dataset.put_task(
            msgspec.structs.replace(
                task,
                status=status.value,
                update_time=now,
                counts=counts,
                error_code=error.error.code if error else None,
                error_msg=error.message if error else None,
            )
        )
        record = dataset.record
        if ended:
            runtime.tasks.mark_finished(dataset_id, "sync")
            missing = error is not None and error.error == PATH_NOT_FOUND
            rest = (
                DatasetStatus.ABNORMAL if missing and record.status == DatasetStatus.CREATING else DatasetStatus.NORMAL
            )
            dataset.put_record(msgspec.structs.replace(record, status=rest, data_update_time=now))
        elif record.status == DatasetStatus.CREATING:
            dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.SYNCHRONIZING))
