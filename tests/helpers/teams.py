"""Call the operations of team labelling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelarts_emulator.contract.errors import find_error
from tests.helpers.api import Api
from tests.helpers.pictures import picture


class Team:
    """A dataset of pictures, and a team of labelers, a reviewer and a manager."""

    def __init__(self, api: Api, bucket: Path, *, pictures: int = 6, labelers: int = 2, reviewers: int = 1) -> None:
        self.api, self.bucket = api, bucket
        for number in range(pictures):
            self.add_picture(number)
        self.dataset_id = api.dataset()
        self.team_id = self.call("POST", "/workforces", 201, json={"workforce_name": "team"})["workforce_id"]
        self.labelers = [f"l{number}@example.com" for number in range(labelers)]
        self.reviewers = [f"r{number}@example.com" for number in range(reviewers)]
        self.add_members(self.labelers, 0)
        self.add_members(self.reviewers, 1)
        self.add_members(["m@example.com"], 2)
        self.task_id = ""

    def call(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        """Call an operation of the project."""
        base = self.api.base.removesuffix("/datasets")
        answer = self.api.session.request(method, base + path, timeout=30, **arguments)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def refused(self, error: str, method: str, path: str, **arguments: Any) -> None:
        """Call an operation, and expect an error of the catalogue."""
        row = find_error(error)
        assert row is not None
        body = self.call(method, path, row.status, **arguments)
        assert body["error_code"] == row.code, body

    def add_picture(self, number: int) -> None:
        """Write a picture into the input path."""
        (self.bucket / f"in/{number}.png").write_bytes(picture(colour=(number, 0, 0)))

    def add_members(self, emails: list[str], role: int) -> None:
        """Add members of a role to the team."""
        if emails:
            body = {"emails": ",".join(emails), "role": role}
            self.call("POST", f"/workforces/{self.team_id}/workers", 201, json=body)

    def workers(self) -> dict[str, str]:
        """Return worker ids by address."""
        found = self.call("GET", f"/workforces/{self.team_id}/workers?limit=100")["workers"]
        return {worker["email"]: worker["worker_id"] for worker in found}

    def config(self, *emails: str) -> dict[str, Any]:
        """Return the configuration that names these members, or all."""
        team: dict[str, Any] = {"workforce_id": self.team_id}
        if emails:
            team["workers"] = [{"email": email} for email in emails]
        return {"workforces": [team]}

    @property
    def tasks(self) -> str:
        """The path of the dataset's tasks."""
        return f"/datasets/{self.dataset_id}/workforce-tasks"

    @property
    def task(self) -> str:
        """The path of the current task."""
        return f"{self.tasks}/{self.task_id}"

    def create(self, **members: Any) -> str:
        """Create a task, and make it the current one."""
        body = {"workforces_config": self.config(), **members}
        self.task_id = self.call("POST", self.tasks, json=body)["task_id"]
        return self.task_id

    def details(self) -> Any:
        """Describe the current task."""
        return self.call("GET", self.task)

    def stats(self) -> dict[str, int]:
        """Return the numbers of samples of the current task that are not zero, by short names."""
        stats = self.details()["sample_stats"]
        return {name.removesuffix("_sample_count"): count for name, count in stats.items() if count}

    def samples(self, state: str = "", **query: Any) -> list[Any]:
        """List the samples of the current task."""
        parameters = {"limit": 100, "sample_state": state, **query}
        return list(self.call("GET", f"{self.task}/data-annotations/samples", params=parameters)["samples"])

    def label(self, *samples: Any, name: str = "cat") -> Any:
        """Label samples as the labelers to whom they are allotted."""
        items = [
            {"sample_id": each["sample_id"], "worker_id": each["worker_id"], "labels": [{"name": name}]}
            for each in samples
        ]
        return self.call("PUT", f"{self.task}/data-annotations/samples", json={"samples": items})

    def review(self, *samples: Any, accept: bool = True) -> None:
        """Review samples."""
        self.call("POST", f"{self.task}/data-annotations/review", json={"comments": comments(samples, accept)})

    def accept(self, rate: float = 1.0) -> str:
        """Start an acceptance."""
        return str(self.call("POST", f"{self.task}/acceptance", json={"sampling_rate": rate})["task_id"])

    def judge(self, *samples: Any, accept: bool = True, **members: Any) -> None:
        """Judge drawn samples."""
        body = {"comments": comments(samples, accept, **members)}
        self.call("POST", f"{self.task}/acceptance/batch-comment", json=body)

    def end(self, action: int, **members: Any) -> Any:
        """End the acceptance."""
        body = {"action": action, **members}
        return self.call("PUT", f"{self.task}/acceptance/status?locale=en-us", json=body)

    def dataset_labels(self) -> dict[str, list[str]]:
        """Return the names of the labels of the dataset's own samples, by file name."""
        samples = self.api.samples(self.dataset_id)["samples"]
        return {each["sample_name"]: [label["name"] for label in each["labels"]] for each in samples}


def comments(samples: Any, accept: bool, **members: Any) -> list[Any]:
    """Return judgements of samples."""
    return [
        {"sample_id": each["sample_id"], "worker_id": each["worker_id"], "accept": accept, **members}
        for each in samples
    ]
