"""The task pool: its number of workers, conflicts between tasks, and tasks that give up their turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from modelarts_emulator.jobs.pool import TaskConflict, TaskPool, TooManyTasks
from tests.helpers.polling import poll


@pytest.fixture
def tasks() -> Iterator[TaskPool]:
    made = TaskPool(workers=2)
    yield made
    made.stop()


def test_pool_with_many_tasks_runs_only_its_number_of_workers(tasks: TaskPool) -> None:
    running, most, goes_on = 0, 0, threading.Event()
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        goes_on.wait(10)
        with lock:
            running -= 1

    for number in range(6):
        tasks.claim(str(number), "sync").run(work)
    poll(lambda: most == 2, "two are running")
    goes_on.set()
    assert tasks.wait_idle(10)
    assert most == 2


def test_without_turn_in_a_task_lets_another_run(tasks: TaskPool) -> None:
    ends = threading.Event()

    def rest() -> None:
        with tasks.without_turn():
            ends.wait(10)

    for number in range(5):
        tasks.claim(str(number), "publish").run(rest)
    ran = threading.Event()
    tasks.claim("other", "sync").run(ran.set)
    assert ran.wait(10)
    assert tasks.wait_idle(10, {"other"})
    assert not tasks.wait_idle(0)
    assert tasks.open_tasks() == [(str(number), "publish") for number in range(5)]
    ends.set()
    assert tasks.wait_idle(10)


def test_pool_with_a_hundred_waiting_tasks_runs_another(tasks: TaskPool) -> None:
    ends = threading.Event()

    def rest() -> None:
        with tasks.without_turn():
            ends.wait(10)

    for number in range(100):
        tasks.claim(str(number), "export").run(rest)
    ran = threading.Event()
    tasks.claim("other", "sync").run(ran.set)
    assert ran.wait(10)
    ends.set()
    assert tasks.wait_idle(10)


def test_pool_with_a_backlog_has_one_thread_for_each_turn(tasks: TaskPool) -> None:
    goes_on, names = threading.Event(), set()

    def work() -> None:
        goes_on.wait(10)
        names.add(threading.current_thread().name)

    for number in range(200):
        tasks.claim(str(number), "export").run(work)
    assert sum(thread in tasks._threads for thread in threading.enumerate()) == 2
    goes_on.set()
    assert tasks.wait_idle(10)
    assert len(names) <= 2


def test_pool_that_is_stopped_drops_its_backlog_and_ends_its_threads() -> None:
    tasks, begun, ran = TaskPool(workers=1), threading.Event(), []

    def first() -> None:
        begun.set()
        tasks.stopping.wait(10)

    tasks.claim("0", "export").run(first)
    assert begun.wait(10)
    for number in range(20):
        tasks.claim(str(number), "export").run(lambda: ran.append(1))
    tasks.stop()
    assert (ran, tasks.open) == ([], 0)
    assert not any(thread in tasks._threads for thread in threading.enumerate())


def test_claim_above_the_limit_is_refused_unless_the_kind_excludes_itself() -> None:
    tasks = TaskPool(max_open=2)
    with tasks.claim("a", "export"), tasks.claim("b", "export"):
        with pytest.raises(TooManyTasks, match="export"):
            tasks.claim("c", "export")
        with tasks.claim("c", "sync", excluded=("sync",)):
            pass
    with tasks.claim("c", "export"):
        pass
    tasks.stop()


def test_without_turn_outside_of_a_task_has_no_effect(tasks: TaskPool) -> None:
    with tasks.without_turn():
        pass
    test_pool_with_many_tasks_runs_only_its_number_of_workers(tasks)


def test_claim_during_a_conflicting_task_names_its_kind(tasks: TaskPool) -> None:
    with tasks.claim("d", "sync"):
        with pytest.raises(TaskConflict, match="sync"):
            tasks.claim("d", "publish", excluded=("sync",))
        assert tasks.running("d") == {"sync"}
    assert tasks.open == 0


def test_refused_task_leaves_the_mark_of_a_finished_one() -> None:
    tasks = TaskPool()
    running = tasks.claim("d", "publish", ["publish"])
    tasks.mark_finished("d", "publish")
    running.is_marked = True
    with tasks.claim("d", "publish", ["publish"]):
        pass  # refused for another reason, such as a name that is taken
    with tasks.claim("d", "publish", ["publish"]):
        assert tasks.open == 2
    running.__exit__()
    assert tasks.open == 0


def test_mark_finished_ends_the_conflict_with_other_tasks() -> None:
    tasks = TaskPool()
    leave, told = threading.Event(), threading.Event()

    def work() -> None:
        tasks.mark_finished("d", "publish")
        told.set()
        leave.wait(10)

    tasks.claim("d", "publish").run(work)
    assert told.wait(10)
    assert tasks.running("d") == set()
    assert tasks.open_tasks() == [("d", "publish")]
    assert not tasks.wait_idle(0)
    with tasks.claim("d", "publish", excluded=("publish",)):
        assert tasks.running("d") == {"publish"}
        leave.set()
        poll(lambda: len(tasks.open_tasks()) == 1, "the first has ended")
        with pytest.raises(TaskConflict):
            tasks.claim("d", "publish", excluded=("publish",))
    assert tasks.wait_idle(10)
    with pytest.raises(TaskConflict), tasks.claim("d", "publish"):
        tasks.claim("d", "publish", excluded=("publish",))
    tasks.stop()
