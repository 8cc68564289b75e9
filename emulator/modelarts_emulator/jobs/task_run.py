"""The life cycle of a background task: claim, start, progress, finish or fail.

Synchronization, imports, exports, publishing, version switches and intelligent tasks all run through :class:`TaskRun`.
They differ only in the records that they write when their state changes; each passes a function ``write`` for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.errors import ApiError, Error
from modelarts_emulator.contract.wire import ExportStatus, TaskStatus
from modelarts_emulator.jobs.pool import TaskClaim, TaskPool
from modelarts_emulator.jobs.task_conflicts import claim_task
from modelarts_emulator.jobs.transitions import TaskKind, Transitions
from modelarts_emulator.store import DatasetWriter, DoesNotExist, Store, TaskRecord
from modelarts_emulator.util.clock import Clock

log = logging.getLogger(__name__)

_RETRY_S = 0.25
ENDED_STATUSES = frozenset(
    {TaskStatus.COMPLETED.value, TaskStatus.FAILED.value, ExportStatus.SUCCESSED.value, "STOPPED"}
)
"""The statuses of a task record that never change again."""


class TaskUpdate(NamedTuple):
    """A change of a task's state; ``now_ms`` is in milliseconds since the epoch."""

    status: str
    counts: Mapping[str, int]
    now_ms: int
    error: ApiError | None = None
    has_ended: bool = False


WriteUpdate = Callable[[DatasetWriter, TaskUpdate], None]


class TaskRunner(NamedTuple):
    """The parts that every task run needs; one for all datasets."""

    store: Store
    pool: TaskPool
    transitions: Transitions
    clock: Clock

    def claim(self, dataset_id: str, kind: TaskKind, failure: Error) -> TaskRun:
        """Claim the right to run a task.

        ``failure`` is the error of a task that fails for a reason outside the error catalogue, such as an OSError.
        Raises the documented error of a running task that conflicts with this one.
        """
        return TaskRun(self, claim_task(self.pool, dataset_id, kind), kind, failure)


class TaskRun:
    """One run of one task. As a context manager it releases its claim, unless the task was started in the background.

    Example::

        with runner.claim(dataset_id, "sync", SYNC_FAILED) as run:
            run.start(begin, work, write)  # work: run.enter(...), run.progress(...), run.finish(...)
    """

    def __init__(self, runner: TaskRunner, claim: TaskClaim, kind: TaskKind, failure: Error) -> None:
        self.dataset_id, self.kind = claim.dataset_id, kind
        self._runner, self._claim, self._failure = runner, claim, failure
        self._write: WriteUpdate = _write_nothing
        self._counts: Mapping[str, int] = {}
        self._is_marked = False

    def __enter__(self) -> TaskRun:
        return self

    def __exit__(self, *error: object) -> None:
        self._claim.__exit__(*error)

    def start(
        self, begin: Callable[[DatasetWriter], None], work: Callable[[], None], write: WriteUpdate, *, now: bool = False
    ) -> None:
        """Record the new task with ``begin``, then run ``work`` in the background, or before returning if ``now``.

        ``work`` calls :meth:`finish` at its end; an exception that it raises fails the task.
        """
        self._write = write
        with self._runner.store.writing(self.dataset_id) as dataset:
            begin(dataset)
        if now:
            self._run(work)
        else:
            self._claim.run(lambda: self._run(work))

    def enter(self, state: str) -> None:
        """Wait until the transition rules allow the task to enter a state. Raises ApiError if a rule fails the task."""
        self._runner.transitions.enter(self.kind, self.dataset_id, state)

    def progress(self, status: str, counts: Mapping[str, int] | None = None) -> None:
        """Write the state of a task that goes on. Raises DoesNotExist if the dataset has been deleted."""
        if counts is not None:
            self._counts = counts
        with self._runner.store.writing(self.dataset_id) as dataset:
            self._write(dataset, TaskUpdate(status, self._counts, self._runner.clock.now_ms()))

    def finish(
        self,
        status: str,
        counts: Mapping[str, int] | None = None,
        *,
        error: ApiError | None = None,
        change: Callable[[DatasetWriter], None] | None = None,
    ) -> None:
        """Write the final state and ``change`` in one transaction. Raises DoesNotExist if the dataset is deleted.

        A client that reads the final state can start a conflicting task immediately.
        """
        if counts is not None:
            self._counts = counts
        with self._runner.store.writing(self.dataset_id) as dataset:
            if change is not None:
                change(dataset)
            if not self._is_marked:  # it is already if an earlier attempt to finish could not be committed
                self._runner.pool.mark_finished(self.dataset_id, self.kind)
                self._is_marked = self._claim.is_marked = True
            self._write(dataset, TaskUpdate(status, self._counts, self._runner.clock.now_ms(), error, has_ended=True))

    def fail(self, error: ApiError) -> None:
        """Write that the task has failed."""
        self.finish(TaskStatus.FAILED.value, error=error)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except DoesNotExist:
            raise  # the dataset has been deleted, and its tasks with it
        except ApiError as error:
            self._fail_when_possible(error)
        except OSError as error:
            self._fail_when_possible(ApiError(self._failure, error.strerror or str(error)))
        except BaseException:
            self._fail_when_possible(ApiError(self._failure, "an unexpected error"))
            raise  # the pool logs the traceback

    def _fail_when_possible(self, error: ApiError) -> None:
        """Write that the task has failed, as soon as the disk accepts that; the task is open until then.

        A stop ends the attempts: the next start fails the task.
        """
        pool, is_logged = self._runner.pool, False
        while True:
            try:
                self.fail(error)
                return
            except OSError as refusal:
                if not is_logged:
                    log.error(
                        "Cannot store the failure of the %s task of dataset %s (%s): repeated until it succeeds",
                        self.kind,
                        self.dataset_id,
                        refusal,
                    )
                is_logged = True
            with pool.without_turn():
                if pool.stopping.wait(_RETRY_S):
                    return


def updated_task(task: TaskRecord, update: TaskUpdate) -> TaskRecord:
    """Return the record of a task with a change of its state."""
    return msgspec.structs.replace(
        task,
        status=update.status,
        update_time=update.now_ms,
        counts=dict(update.counts),
        error_code=update.error.error.code if update.error else None,
        error_msg=update.error.message if update.error else None,
    )


def _write_nothing(dataset: DatasetWriter, update: TaskUpdate) -> None:
    """Write nothing: the state of a run that has not started."""
