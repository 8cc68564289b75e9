"""Which operations exclude each other while a task of the dataset is running, and how a task ends that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelarts_emulator.contract.errors import (
    IMPORT_RUNNING,
    PUBLISHING,
    PUBLISHING_ANNOTATION,
    SWITCHING,
    SYNC_RUNNING,
    ApiError,
    Error,
)
from modelarts_emulator.contract.wire import RunningTaskType
from modelarts_emulator.jobs.pool import Claim, TaskConflict
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetRecord, Unknown

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


def require_annotation_allowed(runtime: Runtime, record: DatasetRecord) -> None:
    """Raise PUBLISHING_ANNOTATION or SWITCHING where labels must not change just now."""
    running = runtime.tasks.running(record.id)
    if "publish" in running:
        raise ApiError(PUBLISHING_ANNOTATION, record.id)
    if "switch" in running:
        raise ApiError(SWITCHING, record.id)


def claim(runtime: Runtime, record: DatasetRecord, kind: str) -> Claim:
    """Take the right to run a task that changes the dataset. Raises the documented error of the task in its way."""
    try:
        return runtime.tasks.claim(record.id, kind, excluded=_IN_THE_WAY)
    except TaskConflict as busy:
        raise ApiError(_IN_THE_WAY[busy.kind], record.id) from None


def claim_export(runtime: Runtime, record: DatasetRecord) -> Claim:
    """Take the right to run an export, which changes nothing: several may run at once. Raises SWITCHING."""
    try:
        return runtime.tasks.claim(record.id, "export", excluded=("switch",))
    except TaskConflict:
        raise ApiError(SWITCHING, record.id) from None


@contextmanager
def ending(tell: Callable[[ApiError], None], what: Error) -> Iterator[None]:
    """Have a task that goes wrong tell why; ``what`` is its error where the reason is none of the catalogue.

    Of a dataset that has been deleted there is nothing to tell. What was not expected is raised as well, to be logged.
    """
    try:
        yield
    except Unknown:
        raise
    except ApiError as error:
        tell(error)
    except OSError as error:
        tell(ApiError(what, error.strerror or str(error)))
    except BaseException:
        tell(ApiError(what, "an unexpected error"))
        raise
