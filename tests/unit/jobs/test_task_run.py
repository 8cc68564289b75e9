"""The life cycle of a task run: claim, start, progress, finish or fail, and what a client can do in between."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator

import pytest

from modelarts_emulator.contract.errors import (
    IMPORT_FAILED,
    IMPORT_RUNNING,
    PATH_NOT_FOUND,
    SWITCHING,
    SYNC_RUNNING,
    ApiError,
)
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.jobs.pool import TaskPool
from modelarts_emulator.jobs.task_run import TaskRun, TaskRunner, TaskUpdate, updated_task
from modelarts_emulator.jobs.transitions import TransitionMode, TransitionRule, Transitions
from modelarts_emulator.store import DatasetRecord, DatasetWriter, Store, TaskRecord
from tests.helpers.clocks import SetClock

TASK = TaskRecord(id="t", kind="import", status="QUEUING", create_time=1, update_time=1)


class RunnerSetup:
    """A store in memory with the dataset ``d``, and a runner."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.store = Store(None, clock=self.clock)
        self.store.create(
            DatasetRecord(
                id="d",
                project_id="p",
                name="d",
                type=DatasetType.IMAGE_CLASSIFICATION,
                create_time=1,
                update_time=1,
                data_update_time=1,
                work_path="/b/w/",
                inner_work_path="/b/w/d/",
            )
        )
        self.pool = TaskPool()
        self.transitions = Transitions(lambda dataset_id: "p", self.pool.without_turn)
        self.runner = TaskRunner(self.store, self.pool, self.transitions, self.clock)
        self.updates: list[TaskUpdate] = []

    def write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        self.updates.append(update)
        dataset.put_task(updated_task(TASK, update))

    def run(self, work: Callable[[TaskRun], None], *, now: bool = False) -> None:
        with self.runner.claim("d", "import", IMPORT_FAILED) as run:
            run.start(lambda dataset: dataset.put_task(TASK), lambda: work(run), self.write, now=now)
        assert self.pool.wait_idle(10)

    def task(self) -> TaskRecord:
        with self.store.reading("d") as dataset:
            task = dataset.task("t")
        assert task is not None
        return task


@pytest.fixture
def setup() -> Iterator[RunnerSetup]:
    made = RunnerSetup()
    yield made
    made.transitions.stop()
    made.pool.stop()
    made.store.close()


def test_task_run_writes_every_state_with_counts_and_time(setup: RunnerSetup) -> None:
    def work(run: TaskRun) -> None:
        run.progress("RUNNING", {"total": 2})
        setup.clock.ms += 5
        run.finish("COMPLETED", {"total": 2, "done": 2})

    start = setup.clock.ms
    setup.run(work)
    assert setup.updates == [
        TaskUpdate("RUNNING", {"total": 2}, start),
        TaskUpdate("COMPLETED", {"total": 2, "done": 2}, start + 5, None, has_ended=True),
    ]
    task = setup.task()
    assert (task.status, task.counts, task.update_time) == ("COMPLETED", {"total": 2, "done": 2}, start + 5)
    assert (task.error_code, task.error_msg) == (None, None)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ApiError(PATH_NOT_FOUND, "/b/x/"), PATH_NOT_FOUND.code, ApiError(PATH_NOT_FOUND, "/b/x/").message),
        (OSError(errno.ENOSPC, "No space left"), IMPORT_FAILED.code, f"{IMPORT_FAILED.message}: No space left"),
        (RuntimeError("a bug"), IMPORT_FAILED.code, f"{IMPORT_FAILED.message}: an unexpected error"),
    ],
    ids=["documented", "disk", "bug"],
)
def test_task_run_that_raises_fails_with_its_latest_counts(
    setup: RunnerSetup, error: Exception, code: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    def work(run: TaskRun) -> None:
        run.progress("RUNNING", {"done": 1})
        raise error

    with caplog.at_level(logging.ERROR):
        setup.run(work)
    task = setup.task()
    assert (task.status, task.counts, task.error_code, task.error_msg) == ("FAILED", {"done": 1}, code, message)
    assert ("a bug" in caplog.text) is isinstance(error, RuntimeError)


def test_task_run_of_a_deleted_dataset_writes_nothing(setup: RunnerSetup) -> None:
    def work(run: TaskRun) -> None:
        setup.store.delete("d")
        run.progress("RUNNING")

    setup.run(work)
    assert setup.updates == []
    assert setup.pool.open == 0


def test_task_run_conflicts_until_its_final_state_is_stored(setup: RunnerSetup) -> None:
    def work(run: TaskRun) -> None:
        for kind in ("import", "sync", "publish", "switch"):
            with pytest.raises(ApiError) as raised:
                setup.runner.claim("d", kind, IMPORT_FAILED)  # type: ignore[arg-type]
            assert raised.value.error is IMPORT_RUNNING
        run.finish("COMPLETED")
        with setup.runner.claim("d", "sync", IMPORT_FAILED):  # as a client that has read COMPLETED
            pass

    setup.run(work)
    assert setup.task().status == "COMPLETED"


def test_task_run_that_was_not_started_releases_its_claim(setup: RunnerSetup) -> None:
    with pytest.raises(ZeroDivisionError), setup.runner.claim("d", "sync", IMPORT_FAILED):
        raise ZeroDivisionError
    assert setup.pool.open == 0


def test_export_conflicts_with_a_switch_only(setup: RunnerSetup) -> None:
    with setup.runner.claim("d", "sync", IMPORT_FAILED), setup.runner.claim("d", "export", IMPORT_FAILED):
        with setup.runner.claim("d", "export", IMPORT_FAILED):
            pass
        with pytest.raises(ApiError) as raised:
            setup.runner.claim("d", "publish", IMPORT_FAILED)
        assert raised.value.error is SYNC_RUNNING
    with setup.runner.claim("d", "switch", IMPORT_FAILED), pytest.raises(ApiError) as raised:
        setup.runner.claim("d", "export", IMPORT_FAILED)
    assert raised.value.error is SWITCHING


def test_task_run_with_now_returns_after_the_work(setup: RunnerSetup) -> None:
    setup.run(lambda run: run.finish("COMPLETED"), now=True)
    assert setup.task().status == "COMPLETED"
    assert setup.pool.running("d") == set()


def test_finish_with_a_change_stores_both_or_neither(setup: RunnerSetup) -> None:
    def change(dataset: DatasetWriter) -> None:
        dataset.put_task(TaskRecord(id="other", kind="sync", status="X", create_time=1, update_time=1))
        raise ApiError(PATH_NOT_FOUND, "x")

    setup.run(lambda run: run.finish("COMPLETED", change=change))
    with setup.store.reading("d") as dataset:
        assert dataset.task("other") is None
    assert setup.task().status == "FAILED"


def test_finish_that_cannot_be_committed_leaves_no_mark_behind(setup: RunnerSetup) -> None:
    """A second attempt to finish must not mark another task of the same kind as finished."""

    def work(run: TaskRun) -> None:
        failing = setup.write

        def fail_once(dataset: DatasetWriter, update: TaskUpdate) -> None:
            run._write = failing
            raise OSError(errno.ENOSPC, "No space left")

        run._write = fail_once
        run.finish("COMPLETED")

    setup.run(work)
    assert setup.task().status == "FAILED"
    with setup.runner.claim("d", "import", IMPORT_FAILED), pytest.raises(ApiError):
        setup.runner.claim("d", "import", IMPORT_FAILED)


def test_enter_waits_for_the_transition_rule(setup: RunnerSetup) -> None:
    setup.transitions.put({"import": TransitionRule(mode=TransitionMode.FAIL, before="RUNNING")})

    def work(run: TaskRun) -> None:
        run.enter("STARTING")
        run.progress("STARTING")
        run.enter("RUNNING")

    setup.run(work)
    assert [update.status for update in setup.updates] == ["STARTING", "FAILED"]
