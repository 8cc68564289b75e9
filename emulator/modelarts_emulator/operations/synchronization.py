"""Data synchronization: bring a dataset in step with its input path.

Reference: ``api-ref/source/data_management/data_synchronization_task/``.
"""

from __future__ import annotations

from modelarts_emulator.contract.synchronization import SyncDataSourceStateResponse
from modelarts_emulator.contract.wire import TaskStatus
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.service.dataset_service import DatasetService


def sync_data_source(service: DatasetService, context: RequestContext) -> None:
    """Start a synchronization in the background; all objects stored by now are visible when it is COMPLETED.

    Samples without labels get those of label files in the input.

    Raises DATASET_NOT_FOUND, SYNC_RUNNING, PUBLISHING, SWITCHING, IMPORT_RUNNING, BUCKET_NOT_FOUND, PATH_NOT_FOUND.
    """
    service.synchronization.start(context.project_id, context.dataset_id, context.user)


def sync_data_source_state(service: DatasetService, context: RequestContext) -> SyncDataSourceStateResponse:
    """Return the state of the latest synchronization; NOT_EXIST if there was none. Raises DATASET_NOT_FOUND."""
    task = service.synchronization.latest(context.project_id, context.dataset_id)
    if task is None:
        return SyncDataSourceStateResponse(status=TaskStatus.NOT_EXIST, dataset_id=context.dataset_id)
    return SyncDataSourceStateResponse(
        status=TaskStatus(task.status),
        dataset_id=context.dataset_id,
        task_id=task.id,
        create_time=task.create_time,
        duration_time=task.update_time - task.create_time,
        error_code=task.error_code,
        error_msg=task.error_msg,
        **task.counts,
    )
