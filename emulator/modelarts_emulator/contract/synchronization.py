"""Requests and answers of the operations on synchronization."""

from __future__ import annotations

from modelarts_emulator.contract.wire import Long, TaskStatus, Wire


class SyncDataSourceStateResponse(Wire, kw_only=True):
    """State of a dataset's latest synchronization task.

    Reference: ``data_synchronization_task/querying_the_status_of_a_dataset_synchronization_task``.
    """

    add_sample_count: Long | None = None
    """Samples that the task added."""
    create_time: Long | None = None
    """Start of the task, in ms since the epoch."""
    dataset_id: str | None = None
    """Dataset that the task belongs to."""
    deleted_sample_count: Long | None = None
    """Samples that the task deleted because their files are gone."""
    duration_time: Long | None = None
    """Run time of the task so far, in ms."""
    error_code: str | None = None
    """Code of the error that ended the task, such as ``ModelArts.4360``; absent after success."""
    error_msg: str | None = None
    """Text of the error that ended the task; absent after success."""
    status: TaskStatus | None = None
    """Progress of the task; ``NOT_EXIST`` if the dataset was never synchronized."""
    task_id: str | None = None
    """Identifier of the task."""
    total_sample_count: Long | None = None
    """Samples in the dataset after the task; while it runs, objects scanned so far."""
