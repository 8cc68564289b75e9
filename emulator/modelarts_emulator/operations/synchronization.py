"""Data synchronization: the dataset follows its input path.

Reference: ``api-ref/source/data_management/data_synchronization_task/``.
"""

from __future__ import annotations

import logging

import msgspec

from modelarts_emulator.contract.errors import PATH_NOT_FOUND, SYNC_FAILED, ApiError
from modelarts_emulator.contract.synchronization import SyncDataSourceStateResponse
from modelarts_emulator.contract.wire import DatasetStatus, TaskStatus
from modelarts_emulator.operations.request_context import Target
from modelarts_emulator.operations.task_rules import claim, ending
from modelarts_emulator.publishing.version_switch import bring_back
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.store import DatasetRecord, TaskRecord

log = logging.getLogger("modelarts-emulator")


def sync_data_source(emu: Runtime, target: Target) -> None:
    """Start a synchronization in the background; what lies on disk now is visible when it is COMPLETED.

    Raises DATASET_NOT_FOUND, SYNC_RUNNING, PUBLISHING, SWITCHING, IMPORT_RUNNING, BUCKET_NOT_FOUND, PATH_NOT_FOUND.
    """
    record = emu.dataset(target.project_id, target.dataset_id)
    for directory in input_directories(record):
        emu.tree.require_directory(directory)
    start_sync(emu, record, DatasetStatus.SYNCHRONIZING)


def sync_data_source_state(emu: Runtime, target: Target) -> SyncDataSourceStateResponse:
    """The latest synchronization; NOT_EXIST where there was none. Raises DATASET_NOT_FOUND."""
    record = emu.dataset(target.project_id, target.dataset_id)
    with emu.store.reading(record.id) as dataset:
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


def start_sync(emu: Runtime, record: DatasetRecord, status: DatasetStatus) -> None:
    """Note the task, set the dataset's status while it runs, and run it. Raises the error of a task in its way."""
    now = emu.clock.now_ms()
    task = TaskRecord(
        id=emu.ids.entity(), kind="sync", status=TaskStatus.QUEUING.value, create_time=now, update_time=now
    )
    with claim(emu, record, "sync") as right:
        with emu.store.writing(record.id) as dataset:
            for earlier in dataset.tasks:
                if earlier.kind == "sync":
                    dataset.remove_task(earlier.id)  # only the latest can be asked for
            dataset.put_task(task)
            dataset.put_record(msgspec.structs.replace(dataset.record, status=status))
        right.run(lambda: _synchronize(emu, record.id, task))


def _synchronize(emu: Runtime, dataset_id: str, task: TaskRecord) -> None:
    def failed(error: ApiError) -> None:
        _note(emu, dataset_id, task, TaskStatus.FAILED, error=error)

    with ending(failed, SYNC_FAILED):
        emu.transitions.enter("sync", dataset_id, TaskStatus.RUNNING.value)
        _note(emu, dataset_id, task, TaskStatus.RUNNING)
        with emu.store.writing(dataset_id) as dataset:
            bring_back(dataset)
        outcome = emu.reconcile(dataset_id, lambda done: _note(emu, dataset_id, task, TaskStatus.RUNNING))
        emu.transitions.enter("sync", dataset_id, TaskStatus.COMPLETED.value)
        counts = {"add_sample_count": outcome.added, "deleted_sample_count": outcome.removed}
        _note(emu, dataset_id, task, TaskStatus.COMPLETED, counts=counts)


def _note(
    emu: Runtime,
    dataset_id: str,
    task: TaskRecord,
    status: TaskStatus,
    *,
    counts: dict[str, int] | None = None,
    error: ApiError | None = None,
) -> None:
    """Write down how far the task is; at its end the dataset comes to rest."""
    now = emu.clock.now_ms()
    ended = status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
    with emu.store.writing(dataset_id) as dataset:
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
            emu.tasks.told(dataset_id, "sync")
            missing = error is not None and error.error == PATH_NOT_FOUND
            rest = (
                DatasetStatus.ABNORMAL if missing and record.status == DatasetStatus.CREATING else DatasetStatus.NORMAL
            )
            dataset.put_record(msgspec.structs.replace(record, status=rest, data_update_time=now))
        elif record.status == DatasetStatus.CREATING:
            dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.SYNCHRONIZING))
