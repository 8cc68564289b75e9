"""Videos and their frames: imported by manifest, searched, published, and imported again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.helpers.api import Api
from tests.helpers.bucket_files import write, write_manifest
from tests.helpers.imports import imported
from tests.helpers.pictures import picture

XML = b"""<annotation><filename>clip_t1.473722.jpg</filename><object><name>ball</name>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>12</ymax></bndbox></object></annotation>"""
BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}


def frame(number: int, time: float) -> dict[str, Any]:
    return {
        "annotation": [
            {
                "annotation-format": "PASCAL VOC",
                "type": "modelarts/object_detection",
                "annotation-loc": "s3://bucket/far/ball.xml",
                "creation-time": "2020-10-09 14:08:24",
                "annotated-by": "human",
            }
        ],
        "usage": "train",
        "property": {
            "@modelarts:parent_duration": 8,
            "@modelarts:parent_source": "s3://bucket/far/clip.mp4",
            "@modelarts:time_in_video": time,
        },
        "source": f"s3://bucket/far/clip_t{number}.jpg",
        "sample-type": 0,
    }


def search(api: Api, dataset_id: str, **condition: Any) -> list[Any]:
    found = api.samples(dataset_id, f"?limit=100&search_conditions={quote(json.dumps(condition))}")["samples"]
    return sorted(found, key=lambda sample: str(sample["sample_name"]))


def test_import_of_video_frames_adds_their_video(api: Api, bucket: Path) -> None:
    write(bucket, "far/ball.xml", XML)
    write(bucket, "far/clip.mp4", b"no real video")
    for number in (1, 2):
        write(bucket, f"far/clip_t{number}.jpg", picture(kind="JPEG"))
    manifest = write_manifest(bucket, [frame(1, 1.473722), frame(2, 2.5)])
    dataset_id = api.dataset(dataset_type=600)
    task = imported(api, dataset_id, manifest)
    assert (task["status"], task["imported_sample_count"], task["imported_sub_sample_count"]) == ("COMPLETED", 2, 2), (
        task
    )
    (video,) = api.samples(dataset_id, "?sample_type=6")["samples"]
    frames = search(api, dataset_id, parent_sample_id=video["sample_id"])
    assert [sample["sample_name"] for sample in frames] == ["clip_t1.jpg", "clip_t2.jpg"]
    assert frames[0]["labels"] == [{"name": "ball", "type": 600, "property": BOX}]
    assert frames[0]["sample_type"] == 0
    assert frames[0]["metadata"]["@modelarts:time_in_video"] == 1.473722
    assert [s["sample_name"] for s in search(api, dataset_id, time_in_video="2.5")] == ["clip_t2.jpg"]
    details = api.ready(dataset_id)
    assert (details["total_sample_count"], details["total_sub_sample_count"]) == (3, 2)
    version = api.publish(dataset_id)
    lines = [json.loads(text) for text in (bucket / version["manifest_path"][8:]).read_text().splitlines()]
    line = next(line for line in lines if line["source"].endswith("clip_t1.jpg"))
    assert line["property"]["@modelarts:parent_source"] == "s3://bucket/in/clip.mp4"
    assert line["annotation"][0]["annotation-loc"].endswith("/annotation/V001/annotation/clip_t1.xml")
    (bucket / "new").mkdir()
    other = api.dataset(dataset_name="other", dataset_type=600, data_sources=[{"data_path": "/bucket/new/"}])
    again = imported(api, other, version["manifest_path"])
    assert (again["imported_sample_count"], again["imported_sub_sample_count"]) == (3, 2)
    parent = next(s["sample_id"] for s in api.samples(other)["samples"] if s["sample_name"] == "clip.mp4")
    found = search(api, other, parent_sample_id=parent)
    assert [(s["sample_name"], s["labels"]) for s in found] == [(s["sample_name"], s["labels"]) for s in frames]


def test_import_of_a_frame_without_its_video_skips_it(api: Api, bucket: Path) -> None:
    write(bucket, "far/ball.xml", XML)
    write(bucket, "far/clip_t1.jpg", picture(kind="JPEG"))
    dataset_id = api.dataset(dataset_type=600)
    task = imported(api, dataset_id, write_manifest(bucket, [frame(1, 1.5)]))
    assert (task["status"], task["imported_sample_count"]) == ("FAILED", 0)
    assert "clip.mp4" in task["error_msg"]
