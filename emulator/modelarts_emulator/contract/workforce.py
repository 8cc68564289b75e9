"""Wire types of the workforce family."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.wire import Description, Integer, Long, SampleName, TaskName, Wire


class Worker(Wire, kw_only=True):
    """Worker."""

    create_time: Long | None = None
    description: Description | None = None
    email: str | None = None
    role: Literal[0, 1, 2, 3] | None = None
    status: Literal[0, 1, 2, 3] | None = None
    update_time: Long | None = None
    worker_id: str | None = None
    workforce_id: str | None = None


class WorkforceConfig(Wire, kw_only=True):
    """WorkforceConfig."""

    workers: list[Worker] | None = None
    workforce_id: str | None = None
    workforce_name: SampleName | None = None


class WorkforcesConfig(Wire, kw_only=True):
    """WorkforcesConfig."""

    agency: str | None = None
    workforces: list[WorkforceConfig] | None = None


class WorkforceInformation(Wire, kw_only=True):
    """WorkforceInformation."""

    task_name: TaskName
    data_sync_type: Literal[0, 1, 2, 3] | None = None
    repetition: Integer | None = None
    synchronize_auto_labeling_data: bool | None = None
    synchronize_data: bool | None = None
    task_id: str | None = None
    workforces_config: WorkforcesConfig | None = None


class WorkforceDescriptor(Wire, kw_only=True):
    """WorkforceDescriptor."""

    current_task_id: str | None = None
    current_task_name: str | None = None
    reject_num: Integer | None = None
    repetition: Integer | None = None
    is_synchronize_auto_labeling_data: bool | None = None
    is_synchronize_data: bool | None = None
    workers: list[Worker] | None = None
    workforce_id: str | None = None
    workforce_name: str | None = None
