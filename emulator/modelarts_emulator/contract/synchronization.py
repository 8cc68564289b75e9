"""Wire types of the synchronization family."""

from __future__ import annotations

from modelarts_emulator.contract.wire import Long, TaskStatus, Wire


class SyncDataSourceStateResponse(Wire, kw_only=True):
    """Querying the Status of a Dataset Synchronization Task."""

    add_sample_count: Long | None = None
    create_time: Long | None = None
    dataset_id: str | None = None
    deleted_sample_count: Long | None = None
    duration_time: Long | None = None
    error_code: str | None = None
    error_msg: str | None = None
    status: TaskStatus | None = None
    task_id: str | None = None
    total_sample_count: Long | None = None
