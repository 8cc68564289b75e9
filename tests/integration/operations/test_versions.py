"""Publishing over HTTP: the manifest and the VOC files are read back from disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.formats import voc
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}


def local(bucket: Path, path: str) -> Path:
    return bucket / path.removeprefix("/bucket/").removeprefix("s3://bucket/")


def manifest(bucket: Path, version: Any) -> list[Any]:
    return [json.loads(line) for line in local(bucket, version["manifest_path"]).read_text("utf-8").splitlines()]


def test_import_of_a_published_manifest_gives_the_same_labels(api: Api, bucket: Path) -> None:
    for number in range(4):
        (bucket / f"in/{number}.png").write_bytes(picture())
    dataset_id = api.dataset()
    ids = api.ids(dataset_id)
    api.label(dataset_id, {ids["0.png"]: [{"name": "cat"}, {"name": "Katze ü"}], ids["1.png"]: [{"name": "cat"}]})
    version = api.publish(dataset_id, description="first")
    assert (version["version_name"], version["status"], version["is_current"]) == ("V001", 1, True)
    assert version["manifest_path"].endswith(f"dataset-457f-{dataset_id}/annotation/V001/V001.manifest")
    assert (version["total_sample_count"], version["annotated_sample_count"], version["label_type"]) == (4, 2, "multi")
    assert [(s["name"], s["count"], s["sample_count"]) for s in version["label_stats"]] == [
        ("cat", 2, 2),
        ("Katze ü", 1, 1),
    ]
    lines = {line["source"]: line for line in manifest(bucket, version)}
    assert set(lines) == {f"s3://bucket/in/{n}.png" for n in range(4)}
    first = lines["s3://bucket/in/0.png"]
    assert (first["id"], first["usage"], first["sample-type"]) == (ids["0.png"], "TRAIN", 0)
    assert [(a["type"], a["name"], a["annotated-by"]) for a in first["annotation"]] == [
        ("modelarts/image_classification", "cat", "human"),
        ("modelarts/image_classification", "Katze ü", "human"),
    ]
    assert "annotation" not in lines["s3://bucket/in/3.png"]
    details = api.ready(dataset_id)
    assert (details["current_version_id"], details["current_version_name"]) == (version["version_id"], "V001")
    assert (details["dataset_version_count"], details["next_version_num"]) == (1, 2)


def test_version_without_labels_is_unlabeled_and_not_validated(api: Api, bucket: Path) -> None:
    (bucket / "in/1.png").write_bytes(picture())
    version = api.publish(api.dataset())
    assert (version["label_type"], version["data_validate"]) == ("unlabeled", False)


def test_version_ignores_later_changes(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset()
    sample_id = api.ids(dataset_id)["a.png"]
    api.label(dataset_id, {sample_id: [{"name": "old"}]})
    version_id = api.publish(dataset_id)["version_id"]
    api.label(dataset_id, {sample_id: [{"name": "new"}]})
    (bucket / "in/b.png").write_bytes(picture())
    poll(lambda: api.samples(dataset_id)["sample_count"] == 2)
    frozen = api.samples(dataset_id, f"?version_id={version_id}")
    assert [(s["sample_id"], s["labels"][0]["name"]) for s in frozen["samples"]] == [(sample_id, "old")]
    labels = api.call("GET", f"/{dataset_id}/data-annotations/labels?version_id={version_id}")["labels"]
    assert [label["name"] for label in labels] == ["old"]
    assert api.publish(dataset_id)["is_current"] is True
    api.call("PUT", f"/{dataset_id}", json={"current_version_id": version_id})
    api.ready(dataset_id)
    assert [s["labels"][0]["name"] for s in api.samples(dataset_id)["samples"] if s["labels"]] == ["old"]
    assert api.call("GET", f"/{dataset_id}")["current_version_id"] == version_id


def test_publish_of_detection_writes_voc_files(api: Api, bucket: Path) -> None:
    for folder in ("x", "y"):
        (bucket / "in" / folder).mkdir()
        (bucket / f"in/{folder}/a.png").write_bytes(picture(40, 30))
    dataset_id = api.dataset(dataset_type=1)
    for sample in api.samples(dataset_id)["samples"]:
        name = sample["sample_dir"].strip("/").rpartition("/")[2]
        api.label(dataset_id, {sample["sample_id"]: [{"name": f"<{name}>", "property": BOX}]})
    version = api.publish(dataset_id)
    found = {}
    for line in manifest(bucket, version):
        (annotation,) = line["annotation"]
        assert (annotation["type"], annotation["annotation-format"]) == ("modelarts/object_detection", "PASCAL VOC")
        assert "/annotation/V001/annotation/" in annotation["annotation-loc"]
        read = voc.read(local(bucket, annotation["annotation-loc"]).read_bytes())
        assert (read.filename, read.shape) == ("a.png", (40, 30, 3))
        found[read.labels[0].name] = read.labels[0].property
    assert found == {"<x>": BOX, "<y>": BOX}


def test_publish_with_a_split_has_every_label_in_both_parts(api: Api, bucket: Path) -> None:
    for number in range(20):
        (bucket / f"in/{number}.png").write_bytes(picture())
    dataset_id = api.dataset()
    labels = {i: [{"name": "even" if int(name[:-4]) % 2 else "odd"}] for name, i in api.ids(dataset_id).items()}
    api.label(dataset_id, labels)
    one, two = (api.publish(dataset_id, train_evaluate_sample_ratio="0.8") for _ in range(2))
    usage = {line["id"]: line["usage"] for line in manifest(bucket, one)}
    assert usage == {line["id"]: line["usage"] for line in manifest(bucket, two)}
    for name in ("even", "odd"):
        sides = [usage[i] for i, label in labels.items() if label[0]["name"] == name]
        assert (sides.count("TRAIN"), sides.count("EVAL")) == (8, 2)
    assert one["train_evaluate_sample_ratio"] == "0.8"
    assert [v["version_name"] for v in api.call("GET", f"/{dataset_id}/versions")["versions"]] == ["V002", "V001"]
    assert api.call("GET", f"/{dataset_id}/versions?train_evaluate_ratio=0.9,1.0")["total_number"] == 0
    assert api.call("GET", f"/{dataset_id}/versions?status=1")["total_number"] == 2


def test_publish_with_export_images_copies_the_images(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    version = api.publish(api.dataset(), export_images=True)
    assert (local(bucket, version["data_path"]) / "a.png").read_bytes() == picture()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"version_name": "V/1"}, 400, "ModelArts.4396"),
        ({"version_name": "x" * 33}, 400, "ModelArts.4396"),
        ({"description": "a<b"}, 400, "ModelArts.4396"),
        ({"train_evaluate_sample_ratio": "2"}, 400, "ModelArts.4396"),
        ({"train_evaluate_sample_ratio": "x"}, 400, "ModelArts.4396"),
        ({"train_evaluate_sample_ratio": "0.8"}, 400, "ModelArts.4711"),
        ({"version_format": "CSV"}, 501, "ModelArts.4383"),
        ({"version_name": "taken"}, 400, "ModelArts.4371"),
    ],
)
def test_publish_that_is_refused_leaves_no_version(
    api: Api, bucket: Path, body: dict[str, str], status: int, code: str
) -> None:
    dataset_id = api.dataset()
    api.publish(dataset_id, version_name="taken")
    assert api.refused("POST", f"/{dataset_id}/versions", status, json=body) == code
    assert api.call("GET", f"/{dataset_id}/versions")["total_number"] == 1
    assert api.ready(dataset_id)["next_version_num"] == 2


def test_delete_version_keeps_its_files(api: Api, bucket: Path) -> None:
    dataset_id = api.dataset()
    version = api.publish(dataset_id)
    path = f"/{dataset_id}/versions/{version['version_id']}"
    api.call("DELETE", path, 204)
    assert api.refused("GET", path) == "ModelArts.4353"
    assert api.refused("DELETE", path) == "ModelArts.4353"
    assert local(bucket, version["manifest_path"]).exists()
    assert api.refused("GET", f"/{dataset_id}/data-annotations/samples?version_id={version['version_id']}")


def test_switch_that_is_refused_changes_nothing(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "x"}])
    first = api.publish(dataset_id)["version_id"]
    api.publish(dataset_id)
    api.session.put(f"{api.url}/_emulator/transitions", json={"publish": {"mode": "hold"}}, timeout=10)
    api.call("POST", f"/{dataset_id}/versions", 201, json={})
    before = api.call("GET", f"/{dataset_id}")
    body = {"dataset_name": "renamed", "description": "new", "current_version_id": first}
    assert api.refused("PUT", f"/{dataset_id}", json=body) == "ModelArts.4343"
    assert api.call("GET", f"/{dataset_id}") == before


def test_next_task_starts_as_soon_as_the_previous_one_reports_its_end(api: Api, bucket: Path) -> None:
    """A client that reads the final status can start the next task without a delay."""
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(labels=[{"name": "x"}])
    [sample_id] = api.ids(dataset_id).values()
    for number in range(60):
        version = api.call("POST", f"/{dataset_id}/versions", 201, json={})["version_id"]
        while api.call("GET", f"/{dataset_id}/versions/{version}")["status"] == 0:
            pass
        api.label(dataset_id, {sample_id: [{"name": f"{number}"}]})
        api.call("POST", f"/{dataset_id}/sync-data")
        while api.call("GET", f"/{dataset_id}/sync-data/status")["status"] != "COMPLETED":
            pass
