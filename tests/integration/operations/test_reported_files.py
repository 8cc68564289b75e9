"""Label files as users of other tools have reported them: read, or named in the message, never skipped silently."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.imports import imported
from tests.helpers.pictures import picture

PICTURE = picture(100, 80)
DETECTION, SEGMENTATION = 1, 3
TRIANGLE = [10, 10, 50, 10, 50, 50]
BOX, POLYGON = ["bndbox", [[10, 10], [30, 30]]], ["polygon", [[10, 10], [50, 10], [50, 50]]]


def coco(file_name: str = "a.png", *, category: Any = 1, image: Any = 1, **annotation: Any) -> str:
    """Return a COCO document with one annotation; other members replace those of the annotation."""
    return json.dumps(
        {
            "images": [{"id": image, "file_name": file_name, "width": 100, "height": 80}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "iscrowd": 0, **annotation}
            ],
            "categories": [{"id": category, "name": "cat"}],
        }
    )


def labelme(points: list[list[float]], shape: str | None = "rectangle", path: str = "a.png") -> str:
    shapes = [{"label": "cat", "points": points, "shape_type": shape, "group_id": None, "flags": {}}]
    return json.dumps({"version": "5.0", "shapes": shapes, "imagePath": path, "imageHeight": 80, "imageWidth": 100})


Files = dict[str, str | bytes]
READ: dict[str, tuple[int, Files, list[Any]]] = {
    "coco polygon without the list around it": (DETECTION, {"c.json": coco(segmentation=TRIANGLE)}, POLYGON),
    "coco polygon without a box": (DETECTION, {"c.json": coco(segmentation=TRIANGLE, bbox=[])}, POLYGON),
    "coco polygons for segmentation": (SEGMENTATION, {"c.json": coco(segmentation=[TRIANGLE])}, POLYGON),
    "coco with an empty polygon": (DETECTION, {"c.json": coco(segmentation=[])}, BOX),
    "coco with a mask as run lengths": (
        DETECTION,
        {"c.json": coco(segmentation={"counts": [1], "size": [80, 100]})},
        BOX,
    ),
    "coco path of Windows": (DETECTION, {"annotations/c.json": coco("..\\a.png")}, BOX),
    "coco ids as texts": (DETECTION, {"c.json": coco(category="1", image_id="1")}, BOX),
    "coco in UTF-16": (DETECTION, {"c.json": coco().encode("utf-16")}, BOX),
    "labelme path of Windows in another folder": (
        DETECTION,
        {"json/a.json": labelme([[10, 10], [30, 30]], path="..\\img\\a.png")},
        BOX,
    ),
    "labelme corners in another order": (DETECTION, {"a.json": labelme([[30, 10], [10, 30]])}, BOX),
    "labelme rectangle of four corners": (
        DETECTION,
        {"a.json": labelme([[10, 10], [30, 10], [30, 30], [10, 30]])},
        BOX,
    ),
    "labelme rectangle that is turned": (
        DETECTION,
        {"a.json": labelme([[10, 10], [30, 12], [28, 30], [8, 28]], "rotation")},
        ["polygon", [[10, 10], [30, 12], [28, 30], [8, 28]]],
    ),
    "labelme shape without a type": (DETECTION, {"a.json": labelme([[10, 10], [50, 10], [50, 50]], None)}, POLYGON),
    "classes in GBK": (
        DETECTION,
        {"a.txt": "1 0.2 0.25 0.2 0.25\n", "classes.txt": "\u732b\ncat\n".encode("gbk")},
        BOX,
    ),
    "data.yaml in GBK": (
        DETECTION,
        {"labels/a.txt": "1 0.2 0.25 0.2 0.25\n", "data.yaml": "names: [\u732b\u54aa, cat]\n".encode("gbk")},
        BOX,
    ),
    "YOLO of Label Studio": (
        DETECTION,
        {"labels/a.txt": "0 0.2 0.25 0.2 0.25\n", "classes.txt": "cat\n", "notes.json": '{"categories": []}'},
        BOX,
    ),
    "YOLO box that rounding has made too large": (
        DETECTION,
        {"a.txt": "0 0.5 0.5 1.004 0.5\n", "classes.txt": "cat\n"},
        ["bndbox", [[0, 20], [100, 60]]],
    ),
    "YOLO point that rounding has moved outside": (
        DETECTION,
        {"a.txt": "0 0.1 0.125 1.0021 0.125 0.5 0.5\n", "classes.txt": "cat\n"},
        ["polygon", [[10, 10], [100, 10], [50, 40]]],
    ),
}

REPORTED: dict[str, tuple[int, Files, str]] = {
    "boxes of COCO for segmentation": (SEGMENTATION, {"c.json": coco()}, "a.png: 1 annotations have no polygon"),
    "CSV of TensorFlow": (
        DETECTION,
        {"_annotations.csv": "filename,class,xmin,ymin,xmax,ymax\na.png,cat,1,1,9,9\n"},
        "_annotations.csv: this label file is not used",
    ),
    "JSON of the VGG annotator": (
        DETECTION,
        {"via_region_data.json": json.dumps({"a.png1": {"filename": "a.png", "regions": []}})},
        "via_region_data.json: not a readable COCO document: it has neither images nor annotations nor categories",
    ),
    "JSON of Label Studio": (DETECTION, {"export.json": '[{"annotations": []}]'}, "export.json: not a readable COCO"),
    "XML of CVAT": (DETECTION, {"annotations.xml": "<annotations/>"}, "annotations.xml: this label file is not used"),
    "YOLO pixels instead of fractions": (
        DETECTION,
        {"a.txt": "0 20 20 10 10\n", "classes.txt": "cat\n"},
        "must be between 0 and 1",
    ),
    "YOLO polygon far outside": (
        DETECTION,
        {"a.txt": "0 0.1 0.1 1.2 0.1 0.5 0.5\n", "classes.txt": "cat\n"},
        "the polygon is outside the picture",
    ),
}


def imported_labels(api: Api, bucket: Path, kind: int, files: Files) -> tuple[list[Any], str]:
    """Import files and a picture; return shape and points of its labels, and the task's message."""
    folder = "images" if any(name.startswith("labels/") for name in files) else "img"
    picture_path = f"{folder}/a.png" if any("/" in name for name in files) else "a.png"
    for name, content in ({picture_path: PICTURE} | files).items():
        write(bucket, f"else/{name}", content)
    dataset_id = api.dataset(dataset_type=kind)
    task = imported(api, dataset_id, "/bucket/else/", import_type="dir")
    assert task["status"] == "COMPLETED", task
    (sample,) = api.samples(dataset_id)["samples"]
    assert all(label["name"] == "cat" for label in sample["labels"])
    shapes = [label["property"] for label in sample["labels"]]
    return [[each["@modelarts:shape"], each["@modelarts:feature"]] for each in shapes], task.get("error_msg", "")


@pytest.mark.parametrize("name", READ)
def test_import_of_a_file_of_another_tool_reads_its_label(api: Api, bucket: Path, name: str) -> None:
    kind, files, wanted = READ[name]
    assert imported_labels(api, bucket, kind, files) == ([wanted], "")


@pytest.mark.parametrize("name", REPORTED)
def test_import_of_a_file_that_cannot_be_used_names_it(api: Api, bucket: Path, name: str) -> None:
    kind, files, wanted = REPORTED[name]
    labels, message = imported_labels(api, bucket, kind, files)
    assert labels == []
    assert wanted in message
