"""The examples of team labelling and intelligent tasks: requests are accepted, and answers have the same members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.contract.answers import NEWER_OPERATIONS, faults, members
from tests.helpers.contract.deviations import FAULTS
from tests.helpers.pictures import picture
from tests.helpers.polling import poll
from tests.helpers.teams import Team, comments

# Members of an example that our answer to it does not have, and the reason.
MISSING = {
    r"^DescWorkforceTask\.checking_task_desc": "the example's task had an acceptance",
    r"^ListWorkforceTasks\.tasks\[\]\.checking_task_desc": "the example's task had an acceptance",
    r"^ListTasks\.tasks\[\]\.result\.": "there is no service, training or version behind a scripted answer",
    r"^ListTasks\.tasks\[\]\.config\.": "the example lists settings that the request did not have",
    r"^AutoAnnotationProgress\.config\.": "the example lists settings that the request did not have",
    r"\.labels\[\]\.id is missing": "a label of classification needs no id",
    r"\.labels\[\]\.property\.@modelarts:hard": "the marks are on the sample",
    r"^GetWorkforceTaskMetrics\.sample_stats\.worker": "our members have other addresses",
}
# Faults of an answer against the tables.
OWN_FAULTS = {
    r"annotated_by: not in the contract": "on every sample that recorded data of real clients shows",
    r"sample_status: '\w+' is none of the options": "every example has UN_ANNOTATION, which is none of the options",
    r"@modelarts:hard: [01]\.0 is none of the options": "a number, which is the type in the table",
    r"metadata\.size: not in the contract": "the example of auto grouping stores groups under this name",
}


class NewerProject:
    """A team with a task in every state that the examples need, and a dataset with examples to learn from."""

    def __init__(self, api: Api, bucket: Path) -> None:
        self.team = Team(api, bucket, pictures=8)
        self.team.create(task_name="task-eb16")
        labels = {"labels": [{"name": "Bees", "property": {"@modelarts:color": "#3399ff"}}]}
        api.call("POST", f"/{self.team.dataset_id}/data-annotations/labels", json=labels)
        (bucket / "learn").mkdir()
        for number in range(14):
            (bucket / f"learn/{number:02d}.png").write_bytes(picture(colour=(0, number, 0)))
        source = [{"data_path": "/bucket/learn/"}]
        self.learning_id = api.dataset(dataset_name="learning", data_sources=source)
        ids = sorted(api.ids(self.learning_id).items())
        api.label(
            self.learning_id,
            {sample: [{"name": "cat" if n % 2 else "dog"}] for n, (_, sample) in enumerate(ids[:10])},
        )
        self.samples = self.team.samples()
        self.done: dict[str, Any] = {}

    def path(self, operation: str) -> str:
        """Return the path of an operation with real ids."""
        path = str(NEWER_OPERATIONS[operation]["path"])
        ids = {
            "project_id": "project",
            "workforce_id": self.team.team_id,
            "worker_id": self.team.workers()["l0@example.com"] if "{worker_id}" in path else "",
            "workforce_task_id": self.team.task_id,
            "dataset_id": self.team.dataset_id,
            "sample_id": self.samples[0]["sample_id"],
        }
        if NEWER_OPERATIONS[operation]["family"] == "Intelligent Tasks":
            ids["dataset_id"] = self.learning_id
            ids["task_id"] = self.done.get("task_id", "")
            ids["sample_id"] = self.done.get("proposal", "")
        return path.format(**ids)

    def send(self, operation: str, body: Any, query: str = "") -> requests.Response:
        """Send a request of an operation."""
        url = self.team.api.url + self.path(operation) + query
        method = NEWER_OPERATIONS[operation]["method"]
        return self.team.api.session.request(method, url, json=body, timeout=10)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewerProject]:
    root = tmp_path_factory.mktemp("newer")
    for name in ("in", "out"):
        (root / "bucket" / name).mkdir(parents=True)
    settings = Settings(port=0, data_dir=None, buckets={"bucket": root / "bucket"})
    with Emulator(settings) as emu:
        api = Api(emu.url)
        yield NewerProject(api, root / "bucket")
        api.session.close()


def real(project: NewerProject, operation: str, body: Any) -> Any:
    """Return an example's body with ids that exist."""
    team, text = project.team, body
    if operation in ("CreateWorkforceTask", "StartWorkforceTask", "UpdateWorkforceTask"):
        config = team.config("l0@example.com", "l1@example.com")
        return {**text, "workforces_config": config}
    known = {"SendEmails": {"emails": ["l0@example.com", "r0@example.com"]}}
    if operation in known:
        return known[operation]
    if operation == "UpdateWorker":
        return {**body, "role": 0}  # the team has a manager
    if operation == "BatchDeleteWorkers":
        return {"workers": [team.workers()["spare@example.com"], team.workers()["other@example.com"]]}
    if operation == "UpdateWorkforceTaskSamples":
        items = [
            {"sample_id": e["sample_id"], "worker_id": e["worker_id"], "labels": [{"name": "tulips"}]}
            for e in project.samples
        ]
        return {"samples": items}
    if operation == "ReviewSamples":
        return {"comments": comments(project.samples, True, comment="", score="A")}
    if operation == "AcceptSamples":
        return {"comments": comments(team.samples("WORKFORCE_SAMPLED")[:1], True, comment="", score="A")}
    return body


# The order in which operations answer as in their examples.
ORDER = [
    "CreateWorkforce",
    "ListWorkforces",
    "DescWorkforce",
    "UpdateWorkforce",
    "ListAllWorkers",
    "ListWorkers",
    "CreateWorker",
    "DescWorker",
    "UpdateWorker",
    "BatchDeleteWorkers",
    "ListWorkforceTasks",
    "DescWorkforceTask",
    "ListWorkerTasks",
    "SendEmails",
    "GetWorkforceTaskMetrics",
    "ListWorkforceTaskSamples",
    "DescribeWorkforceTaskSample",
    "UpdateWorkforceTaskSamples",
    "ListWorkforceTaskStats",
    "ReviewSamples",
    "StartWorkforceSamplingTask",
    "GetWorkforceSamplingTask",
    "AcceptSamples",
    "UpdateWorkforceSamplingTask",
    "UpdateWorkforceTask",
    "StartWorkforceTask",
    "CreateWorkforceTask",
    "DeleteWorkforceTask",
    "DeleteWorker",
    "DeleteWorkforce",
    "CreateTask",
    "AutoAnnotationProgress",
    "ListTasks",
    "ListAutoAnnotationSamples",
    "DescribeAutoAnnotationSample",
    "StopAutoAnnotation",
]


def prepare(project: NewerProject, operation: str) -> None:
    """Do what an example takes for granted."""
    team = project.team
    if operation == "BatchDeleteWorkers":
        team.add_members(["spare@example.com", "other@example.com"], 0)
    elif operation == "CreateWorker":
        other = team.call("POST", "/workforces", 201, json={"workforce_name": "without-manager"})["workforce_id"]
        project.done["first team"], team.team_id = team.team_id, other
    elif operation == "DescWorker":
        team.team_id = project.done["first team"]
    elif operation == "StartWorkforceTask":
        team.create(workforces_config={"agency": "m@example.com"}, task_name="waiting")
    elif operation == "DeleteWorker":
        for task in team.call("GET", team.tasks)["tasks"]:
            team.call("DELETE", f"{team.tasks}/{task['task_id']}", 204)
    elif operation == "AutoAnnotationProgress":
        path = f"/{project.learning_id}/tasks/{project.done['task_id']}"
        poll(lambda: team.api.call("GET", path)["status"] == 3, "ended")
        found = team.api.call("GET", f"/{project.learning_id}/auto-annotations/samples")
        project.done["proposal"] = found["samples"][0]["sample_id"]


used: set[str] = set()
"""The patterns of MISSING and OWN_FAULTS that were needed."""


def unlisted(found: Iterator[str], listed: dict[str, str]) -> list[str]:
    left = []
    for each in found:
        matching = [pattern for pattern in listed if re.search(pattern, each)]
        used.update(matching)
        left += [] if matching else [each]
    return left


def test_every_operation_of_the_newer_pages_is_walked() -> None:
    assert sorted(ORDER) == sorted(NEWER_OPERATIONS)


def test_examples_are_accepted_and_answered_with_their_members(project: NewerProject) -> None:
    problems: list[str] = []
    for operation in ORDER:
        described = NEWER_OPERATIONS[operation]
        prepare(project, operation)
        for example in described["examples"]["requests"]:
            body = example["body"]
            is_text = isinstance(body, str)
            query = f"?{body.partition('?')[2].lstrip('?')}" if is_text and "?" in body else ""
            if operation == "CreateTask" and body["task_type"] != "auto-label":
                wait_for_the_task(project)
            answer = project.send(operation, None if is_text else real(project, operation, body), query)
            wanted = int(described["examples"]["responses"][0]["status"])
            if answer.status_code != wanted:
                problems.append(f"{operation}: {answer.status_code} {answer.text[:200]}")
                continue
            found = answer.json() if answer.content else {}
            if operation == "CreateTask" and "task_id" not in project.done:
                project.done["task_id"] = found["task_id"]
            problems += compared(operation, wanted, found, described["examples"]["responses"][0]["body"])
    assert problems == []
    assert sorted({*MISSING, *OWN_FAULTS} - used) == []


def wait_for_the_task(project: NewerProject) -> None:
    tasks: Callable[[], Any] = lambda: project.team.api.call("GET", f"/{project.learning_id}/tasks")["tasks"]  # noqa: E731
    poll(lambda: all(task["status"] in (2, 3, 5) for task in tasks()), "ended")


def compared(operation: str, status: int, found: Any, example: Any) -> Iterator[str]:
    """Yield what an answer lacks of its example, and where it is not as the tables say."""
    shown = set(members(example))
    yield from unlisted(
        (f"{operation}.{path} is missing" for path in sorted(shown - set(members(found)))), dict(MISSING)
    )
    yield from unlisted(iter(list(faults(operation, status, found, shown))), {**FAULTS, **OWN_FAULTS})
