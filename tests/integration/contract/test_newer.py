"""Values and parameters of the newest pages, and the older spellings beside them."""

from __future__ import annotations

from typing import Any

import pytest

from modelarts_emulator.contract.lenient_decoding import convert
from modelarts_emulator.contract.wire import SampleState
from tests.helpers.api import Api
from tests.helpers.pictures import picture

SAMPLES = "/data-annotations/samples"


@pytest.fixture
def labelled(api: Api, bucket: Any) -> str:
    """A dataset of three pictures, of which one is labelled, and with two versions."""
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": name} for name in ("cat", "dog", "cow")])
    api.label(dataset_id, {api.ids(dataset_id)["0.png"]: [{"name": "cat"}]})
    for _ in range(2):
        api.publish(dataset_id)
    return dataset_id


@pytest.mark.parametrize("state", list(SampleState))
def test_sample_state_is_read_in_both_spellings_and_either_case(state: SampleState) -> None:
    name = "" if state is SampleState.ANY else state.name
    for text in (state.value, name, name.lower(), state.value.lower()):
        assert convert(text, SampleState) is state


@pytest.mark.parametrize("text", ["SOME", "__SOME__", "1", "A_LL"])
def test_sample_state_of_another_text_is_refused(api: Api, labelled: str, text: str) -> None:
    api.call("GET", f"/{labelled}{SAMPLES}?sample_state={text}", 400)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("sample_state=__ALL__", 1),
        ("sample_state=all", 1),
        ("sample_state=__NONE__", 2),
        ("sample_state=__none__", 2),
        ("sample_state=__AUTO_ANNOTATION__", 0),
        ("sample_state=", 3),
        ("label_name=__none__", 2),
        ("label_name=__NONE__&label_type=0", 2),
        ("label_name=__none__&label_type=1", 3),
        ("label_name=cat", 1),
    ],
)
def test_samples_are_selected_by_state_and_missing_label(api: Api, labelled: str, query: str, count: int) -> None:
    assert api.samples(labelled, f"?{query}")["sample_count"] == count


def test_export_answers_sample_state_as_the_newest_page_writes_it(api: Api, labelled: str) -> None:
    for sent, answered in (("ALL", "__ALL__"), ("__none__", "__NONE__"), ("", "")):
        params = {"export_params": {"sample_state": sent}, "export_type": 3, "path": "/bucket/exported/"}
        answer = api.call("POST", f"/{labelled}/export-tasks", json=params)
        assert answer["export_params"]["sample_state"] == answered


@pytest.mark.parametrize(("path", "name"), [("/versions", "versions"), (f"{SAMPLES[:-8]}/labels", "labels")])
def test_lists_are_paged_until_a_page_is_empty(api: Api, labelled: str, path: str, name: str) -> None:
    whole = api.call("GET", f"/{labelled}{path}")
    assert whole["total_number"] == len(whole[name]) > 1
    pages = []
    while page := api.call("GET", f"/{labelled}{path}?limit=1&offset={len(pages)}")[name]:
        pages += page
    assert pages == whole[name]


@pytest.mark.parametrize(("path", "most"), [("/versions", 1000), (f"{SAMPLES[:-8]}/labels", 100_000)])
def test_limits_of_pages_are_enforced(api: Api, labelled: str, path: str, most: int) -> None:
    for query, status in (
        (f"limit={most}", 200),
        ("limit=1", 200),
        (f"limit={most + 1}", 400),
        ("limit=0", 400),
        ("offset=-1", 400),
        ("limit=x", 400),
    ):
        api.call("GET", f"/{labelled}{path}?{query}", status)


@pytest.mark.parametrize(
    ("name", "is_accepted"), [("a" * 64, True), ("a" * 65, False), ("a<b", False), ("a'b", False), ("größe", True)]
)
def test_attribute_names_have_limits(api: Api, labelled: str, name: str, is_accepted: bool) -> None:
    label = {"name": "new", "attributes": [{"name": name, "type": "text"}]}
    api.call("POST", f"/{labelled}/data-annotations/labels", 200 if is_accepted else 400, json={"labels": [label]})


@pytest.mark.parametrize(("repetition", "status"), [(1, 201), (0, 400), (-1, 400)])
def test_repetition_of_a_team_task_is_at_least_one(api: Api, bucket: Any, repetition: int, status: int) -> None:
    body = {
        "dataset_name": "team",
        "dataset_type": 0,
        "data_sources": [{"data_path": "/bucket/in/"}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        "workforce_information": {"task_name": "task", "repetition": repetition},
    }
    api.call("POST", "", status, json=body)


def test_description_may_have_an_apostrophe_when_it_is_changed(api: Api, labelled: str) -> None:
    api.call("PUT", f"/{labelled}", json={"description": "the cat's pictures"})
    assert api.call("GET", f"/{labelled}")["description"] == "the cat's pictures"
    api.call("PUT", f"/{labelled}", 400, json={"description": "a<b"})


@pytest.mark.parametrize(
    "values", [[{"id": "1", "value": "small"}, {"value": "large"}], {"id": "1", "value": "small"}, {}, []], ids=str
)
def test_attribute_values_are_answered_in_the_form_in_which_they_came(api: Api, labelled: str, values: Any) -> None:
    label = {"name": "sized", "attributes": [{"name": "size", "type": "select", "values": values}]}
    api.call("POST", f"/{labelled}/data-annotations/labels", json={"labels": [label]})
    answer = api.call("GET", f"/{labelled}/data-annotations/labels")
    [found] = [each for each in answer["labels"] if each["name"] == "sized"]
    assert found["attributes"][0]["values"] == values


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"dataset_type": 400, "data_format": "CarbonData"}, 201),
        ({"dataset_type": 400, "data_format": "Default"}, 201),
        ({"dataset_type": 0, "data_format": "CarbonData"}, 400),
        ({"data_format": "CarbonData"}, 400),
        ({"dataset_type": 400, "schema": [{"schema_id": 1, "name": "a", "type": "int"}]}, 201),
        ({"dataset_type": 400, "schema": [{"schema_id": 1, "name": "a", "type": "BOILED"}]}, 400),
    ],
)
def test_formats_and_column_types_of_tables_are_checked(
    api: Api, bucket: Any, members: dict[str, Any], status: int
) -> None:
    body = {
        "dataset_name": "table",
        "data_sources": [{"data_path": "/bucket/in/"}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        **members,
    }
    answer = api.call("POST", "", status, json=body)
    if status == 400:
        assert answer["error_code"] == "ModelArts.4396"
        assert api.call("GET")["total_number"] == 0
