"""Labels over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.helpers.api import Api
from tests.helpers.imports import imported
from tests.helpers.pictures import picture


def test_create_labels_refuses_each_label_by_itself(api: Api) -> None:
    dataset_id = api.dataset(labels=[{"name": "known"}])
    path = f"/{dataset_id}/data-annotations/labels"
    body = {
        "labels": [
            {"name": "Cat", "property": {"@modelarts:color": "#3399ff", "@modelarts:shortcut": "c"}},
            {"name": "known"},
            {"name": "Dog", "property": {"@modelarts:shortcut": "c"}},
            {"name": "Pig", "type": 1},
            {"name": "Cow", "attributes": [{"name": "age", "type": "select", "values": [{"id": "1", "value": "old"}]}]},
        ]
    }
    answer = api.call("POST", path, json=body)
    assert answer["success"] is False
    assert [result.get("error_code") for result in answer["results"]] == [
        None,
        "ModelArts.4411",
        "ModelArts.4412",
        "ModelArts.4413",
        None,
    ]
    labels = {label["name"]: label for label in api.call("GET", path)["labels"]}
    assert list(labels) == ["known", "Cat", "Cow"]
    assert labels["Cat"]["property"] == {"@modelarts:color": "#3399ff", "@modelarts:shortcut": "c"}
    assert labels["Cow"]["attributes"][0]["values"] == [{"id": "1", "value": "old"}]


def test_create_labels_of_a_free_format_dataset_is_refused(api: Api) -> None:
    dataset_id = api.dataset(dataset_type=900)
    body = {"labels": [{"name": "x"}]}
    assert api.refused("POST", f"/{dataset_id}/data-annotations/labels", 501, json=body) == "ModelArts.4383"


def test_create_labels_without_labels_is_refused(api: Api) -> None:
    dataset_id = api.dataset()
    assert api.refused("POST", f"/{dataset_id}/data-annotations/labels", json={}) == "ModelArts.4396"


@pytest.fixture
def labelled(api: Api, bucket: Path) -> str:
    """Three pictures: a has label x, b has x and y, c has none."""
    for name in "abc":
        (bucket / f"in/{name}.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "x", "property": {"@modelarts:shortcut": "1"}}, {"name": "y"}])
    ids = api.ids(dataset_id)
    api.label(dataset_id, {ids["a.png"]: [{"name": "x"}], ids["b.png"]: [{"name": "x"}, {"name": "y"}]})
    return dataset_id


def names(api: Api, dataset_id: str) -> list[str]:
    return [label["name"] for label in api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]]


def test_update_label_with_rename_renames_it_on_every_sample(api: Api, labelled: str) -> None:
    body = {
        "labels": [
            {"name": "x", "property": {"@modelarts:rename_to": "z", "@modelarts:color": "#111111"}},
            {"name": "missing"},
            {"name": "y", "property": {"@modelarts:rename_to": "z"}},
            {"name": "y", "property": {"@modelarts:shortcut": "1"}},
        ]
    }
    answer = api.call("PUT", f"/{labelled}/data-annotations/labels", json=body)
    codes = [None, "ModelArts.4410", "ModelArts.4411", "ModelArts.4412"]
    assert [result.get("error_code") for result in answer["results"]] == codes
    assert names(api, labelled) == ["z", "y"]
    assert api.samples(labelled, "?label_name=x")["sample_count"] == 0
    assert api.samples(labelled, "?label_name=z")["sample_count"] == 2
    label = api.call("GET", f"/{labelled}/data-annotations/labels")["labels"][0]
    assert label["property"] == {"@modelarts:shortcut": "1", "@modelarts:color": "#111111"}


@pytest.mark.parametrize(
    ("policy", "samples", "files"),
    [("0", 3, 3), ("1", 2, 3), ("2", 2, 2)],
)
def test_delete_labels_by_policy_deletes_samples_and_files(
    api: Api, labelled: str, bucket: Path, policy: str, samples: int, files: int
) -> None:
    body = {"labels": [{"name": "x"}, {"name": "missing"}]}
    answer = api.call("POST", f"/{labelled}/data-annotations/labels/delete?delete_policy={policy}", json=body)
    assert [result["success"] for result in answer["results"]] == [True, False]
    assert names(api, labelled) == ["y"]
    api.call("POST", f"/{labelled}/sync-data")
    api.ready(labelled)
    assert api.samples(labelled)["sample_count"] == samples
    assert len(list((bucket / "in").iterdir())) == files
    assert [label["name"] for s in api.samples(labelled)["samples"] for label in s["labels"]] == ["y"]


@pytest.mark.parametrize(
    "name", ["草莓", "a/b", "50%", "%2F", "a b+c", "delete", "?#", "/a", "//", "a/", "a//b", "a\nb", "\r"]
)
def test_update_and_delete_of_the_label_in_the_path(api: Api, bucket: Path, name: str) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": name}])
    api.label(dataset_id, {api.ids(dataset_id)["a.png"]: [{"name": name}]})
    path = f"/{dataset_id}/data-annotations/labels/{quote(name, safe='')}"
    api.call("PUT", path, 204, json={"@modelarts:color": "#93c47d"})
    (label,) = api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]
    assert (label["name"], label["property"]) == (name, {"@modelarts:color": "#93c47d"})
    api.call("DELETE", f"{path}?delete_source=true", 204)
    assert names(api, dataset_id) == []
    assert not (bucket / "in/a.png").exists()
    assert api.refused("DELETE", path) == "ModelArts.4410"
    assert api.refused("PUT", path, json={"@modelarts:color": "#93c47d"}) == "ModelArts.4410"


def test_delete_label_of_an_entity_in_use_is_refused(api: Api) -> None:
    relation = {"@modelarts:from_type": "Person", "@modelarts:to_type": "Book"}
    labels = [{"name": "Person", "type": 103}, {"name": "Book"}, {"name": "wrote", "property": relation}]
    dataset_id = api.dataset(dataset_type=102, labels=labels)
    path = f"/{dataset_id}/data-annotations/labels"
    assert [label["type"] for label in api.call("GET", path)["labels"]] == [103, 103, 102]
    answer = api.call("POST", f"{path}/delete", json={"labels": [{"name": "Person"}, {"name": "wrote"}]})
    assert [result.get("error_code") for result in answer["results"]] == ["ModelArts.4415", None]
    assert api.call("POST", f"{path}/delete", json={"labels": [{"name": "Person"}]})["success"] is True


def test_delete_label_of_an_entity_deletes_its_relations_or_is_refused(api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("Ada met Charles\n")
    dataset_id = api.dataset(dataset_type=102)
    [sample_id] = [sample["sample_id"] for sample in api.samples(dataset_id)["samples"]]
    ends = [
        {"name": name, "id": name, "property": {"@modelarts:start_index": start, "@modelarts:end_index": start + 3}}
        for name, start in (("Ada", 0), ("Charles", 8))
    ]
    relation = {"name": "met", "property": {"@modelarts:from": "Ada", "@modelarts:to": "Charles"}}
    api.label(dataset_id, {sample_id: [*ends, relation]})
    path = f"/{dataset_id}/data-annotations/labels"
    assert api.refused("DELETE", f"{path}/Ada?label_type=103") == "ModelArts.4415"
    assert api.refused("PUT", f"/{dataset_id}", json={"delete_labels": [{"name": "Ada"}]}) == "ModelArts.4415"
    api.call("PUT", f"/{dataset_id}", json={"delete_labels": [{"name": "Ada"}, {"name": "met"}]})
    [sample] = api.samples(dataset_id)["samples"]
    assert [label["name"] for label in sample["labels"]] == ["Charles"]
    api.call("DELETE", f"{path}/Charles?label_type=103", 204)


def test_update_samples_relation_connects_only_entities_of_its_types(api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("Ada wrote notes\n")
    ends = {"@modelarts:from_type": "Person", "@modelarts:to_type": "Text"}
    labels = [{"name": "Person", "type": 103}, {"name": "Text", "type": 103}, {"name": "wrote", "type": 102}]
    labels[2]["property"] = ends
    dataset_id = api.dataset(dataset_type=102, labels=labels)
    (sample_id,) = [sample["sample_id"] for sample in api.samples(dataset_id)["samples"]]

    def entity(name: str, start: int, end: int) -> dict[str, Any]:
        property_ = {"@modelarts:start_index": start, "@modelarts:end_index": end}
        return {"name": name, "type": 103, "id": name, "property": property_}

    def relation(start: str, end: str) -> dict[str, Any]:
        return {"name": "wrote", "type": 102, "property": {"@modelarts:from": start, "@modelarts:to": end}}

    entities = [entity("Person", 0, 3), entity("Text", 10, 15)]
    for wrong in (relation("Text", "Person"), relation("Person", "Person")):
        answer = api.label(dataset_id, {sample_id: [*entities, wrong]})
        assert answer["results"][0]["error_code"] == "ModelArts.4413"
    assert api.label(dataset_id, {sample_id: [*entities, relation("Person", "Text")]})["success"]


def test_create_labels_of_a_relation_needs_its_entities(api: Api) -> None:
    """Entities of the same request count, wherever they are in it."""
    ends = {"@modelarts:from_type": "Book", "@modelarts:to_type": "Author"}
    relation = {"name": "cites", "type": 102, "property": ends}
    book, author = {"name": "Book", "type": 103}, {"name": "Author", "type": 103}
    source = {"data_type": 0, "data_path": "/bucket/in/"}
    body = {"dataset_name": "texts", "dataset_type": 102, "work_path_type": 0, "work_path": "/bucket/out/"}
    body |= {"data_sources": [source], "labels": [relation, book]}
    assert api.refused("POST", json=body) == "ModelArts.4414"
    assert api.call("GET")["datasets"] == []
    dataset_id = api.dataset(dataset_type=102, labels=[book])
    path = f"/{dataset_id}/data-annotations/labels"
    answer = api.call("POST", path, json={"labels": [relation, {"name": "of", "type": 102}]})
    assert [result.get("error_code") for result in answer["results"]] == ["ModelArts.4414"] * 2
    answer = api.call("POST", path, json={"labels": [relation, {"name": "Book", "type": 103}, author]})
    assert [result.get("error_code") for result in answer["results"]] == [None, "ModelArts.4411", None]
    assert [label["name"] for label in api.call("GET", path)["labels"]] == ["Book", "Author", "cites"]
    change = {"labels": [{"name": "cites", "type": 102, "property": {"@modelarts:to_type": "Nobody"}}]}
    answer = api.call("PUT", path, json=change)
    assert answer["results"][0]["error_code"] == "ModelArts.4414"
    found = {label["name"]: label.get("property") for label in api.call("GET", path)["labels"]}
    assert found["cites"] == ends
    change["labels"][0]["property"] = {"@modelarts:color": "#112233"}
    assert api.call("PUT", path, json=change)["success"] is True


def test_update_label_of_an_entity_keeps_its_relations(api: Api) -> None:
    ends = {"@modelarts:from_type": "Book", "@modelarts:to_type": "Author"}
    labels = [{"name": "Book", "type": 103}, {"name": "Author"}, {"name": "cites", "type": 102, "property": ends}]
    dataset_id = api.dataset(dataset_type=102, labels=labels)
    path = f"/{dataset_id}/data-annotations/labels"
    api.call("PUT", f"{path}/Book?label_type=103", 204, json={"@modelarts:rename_to": "Work"})
    found = {label["name"]: label["property"] for label in api.call("GET", path)["labels"]}
    assert found["cites"] == {"@modelarts:from_type": "Work", "@modelarts:to_type": "Author"}
    assert api.refused("DELETE", f"{path}/Work?label_type=103") == "ModelArts.4415"


def test_list_search_returns_labels_and_labellers(api: Api, labelled: str) -> None:
    answer = api.call("GET", f"/{labelled}/data-annotations/search-condition")
    assert [label["name"] for label in answer["labels"]] == ["x", "y"]
    assert answer["labelers"] == ["human/local/anonymous"]
    assert answer["metadata"] == {}


def test_import_of_a_published_relation_keeps_it_and_its_types(api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("Ada wrote notes\n")
    dataset_id = api.dataset(dataset_type=102)
    (sample_id,) = [sample["sample_id"] for sample in api.samples(dataset_id)["samples"]]
    labels = [
        {"name": name, "id": name, "property": {"@modelarts:start_index": start, "@modelarts:end_index": end}}
        for name, start, end in (("Person", 0, 3), ("Text", 10, 15))
    ]
    labels.append({"name": "wrote", "property": {"@modelarts:from": "Person", "@modelarts:to": "Text"}})
    assert api.label(dataset_id, {sample_id: labels})["success"]
    manifest = api.publish(dataset_id)["manifest_path"]
    (bucket / "other").mkdir()
    source = [{"data_type": 0, "data_path": "/bucket/other/"}]
    copy = api.dataset(dataset_name="copy", dataset_type=102, data_sources=source, work_path="/bucket/other-out/")
    assert imported(api, copy, manifest, import_type="manifest")["status"] == "COMPLETED"
    (sample,) = api.samples(copy)["samples"]
    assert [label["name"] for label in sample["labels"]] == ["Person", "Text", "wrote"]
    found = {
        label["name"]: label["property"] for label in api.call("GET", f"/{copy}/data-annotations/labels")["labels"]
    }
    assert found["wrote"] == {"@modelarts:from_type": "Person", "@modelarts:to_type": "Text"}
