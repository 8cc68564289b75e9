"""End tasks and versions that a crash has interrupted: they fail, and their datasets get the status normal."""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.errors import PUBLISH_FAILED, TASK_FAILED
from modelarts_emulator.contract.wire import DatasetStatus, ExportStatus, TaskStatus, VersionStatus
from modelarts_emulator.jobs.task_run import ENDED_STATUSES
from modelarts_emulator.store import DatasetWriter, Store
from modelarts_emulator.util.clock import Clock

INTERRUPTED = "interrupted: the emulator ended while this was running"
_IDLE = {DatasetStatus.NORMAL, DatasetStatus.ABNORMAL}


def fail_interrupted_tasks(store: Store, dataset_id: str, clock: Clock) -> bool:
    """Fail the open tasks and versions of a dataset; return whether there could be any.

    A dataset that was idle is recognized from the index, without loading it.
    """
    known = store.entry(dataset_id).record
    if known.status in _IDLE and not known.open_exports:
        return False
    now = clock.now_ms()
    with store.writing(dataset_id) as dataset:
        _fail_tasks(dataset, now)
        failed = _fail_versions(dataset, now)
        dataset.put_record(msgspec.structs.replace(dataset.record, status=DatasetStatus.NORMAL, open_exports=0))
    for version_id in failed:
        store.delete_version(dataset_id, version_id)
    return True


def succeeded_outputs(store: Store, dataset_id: str) -> set[str]:
    """Return the ids of the versions and exports whose output is complete."""
    with store.reading(dataset_id) as dataset:
        versions = {each.version_id for each in dataset.versions if each.status == VersionStatus.RUNNING}
        return versions | {task.id for task in dataset.tasks if task.status == ExportStatus.SUCCESSED.value}


def _fail_tasks(dataset: DatasetWriter, now: int) -> None:
    for task in dataset.tasks:
        if task.status not in ENDED_STATUSES:
            dataset.put_task(
                msgspec.structs.replace(
                    task,
                    status=TaskStatus.FAILED.value,
                    update_time=now,
                    error_code=TASK_FAILED.code,
                    error_msg=f"{TASK_FAILED.message}: {INTERRUPTED}",
                )
            )


def _fail_versions(dataset: DatasetWriter, now: int) -> list[str]:
    failed = []
    for version in dataset.versions:
        if version.status == VersionStatus.CREATING:
            failed.append(version.version_id)
            dataset.put_version(
                msgspec.structs.replace(
                    version,
                    status=VersionStatus.ERROR,
                    update_time=now,
                    message=f"{PUBLISH_FAILED.message}: {INTERRUPTED}",
                )
            )
    return failed
