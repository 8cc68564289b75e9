"""COCO documents and YOLO trees, made as other tools make them, imported over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.imports import imported
from tests.helpers.pictures import picture


def found(api: Api, dataset_id: str) -> dict[str, list[Any]]:
    return {
        sample["sample_name"]: [
            (label["name"], label["property"]["@modelarts:shape"], label["property"]["@modelarts:feature"])
            for label in sample["labels"]
        ]
        for sample in api.samples(dataset_id)["samples"]
    }


def coco(annotations: list[Any], images: list[str]) -> str:
    return json.dumps(
        {
            "info": {"description": "made for a test"},
            "images": [{"id": n, "file_name": name, "width": 32, "height": 24} for n, name in enumerate(images, 1)],
            "categories": [{"id": 7, "name": "Katze ü", "supercategory": "animal"}, {"id": 9, "name": "dog"}],
            "annotations": [{"id": n, "iscrowd": 0, **each} for n, each in enumerate(annotations, 1)],
        }
    )


def test_import_of_a_coco_document_reads_its_boxes_and_polygons(api: Api, bucket: Path) -> None:
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        write(bucket, f"else/images/{name}", picture(kind="JPEG"))
    annotations = [
        {"image_id": 1, "category_id": 7, "bbox": [1, 2, 10, 12.5], "segmentation": []},
        {"image_id": 1, "category_id": 9, "bbox": [1, 1, 9, 9], "segmentation": [[1, 1, 10, 1, 10, 10, 5, 9]]},
        {"image_id": 2, "category_id": 9, "bbox": [0, 0, 5, 5], "segmentation": [[0, 0, 5, 0, 5, 5, 0, 5]]},
        {"image_id": 2, "category_id": 3, "bbox": [0, 0, 5, 5]},
        {"image_id": 2, "category_id": 9, "bbox": [0, 0, "x", 5]},
        {"image_id": 9, "category_id": 9, "bbox": [0, 0, 5, 5]},
        {"image_id": 4, "category_id": 9, "bbox": [0, 0, 5, 5]},
    ]
    document = coco(annotations, ["images/1.jpg", "2.jpg", "3.jpg", "../../../etc/passwd.jpg"])
    write(bucket, "else/annotations/instances.json", document)
    dataset_id = api.dataset(dataset_type=1)
    task = imported(api, dataset_id, "/bucket/else/", annotation_format="COCO")
    assert task["status"] == "COMPLETED"
    assert "4 skipped" in task["error_msg"]
    assert found(api, dataset_id) == {
        "1.jpg": [
            ("Katze ü", "bndbox", [[1, 2], [11, 14.5]]),
            ("dog", "polygon", [[1, 1], [10, 1], [10, 10], [5, 9]]),
        ],
        "2.jpg": [("dog", "bndbox", [[0, 0], [5, 5]])],
        "3.jpg": [],
    }


def test_import_of_a_yolo_tree_reads_its_boxes(api: Api, bucket: Path) -> None:
    for name in ("obj_train_data/1.jpg", "obj_valid_data/2.jpg", "obj_train_data/3.jpg", "obj_train_data/4.jpg"):
        write(bucket, f"else/yolo/{name}", picture(100, 50, kind="JPEG"))
    write(bucket, "else/yolo/obj.data", "classes = 2\r\nnames = obj.names\ntrain = train.txt\nvalid = valid.txt\n")
    write(bucket, "else/yolo/obj.names", "cat\nHund ü\n")
    write(bucket, "else/yolo/train.txt", "obj_train_data/1.jpg\nobj_train_data/3.jpg\n../../in/x.jpg\n")
    write(bucket, "else/yolo/valid.txt", "./obj_valid_data/2.jpg\n")
    write(bucket, "else/yolo/obj_train_data/1.txt", "0 0.5 0.5 0.2 0.4\n1 0.25 0.4 0.3 0.4\n")
    write(bucket, "else/yolo/obj_train_data/3.txt", "0 nan 0.5 0.2 0.4\n")
    dataset_id = api.dataset(dataset_type=1)
    task = imported(api, dataset_id, "/bucket/else/")
    assert "2 skipped" in task["error_msg"], task
    assert found(api, dataset_id) == {
        "1.jpg": [("cat", "bndbox", [[40, 15], [60, 35]]), ("Hund ü", "bndbox", [[10, 10], [40, 30]])],
        "2.jpg": [],
        "3.jpg": [],
    }
    version = api.publish(dataset_id, remove_sample_usage=False)
    lines = [json.loads(text) for text in (bucket / version["manifest_path"][8:]).read_text().splitlines()]
    assert {line["source"][-5:]: line["usage"] for line in lines} == {
        "1.jpg": "TRAIN",
        "2.jpg": "EVAL",
        "3.jpg": "TRAIN",
    }
