"""Scripts of intelligent tasks: rules, default answers, and which script counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType
from modelarts_emulator.inference.script import InferenceRule, InferenceScript, InferenceScripts, ScriptedModel
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.store import SampleRecord

CLASSIFICATION, DETECTION = DatasetType.IMAGE_CLASSIFICATION, DatasetType.OBJECT_DETECTION
LABELS = [Label(name="cat", type=LabelType.IMAGE_CLASSIFICATION), Label(name="dog")]


def sample(path: str = "bucket/in/cat-1.png", number: int = 1, shape: Any = (40, 20, 3)) -> SampleRecord:
    return SampleRecord(id=f"{number:032x}", path=ObjectKey(path), type=SampleType.IMAGE, time=number, shape=shape)


def model(
    *rules: dict[str, Any], kind: DatasetType = CLASSIFICATION, seed: int = 0, labels: Any = LABELS
) -> ScriptedModel:
    script = msgspec.convert({"rules": list(rules), "seed": seed}, InferenceScript)
    return ScriptedModel(script, kind, labels)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "bucket/in/a.png", True),
        ("cat-*", "bucket/in/cat-1.png", True),
        ("cat-*", "bucket/cat-2/a.png", False),
        ("in/*", "bucket/in/a.png", True),
        ("in/*", "bucket/other/a.png", False),
        ("?.png", "bucket/a.png", True),
        ("?.png", "bucket/ab.png", False),
        ("A.png", "bucket/a.png", False),
    ],
)
def test_rule_matches_the_name_or_with_a_slash_the_key(pattern: str, path: str, matches: bool) -> None:
    assert InferenceRule(match=pattern).matches(path) is matches


@pytest.mark.parametrize(
    ("rule", "path", "name"),
    [
        ({"label_from": "folder"}, "bucket/in/foxes/a.png", "foxes"),
        ({"label_from": "name"}, "bucket/in/cat-1.png", "cat"),
        ({"label_from": "name"}, "bucket/in/dog_1.png", "dog"),
        ({"label_from": "name"}, "bucket/in/bird.png", "bird"),
        ({"labels": [{"name": "own"}]}, "bucket/in/a.png", "own"),
    ],
)
def test_propose_names_the_label_as_the_rule_says(rule: dict[str, Any], path: str, name: str) -> None:
    proposal = model(rule).propose(sample(path), marks_hard=False)
    assert proposal is not None
    assert [(label.name, label.type) for label in proposal.labels] == [(name, LabelType.IMAGE_CLASSIFICATION)]
    assert proposal.metadata == {}


def test_propose_takes_the_first_rule_that_matches() -> None:
    found = model({"match": "cat-*", "labels": []}, {"labels": [{"name": "x"}]})
    assert found.propose(sample(), marks_hard=True) is None
    other = found.propose(sample("bucket/in/dog-1.png"), marks_hard=False)
    assert other is not None and other.labels[0].name == "x"


def test_propose_without_a_rule_chooses_labels_and_scores_by_the_sample() -> None:
    proposals = [model().propose(sample(number=number), marks_hard=False) for number in range(40)]
    again = [model().propose(sample(number=number), marks_hard=False) for number in range(40)]
    labels = [proposal.labels[0] for proposal in proposals if proposal]
    assert proposals == again
    assert {label.name for label in labels} == {"cat", "dog"}
    assert all(label.score is not None and 0.5 <= label.score <= 1 for label in labels)
    other = [model(seed=1).propose(sample(number=number), marks_hard=False) for number in range(40)]
    assert other != proposals


def test_propose_without_labels_of_the_dataset_finds_nothing() -> None:
    assert model(labels=[]).propose(sample(), marks_hard=True) is None


def test_propose_for_detection_adds_a_box_inside_the_picture() -> None:
    proposal = model(kind=DETECTION).propose(sample(), marks_hard=False)
    assert proposal is not None
    assert proposal.labels[0].property == {
        "@modelarts:shape": "bndbox",
        "@modelarts:feature": [[10, 5], [30, 15]],
    }
    own = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [2, 2]]}
    given = model({"labels": [{"name": "x", "property": own}]}, kind=DETECTION).propose(sample(), marks_hard=False)
    assert given is not None and given.labels[0].property == own


@pytest.mark.parametrize(
    ("rule", "marks"),
    [
        ({"score": 0.59}, (1.0, 0.41, [1])),
        ({"score": 0.6}, (0.0, 0.0, [])),
        ({"score": 0.9, "hard": True}, (1.0, 0.1, [1])),
        ({"score": 0.1, "hard": False}, (0.0, 0.0, [])),
        ({"score": 0.5, "hard_coefficient": 0.25, "hard_reasons": [3, 5]}, (1.0, 0.25, [3, 5])),
    ],
)
def test_propose_marks_hard_examples(rule: dict[str, Any], marks: tuple[float, float, list[int]]) -> None:
    proposal = model({"label_from": "name", **rule}).propose(sample(), marks_hard=True)
    assert proposal is not None
    names = ("hard", "hard_coefficient", "hard_reasons")
    assert tuple(proposal.metadata[f"@modelarts:{name}"] for name in names) == marks


def test_propose_judges_hardness_by_the_lowest_score() -> None:
    labels = [{"name": "a", "score": 0.9}, {"name": "b", "score": 0.2}, {"name": "c"}]
    proposal = model({"labels": labels, "score": 0.7}).propose(sample(), marks_hard=True)
    assert proposal is not None
    assert [label.score for label in proposal.labels] == [0.9, 0.2, 0.7]
    assert proposal.metadata["@modelarts:hard"] == 1.0


def test_group_is_that_of_the_rule_or_one_of_the_number() -> None:
    scripted = model({"match": "cat-*", "group": "cats"})
    assert scripted.group(sample(), 3) == "cats"
    groups = {scripted.group(sample("bucket/in/dog-1.png", number), 3) for number in range(50)}
    assert groups == {"group_0", "group_1", "group_2"}


@pytest.mark.parametrize(
    ("project_id", "dataset_id", "name"),
    [("p", "d", "dataset"), ("p", "e", "project"), ("q", "d", "dataset"), ("q", "e", "all"), (None, None, "all")],
)
def test_find_returns_the_script_of_the_dataset_then_of_the_project(
    project_id: str | None, dataset_id: str | None, name: str
) -> None:
    scripts = InferenceScripts()
    for key, (project, dataset) in {"dataset": (None, "d"), "project": ("p", None), "all": (None, None)}.items():
        rule = InferenceRule(labels=[SampleLabel(name=key)])
        scripts.put(InferenceScript(rules=[rule]), project, dataset)
    (rule,) = scripts.find(project_id, dataset_id).rules
    assert rule.labels is not None and rule.labels[0].name == name


def test_clear_of_a_project_keeps_the_other_scripts() -> None:
    scripts = InferenceScripts()
    scripts.put(InferenceScript(seed=1), "p", None)
    scripts.put(InferenceScript(seed=2), None, None)
    scripts.clear("p")
    assert scripts.find("p", None).seed == 2
    scripts.remove(None, None)
    assert scripts.find("p", None) == InferenceScript()
    scripts.put(InferenceScript(seed=1), "p", None)
    scripts.clear()
    assert scripts.find("p", None) == InferenceScript()


@pytest.mark.parametrize("rule", [{"score": 1.5}, {"hard_reasons": [31]}, {"label_from": "x"}, {"colour": "red"}])
def test_rule_with_a_wrong_member_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        model(rule)
