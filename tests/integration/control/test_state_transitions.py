"""Transition rules: the states that clients see while a task is held, and the failures that are requested."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.control.api import _POLLED_TASKS
from modelarts_emulator.jobs.transitions import TASK_KINDS as ALL_KINDS
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

HOLD = {"mode": "hold"}
SHORT_MS = 150


class TaskDataset:
    """A dataset of three labelled pictures, and every kind of task on it."""

    def __init__(self, emu: Emulator, api: Api, control: Control, bucket: Path) -> None:
        self.emu, self.api, self.control, self.bucket = emu, api, control, bucket
        (bucket / "more").mkdir()
        (bucket / "more/4.png").write_bytes(picture())
        self.dataset_id = api.dataset(labels=[{"name": "cat"}])
        api.label(self.dataset_id, {each: [{"name": "cat"}] for each in api.ids(self.dataset_id).values()})
        self.version = api.publish(self.dataset_id)["version_id"]

    def rule(self, kind: str, **rule: Any) -> Any:
        return self.control.call("PUT", "transitions", json={kind: rule})

    def release(self) -> None:
        self.control.call("PUT", "transitions", json={})

    def held(self) -> Any:
        """Return the held tasks, as soon as there is one."""
        return poll(lambda: self.control.call("GET", "transitions")["held"], "held")

    def begin(self, kind: str) -> Callable[[], str]:
        """Start a task, and return a function that reads its state."""
        path, call = f"/{self.dataset_id}", self.api.call
        if kind == "sync":
            call("POST", f"{path}/sync-data")
            return lambda: str(call("GET", f"{path}/sync-data/status")["status"])
        if kind == "import":
            body = {"import_path": "/bucket/more/", "import_type": "dir"}
            task = call("POST", f"{path}/import-tasks", json=body)["task_id"]
            return lambda: str(call("GET", f"{path}/import-tasks/{task}")["status"])
        if kind == "export":
            task = call("POST", f"{path}/export-tasks", json={"path": "/bucket/exported/", "export_type": 3})["task_id"]
            return lambda: str(call("GET", f"{path}/export-tasks/{task}")["status"])
        if kind == "publish":
            version = call("POST", f"{path}/versions", 201, json={})["version_id"]
            return lambda: str(call("GET", f"{path}/versions/{version}")["status"])
        call("PUT", path, json={"current_version_id": self.other_version})
        return lambda: str(call("GET", path)["status"])

    def prepare(self, kind: str) -> None:
        """Prepare the input of a task of this kind."""
        if kind == "switch":
            self.other_version = self.version
            self.version = self.api.publish(self.dataset_id)["version_id"]


@pytest.fixture
def tasks(emu: Emulator, api: Api, control: Control, pictures: Path) -> Iterator[TaskDataset]:
    made = TaskDataset(emu, api, control, pictures)
    yield made
    made.release()


# A kind of task, its states in their order as a client sees them, and how it ends when it fails.
CASES = [
    ("sync", ["QUEUING", "RUNNING", "COMPLETED"], "FAILED"),
    ("import", ["QUEUING", "STARTING", "RUNNING", "COMPLETED"], "FAILED"),
    ("export", ["INIT", "RUNNING", "SUCCESSED"], "FAILED"),
    ("publish", ["0", "1"], "4"),
    ("switch", ["7", "1"], "1"),
]
STATES = {"publish": ["RUNNING"], "switch": ["NORMAL"]}


@pytest.mark.parametrize(("kind", "states", "failed"), CASES, ids=[kind for kind, *_ in CASES])
class TestEveryKind:
    """The same rules for tasks of every kind."""

    def test_held_task_stays_in_the_state_before(
        self, tasks: TaskDataset, kind: str, states: list[str], failed: str
    ) -> None:
        tasks.prepare(kind)
        for number, coming in enumerate(STATES.get(kind, states[1:])):
            tasks.rule(kind, **HOLD, before=coming)
            state = tasks.begin(kind)
            assert tasks.held() == [
                {"kind": kind, "dataset_id": tasks.dataset_id, "before": coming, "mode": "hold"},
            ]
            assert state() == states[number]
            tasks.release()
            assert poll(lambda state=state: (s := state()) == states[-1] and s) == states[-1]
            tasks.emu.runtime.tasks.wait_idle(20)
            if kind == "switch":
                break

    def test_task_with_polls_goes_on_after_that_many_polls(
        self, tasks: TaskDataset, kind: str, states: list[str], failed: str
    ) -> None:
        tasks.prepare(kind)
        tasks.rule(kind, mode="polls", polls=3, before=STATES.get(kind, states[-1:])[0])
        state = tasks.begin(kind)
        tasks.held()
        assert [state() for _ in range(3)] == [states[-2]] * 3
        poll(lambda: state() == states[-1], "gone on")

    def test_task_with_time_goes_on_after_that_time(
        self, tasks: TaskDataset, kind: str, states: list[str], failed: str
    ) -> None:
        tasks.prepare(kind)
        tasks.rule(kind, mode="time", ms=SHORT_MS, before=STATES.get(kind, states[-1:])[0])
        start = time.monotonic()
        state = tasks.begin(kind)
        poll(lambda: state() == states[-1], "gone on")
        assert time.monotonic() - start >= SHORT_MS / 1000

    def test_task_with_fail_fails_as_documented(
        self, tasks: TaskDataset, kind: str, states: list[str], failed: str
    ) -> None:
        tasks.prepare(kind)
        exported = tasks.bucket / "exported"
        tasks.rule(kind, mode="fail", code="ModelArts.4356", before=STATES.get(kind, states[-1:])[0])
        state = tasks.begin(kind)
        tasks.emu.runtime.tasks.wait_idle(20)
        assert state() == failed
        assert not [each for each in exported.rglob("*") if each.is_file()]
        details = tasks.api.call("GET", f"/{tasks.dataset_id}")
        assert details["status"] == 1
        if kind in ("sync", "import", "export"):
            assert tasks.emu.runtime.store.entry(tasks.dataset_id).record.open_exports == 0
        tasks.release()
        again = tasks.begin(kind)
        poll(lambda: again() == states[-1], "works again")

    def test_held_task_ends_when_its_dataset_is_deleted(
        self, tasks: TaskDataset, kind: str, states: list[str], failed: str
    ) -> None:
        tasks.prepare(kind)
        tasks.rule(kind, **HOLD)
        tasks.begin(kind)
        tasks.held()
        tasks.api.call("DELETE", f"/{tasks.dataset_id}", 204)
        assert tasks.emu.runtime.tasks.wait_idle(20)
        assert tasks.control.call("GET", "transitions")["held"] == []

    def test_held_task_ends_when_the_emulator_stops(
        self, tasks: TaskDataset, kind: str, states: list[str], failed: str
    ) -> None:
        tasks.prepare(kind)
        tasks.rule(kind, **HOLD)
        tasks.begin(kind)
        tasks.held()
        start = time.monotonic()
        tasks.emu.runtime.release_waits()
        assert tasks.emu.runtime.tasks.wait_idle(20)
        assert time.monotonic() - start < 20


def test_task_with_fail_reports_the_requested_error(tasks: TaskDataset) -> None:
    tasks.rule("import", mode="fail", code="ModelArts.4356")
    state = tasks.begin("import")
    poll(lambda: state() == "FAILED")
    [task] = tasks.api.call("GET", f"/{tasks.dataset_id}/import-tasks")["import_tasks"]
    assert task["error_code"] == "ModelArts.4356"
    assert "fails the import task before STARTING" in task["error_msg"]


def test_held_tasks_leave_workers_to_other_tasks(tasks: TaskDataset, api: Api) -> None:
    tasks.control.call("PUT", "transitions?project_id=project", json={"publish": HOLD})
    others = [api.dataset(dataset_name=f"other-{number}", work_path=f"/bucket/out{number}/") for number in range(4)]
    for dataset_id in others:
        api.call("POST", f"/{dataset_id}/versions", 201, json={})
    poll(lambda: len(tasks.control.call("GET", "transitions")["held"]) == 4, "four are held")
    state = tasks.begin("sync")
    poll(lambda: state() == "COMPLETED", "another goes on")
    tasks.control.call("PUT", "transitions?project_id=project", json={})
    assert tasks.emu.runtime.tasks.wait_idle(20)


def test_held_publishing_publishes_the_state_of_its_request(tasks: TaskDataset) -> None:
    tasks.rule("publish", **HOLD)
    state = tasks.begin("publish")
    tasks.held()
    (tasks.bucket / "in/late.png").write_bytes(picture())
    poll(lambda: tasks.api.samples(tasks.dataset_id)["sample_count"] == 4, "followed")
    tasks.release()
    poll(lambda: state() == "1", "published")
    versions = tasks.api.call("GET", f"/{tasks.dataset_id}/versions")["versions"]
    assert [each["total_sample_count"] for each in versions] == [3, 3]


def test_operations_that_poll_tasks_are_in_the_table() -> None:
    reads = {route.operation for routes in ROUTES.values() for route in routes if route.method == "GET"}
    assert _POLLED_TASKS.keys() <= reads
    assert set(_POLLED_TASKS.values()) <= {"", *ALL_KINDS}


def test_rules_of_a_project_replace_the_global_ones(tasks: TaskDataset, emu: Emulator) -> None:
    tasks.rule("publish", **HOLD)
    tasks.control.call("PUT", "transitions?project_id=free", json={"publish": {"mode": "immediate"}})
    free = Api(emu.url, "free")
    dataset_id = free.dataset(work_path="/bucket/free/")
    assert free.publish(dataset_id)["status"] == 1
    free.session.close()
    assert tasks.control.call("GET", "transitions")["transitions"]["publish"] == HOLD
    shown = tasks.control.call("GET", "transitions?project_id=free")["transitions"]
    assert shown["publish"] == {"mode": "immediate"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"nothing": HOLD}, "nothing"),
        ({"publish": {"mode": "sometimes"}}, "mode"),
        ({"publish": {"mode": "hold", "before": "COMPLETED"}}, "RUNNING"),
        ({"publish": {"mode": "time", "ms": -1}}, "ms"),
        ({"publish": {"mode": "polls", "polls": -1}}, "polls"),
        ({"publish": {"mode": "fail", "code": "ModelArts.99999"}}, "catalogue"),
        ({"publish": {"mode": "hold", "for": 3}}, "for"),
        ([], "object"),
    ],
)
def test_invalid_rule_is_refused_and_changes_nothing(control: Control, body: Any, said: str) -> None:
    control.call("PUT", "transitions", json={"sync": HOLD})
    assert said in control.refused("PUT", "transitions", json=body)
    assert control.call("GET", "transitions")["transitions"]["sync"] == HOLD
    assert "project" in control.refused("PUT", "transitions?project=x", json={})


def test_put_transitions_replaces_the_rules_of_all_kinds(control: Control) -> None:
    control.call("PUT", "transitions", json={"publish": HOLD, "import": HOLD})
    rules = control.call("PUT", "transitions", json={"export": HOLD})["transitions"]
    assert {kind for kind, rule in rules.items() if rule["mode"] == "hold"} == {"export"}


@pytest.mark.parametrize("query", ["", "?project_id=red"])
def test_patch_transitions_changes_the_named_kinds_only(control: Control, query: str) -> None:
    control.call("PUT", f"transitions{query}", json={"publish": HOLD, "import": HOLD})
    patch = {"import": {"mode": "immediate"}, "export": HOLD}
    rules = control.call("PATCH", f"transitions{query}", json=patch)["transitions"]
    assert {kind for kind, rule in rules.items() if rule["mode"] == "hold"} == {"publish", "export"}


def test_patch_transitions_with_an_unknown_state_changes_nothing(control: Control) -> None:
    control.call("PUT", "transitions", json={"publish": HOLD})
    before = control.call("GET", "transitions")
    control.call("PATCH", "transitions", 400, json={"publish": {"mode": "hold", "before": "BOILING"}})
    assert control.call("GET", "transitions") == before
