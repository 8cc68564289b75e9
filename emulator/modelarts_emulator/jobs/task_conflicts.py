"""Rules for tasks and label changes that must not run at the same time on one dataset.

Synchronization, import, publishing and version switch change the dataset, so only one of them runs at a time. An export
only reads; several run at once, but not during a version switch.
"""

from __future__ import annotations

from modelarts_emulator.contract.errors import (
    AUTO_LABEL_EXISTS,
    IMPORT_RUNNING,
    PUBLISHING,
    PUBLISHING_ANNOTATION,
    SWITCHING,
    SYNC_RUNNING,
    UNAVAILABLE,
    ApiError,
    Error,
)
from modelarts_emulator.contract.wire import RunningTaskType
from modelarts_emulator.jobs.pool import TaskClaim, TaskConflict, TaskPool, TooManyTasks
from modelarts_emulator.jobs.transitions import TaskKind

INTELLIGENT_TASKS: dict[RunningTaskType, str] = {
    RunningTaskType.AUTO_LABELING: "auto-label",
    RunningTaskType.PRE_LABELING: "pre-label",
    RunningTaskType.AUTO_GROUPING: "auto-grouping",
}
"""The kinds of intelligent tasks, by ``running_task_type``."""

KINDS_OF_RUNNING_TASK_TYPE: dict[RunningTaskType, set[str]] = {
    RunningTaskType.EXPORT: {"export"},
    RunningTaskType.VERSION_SWITCH: {"switch"},
    RunningTaskType.MANIFEST_EXPORT: {"publish"},
    RunningTaskType.MANIFEST_IMPORT: {"import"},
    RunningTaskType.PUBLISH: {"publish"},
    **{task_type: {"inference"} for task_type in INTELLIGENT_TASKS},
}
"""The task kinds behind a ``running_task_type``; the types that are missing here never run in the emulator."""

_CHANGING = {"publish": PUBLISHING, "switch": SWITCHING, "import": IMPORT_RUNNING, "sync": SYNC_RUNNING}
_CONFLICTS: dict[TaskKind, dict[str, Error]] = {
    "sync": _CHANGING,
    "import": _CHANGING,
    "publish": _CHANGING,
    "switch": _CHANGING,
    "export": {"switch": SWITCHING},
    "inference": {"inference": AUTO_LABEL_EXISTS, "publish": PUBLISHING, "switch": SWITCHING},
}
"""For each kind of task: the kinds that it cannot run beside, each with the error that reports it."""

_LABELLING_CONFLICTS = {"publish": PUBLISHING_ANNOTATION, "switch": SWITCHING}


def require_labelling_allowed(pool: TaskPool, dataset_id: str) -> None:
    """Raise an ApiError if a running task forbids changes of labels and samples.

    Raises: PUBLISHING_ANNOTATION while a version is being published, SWITCHING during a version switch.
    """
    running = pool.running(dataset_id)
    for kind, error in _LABELLING_CONFLICTS.items():
        if kind in running:
            raise ApiError(error, dataset_id)


def claim_task(pool: TaskPool, dataset_id: str, kind: TaskKind) -> TaskClaim:
    """Claim the right to run a task.

    Raises the documented error of the task that conflicts with it, or UNAVAILABLE if too many are open.
    """
    conflicts = _CONFLICTS[kind]
    try:
        return pool.claim(dataset_id, kind, excluded=conflicts)
    except TaskConflict as conflict:
        raise ApiError(conflicts[conflict.kind], dataset_id) from None
    except TooManyTasks as many:
        raise ApiError(UNAVAILABLE, f"{many.limit} tasks of the kind {kind} are open; please try again") from None
