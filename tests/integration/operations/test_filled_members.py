"""Members filled from what the emulator knows: tags, statistics, states, labelers, running tasks, ids, order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.bucket_files import write, write_manifest
from tests.helpers.pictures import picture
from tests.helpers.teams import Team


@pytest.fixture
def dataset_id(api: Api, bucket: Path) -> str:
    """Return a dataset of three pictures, one of them a cat and a dog."""
    for number in range(3):
        write(bucket, f"in/{number}.png", picture(colour=(number, 0, 0)))
    identity = api.dataset()
    api.label(identity, {api.ids(identity)["0.png"]: [{"name": "cat"}, {"name": "dog"}]})
    return identity


def label_names(api: Api, dataset_id: str) -> list[str]:
    return [label["name"] for label in api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]]


def test_versions_of_a_dataset_are_the_current_one_only(api: Api, dataset_id: str) -> None:
    assert "versions" not in api.call("GET", f"/{dataset_id}")
    first, second = api.publish(dataset_id), api.publish(dataset_id)
    (listed,) = api.call("GET", "?contain_versions=true")["datasets"]
    for described in (api.call("GET", f"/{dataset_id}"), listed):
        assert [version["version_id"] for version in described["versions"]] == [second["version_id"]]
        assert described["versions"][0]["is_current"] is True
    assert api.call("GET", f"/{dataset_id}/versions")["total_number"] == 2
    api.call("PUT", f"/{dataset_id}", json={"current_version_id": first["version_id"]})
    assert [version["version_id"] for version in api.ready(dataset_id)["versions"]] == [first["version_id"]]


def test_tags_name_data_and_labelling_of_every_type() -> None:
    assert DATASET_TYPES and all(traits.tags for traits in DATASET_TYPES.values())


def test_dataset_and_version_have_tags_and_statistics(api: Api, dataset_id: str) -> None:
    version = api.publish(dataset_id)
    details = api.call("GET", f"/{dataset_id}")
    assert details["dataset_tags"] == version["tags"] == ["Image", "Image classification"]
    assert details["deletion_stats"] == version["deletion_stats"] == {}
    stats = api.call("GET", f"/{dataset_id}/data-annotations/stats")
    assert details["data_statistics"] == {
        "sample_stats": stats["sample_stats"],
        "key_sample_stats": stats["key_sample_stats"],
    }
    assert version["data_statistics"] == {"sample_stats": {"un_annotation": 2, "manual_annotation": 1, "all": 3}}
    assert "sample_state" not in version


@pytest.mark.parametrize(("count", "state"), [(0, "__NONE__"), (3, "__ALL__")])
def test_version_of_samples_in_one_state_names_it(api: Api, dataset_id: str, count: int, state: str) -> None:
    labels = [{"name": "cat"}] if count else []
    api.label(dataset_id, dict.fromkeys(api.ids(dataset_id).values(), labels))
    assert api.publish(dataset_id)["sample_state"] == state


def test_preview_has_the_labels_of_its_samples(api: Api, dataset_id: str) -> None:
    (listed,) = api.call("GET", "?file_preview=true")["datasets"]
    assert {file["file_Name"]: file["tags"] for file in listed["samples"]} == {
        "0.png": {"cat": "0", "dog": "0"},
        "1.png": {},
        "2.png": {},
    }


def test_sample_names_the_labelers_it_is_allotted_to(api: Api, bucket: Path) -> None:
    team = Team(api, bucket, pictures=2, labelers=1)
    before = api.samples(team.dataset_id)["samples"]
    assert all("labelers" not in sample for sample in before)
    team.create()
    (worker_id,) = [team.workers()[email] for email in team.labelers]
    expected = [{"email": team.labelers[0], "worker_id": worker_id, "role": 0}]
    samples = api.samples(team.dataset_id)["samples"]
    assert [sample["labelers"] for sample in samples] == [expected, expected]
    path = f"/{team.dataset_id}/data-annotations/samples/{samples[0]['sample_id']}"
    assert api.call("GET", path)["labelers"] == expected


def running(api: Api, dataset_id: str, task_type: int) -> list[str]:
    query = f"?check_running_task=true&running_task_type={task_type}"
    (listed,) = api.call("GET", query)["datasets"]
    details = api.call("GET", f"/{dataset_id}{query}")
    assert details["exist_running_task"] is listed["exist_running_task"] is True
    assert details["running_tasks_id"] == listed["running_tasks_id"]
    return list(details["running_tasks_id"])


@pytest.mark.parametrize("kind", ["publish", "switch", "sync", "import", "export"])
def test_running_task_of_each_kind_has_an_id(api: Api, emu: Emulator, bucket: Path, dataset_id: str, kind: str) -> None:
    version_id = api.publish(dataset_id)["version_id"]
    api.publish(dataset_id)
    manifest = write_manifest(bucket, [{"source": "s3://bucket/in/1.png", "annotation": []}])
    types = {"publish": 6, "switch": 3, "sync": 10, "import": 5, "export": 2}
    with emu.transitions.held(kind):  # type: ignore[arg-type]
        answer: Any
        if kind == "publish":
            answer = api.call("POST", f"/{dataset_id}/versions", 201, json={})
        elif kind == "switch":
            answer = api.call("PUT", f"/{dataset_id}", json={"current_version_id": version_id})
        elif kind == "sync":
            answer = api.call("POST", f"/{dataset_id}/sync-data", json={})
        elif kind == "import":
            answer = api.call(
                "POST", f"/{dataset_id}/import-tasks", json={"import_path": manifest, "import_type": "manifest"}
            )
        else:
            answer = api.call("POST", f"/{dataset_id}/export-tasks", json={"path": "/bucket/exported/"})
        (task_id,) = running(api, dataset_id, types[kind])
        assert running(api, dataset_id, 10) == [task_id]
    if kind in ("publish", "import", "export"):
        assert task_id in answer.values()
    api.ready(dataset_id)


def test_attributes_of_a_label_have_ids_that_stay(api: Api, dataset_id: str) -> None:
    path = f"/{dataset_id}/data-annotations/labels"
    attribute = {"name": "size", "type": "select", "values": [{"value": "small"}, {"value": "large"}]}
    api.call("POST", path, json={"labels": [{"name": "fox", "attributes": [attribute, {"name": "own", "id": "mine"}]}]})

    def attributes(name: str) -> Any:
        return next(each for each in api.call("GET", path)["labels"] if each["name"] == name)["attributes"]

    size, own = attributes("fox")
    assert own["id"] == "mine"
    assert size["id"]
    renamed = {"name": "fox", "property": {"@modelarts:rename_to": "wolf"}, "attributes": [attribute, {"name": "new"}]}
    api.call("PUT", path, json={"labels": [renamed]})
    after, new = attributes("wolf")
    assert after["id"] == size["id"]
    assert new["id"] not in ("", size["id"])


def test_renamed_label_keeps_its_place(api: Api, dataset_id: str) -> None:
    update = {"update_labels": [{"name": "cat", "property": {"@modelarts:rename_to": "tiger"}}]}
    api.call("PUT", f"/{dataset_id}", json=update)
    assert label_names(api, dataset_id) == ["tiger", "dog"]


def test_labels_deleted_and_added_in_one_request_have_its_order(api: Api, dataset_id: str) -> None:
    names = [{"name": "cat"}, {"name": "dog"}]
    api.call(
        "PUT", f"/{dataset_id}", json={"delete_labels": names, "add_labels": [names[1], {"name": "fox"}, names[0]]}
    )
    assert label_names(api, dataset_id) == ["dog", "fox", "cat"]
    api.call("PUT", f"/{dataset_id}", json={"delete_labels": [names[1]], "add_labels": [names[1]]})
    assert label_names(api, dataset_id) == ["fox", "cat", "dog"]


def test_metrics_of_an_unknown_team_task_are_refused(api: Api, dataset_id: str) -> None:
    assert api.refused("GET", f"/{dataset_id}/metrics?workforce_task_id=unknown") == "ModelArts.4619"
