"""Which operations exclude each other while a task of the dataset is running."""

from __future__ import annotations

from emulator.contract.errors import (
    IMPORT_RUNNING,
    PUBLISHING,
    PUBLISHING_ANNOTATION,
    SWITCHING,
    SYNC_RUNNING,
    ApiError,
)
from emulator.contract.wire import RunningTaskType
from emulator.runtime import Runtime
from emulator.store import DatasetRecord
from emulator.tasks import Busy, Claim

# The kinds of task behind a ``running_task_type``; those that this emulator does not have are never running.
KINDS_OF_TASK = {
    RunningTaskType.EXPORT: {"export"},
    RunningTaskType.VERSION_SWITCH: {"switch"},
    RunningTaskType.MANIFEST_EXPORT: {"publish"},
    RunningTaskType.MANIFEST_IMPORT: {"import"},
    RunningTaskType.PUBLISH: {"publish"},
}

# Tasks that change the dataset, so that only one of them runs at a time, and the error that names it.
_IN_THE_WAY = {"publish": PUBLISHING, "switch": SWITCHING, "import": IMPORT_RUNNING, "sync": SYNC_RUNNING}


def require_annotation_allowed(emu: Runtime, record: DatasetRecord) -> None:
    """Raise PUBLISHING_ANNOTATION or SWITCHING where labels must not change just now."""
    running = emu.tasks.running(record.id)
    if "publish" in running:
        raise ApiError(PUBLISHING_ANNOTATION, record.id)
    if "switch" in running:
        raise ApiError(SWITCHING, record.id)


def claim(emu: Runtime, record: DatasetRecord, kind: str) -> Claim:
    """Take the right to run a task that changes the dataset. Raises the documented error of the task in its way."""
    try:
        return emu.tasks.claim(record.id, kind, excluded=_IN_THE_WAY)
    except Busy as busy:
        raise ApiError(_IN_THE_WAY[busy.kind], record.id) from None


def claim_export(emu: Runtime, record: DatasetRecord) -> Claim:
    """Take the right to run an export, which changes nothing: several may run at once. Raises SWITCHING."""
    try:
        return emu.tasks.claim(record.id, "export", excluded=("switch",))
    except Busy:
        raise ApiError(SWITCHING, record.id) from None
