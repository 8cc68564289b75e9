"""Datasets over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

CREATE = {
    "dataset_name": "d",
    "data_sources": [{"data_path": "/bucket/in/"}],
    "work_path": "/bucket/out/",
    "work_path_type": 0,
}


def test_create_dataset_adds_the_images_of_its_input(api: Api, bucket: Path) -> None:
    (bucket / "in/sub").mkdir()
    (bucket / "in/a.png").write_bytes(picture(31, 17))
    (bucket / "in/sub/b.jpg").write_bytes(picture(kind="JPEG"))
    (bucket / "in/notes.txt").write_text("no sample")
    (bucket / "in/.hidden.png").write_bytes(picture())
    dataset_id = api.create(description="just a test")
    details = api.ready(dataset_id)
    inner = f"/bucket/out/dataset-457f-{dataset_id}/"
    assert details["total_sample_count"] == 2
    assert details["annotated_sample_count"] == details["unconfirmed_sample_count"] == 0
    assert details["data_sources"] == [{"data_path": "/bucket/in/", "data_type": 0}]
    assert (details["dataset_name"], details["dataset_type"], details["data_format"]) == ("dataset-457f", 0, "Default")
    assert (details["description"], details["workspace_id"]) == ("just a test", "0")
    for member, folder in (("annotation", "annotation"), ("data", "data"), ("log", "logs"), ("task", "task")):
        assert details[f"inner_{member}_path"] == f"{inner}{folder}/"
        assert (bucket / details[f"inner_{member}_path"].removeprefix("/bucket/")).is_dir()
    assert "workforce_descriptor" not in details
    sizes = {s["sample_name"]: s["metadata"]["@modelarts:size"] for s in api.samples(dataset_id)["samples"]}
    assert sizes == {"a.png": [31, 17, 3], "b.jpg": [32, 24, 3]}


def test_dataset_id_has_19_letters_and_digits(api: Api) -> None:
    dataset_id = api.create()
    assert len(dataset_id) == 19
    assert dataset_id.isalnum()


@pytest.mark.parametrize("path", ["obs://bucket/in/", "s3://bucket/in/", "/bucket/in"])
def test_create_dataset_accepts_every_spelling_of_a_path(api: Api, path: str) -> None:
    details = api.ready(api.create(data_sources=[{"data_path": path}]))
    assert details["data_sources"] == [{"data_path": "/bucket/in/", "data_type": 0}]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dataset_name": ""}, "ModelArts.4396"),
        ({"dataset_name": "x" * 101}, "ModelArts.4396"),
        ({"dataset_name": "späth"}, "ModelArts.4396"),
        ({"dataset_name": "a\n"}, "ModelArts.4396"),
        ({"dataset_type": 7}, "ModelArts.4396"),
        ({"dataset_type": "cats"}, "ModelArts.4396"),
        ({"description": "a<b"}, "ModelArts.4396"),
        ({"description": "x" * 257}, "ModelArts.4396"),
        ({"work_path": "/b"}, "ModelArts.4396"),
        ({"work_path": "/bucket/in/below/"}, "ModelArts.4313"),
        ({"work_path": "/bucket/"}, "ModelArts.4205"),
        ({"work_path": "/nowhere/out/"}, "ModelArts.4311"),
        ({"work_path": "/bucket/" + "a/" * 330}, "ModelArts.4350"),
        ({"data_sources": [{"data_path": "/bucket/"}]}, "ModelArts.4205"),
        ({"data_sources": [{"data_path": "/nowhere/in/"}]}, "ModelArts.4311"),
        ({"data_sources": [{"data_path": "/bucket/none/"}]}, "ModelArts.4312"),
        ({"data_sources": [{"data_path": "/bucket/../etc/"}]}, "ModelArts.4313"),
        ({"data_sources": [{"data_path": "/bucket//etc/"}]}, "ModelArts.4313"),
        ({"data_sources": [{"data_path": "/bucket/in\\x/"}]}, "ModelArts.4313"),
        ({"data_sources": [{"data_path": "/bucket/in\0/"}]}, "ModelArts.4313"),
        ({"labels": [{"name": "a"}, {"name": "a"}]}, "ModelArts.4411"),
        ({"labels": [{"name": ""}]}, "ModelArts.4413"),
        ({"labels": [{"name": "x" * 2000}]}, "ModelArts.4413"),
    ],
)
def test_create_dataset_with_bad_input_creates_nothing(
    api: Api, bucket: Path, change: dict[str, object], code: str
) -> None:
    assert api.refused("POST", json={**CREATE, **change}) == code
    assert api.call("GET")["total_number"] == 0
    assert not list((bucket / "out").iterdir())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "ModelArts.0104"),
        (b"no json", "ModelArts.0104"),
        (b"\xff\xfe", "ModelArts.0104"),
        (b'{"dataset_name":' + b"[" * 100_000, "ModelArts.0104"),
        (b"[]", "ModelArts.4396"),
        (b"null", "ModelArts.4396"),
        (b"", "ModelArts.4396"),
        (b'{"dataset_name":{"a":1},"work_path":"/bucket/out/","work_path_type":0}', "ModelArts.4396"),
    ],
)
def test_unusable_body_is_answered_with_a_documented_error(api: Api, body: bytes, code: str) -> None:
    assert api.refused("POST", data=body) == code


def test_body_with_loose_scalars_and_unknown_members_is_accepted(api: Api) -> None:
    dataset_id = api.create(
        dataset_type="1", work_path_type="0", ai_project="x", import_annotations="true", labels=None, workspace_id=0
    )
    assert api.ready(dataset_id)["dataset_type"] == 1


def test_create_dataset_with_a_taken_name_is_refused(api: Api) -> None:
    dataset_id = api.dataset(dataset_name="one")
    assert api.refused("POST", json={**CREATE, "dataset_name": "one"}) == "ModelArts.4351"
    api.call("DELETE", f"/{dataset_id}", 204)
    api.create(dataset_name="one")


def test_dataset_of_another_project_is_not_found(api: Api) -> None:
    dataset_id = api.dataset()
    other = Api(api.url, "another")
    assert other.call("GET")["total_number"] == 0
    assert other.refused("GET", f"/{dataset_id}") == "ModelArts.4352"
    other.session.close()


def test_delete_dataset_keeps_the_source_files(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset()
    api.call("DELETE", f"/{dataset_id}", 204)
    assert (bucket / "in/a.png").exists()
    assert api.refused("GET", f"/{dataset_id}") == "ModelArts.4352"
    assert api.refused("DELETE", f"/{dataset_id}") == "ModelArts.4352"


def test_list_datasets_filters_sorts_and_pages(api: Api) -> None:
    for name in ("beta", "alpha", "gamma"):
        api.dataset(dataset_name=name, dataset_type=1 if name == "gamma" else 0)

    def names(query: str) -> list[str]:
        return [dataset["dataset_name"] for dataset in api.call("GET", query)["datasets"]]

    assert names("?sort_by=dataset_name&order=asc") == ["alpha", "beta", "gamma"]
    assert names("?sort_by=create_time&order=asc") == ["beta", "alpha", "gamma"]
    assert names("") == ["gamma", "alpha", "beta"]
    assert names("?sort_by=dataset_name&order=asc&limit=2&offset=1") == ["gamma"]
    assert api.call("GET", "?limit=1&offset=7") == {"datasets": [], "total_number": 3}
    assert names("?dataset_type=1") == ["gamma"]
    assert names("?search_content=LPH") == ["alpha"]
    assert names("?contain_versions=true") == []
    assert names("?workspace_id=other") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=-1", "order=up", "dataset_type=5"])
def test_list_datasets_with_a_bad_parameter_names_it(api: Api, query: str) -> None:
    body = api.call("GET", f"?{query}", 400)
    assert body["error_code"] == "ModelArts.4396"
    assert query.partition("=")[0] in body["error_msg"]


def test_list_datasets_on_request_returns_labels_and_previews(api: Api, bucket: Path) -> None:
    for number in range(6):
        (bucket / f"in/{number}.png").write_bytes(picture())
    api.dataset(labels=[{"name": "Cat", "property": {"@modelarts:color": "#3399ff"}}])
    plain = api.call("GET")["datasets"][0]
    assert "labels" not in plain and "samples" not in plain
    full = api.call("GET", "?with_labels=true&file_preview=true")["datasets"][0]
    assert full["labels"] == [{"name": "Cat", "property": {"@modelarts:color": "#3399ff"}, "type": 0}]
    assert len(full["samples"]) == 4
    assert api.session.get(full["samples"][0]["url"], timeout=10).content == picture()


@pytest.mark.parametrize("name", ["", "a b", "x" * 101, "ü"])
def test_update_dataset_with_an_invalid_name_is_refused(api: Api, name: str) -> None:
    dataset_id = api.dataset()
    before = api.call("GET", f"/{dataset_id}")
    assert api.refused("PUT", f"/{dataset_id}", json={"dataset_name": name, "description": "new"}) == "ModelArts.4396"
    assert api.call("GET", f"/{dataset_id}") == before


def test_update_dataset_changes_name_description_and_labels(api: Api) -> None:
    dataset_id = api.dataset(labels=[{"name": "a"}, {"name": "b"}])
    body = {
        "dataset_name": "renamed",
        "description": "new",
        "delete_labels": [{"name": "a"}],
        "add_labels": [{"name": "a", "property": {"@modelarts:color": "#000000"}}, {"name": "c"}],
        "update_labels": [{"name": "b", "property": {"@modelarts:rename_to": "B"}}],
    }
    assert api.call("PUT", f"/{dataset_id}", json=body) == {"dataset_id": dataset_id}
    details = api.call("GET", f"/{dataset_id}")
    assert (details["dataset_name"], details["description"]) == ("renamed", "new")
    assert {label["name"] for label in details["labels"]} == {"a", "B", "c"}
    assert details["inner_work_path"].startswith("/bucket/out/dataset-457f-")


def test_update_dataset_that_is_refused_changes_nothing(api: Api) -> None:
    dataset_id = api.dataset(labels=[{"name": "a"}])
    before = api.call("GET", f"/{dataset_id}")
    body = {"description": "new", "add_labels": [{"name": "b"}], "delete_labels": [{"name": "missing"}]}
    assert api.refused("PUT", f"/{dataset_id}", json=body) == "ModelArts.4410"
    assert api.call("GET", f"/{dataset_id}") == before


def test_statistics_equal_the_counts_of_the_lists(api: Api, bucket: Path) -> None:
    for number in range(5):
        (bucket / f"in/{number}.png").write_bytes(picture())
    dataset_id = api.dataset()
    ids = api.ids(dataset_id)
    api.label(dataset_id, {ids["0.png"]: [{"name": "x"}, {"name": "y"}], ids["1.png"]: [{"name": "x"}]})
    api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json={"samples": [ids["4.png"]]})
    stats = api.call("GET", f"/{dataset_id}/data-annotations/stats")
    assert [(s["name"], s["count"], s["sample_count"]) for s in stats["label_stats"]] == [("x", 2, 2), ("y", 1, 1)]
    assert stats["sample_stats"] == {
        "un_annotation": 2,
        "manual_annotation": 2,
        "auto_annotation": 0,
        "all": 4,
        "total": 5,
        "deleted": 1,
        "lefted": 4,
    }
    details = api.call("GET", f"/{dataset_id}")
    assert details["total_sample_count"] == api.samples(dataset_id)["sample_count"] == 4
    assert details["annotated_sample_count"] == api.samples(dataset_id, "?sample_state=ALL")["sample_count"] == 2
    assert api.samples(dataset_id, "?sample_state=NONE")["sample_count"] == 2
    assert details["deleted_sample_count"] == 1


def test_describe_dataset_on_request_reports_running_tasks(api: Api) -> None:
    dataset_id = api.dataset()
    details = api.call("GET", f"/{dataset_id}?check_running_task=true")
    assert details["exist_running_task"] is False
    assert details["running_tasks_id"] == []
    poll(lambda: api.call("GET", f"/{dataset_id}/sync-data/status")["status"] == "COMPLETED")


def test_delete_dataset_during_a_task_succeeds(
    api: Api, emu: Emulator, bucket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        (bucket / f"in/{number}.png").write_bytes(picture())
    for turn in range(5):
        dataset_id = api.create(dataset_name=f"busy-{turn}")
        if turn % 2:
            api.ready(dataset_id)
            api.call("POST", f"/{dataset_id}/versions", 201, json={"export_images": True})
        api.call("DELETE", f"/{dataset_id}", 204)
    assert emu.runtime.wait_idle(20)
    assert api.call("GET")["total_number"] == 0
    assert "unexpected" not in caplog.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/x/y/z/nope", 404), ("PATCH", "", 405)])
def test_unknown_route_is_answered_with_an_error_body(api: Api, method: str, path: str, status: int) -> None:
    api.refused(method, path, status)


def test_synchronization_reports_its_progress(settings: Settings, bucket: Path) -> None:
    with Emulator(replace(settings, sync="manual")) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset()
        for number in range(2_500):
            (bucket / f"in/{number}.png").write_bytes(b"no picture")
        seen: list[int] = []
        emu.runtime.synchronizer.synchronize(
            dataset_id, lambda done: seen.append(api.samples(dataset_id)["sample_count"])
        )
        assert seen == [1_000, 2_000, 2_500]
        api.session.close()
