"""Imports over HTTP: directories and manifests, filters, files that are copied or in the input already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.formats import voc
from modelarts_emulator.store import SampleRecord
from tests.helpers.api import Api, labels
from tests.helpers.bucket_files import write, write_manifest
from tests.helpers.imports import ended, imported
from tests.helpers.pictures import picture

BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}


def test_import_of_label_folders_copies_files_and_labels(api: Api, bucket: Path) -> None:
    for path, colour in (("cat/1.png", 1), ("cat/2.png", 2), ("dog/deep/1.png", 3), ("loose.png", 4)):
        write(bucket, f"else/{path}", picture(colour=(colour, 0, 0)))
    write(bucket, "else/cat/notes.md", "no picture")
    dataset_id = api.dataset()
    task = imported(api, dataset_id, "s3://bucket/else/", import_type="dir")
    assert task["status"] == "COMPLETED", task
    assert task["task_id"].startswith(f"{dataset_id}_")
    assert (task["import_path"], task["import_type"]) == ("obs://bucket/else/", 0)
    assert (task["total_sample_count"], task["imported_sample_count"], task["annotated_sample_count"]) == (4, 4, 3)
    size = sum((bucket / "else" / p).stat().st_size for p in ("cat/1.png", "cat/2.png", "dog/deep/1.png", "loose.png"))
    assert (task["finished_file_count"], task["total_file_count"]) == (4, 4)
    assert (task["finished_file_size"], task["total_file_size"]) == (size, size)
    found = {s["sample_dir"] + s["sample_name"]: s for s in api.samples(dataset_id)["samples"]}
    assert {path: [i["name"] for i in s["labels"]] for path, s in found.items()} == {
        "/bucket/in/cat/1.png": ["cat"],
        "/bucket/in/cat/2.png": ["cat"],
        "/bucket/in/dog/deep/1.png": ["deep"],
        "/bucket/in/loose.png": [],
    }
    assert found["/bucket/in/cat/1.png"]["metadata"]["@modelarts:size"] == [32, 24, 3]
    assert (bucket / "in/cat/1.png").read_bytes() == (bucket / "else/cat/1.png").read_bytes()
    details = api.ready(dataset_id)
    assert (details["total_sample_count"], details["annotated_sample_count"]) == (4, 3)
    assert details["import_task_id"] == task["task_id"]
    assert {label["name"] for label in api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]} == {
        "cat",
        "deep",
    }


def test_import_of_a_taken_name_copies_only_other_content(api: Api, bucket: Path) -> None:
    write(bucket, "else/1.png", picture(colour=(1, 0, 0)))
    write(bucket, "other/1.png", picture(colour=(2, 0, 0)))
    dataset_id = api.dataset()
    imported(api, dataset_id, "/bucket/else/", import_folder="new")
    imported(api, dataset_id, "/bucket/else/", import_folder="new")
    assert [p.name for p in (bucket / "in/new").iterdir()] == ["1.png"]
    for _ in range(2):
        imported(api, dataset_id, "/bucket/other/", import_folder="new")
    assert len(list((bucket / "in/new").iterdir())) == 2
    assert api.samples(dataset_id)["sample_count"] == 2


def test_import_of_images_with_label_files_reads_the_labels(api: Api, bucket: Path) -> None:
    for name, text in (("1", "Rabbit\n"), ("2", "\ufeffRabbit\r\nPanda\r\n")):
        write(bucket, f"else/dir/{name}.jpg", picture(kind="JPEG"))
        write(bucket, f"else/dir/{name}.txt", text)
    dataset_id = api.dataset()
    imported(api, dataset_id, "/bucket/else/")
    assert labels(api, dataset_id) == {"1.jpg": ["Rabbit"], "2.jpg": ["Rabbit", "Panda"]}


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({"included_labels": [{"name": "cat"}]}, {"1.png": ["cat"]}),
        ({"included_labels": [{"name": "cat", "type": 0}]}, {"1.png": ["cat"]}),
        ({"included_labels": [{"name": "cat", "type": 1}]}, {}),
        ({"included_labels": ["cat", {"name": "dog"}]}, {"1.png": ["cat"], "2.png": ["dog"]}),
        ({"excluded_labels": ["cat"]}, {"2.png": ["dog"], "3.png": []}),
        ({"excluded_labels": [{"name": "cat", "type": 1}]}, {"1.png": ["cat"], "2.png": ["dog"], "3.png": []}),
        ({"included_tags": ["cat"]}, {"1.png": ["cat"]}),
        ({"excluded_labels": [{"name": "cat"}]}, {"2.png": ["dog"], "3.png": []}),
        ({"excluded_tags": ["cat", "dog"]}, {"3.png": []}),
        ({"import_annotations": False}, {"1.png": [], "2.png": [], "3.png": []}),
        ({"import_samples": False}, {}),
    ],
)
def test_import_with_label_filters_takes_matching_samples(api: Api, bucket: Path, members: Any, wanted: Any) -> None:
    for path in ("cat/1.png", "dog/2.png", "3.png"):
        write(bucket, f"else/{path}", picture())
    dataset_id = api.dataset()
    imported(api, dataset_id, "/bucket/else/", **members)
    assert labels(api, dataset_id) == wanted


def test_import_without_samples_labels_stored_samples_only(api: Api, bucket: Path) -> None:
    write(bucket, "in/cat/1.png", picture())
    for name in ("1.png", "2.png"):
        write(bucket, f"else/cat/{name}", picture())
    dataset_id = api.dataset()
    task = imported(api, dataset_id, "/bucket/else/", import_samples=False)
    assert task["imported_sample_count"] == 1
    assert labels(api, dataset_id) == {"1.png": ["cat"]}
    assert not (bucket / "in/cat/2.png").exists()


def test_import_of_unconfirmed_labels_sets_auto_annotation(api: Api, bucket: Path) -> None:
    write(bucket, "else/cat/1.png", picture())
    dataset_id = api.dataset()
    task = imported(api, dataset_id, "/bucket/else/", final_annotation=False)
    assert (task["annotated_sample_count"], task["unconfirmed_sample_count"]) == (0, 1)
    (sample,) = api.samples(dataset_id, "?sample_state=AUTO_ANNOTATION")["samples"]
    assert sample["sample_status"] == "AUTO_ANNOTATION"
    assert api.ready(dataset_id)["unconfirmed_sample_count"] == 1


def test_import_of_a_manifest_skips_unusable_lines(api: Api, bucket: Path) -> None:
    write(bucket, "in/1.png", picture())
    write(bucket, "far/2.png", picture(40, 30))
    good = {
        "source": "s3://bucket/in/1.png",
        "usage": "train",
        "hard": "true",
        "hard-coefficient": 0.8,
        "annotation": [
            {
                "type": "modelarts/image_classification",
                "name": "cat",
                "property": {"color": "white"},
                "hard": "true",
                "hard-coefficient": 0.5,
                "annotated-by": "human",
                "creation-time": "2019-01-23 11:30:30",
                "confidence": 0.9,
            }
        ],
    }
    path = write_manifest(
        bucket,
        [
            good,
            "{no json",
            {"source": "s3://bucket/far/2.png", "annotation": [{"type": "image_classification", "name": "dog"}]},
            {"source": "s3://bucket/far/3.png"},
            {"source": "s3://bucket/../../etc/passwd.png"},
            {"source": "obs://bucket/far/2.png", "annotation": [{"type": "modelarts/text_entity", "name": "x"}]},
            {"source": "content://a text"},
            {"source": "s3://bucket/in/1.png", "annotation": [{"type": "modelarts/image_classification"}]},
        ],
    )
    dataset_id = api.dataset()
    task = imported(api, dataset_id, path, import_type="manifest")
    assert (task["status"], task["error_code"]) == ("COMPLETED", "ModelArts.4362")
    assert "6 skipped" in task["error_msg"]
    assert "line 2" in task["error_msg"]
    assert (task["total_sample_count"], task["imported_sample_count"], task["annotated_sample_count"]) == (8, 2, 2)
    found = {s["sample_name"]: s for s in api.samples(dataset_id)["samples"]}
    assert set(found) == {"1.png", "2.png"}
    one = found["1.png"]
    assert (one["metadata"]["@modelarts:hard"], one["metadata"]["@modelarts:hard_coefficient"]) == (1.0, 0.8)
    assert one["labels"] == [
        {
            "name": "cat",
            "type": 0,
            "score": 0.9,
            "property": {
                "color": "white",
                "@modelarts:hard": "true",
                "@modelarts:hard_coefficient": "0.5",
            },
        }
    ]
    assert found["2.png"]["sample_dir"] == "/bucket/in/"
    assert found["2.png"]["metadata"]["@modelarts:size"] == [40, 30, 3]


def test_import_of_difficult_samples_leaves_out_the_others(api: Api, bucket: Path) -> None:
    lines = []
    for number, hard in ((1, "true"), (2, "false"), (3, None)):
        write(bucket, f"in/{number}.png", picture())
        lines.append(
            {
                "source": f"obs://bucket/in/{number}.png",
                "annotation": [{"type": "modelarts/image_classification", "name": f"n{number}"}],
                **({"hard": hard} if hard else {}),
            }
        )
    dataset_id = api.dataset()
    imported(api, dataset_id, write_manifest(bucket, lines), difficult_only=True)
    assert labels(api, dataset_id) == {"1.png": ["n1"], "2.png": [], "3.png": []}


def test_import_of_voc_files_refuses_boxes_outside_and_keeps_their_pictures(api: Api, bucket: Path) -> None:
    for name, feature in (("good", [[1, 2], [10, 12]]), ("outside", [[1, 2], [100, 12]])):
        write(bucket, f"else/{name}.png", picture())
        sample = SampleRecord(id="", path=f"bucket/else/{name}.png", type=0, time=0, shape=(32, 24, 3))  # type: ignore[arg-type]
        sample.labels = voc.read(_voc(feature)).labels
        write(bucket, f"else/{name}.xml", voc.write(sample))
    write(bucket, "else/bare.png", picture())
    write(bucket, "else/broken.png", picture())
    write(bucket, "else/broken.xml", "<annotation><object></annotation>")
    dataset_id = api.dataset(dataset_type=1)
    task = imported(api, dataset_id, "/bucket/else/", annotation_format="VOC")
    assert "outside.png" in task["error_msg"]
    assert "broken.xml" in task["error_msg"]
    found = {s["sample_name"]: s["labels"] for s in api.samples(dataset_id)["samples"]}
    assert found["good.png"] == [{"name": "cat", "type": 1, "property": BOX}]
    assert found["bare.png"] == found["broken.png"] == found["outside.png"] == []


def _voc(feature: Any) -> bytes:
    (xmin, ymin), (xmax, ymax) = feature
    return f"""<annotation><filename>a</filename><object><name>cat</name>
      <bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>
    </object></annotation>""".encode()


def test_create_over_labelled_files_imports_their_labels(api: Api, bucket: Path) -> None:
    write(bucket, "in/cat/1.png", picture())
    write(bucket, "in/2.png", picture())
    answer = api.call(
        "POST",
        "",
        201,
        json={
            "dataset_name": "one",
            "dataset_type": 0,
            "data_sources": [{"data_path": "/bucket/in/"}],
            "work_path": "/bucket/out/",
            "work_path_type": 0,
        },
    )
    task = ended(api, answer["dataset_id"], answer["import_task_id"])
    assert (task["status"], task["annotated_sample_count"]) == ("COMPLETED", 1)
    details = api.ready(answer["dataset_id"])
    assert (details["total_sample_count"], details["annotated_sample_count"]) == (2, 1)
    assert labels(api, answer["dataset_id"]) == {"1.png": ["cat"], "2.png": []}


def test_first_import_counts_all_input_directories(api: Api, bucket: Path) -> None:
    for name in ("in/cat/1.png", "in/dog/2.png", "more/cat/3.png"):
        write(bucket, name, picture())
    write(bucket, "in/4.png", picture())
    write(bucket, "in/4.txt", "x" * 2_000)
    sources = [{"data_path": "/bucket/in/"}, {"data_path": "/bucket/more/"}]
    dataset_id = api.dataset(data_sources=sources, import_annotations=True)
    (task,) = api.call("GET", f"/{dataset_id}/import-tasks")["import_tasks"]
    counts = ("total_sample_count", "imported_sample_count", "annotated_sample_count", "finished_file_count")
    assert [task[count] for count in counts] == [4, 3, 3, 4]
    assert task["status"] == "COMPLETED" and "4.png" in task["error_msg"]
    assert labels(api, dataset_id) == {"1.png": ["cat"], "2.png": ["dog"], "3.png": ["cat"], "4.png": []}


def test_create_over_unlabelled_files_starts_no_import(api: Api, bucket: Path) -> None:
    write(bucket, "in/2.png", picture())
    body = {
        "dataset_name": "one",
        "data_sources": [{"data_path": "/bucket/in/"}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
    }
    answer = api.call("POST", "", 201, json=body)
    assert "import_task_id" not in answer
    api.ready(answer["dataset_id"])
    assert api.call("GET", f"/{answer['dataset_id']}/import-tasks") == {"total_count": 0, "import_tasks": []}


def test_list_import_tasks_returns_the_newest_first(api: Api, bucket: Path) -> None:
    write(bucket, "else/1.png", picture())
    dataset_id = api.dataset()
    ids = [imported(api, dataset_id, "/bucket/else/")["task_id"] for _ in range(3)]
    page = api.call("GET", f"/{dataset_id}/import-tasks?limit=2")
    assert page["total_count"] == 3
    assert [task["task_id"] for task in page["import_tasks"]] == ids[:0:-1]
    assert [t["task_id"] for t in api.call("GET", f"/{dataset_id}/import-tasks?limit=2&offset=1")["import_tasks"]] == [
        ids[0]
    ]
    unknown = api.call("GET", f"/{dataset_id}/import-tasks/{dataset_id}_nothing")
    assert unknown["status"] == "NOT_EXIST"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({}, "ModelArts.4396"),
        ({"import_path": "/bucket/nothing/"}, "ModelArts.4312"),
        ({"import_path": "/nothing/x/"}, "ModelArts.4311"),
        ({"import_path": "/bucket/"}, "ModelArts.4205"),
        ({"import_path": "bucket/x"}, "ModelArts.4313"),
        ({"import_path": "/bucket/in/"}, "ModelArts.4340"),
        ({"import_path": "/bucket/else/", "import_folder": "../x"}, "ModelArts.4313"),
        ({"import_path": "/bucket/a.manifest", "import_type": "1"}, "ModelArts.4312"),
        ({"import_path": "/bucket/else/", "import_type": "tape"}, "ModelArts.4396"),
        ({"import_path": "/bucket/else/", "data_source": {"data_type": 2}}, "ModelArts.4396"),
    ],
)
def test_import_with_bad_input_is_refused(api: Api, bucket: Path, members: Any, code: str) -> None:
    write(bucket, "else/1.png", picture())
    dataset_id = api.dataset()
    assert api.refused("POST", f"/{dataset_id}/import-tasks", json=members) == code
    assert api.call("GET", f"/{dataset_id}/import-tasks")["total_count"] == 0


def test_import_of_a_manifest_in_utf_16_reads_it(api: Api, bucket: Path) -> None:
    write(bucket, "else/a.png", picture())
    cat = {"type": "modelarts/image_classification", "name": "cat"}
    lines = [{"source": "s3://bucket/else/a.png", "annotation": [cat]}, {"source": "a.png", "annotation": None}]
    write(bucket, "else/m.manifest", "".join(json.dumps(line) + "\r\n" for line in lines).encode("utf-16"))
    dataset_id = api.dataset()
    task = imported(api, dataset_id, "/bucket/else/m.manifest", import_type="manifest")
    assert (task["status"], task["total_sample_count"], task.get("error_msg")) == ("COMPLETED", 2, None)
    assert labels(api, dataset_id) == {"a.png": ["cat"]}
