"""Labelling teams for tests, and their tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from modelarts_emulator.embedding.keywords import TeamTaskKeywords
from modelarts_emulator.exceptions import require_keywords
from modelarts_emulator.testing.project import Project
from modelarts_emulator.testing.sample_labels import Labels, label_list

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ReadyTeam:
    """A labelling team: its ``id``, and its ``workers`` as ids by e-mail address.

    >>> team = modelarts_team(labelers=2, reviewers=1)
    >>> sorted(team.workers)
    ['labeler-1@example.com', 'labeler-2@example.com', 'reviewer-1@example.com']
    """

    def __init__(self, project: Project, team_id: str) -> None:
        self.project, self.id = project, team_id
        members = project.call("GET", f"/workforces/{team_id}/workers", limit=100)["workers"]
        self.workers: dict[str, str] = {member["email"]: member["worker_id"] for member in members}

    def __repr__(self) -> str:
        return f"<ReadyTeam {self.id}, {len(self.workers)} workers>"

    @property
    def config(self) -> dict[str, Any]:
        """The member ``workforces_config`` of a request, with all workers of the team."""
        return {"workforces": [{"workforce_id": self.id}]}

    def task(self, dataset_id: str, **members: Unpack[TeamTaskKeywords]) -> ReadyTeamTask:
        """Start a team labelling task of a dataset with all workers; ``members`` are further ones of the request.

        >>> dataset = modelarts_dataset(4)
        >>> modelarts_team().task(dataset.id, task_name="first").state
        {'NONE': 4}

        Raises:
            UnknownKeyword: a keyword does not exist.
            RequestRefused: the answer is an error.
        """
        require_keywords(members, TeamTaskKeywords.__annotations__, "task")
        body = {"workforces_config": self.config, **members}
        task_id = self.project.call("POST", f"/datasets/{dataset_id}/workforce-tasks", body)["task_id"]
        return ReadyTeamTask(self.project, dataset_id, task_id)


class ReadyTeamTask:
    """A team labelling task that has been started: its ``id``, and its ``dataset_id``."""

    def __init__(self, project: Project, dataset_id: str, task_id: str) -> None:
        self.project, self.dataset_id, self.id = project, dataset_id, task_id

    def __repr__(self) -> str:
        return f"<ReadyTeamTask {self.id}, {self.state}>"

    @property
    def state(self) -> dict[str, int]:
        """The numbers of samples by state, without those that are zero."""
        stats = self.call("GET")["sample_stats"]
        names = {
            "unannotated": "NONE",
            "auto_annotation": "AUTO_ANNOTATION",
            "unreviewed": "UNREVIEWED",
            "uncheck": "UNCHECK",
            "rejected": "REJECTED",
            "accepted": "ACCEPTED",
        }
        counts = {state: stats[f"{name}_sample_count"] for name, state in names.items()}
        return {state: count for state, count in counts.items() if count}

    def call(self, method: str, path: str = "", body: Any = None, **query: Any) -> Any:
        """Call the API below the task, as ``Project.call`` does. Raises RequestRefused.

        >>> task = modelarts_team().task(modelarts_dataset(4).id)
        >>> task.call("GET", "/data-annotations/samples", limit=1)["sample_count"]
        4
        """
        return self.project.call(method, f"/datasets/{self.dataset_id}/workforce-tasks/{self.id}{path}", body, **query)

    def samples(self, state: str = "") -> list[dict[str, Any]]:
        """Return the samples of the task, or those in a state, one for each labeler.

        >>> task = modelarts_team().task(modelarts_dataset(4).id)
        >>> len(task.samples("NONE"))
        4
        """
        found: list[dict[str, Any]] = []
        while True:
            offset = len(found) // 100
            page = self.call("GET", "/data-annotations/samples", sample_state=state, limit=100, offset=offset)
            found += page["samples"]
            if len(found) >= page["sample_count"]:
                return found

    def label(self, labels: Mapping[str, Labels] | Callable[[dict[str, Any]], Labels], state: str = "NONE") -> None:
        """Label samples as the labelers to whom they are allotted, by sample name or with a function.

        >>> task = modelarts_team().task(modelarts_dataset(["1.jpg", "2.jpg"]).id)
        >>> task.label({"1.jpg": "cat"})
        >>> task.label(lambda sample: "dog")
        >>> task.state
        {'UNCHECK': 2}

        Raises:
            RequestRefused: the answer is an error.
        """
        items = []
        for sample in self.samples(state):
            given = labels(sample) if callable(labels) else labels.get(sample["sample_name"])
            if given is not None:
                items.append(
                    {
                        "sample_id": sample["sample_id"],
                        "worker_id": sample["worker_id"],
                        "labels": label_list(given),
                    }
                )
        for start in range(0, len(items), 100):
            self.call("PUT", "/data-annotations/samples", {"samples": items[start : start + 100]})

    def accept(self) -> None:
        """Accept everything that waits for an acceptance, so that its labels reach the dataset.

        >>> dataset = modelarts_dataset(2)
        >>> task = modelarts_team().task(dataset.id)
        >>> task.label(lambda sample: "cat")
        >>> task.accept()
        >>> dataset.call("GET", "/data-annotations/samples", sample_state="ALL")["sample_count"]
        2
        """
        self.call("POST", "/acceptance", {"sampling_rate": 1})
        self.call("PUT", "/acceptance/status", {"action": 0}, locale="en-us")


class TeamFactory(Protocol):
    """The fixture ``modelarts_team``; see ``create_team`` for its arguments.

    >>> modelarts_team(labelers=3)
    <ReadyTeam ..., 3 workers>
    """

    def __call__(
        self, labelers: int = 2, reviewers: int = 0, managers: int = 0, *, name: str | None = None
    ) -> ReadyTeam:
        """Create a team with members."""


def create_team(
    project: Project, labelers: int = 2, reviewers: int = 0, managers: int = 0, *, name: str | None = None
) -> ReadyTeam:
    """Create a team with members; their addresses are ``labeler-1@example.com``, ``reviewer-1@example.com`` and so on.

    The numbers go on with each team of the project, since an address belongs to one member.

    >>> create_team(modelarts, labelers=1, name="team-a").project is modelarts
    True

    Raises:
        RequestRefused: an answer is an error.
    """
    number = project.call("GET", "/workforces", limit=1)["total_number"] + 1
    team_id = project.call("POST", "/workforces", {"workforce_name": name or f"team-{number}"})["workforce_id"]
    for role, (kind, count) in enumerate((("labeler", labelers), ("reviewer", reviewers), ("manager", managers))):
        taken = project.call("GET", "/workforces/workers", role=role, limit=1)["total_number"]
        emails = [f"{kind}-{taken + position}@example.com" for position in range(1, count + 1)]
        if emails:
            project.call("POST", f"/workforces/{team_id}/workers", {"emails": emails, "role": role})
    return ReadyTeam(project, team_id)
