"""Intelligent tasks: conditions, results to be confirmed, scripts, stop, and recovery."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.contract.errors import find_error
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

AUTO = {"task_type": "auto-label", "collect_key_sample": True, "config": {"algorithm_type": "fast", "name": "learn"}}
LABELLED, UNLABELLED = 10, 4


class Labelling:
    """A dataset whose first ten pictures are labelled as cats and dogs, and four are not."""

    def __init__(self, api: Api, bucket: Path, kind: int = 0) -> None:
        self.api, self.kind = api, kind
        for number in range(LABELLED + UNLABELLED):
            (bucket / f"in/{number:02d}.png").write_bytes(picture(colour=(number, 0, 0)))
        self.dataset_id = api.dataset(dataset_type=kind)
        ids = sorted(api.ids(self.dataset_id).items())
        labels = {sample: [self.made("cat" if n % 2 else "dog")] for n, (_, sample) in enumerate(ids[:LABELLED])}
        api.label(self.dataset_id, labels)

    def made(self, name: str, shape: str = "bndbox") -> dict[str, Any]:
        """Return a label, for detection with a box."""
        if self.kind == 0:
            return {"name": name}
        points = [[1, 1], [5, 5]] if shape == "bndbox" else [[1, 1], [5, 1], [5, 5]]
        return {"name": name, "property": {"@modelarts:shape": shape, "@modelarts:feature": points}}

    def call(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        """Call an operation of the dataset."""
        return self.api.call(method, f"/{self.dataset_id}{path}", status, **arguments)

    def refused(self, error: str, method: str, path: str, **arguments: Any) -> None:
        """Call an operation, and expect an error of the catalogue."""
        row = find_error(error)
        assert row is not None
        assert self.call(method, path, row.status, **arguments)["error_code"] == row.code

    def start(self, **members: Any) -> str:
        """Start a task."""
        return str(self.call("POST", "/tasks", json={**AUTO, **members})["task_id"])

    def ended(self, task_id: str) -> Any:
        """Wait for the end of a task, and describe it."""
        return poll(lambda: (t := self.call("GET", f"/tasks/{task_id}"))["status"] in (2, 3, 5) and t, "ended")

    def run(self, **members: Any) -> Any:
        """Run a task to its end."""
        return self.ended(self.start(**members))

    def proposals(self, query: str = "?limit=100") -> list[Any]:
        """List the samples to be confirmed."""
        return list(self.call("GET", f"/auto-annotations/samples{query}")["samples"])

    def states(self) -> Counter[str]:
        """Count the samples of the dataset by state."""
        return Counter(each["sample_status"] for each in self.api.samples(self.dataset_id)["samples"])


@pytest.fixture
def labelling(api: Api, bucket: Path) -> Labelling:
    return Labelling(api, bucket)


@pytest.fixture
def control(emu: Emulator) -> Control:
    return Control(emu.url)


def test_auto_labelling_proposes_labels_for_the_unlabelled_samples(labelling: Labelling) -> None:
    assert labelling.proposals() == []
    task = labelling.run()
    assert (task["status"], task["code"], task["progress"]) == (3, "ModelArts.4996", 100.0)
    assert task["message"] == "task executed successfully."
    assert task["config"]["algorithm_type"] == "fast"
    assert task["result"]["unconfirmed_sample_count"] == UNLABELLED
    assert [event["status"] for event in task["result"]["events"]] == ["success"] * 5
    proposals = labelling.proposals()
    assert len(proposals) == UNLABELLED
    for each in proposals:
        assert (each["sample_status"], each["annotated_by"]) == ("UN_ANNOTATION", "")
        (label,) = each["labels"]
        assert label["name"] in ("cat", "dog")
        assert 0.5 <= label["score"] <= 1
        assert {"@modelarts:hard", "@modelarts:hard_coefficient", "@modelarts:hard_reasons"} <= set(each["metadata"])
    assert labelling.states() == {"MANUAL_ANNOTATION": LABELLED, "AUTO_ANNOTATION": UNLABELLED}
    found = labelling.api.call("GET", f"/{labelling.dataset_id}")
    assert found["unconfirmed_sample_count"] == UNLABELLED


def test_story_half_accepted_and_half_corrected(labelling: Labelling) -> None:
    labelling.run()
    first, second, third, fourth = labelling.proposals()
    labelling.api.label(
        labelling.dataset_id,
        {
            first["sample_id"]: first["labels"],
            second["sample_id"]: second["labels"],
            third["sample_id"]: [{"name": "bird"}],
            fourth["sample_id"]: [{"name": "bird"}],
        },
    )
    assert labelling.proposals() == []
    assert labelling.states() == {"MANUAL_ANNOTATION": LABELLED + UNLABELLED}
    version = labelling.api.publish(labelling.dataset_id)
    assert version["annotated_sample_count"] == LABELLED + UNLABELLED


def test_default_answers_are_the_same_in_each_run(labelling: Labelling) -> None:
    def answers() -> dict[str, Any]:
        labelling.run()
        return {each["sample_id"]: each["labels"] for each in labelling.proposals()}

    assert answers() == answers()


def test_script_decides_labels_scores_and_reasons(labelling: Labelling, control: Control) -> None:
    rules = [
        {
            "match": "10.png",
            "labels": [{"name": "fox", "score": 0.9}],
            "hard": True,
            "hard_coefficient": 0.7,
            "hard_reasons": [3, 5],
        },
        {"match": "in/11*", "label_from": "folder", "score": 0.25},
        {"match": "12.png", "labels": []},
        {"match": "13.*", "label_from": "name", "hard": False},
    ]
    control.call("PUT", "inference?project_id=project", json={"rules": rules})
    labelling.run()
    found = {each["sample_name"]: each for each in labelling.proposals()}
    assert sorted(found) == ["10.png", "11.png", "13.png"]
    assert [(label["name"], label["score"]) for label in found["10.png"]["labels"]] == [("fox", 0.9)]
    metadata = found["10.png"]["metadata"]
    assert [metadata[f"@modelarts:{name}"] for name in ("hard", "hard_coefficient", "hard_reasons")] == [1, 0.7, [3, 5]]
    assert sorted(found["10.png"]["hard_details"]) == ["3", "5"]
    assert [(label["name"], label["score"]) for label in found["11.png"]["labels"]] == [("in", 0.25)]
    assert found["13.png"]["labels"][0]["name"] == "13"
    assert found["13.png"]["metadata"]["@modelarts:hard"] == 0
    assert "fox" in [each["name"] for each in labelling.call("GET", "/data-annotations/labels")["labels"]]


def test_scripts_are_set_shown_and_removed(labelling: Labelling, control: Control, emu: Emulator) -> None:
    control.call("PUT", f"inference?dataset_id={labelling.dataset_id}", json={"rules": [{"label_from": "random"}]})
    shown = control.call("GET", f"inference?project_id=project&dataset_id={labelling.dataset_id}")
    assert shown == {"rules": [{"label_from": "random"}]}
    assert control.call("GET", "inference") == {}
    control.call("DELETE", f"inference?dataset_id={labelling.dataset_id}", 204)
    assert control.call("GET", f"inference?dataset_id={labelling.dataset_id}") == {}
    control.refused("PUT", "inference", json={"rules": [{"colour": "red"}]})
    control.refused("PUT", "inference", json={"rules": [{"score": 2}]})
    control.call("PUT", "inference", json={"seed": 5})
    control.call("POST", "reset")
    assert control.call("GET", "inference") == {}


def test_proposals_are_filtered_by_score_and_paged(labelling: Labelling, control: Control) -> None:
    rules = [{"match": f"{10 + n}.png", "score": n / 10, "label_from": "random"} for n in range(UNLABELLED)]
    control.call("PUT", "inference", json={"rules": rules})
    labelling.run()
    assert {e["sample_name"] for e in labelling.proposals("?low_score=0.2")} == {"12.png", "13.png"}
    assert {e["sample_name"] for e in labelling.proposals("?low_score=0.1&high_score=0.2")} == {"11.png", "12.png"}
    page = labelling.call("GET", "/auto-annotations/samples?limit=1&offset=1&order=asc")
    assert (page["sample_count"], len(page["samples"])) == (UNLABELLED, 1)
    sample = page["samples"][0]
    described = labelling.call("GET", f"/auto-annotations/samples/{sample['sample_id']}")
    assert (described["sample_id"], described["labels"]) == (sample["sample_id"], sample["labels"])
    labelled = labelling.api.samples(labelling.dataset_id, "?sample_state=ALL")["samples"][0]["sample_id"]
    labelling.refused("SAMPLE_NOT_FOUND", "GET", f"/auto-annotations/samples/{labelled}")
    found = labelling.api.samples(labelling.dataset_id, "?sample_state=AUTO_ANNOTATION")
    assert found["sample_count"] == UNLABELLED


def test_detection_gets_a_box_in_the_picture(api: Api, bucket: Path) -> None:
    labelling = Labelling(api, bucket, kind=1)
    labelling.run()
    for each in labelling.proposals():
        property_ = each["labels"][0]["property"]
        assert property_["@modelarts:shape"] == "bndbox"
        (left, top), (right, bottom) = property_["@modelarts:feature"]
        width, height, _ = each["metadata"]["@modelarts:size"]
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


def test_conditions_are_checked_in_order(api: Api, bucket: Path) -> None:
    labelling = Labelling(api, bucket, kind=1)
    everything = labelling.api.ids(labelling.dataset_id)
    unlabelled = [everything[f"{number}.png"] for number in range(LABELLED, LABELLED + UNLABELLED)]
    labelling.api.label(labelling.dataset_id, {unlabelled[0]: [labelling.made("rare")]})
    labelling.refused("TOO_FEW_IMAGES", "POST", "/tasks", json=AUTO)
    labelling.call("DELETE", "/data-annotations/labels/rare", 204)
    labelling.api.label(labelling.dataset_id, {everything["00.png"]: [labelling.made("dog", "polygon")]})
    labelling.refused("NOT_ONLY_BOXES", "POST", "/tasks", json=AUTO)
    labelling.api.label(labelling.dataset_id, {everything["00.png"]: [labelling.made("dog")]})
    labelling.api.label(labelling.dataset_id, {each: [labelling.made("dog")] for each in unlabelled[1:]})
    labelling.refused("NO_UNLABELLED_FILES", "POST", "/tasks", json=AUTO)
    empty = api.dataset(dataset_name="empty", dataset_type=0)
    labelling.dataset_id = empty
    labelling.refused("NO_LABELS", "POST", "/tasks", json=AUTO)
    labelling.refused("PARAMETER_INVALID", "POST", "/tasks", json={})
    labelling.refused("PARAMETER_INVALID", "POST", "/tasks", json={"task_type": "other"})


def test_pre_labelling_needs_no_examples(api: Api, bucket: Path, control: Control) -> None:
    for number in range(3):
        (bucket / f"in/cat-{number}.png").write_bytes(picture(colour=(number, 0, 0)))
    labelling = Labelling.__new__(Labelling)
    labelling.api, labelling.kind, labelling.dataset_id = api, 0, api.dataset()
    control.call("PUT", "inference", json={"rules": [{"label_from": "name", "score": 0.8}]})
    task = labelling.run(task_type="pre-label", model_id="model")
    assert task["message"] == "prelabel task executed successfully."
    assert {each["labels"][0]["name"] for each in labelling.proposals()} == {"cat"}
    (listed,) = labelling.call("GET", "/tasks?type=pre-label")["tasks"]
    assert (listed["type"], listed["model_id"], listed["status"]) == (1, "model", 3)


@pytest.mark.parametrize(("kind", "source"), [(100, "text"), (200, "sound")])
def test_other_dataset_types_are_not_supported(api: Api, bucket: Path, kind: int, source: str) -> None:
    (bucket / source).mkdir()
    dataset_id = api.dataset(dataset_type=kind, data_sources=[{"data_path": f"/bucket/{source}/"}])
    body = api.call("POST", f"/{dataset_id}/tasks", 501, json=AUTO)
    assert body["error_code"] == "ModelArts.4383"


def test_tasks_are_listed_by_kind_and_name(labelling: Labelling) -> None:
    labelling.run()
    labelling.run(config={"name": "second"})
    labelling.run(task_type="auto-grouping", config={"n_clusters": 2, "result_type": 1, "property": "size"})
    page = labelling.call("GET", "/tasks?limit=1")
    assert (page["total_count"], page["exist_running_deploy_task"]) == (2, False)
    (newest,) = page["tasks"]
    assert (newest["task_name"], newest["type"], newest["dataset_id"]) == ("second", 0, labelling.dataset_id)
    assert labelling.call("GET", "/tasks?task_name=lear")["total_count"] == 1
    assert labelling.call("GET", "/tasks?type=auto-grouping")["total_count"] == 1
    labelling.refused("ModelArts.4700", "GET", "/tasks/missing")
    labelling.refused("INTELLIGENT_TASK_NOT_FOUND", "POST", "/tasks/missing/stop")


def test_grouping_writes_groups_to_the_samples(labelling: Labelling, control: Control) -> None:
    control.call("PUT", "inference", json={"rules": [{"match": "0*", "group": "small"}]})
    body = {"task_type": "auto-grouping", "config": {"n_clusters": "2", "property": "size", "result_type": 1}}
    task_id = labelling.call("POST", "/tasks", json=body)["task_id"]
    assert labelling.ended(task_id)["export_type"] == 1
    groups = {e["sample_name"]: e["metadata"]["size"] for e in labelling.api.samples(labelling.dataset_id)["samples"]}
    assert groups["00.png"] == "small"
    assert groups["13.png"] in ("group_0", "group_1")
    assert labelling.states() == {"MANUAL_ANNOTATION": LABELLED, "UN_ANNOTATION": UNLABELLED}
    labelling.refused(
        "CLUSTERS_INVALID", "POST", "/tasks", json={"task_type": "auto-grouping", "config": {"n_clusters": 14}}
    )


def test_grouping_writes_a_manifest(labelling: Labelling, bucket: Path) -> None:
    labelling.run(task_type="auto-grouping", config={"n_clusters": 2, "result_type": 0, "property": "kind"})
    (manifest,) = bucket.rglob("grouping.manifest")
    assert len(manifest.read_text().splitlines()) == LABELLED + UNLABELLED
    assert "kind" not in labelling.api.samples(labelling.dataset_id)["samples"][0]["metadata"]


def test_held_task_is_running_excludes_others_and_stops(labelling: Labelling, control: Control) -> None:
    control.call("PATCH", "transitions", json={"inference": {"mode": "hold", "before": "COMPLETED"}})
    task_id = labelling.start()
    poll(lambda: control.call("GET", "transitions")["held"], "held")
    task = labelling.call("GET", f"/tasks/{task_id}")
    assert (task["status"], task["code"]) == (1, "ModelArts.4914")
    labelling.refused("AUTO_LABEL_EXISTS", "POST", "/tasks", json=AUTO)
    found = labelling.api.call("GET", f"/{labelling.dataset_id}?check_running_task=true&running_task_type=0")
    assert (found["exist_running_task"], found["running_tasks_id"]) == (True, [task_id])
    other = labelling.api.call("GET", f"/{labelling.dataset_id}?check_running_task=true&running_task_type=1")
    assert other["exist_running_task"] is False
    labelling.call("POST", f"/tasks/{task_id}/stop", 204)
    task = labelling.call("GET", f"/tasks/{task_id}")
    assert (task["status"], task["error_code"]) == (5, "ModelArts.4393")
    control.call("PATCH", "transitions", json={"inference": {"mode": "immediate"}})
    control.call("POST", "wait-idle")
    assert labelling.proposals() == []
    assert labelling.run()["status"] == 3
    labelling.call("POST", f"/tasks/{task_id}/stop", 204)
    assert labelling.call("GET", f"/tasks/{task_id}")["status"] == 5


def test_running_pre_labelling_is_reported_by_its_own_error(labelling: Labelling, control: Control) -> None:
    control.call("PATCH", "transitions", json={"inference": {"mode": "hold", "before": "RUNNING"}})
    task_id = labelling.start(task_type="pre-label")
    assert labelling.call("GET", f"/tasks/{task_id}")["status"] == -1
    labelling.refused("PRE_LABEL_EXISTS", "POST", "/tasks", json=AUTO)
    control.call("PATCH", "transitions", json={"inference": {"mode": "immediate"}})
    assert labelling.ended(task_id)["status"] == 3


def test_failed_task_proposes_nothing(labelling: Labelling, control: Control) -> None:
    rule = {"mode": "fail", "before": "COMPLETED", "code": "ModelArts.4409"}
    control.call("PATCH", "transitions", json={"inference": {**rule, "code": "ModelArts.4392"}})
    task = labelling.run()
    assert (task["status"], task["error_code"]) == (2, "ModelArts.4392")
    assert labelling.proposals() == []


def test_picture_with_transparency_fails_the_task(labelling: Labelling, bucket: Path, emu: Emulator) -> None:
    from PIL import Image

    Image.new("RGBA", (8, 8)).save(bucket / "in/99.png")
    emu.wait_idle(10)
    task = labelling.run()
    assert task["status"] == 2
    assert "transparency" in task["error_msg"]
    assert labelling.proposals() == []


def test_label_that_a_sample_gets_meanwhile_is_kept(labelling: Labelling, control: Control) -> None:
    control.call("PATCH", "transitions", json={"inference": {"mode": "hold", "before": "COMPLETED"}})
    task_id = labelling.start()
    poll(lambda: control.call("GET", "transitions")["held"], "held")
    sample_id = labelling.api.ids(labelling.dataset_id)["13.png"]
    labelling.api.label(labelling.dataset_id, {sample_id: [{"name": "own"}]})
    control.call("PATCH", "transitions", json={"inference": {"mode": "immediate"}})
    assert labelling.ended(task_id)["status"] == 3
    assert len(labelling.proposals()) == UNLABELLED - 1
    labels = {e["sample_name"]: e["labels"] for e in labelling.api.samples(labelling.dataset_id)["samples"]}
    assert labels["13.png"][0]["name"] == "own"
