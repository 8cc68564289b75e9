"""Labels over HTTP."""

from __future__ import annotations

from tests.support import Api


def test_labels_are_created_one_by_one(api: Api) -> None:
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


def test_free_format_has_no_labels(api: Api) -> None:
    dataset_id = api.dataset(dataset_type=900)
    body = {"labels": [{"name": "x"}]}
    assert api.refused("POST", f"/{dataset_id}/data-annotations/labels", 501, json=body) == "ModelArts.4383"


def test_no_labels_at_all_is_a_bad_parameter(api: Api) -> None:
    dataset_id = api.dataset()
    assert api.refused("POST", f"/{dataset_id}/data-annotations/labels", json={}) == "ModelArts.4396"
