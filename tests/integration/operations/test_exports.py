"""Exports over HTTP: trees and tiles on disk, new datasets, selection, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.formats import voc
from tests.helpers.api import Api, labels
from tests.helpers.bucket_files import write
from tests.helpers.dataset_kinds import described, labelled_dataset
from tests.helpers.imports import imported
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}


def exported(api: Api, dataset_id: str, path: str = "/bucket/exported/", **members: Any) -> Any:
    answer = api.call("POST", f"/{dataset_id}/export-tasks", json={"path": path, **members})
    place = f"/{dataset_id}/export-tasks/{answer['task_id']}"
    return poll(lambda: (t := api.call("GET", place))["status"] in ("SUCCESSED", "FAILED") and t, "the export's end")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def dataset_id(api: Api, bucket: Path) -> str:
    """Four pictures, two of the same name: one cat, one dog that is a cat as well, two unlabelled."""
    for number, path in enumerate(("a/1.png", "b/1.png", "2.png", "3.png")):
        write(bucket, f"in/{path}", picture(colour=(number, 0, 0)))
    identity = api.dataset()
    ids = {s["sample_dir"] + s["sample_name"]: s["sample_id"] for s in api.samples(identity)["samples"]}
    api.label(
        identity,
        {ids["/bucket/in/a/1.png"]: [{"name": "cat"}], ids["/bucket/in/b/1.png"]: [{"name": "dog"}, {"name": "cat"}]},
    )
    return identity


def test_export_as_tile_writes_label_files_beside_the_images(api: Api, bucket: Path, dataset_id: str) -> None:
    task = exported(api, dataset_id, export_type=2)
    assert (task["status"], task["progress"]) == ("SUCCESSED", 100.0), task
    assert (task["total_sample_count"], task["finished_sample_count"]) == (4, 4)
    assert (task["export_type"], task["export_format"], task["version_format"]) == (2, 2, "Default")
    assert task["path"] == "/bucket/exported/"
    assert task["export_params"] == {
        "export_dest": "DIR",
        "clear_difficult": False,
        "clear_hard_property": True,
        "ratio_sample_usage": False,
        "sample_state": "",
        "train_sample_ratio": 1.0,
    }
    folder = bucket / "exported"
    names = {"1.png", "1.txt", "1-1.png", "1-1.txt", "2.png", "3.png", "dataset-457f.manifest"}
    assert files(folder) == names
    pairs = {(folder / f"{n}.png").read_bytes(): (folder / f"{n}.txt").read_text() for n in ("1", "1-1")}
    assert pairs == {
        picture(colour=(0, 0, 0)): "cat\n",
        picture(colour=(1, 0, 0)): "dog\ncat\n",
    }


def test_export_as_tree_can_be_imported_again(api: Api, bucket: Path, dataset_id: str) -> None:
    exported(api, dataset_id, export_type=2, export_format=1)
    folder = bucket / "exported"
    wanted = {"cat/1.png", "dog/1.png", "dog/1.txt", "2.png", "3.png", "dataset-457f.manifest"}
    assert files(folder) == wanted
    (bucket / "new").mkdir()
    other = api.dataset(dataset_name="other", data_sources=[{"data_path": "/bucket/new/"}])
    imported(api, other, "/bucket/exported/")
    assert described(api, other) == described(api, dataset_id)


def test_export_manifest_lists_the_exported_files(api: Api, bucket: Path, dataset_id: str) -> None:
    exported(api, dataset_id, export_type=0, source_type_header="s3://")
    lines = [json.loads(line) for line in (bucket / "exported/dataset-457f.manifest").read_text().splitlines()]
    assert {line["source"]: [a["name"] for a in line["annotation"]] for line in lines} == {
        "s3://bucket/exported/1.png": ["cat"],
        "s3://bucket/exported/1-1.png": ["dog", "cat"],
    }


def test_export_of_detection_writes_a_voc_file_for_each_labelled_image(api: Api, bucket: Path) -> None:
    for name in ("1.png", "2.png"):
        write(bucket, f"in/{name}", picture())
    dataset_id = api.dataset(dataset_type=1)
    api.label(dataset_id, {api.ids(dataset_id)["1.png"]: [{"name": "cat", "property": BOX}]})
    exported(api, dataset_id, export_type=2)
    folder = bucket / "exported"
    assert files(folder) == {"1.png", "1.xml", "2.png", "dataset-457f.manifest"}
    (label,) = voc.read((folder / "1.xml").read_bytes()).labels
    assert (label.name, label.property) == ("cat", BOX)
    first = json.loads((folder / "dataset-457f.manifest").read_text().splitlines()[0])
    assert first["annotation"][0]["annotation-loc"] == "obs://bucket/exported/1.xml"


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({"export_type": 0}, 2),
        ({"export_type": 1}, 2),
        ({"export_type": 2}, 4),
        ({"export_type": 3}, 4),
        ({}, 4),
        ({"sample_state": "NONE"}, 2),
        ({"export_type": 3, "export_params": {"sample_state": ""}}, 4),
        ({"export_type": 3, "export_params": {"sample_state": "ALL"}}, 2),
        (
            {
                "export_type": 3,
                "export_params": {
                    "search_conditions": [
                        {"label_list": {"labels": [{"name": "dog"}]}},
                        {"sample_name": "3.png"},
                    ]
                },
            },
            2,
        ),
    ],
)
def test_export_by_type_and_conditions_selects_samples(
    api: Api, bucket: Path, dataset_id: str, members: Any, count: int
) -> None:
    task = exported(api, dataset_id, **members)
    assert (task["status"], task["total_sample_count"]) == ("SUCCESSED", count)
    assert len([name for name in files(bucket / "exported") if name.endswith(".png")]) == count


def test_export_of_named_samples_exports_only_these(api: Api, bucket: Path, dataset_id: str) -> None:
    ids = api.ids(dataset_id)
    exported(api, dataset_id, export_type=3, export_params={"samples": [ids["2.png"]]})
    assert files(bucket / "exported") == {"2.png", "dataset-457f.manifest"}


def test_export_of_a_version_ignores_later_changes(api: Api, bucket: Path, dataset_id: str) -> None:
    version = api.publish(dataset_id)
    api.label(dataset_id, {api.ids(dataset_id)["2.png"]: [{"name": "late"}]})
    task = exported(api, dataset_id, export_type=0, version_id=version["version_id"])
    assert (task["version_id"], task["total_sample_count"]) == (version["version_id"], 2)


@pytest.mark.parametrize("ratio", ["0.8", 0.8])
def test_export_with_a_split_writes_usages_to_the_manifest(api: Api, bucket: Path, ratio: str | float) -> None:
    for number in range(10):
        write(bucket, f"in/{number}.png", picture())
    dataset_id = api.dataset()
    api.label(dataset_id, {sample_id: [{"name": "one"}] for sample_id in api.ids(dataset_id).values()})
    task = exported(api, dataset_id, export_params={"ratio_sample_usage": True, "train_sample_ratio": ratio})
    assert task["export_params"]["train_sample_ratio"] == 0.8
    lines = [json.loads(line) for line in (bucket / "exported/dataset-457f.manifest").read_text().splitlines()]
    usages = [line["usage"] for line in lines]
    assert (usages.count("TRAIN"), usages.count("EVAL")) == (8, 2)


@pytest.mark.parametrize("kind", [0, 1, 900])
def test_export_to_a_new_dataset_creates_it_over_the_exported_files(api: Api, bucket: Path, kind: int) -> None:
    dataset_id = labelled_dataset(api, bucket, kind)
    params = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "dataset-export-test",
        "export_new_dataset_work_path": "/bucket/out/",
        "export_dataset_version_name": "first",
        "clear_hard_property": False,
    }
    task = exported(api, dataset_id, export_type=3, export_params=params)
    assert task["status"] == "SUCCESSED", task
    new = next(
        dataset["dataset_id"]
        for dataset in api.call("GET")["datasets"]
        if dataset["dataset_name"] == "dataset-export-test"
    )
    details = api.ready(new)
    assert details["data_sources"][0]["data_path"] == "/bucket/exported/"
    if kind == 900:
        assert details["total_sample_count"] == 4
    assert described(api, new) == described(api, dataset_id)
    assert [v["version_name"] for v in api.call("GET", f"/{new}/versions")["versions"]] == ["first"]
    write(bucket, "exported/added.png", picture(colour=(9, 9, 9)))
    poll(lambda: api.samples(new)["sample_count"] == 5, "the new dataset follows its files")


def test_export_of_nothing_creates_an_empty_dataset(api: Api, dataset_id: str) -> None:
    parameters = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "empty",
        "export_new_dataset_work_path": "/bucket/empty-out/",
        "search_conditions": [{"sample_name": "there is none"}],
    }
    task = exported(api, dataset_id, "/bucket/none/yet/", export_type=3, export_params=parameters)
    assert (task["status"], task["total_sample_count"]) == ("SUCCESSED", 0), task
    (found,) = api.call("GET", "?search_content=empty")["datasets"]
    assert (found["status"], found["total_sample_count"]) == (1, 0)


def test_export_of_a_sample_named_like_the_manifest_renames_it(api: Api, bucket: Path) -> None:
    for name in ("dataset-457f.manifest", "b.bin"):
        write(bucket, f"in/{name}", name)
    task = exported(api, api.dataset(dataset_type=900), export_type=2)
    assert task["status"] == "SUCCESSED", task
    assert (bucket / "exported/dataset-457f-1.manifest").read_text() == "dataset-457f.manifest"
    lines = (bucket / "exported/dataset-457f.manifest").read_text().splitlines()
    assert {json.loads(line)["source"] for line in lines} == {
        "obs://bucket/exported/b.bin",
        "obs://bucket/exported/dataset-457f-1.manifest",
    }


def test_export_clears_or_keeps_hard_examples(api: Api, bucket: Path) -> None:
    dataset_id = labelled_dataset(api, bucket, 0)
    for clear, count in ((True, 0), (False, 2)):
        exported(api, dataset_id, f"/bucket/exported/{clear}/", export_params={"clear_hard_property": clear})
        text = (bucket / f"exported/{clear}/dataset-457f.manifest").read_text()
        assert text.count('"hard":"true"') == count


def test_list_export_tasks_by_type_returns_the_newest_first(api: Api, bucket: Path, dataset_id: str) -> None:
    ids = [exported(api, dataset_id, f"/bucket/exported/{n}/", export_type=n)["task_id"] for n in (0, 1, 0)]
    assert api.call("GET", f"/{dataset_id}/export-tasks")["total_count"] == 3
    page = api.call("GET", f"/{dataset_id}/export-tasks?export_type=0&limit=1")
    assert page["total_count"] == 2
    assert [task["task_id"] for task in page["export_tasks"]] == [ids[2]]
    page = api.call("GET", f"/{dataset_id}/export-tasks?export_type=0&limit=1&offset=1")
    assert [task["task_id"] for task in page["export_tasks"]] == [ids[0]]


NEW = {"export_dest": "NEW_DATASET", "export_new_dataset_name": "n", "export_new_dataset_work_path": "/bucket/out/"}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"path": None}, "ModelArts.4358"),
        ({"path": "/bucket/in/x/"}, "ModelArts.4358"),
        ({"path": "/bucket/"}, "ModelArts.4205"),
        ({"path": "/bucket/../x/"}, "ModelArts.4313"),
        ({"path": "/nobody/x/"}, "ModelArts.4311"),
        ({"export_type": 4}, "ModelArts.4396"),
        ({"export_params": {"train_sample_ratio": "2"}}, "ModelArts.4384"),
        ({"export_params": {"search_conditions": [{"score": "x"}]}}, "ModelArts.4396"),
        ({"source_type_header": "ftp://"}, "ModelArts.4384"),
        ({"version_id": "nothing"}, "ModelArts.4353"),
        ({"export_params": {"export_dest": "NEW_DATASET"}}, "ModelArts.4384"),
        ({"export_params": {**NEW, "export_new_dataset_name": "dataset-457f"}}, "ModelArts.4351"),
        ({"export_params": {**NEW, "export_new_dataset_name": "a b"}}, "ModelArts.4396"),
        ({"export_params": {**NEW, "export_new_dataset_work_path": "/bucket/exported/w/"}}, "ModelArts.4313"),
    ],
)
def test_export_with_bad_input_is_refused(api: Api, bucket: Path, dataset_id: str, members: Any, code: str) -> None:
    body = {"path": "/bucket/exported/", **members}
    assert api.refused("POST", f"/{dataset_id}/export-tasks", json=body) == code
    assert api.call("GET", f"/{dataset_id}/export-tasks")["total_count"] == 0
    assert not (bucket / "exported").exists()


def test_export_of_other_dataset_types_is_refused(api: Api, bucket: Path, dataset_id: str) -> None:
    assert api.refused("GET", f"/{dataset_id}/export-tasks/nothing") == "ModelArts.4359"
    other = api.dataset(dataset_name="other", dataset_type=100)
    assert api.refused("POST", f"/{other}/export-tasks", 501, json={"path": "/bucket/x/"}) == "ModelArts.4383"


def test_export_that_fails_removes_its_files(api: Api, bucket: Path, dataset_id: str) -> None:
    (bucket / "exported").mkdir()
    (bucket / "exported/dataset-457f.manifest").mkdir()  # the last thing to be written cannot be
    task = exported(api, dataset_id)
    assert (task["status"], task["error_code"]) == ("FAILED", "ModelArts.4313")
    assert files(bucket / "exported") == set()
    assert labels(api, dataset_id)["2.png"] == []
    assert not list(bucket.rglob(".~*"))
