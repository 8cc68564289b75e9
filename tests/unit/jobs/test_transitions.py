"""Transition rules: tasks are delayed, held, released or failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet  # before Python 3.11 not the built-in one

import pytest

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.jobs.transitions import TransitionMode, TransitionRule, Transitions, WaitingTask
from tests.helpers.polling import poll

HOLD = TransitionRule(mode=TransitionMode.HOLD)


class Waiting:
    """Two datasets in two projects, and threads that enter states."""

    def __init__(self) -> None:
        self.projects: dict[str, str] = {"d1": "red", "d2": "blue"}
        self.transitions = Transitions(self.projects.get)
        self._pool = ThreadPoolExecutor(4)

    def enter(self, dataset_id: str = "d1", kind: str = "publish", state: str = "RUNNING") -> Future[None]:
        return self._pool.submit(self.transitions.enter, kind, dataset_id, state)  # type: ignore[arg-type]

    def held(self, dataset_id: str = "d1") -> Future[None]:
        """A task that is held."""
        task = self.enter(dataset_id)
        poll(lambda: any(each.dataset_id == dataset_id for each in self.transitions.held()), "held")
        return task

    def end(self) -> None:
        self.transitions.stop()
        self._pool.shutdown()


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    made = Waiting()
    yield made
    made.end()


def test_enter_without_a_rule_returns_immediately(waiting: Waiting) -> None:
    waiting.transitions.enter("publish", "d1", "RUNNING")
    waiting.transitions.put({"sync": HOLD})
    waiting.transitions.enter("publish", "d1", "RUNNING")


def test_held_task_is_listed_and_goes_on_when_released(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    assert waiting.transitions.held() == [WaitingTask("publish", "d1", "RUNNING", TransitionMode.HOLD)]
    assert waiting.transitions.has_waiting
    waiting.transitions.put({})
    task.result(10)
    assert waiting.transitions.held() == []


def test_rule_for_one_state_holds_only_this_state(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.HOLD, before="COMPLETED")})
    waiting.enter(state="RUNNING").result(10)
    task = waiting.enter(state="COMPLETED")
    poll(waiting.transitions.held, "held")
    waiting.transitions.clear()
    task.result(10)


def test_put_of_the_same_rule_releases_no_task(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    waiting.transitions.put({"publish": HOLD, "sync": HOLD})
    with pytest.raises(NotYet):
        task.result(0.25)


def test_rule_with_time_delays_the_task(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.TIME, ms=150)})
    start = time.monotonic()
    waiting.transitions.enter("publish", "d1", "RUNNING")
    assert 0.14 < time.monotonic() - start < 5


def test_rule_with_polls_counts_those_of_its_task_only(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.POLLS, polls=3)})
    task = waiting.held()
    for kind, dataset_id in (("publish", "d2"), ("sync", "d1"), ("publish", "d1"), ("", "d1")):
        waiting.transitions.record_poll(kind, dataset_id)
    with pytest.raises(NotYet):
        task.result(0.25)
    waiting.transitions.record_poll("publish", "d1")
    task.result(10)


@pytest.mark.parametrize("code", ["PUBLISH_FAILED", "ModelArts.4712"])
def test_rule_with_fail_raises_its_error(waiting: Waiting, code: str) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.FAIL, code=code)})
    with pytest.raises(ApiError) as failure:
        waiting.transitions.enter("publish", "d1", "RUNNING")
    assert failure.value.error.code == "ModelArts.4712"


def test_rules_of_a_project_override_those_for_all(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD}, "red")
    waiting.enter("d2").result(10)
    task = waiting.held("d1")
    waiting.transitions.put({"publish": HOLD})
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.IMMEDIATE)}, "red")
    task.result(10)
    blue = waiting.held("d2")
    waiting.transitions.put({}, "red")
    red = waiting.held("d1")
    waiting.transitions.clear()
    blue.result(10)
    red.result(10)


@pytest.mark.parametrize("release", [Transitions.stop, Transitions.clear])
def test_stop_releases_every_task(waiting: Waiting, release: Callable[[Transitions], None]) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    release(waiting.transitions)
    task.result(10)


def test_enter_after_stop_returns_immediately(waiting: Waiting) -> None:
    waiting.transitions.stop()
    waiting.transitions.put({"publish": HOLD})
    waiting.enter().result(10)


def test_held_task_of_a_deleted_dataset_goes_on(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    del waiting.projects["d1"]
    task.result(10)


def test_put_releases_many_tasks_at_once() -> None:
    transitions = Transitions(lambda dataset_id: "red")
    transitions.put({"import": HOLD})
    threads = [
        threading.Thread(target=transitions.enter, args=("import", str(number), "RUNNING")) for number in range(50)
    ]
    for thread in threads:
        thread.start()
    poll(lambda: len(transitions.held()) == 50, "all are held")
    transitions.put({})
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"mode": TransitionMode.TIME, "ms": -1}, "ms must be"),
        ({"mode": TransitionMode.POLLS, "polls": -1}, "polls must"),
        ({"mode": TransitionMode.FAIL, "code": "ModelArts.9999"}, "not in the error catalogue"),
    ],
)
def test_rule_with_invalid_members_is_refused(members: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TransitionRule(**members)  # type: ignore[arg-type]
