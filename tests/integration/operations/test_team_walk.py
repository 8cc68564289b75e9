"""Random walks over a team task and its dataset, compared with a small model after every step."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api
from tests.helpers.teams import Team

STEPS = 60
SAMPLES = 8


class Model:
    """The expected state of each sample of a task with one labeler per sample and no reviewer."""

    def __init__(self, samples: list[Any]) -> None:
        self.states = {each["sample_id"]: "unannotated" for each in samples}
        self.names = {each["sample_id"]: "" for each in samples}
        self.own: dict[str, str] = {}
        self.drawn: dict[str, bool | None] = {}
        self.is_accepting = False
        self.deleted = 0

    def counts(self) -> dict[str, int]:
        """Return the numbers of samples as the task reports them."""
        found = dict(Counter(self.states.values()))
        found["total"] = len(self.states)
        found |= {"sampled": len(self.drawn)} if self.drawn else {}
        found |= {"deleted": self.deleted} if self.deleted else {}
        return {name: count for name, count in found.items() if count}

    def label(self, sample_id: str, name: str) -> bool:
        """Label a sample; return whether that is allowed."""
        if self.states[sample_id] == "accepted" or sample_id in self.drawn:
            return False
        self.states[sample_id], self.names[sample_id] = "uncheck", name
        return True

    def end(self, action: int) -> None:
        """End an acceptance."""
        for sample_id, state in self.states.items():
            if state == "uncheck" and action != 2:
                judged = self.drawn.get(sample_id)
                is_accepted = action == 0 or (action != 1 and (action == 4 if judged is None else judged))
                self.states[sample_id] = "accepted" if is_accepted else "rejected"
                if is_accepted and sample_id not in self.own:
                    self.own[sample_id] = self.names[sample_id]
        self.drawn, self.is_accepting = {}, False


@pytest.mark.parametrize("seed", range(6))
def test_task_agrees_with_the_model_after_every_step(api: Api, bucket: Path, seed: int) -> None:
    team = Team(api, bucket, pictures=SAMPLES, reviewers=0)
    team.create()
    model, choices = Model(team.samples()), random.Random(seed)
    for _ in range(STEPS):
        step(team, model, choices)
        assert team.stats() == model.counts()
        labels = {
            each["sample_id"]: each["labels"][0]["name"] if each["labels"] else None
            for each in api.samples(team.dataset_id)["samples"]
        }
        assert {sample_id: name for sample_id, name in labels.items() if name} == model.own


def step(team: Team, model: Model, choices: random.Random) -> None:
    """Do one thing to the emulator and to the model."""
    samples = team.samples()
    if not samples:
        return
    sample = choices.choice(samples)
    sample_id, name = sample["sample_id"], choices.choice(["cat", "dog"])
    kind = choices.choice(["label", "label", "label", "start", "judge", "end", "own", "delete"])
    if kind == "label":
        assert team.label(sample, name=name)["success"] == model.label(sample_id, name)
    elif kind == "own" and sample_id not in model.own:
        team.api.label(team.dataset_id, {sample_id: [{"name": "own"}]})
        model.own[sample_id] = "own"
    elif kind == "delete" and choices.random() < 0.2:
        team.api.call("POST", f"/{team.dataset_id}/data-annotations/samples/delete", json={"samples": [sample_id]})
        for table in (model.states, model.own, model.drawn):
            table.pop(sample_id, None)  # type: ignore[attr-defined]
        model.deleted += 1
    elif kind == "start":
        waiting = [each for each, state in model.states.items() if state == "uncheck"]
        if model.is_accepting or not waiting:
            error = "TEAM_TASK_CHECKING" if model.is_accepting else "NOTHING_TO_ACCEPT"
            team.refused(error, "POST", f"{team.task}/acceptance", json={"sampling_rate": 0.5})
            return
        team.accept(0.5)
        drawn = [each["sample_id"] for each in team.samples("WORKFORCE_SAMPLED")]
        assert len(drawn) == -(-len(waiting) // 2)
        assert set(drawn) <= set(waiting)
        model.drawn, model.is_accepting = dict.fromkeys(drawn), True
    elif kind == "judge" and model.drawn:
        drawn_sample = choices.choice(team.samples("WORKFORCE_SAMPLED"))
        accept = choices.random() < 0.5
        team.judge(drawn_sample, accept=accept)
        model.drawn[drawn_sample["sample_id"]] = accept
    elif kind == "end" and model.is_accepting:
        action = choices.choice([0, 1, 2, 4, 5])
        team.end(action)
        model.end(action)
