"""How background tasks are kept from going on, and let go."""

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
    """Transitions of two datasets, each of a project of its own, and threads that enter states."""

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


def test_without_a_rule_a_task_goes_on(waiting: Waiting) -> None:
    waiting.transitions.enter("publish", "d1", "RUNNING")
    waiting.transitions.put({"sync": HOLD})
    waiting.transitions.enter("publish", "d1", "RUNNING")


def test_a_held_task_is_named_and_goes_on_when_it_is_released(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    assert waiting.transitions.held() == [WaitingTask("publish", "d1", "RUNNING", TransitionMode.HOLD)]
    assert waiting.transitions.has_waiting
    waiting.transitions.put({})
    task.result(10)
    assert waiting.transitions.held() == []


def test_only_the_state_that_a_rule_names_is_held(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.HOLD, before="COMPLETED")})
    waiting.enter(state="RUNNING").result(10)
    task = waiting.enter(state="COMPLETED")
    poll(waiting.transitions.held, "held")
    waiting.transitions.clear()
    task.result(10)


def test_putting_the_same_rule_again_releases_nobody(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    waiting.transitions.put({"publish": HOLD, "sync": HOLD})
    with pytest.raises(NotYet):
        task.result(0.25)


def test_time_is_waited_for(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.TIME, ms=150)})
    start = time.monotonic()
    waiting.transitions.enter("publish", "d1", "RUNNING")
    assert 0.14 < time.monotonic() - start < 5


def test_polls_are_counted_for_the_task_alone(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.POLLS, polls=3)})
    task = waiting.held()
    for kind, dataset_id in (("publish", "d2"), ("sync", "d1"), ("publish", "d1"), ("", "d1")):
        waiting.transitions.record_poll(kind, dataset_id)
    with pytest.raises(NotYet):
        task.result(0.25)
    waiting.transitions.record_poll("publish", "d1")
    task.result(10)


@pytest.mark.parametrize("code", ["PUBLISH_FAILED", "ModelArts.4712"])
def test_a_task_fails_with_a_row_of_the_catalogue(waiting: Waiting, code: str) -> None:
    waiting.transitions.put({"publish": TransitionRule(mode=TransitionMode.FAIL, code=code)})
    with pytest.raises(ApiError) as failure:
        waiting.transitions.enter("publish", "d1", "RUNNING")
    assert failure.value.error.code == "ModelArts.4712"


def test_a_project_has_rules_of_its_own(waiting: Waiting) -> None:
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
def test_the_end_lets_everything_go(waiting: Waiting, release: Callable[[Transitions], None]) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    release(waiting.transitions)
    task.result(10)


def test_after_the_end_nothing_is_held(waiting: Waiting) -> None:
    waiting.transitions.stop()
    waiting.transitions.put({"publish": HOLD})
    waiting.enter().result(10)


def test_a_task_of_a_dataset_that_is_gone_goes_on(waiting: Waiting) -> None:
    waiting.transitions.put({"publish": HOLD})
    task = waiting.held()
    del waiting.projects["d1"]
    task.result(10)


def test_many_tasks_are_released_at_once() -> None:
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
def test_a_rule_that_means_nothing_is_refused(members: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        TransitionRule(**members)  # type: ignore[arg-type]
