"""Pictures with an EXIF orientation: size, boxes, label files and thumbnails are all those of the stored pixels."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.formats import yolo
from modelarts_emulator.media.images import read_header
from modelarts_emulator.store.records import SampleRecord
from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.imports import imported
from tests.helpers.pictures import turned_picture
from tests.helpers.polling import poll

DETECTION = 1
SHAPE, FEATURE = "@modelarts:shape", "@modelarts:feature"
RED = [[0, 0], [60, 40]]
"""The red quarter of a picture of 120 x 80 stored pixels."""
RIGHT = [[90, 10], [110, 30]]
"""A box within the stored pixels, and outside the turned picture."""


def box(feature: list[list[int]]) -> dict[str, Any]:
    return {"name": "a", "type": 1, "property": {SHAPE: "bndbox", FEATURE: feature}}


def boxes(api: Api, dataset_id: str) -> list[Any]:
    (sample,) = api.samples(dataset_id)["samples"]
    assert sample["metadata"]["@modelarts:size"] == [120, 80, 3]
    return [label["property"][FEATURE] for label in sample["labels"]]


def empty_dataset(api: Api, bucket: Path) -> str:
    (bucket / "new").mkdir()
    sources = [{"data_path": "/bucket/new/"}]
    return api.dataset(dataset_name="other", dataset_type=DETECTION, data_sources=sources)


@pytest.fixture(params=[1, 3, 6, 8])
def orientation(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def dataset_id(api: Api, bucket: Path, orientation: int) -> str:
    """One picture with two boxes."""
    write(bucket, "in/phone.jpg", turned_picture(orientation))
    identity = api.dataset(dataset_type=DETECTION, labels=[{"name": "a"}])
    api.label(identity, {api.ids(identity)["phone.jpg"]: [box(RED), box(RIGHT)]})
    return identity


def test_turned_picture_has_its_stored_size_and_takes_boxes_in_it(api: Api, dataset_id: str) -> None:
    assert boxes(api, dataset_id) == [RED, RIGHT]
    outside = api.label(dataset_id, {api.ids(dataset_id)["phone.jpg"]: [box([[10, 90], [30, 110]])]})
    assert outside["success"] is False
    assert boxes(api, dataset_id) == [RED, RIGHT]


def test_uploaded_turned_picture_has_its_stored_size(api: Api, orientation: int) -> None:
    identity = api.dataset(dataset_type=DETECTION)
    data = base64.b64encode(turned_picture(orientation)).decode()
    sample = {"name": "up.jpg", "data": data, "labels": [box(RIGHT)]}
    api.call("POST", f"/{identity}/data-annotations/samples", json={"samples": [sample]})
    assert boxes(api, identity) == [RIGHT]


def test_thumbnail_of_a_turned_picture_has_the_stored_pixels(api: Api, dataset_id: str) -> None:
    (sample,) = api.samples(dataset_id, "?process_parameter=image/resize,m_lfit,h_40")["samples"]
    with Image.open(io.BytesIO(api.session.get(sample["source"], timeout=20).content)) as image:
        assert image.size == (60, 40)
        assert not image.getexif()  # a viewer would turn it, and boxes would be beside their objects
        assert image.getpixel((15, 10))[1] < 100 < image.getpixel((45, 10))[1]  # type: ignore[index]
    described = api.session.get(
        sample["source"].partition("?")[0], params={"x-image-process": "image/info"}, timeout=20
    )
    assert (described.json()["width"], described.json()["height"]) == (120, 80)


def test_published_voc_of_a_turned_picture_is_read_again(api: Api, bucket: Path, dataset_id: str) -> None:
    version = api.publish(dataset_id)
    manifest = bucket / version["manifest_path"].removeprefix("/bucket/")
    (line,) = [json.loads(text) for text in manifest.read_text().splitlines()]
    location = line["annotation"][0]["annotation-loc"].removeprefix("s3://bucket/")
    root = ElementTree.parse(bucket / location).getroot()
    assert [root.findtext(f"size/{side}") for side in ("width", "height")] == ["120", "80"]
    other = empty_dataset(api, bucket)
    imported(api, other, version["manifest_path"], import_type="manifest")
    assert boxes(api, other) == [RED, RIGHT]


@pytest.mark.parametrize("form", ["VOC", "COCO"])
def test_export_of_a_turned_picture_is_imported_with_the_same_boxes(
    api: Api, bucket: Path, dataset_id: str, form: str
) -> None:
    body = {"path": "/bucket/exported/", "export_type": 2, "annotation_format": form}
    task_id = api.call("POST", f"/{dataset_id}/export-tasks", json=body)["task_id"]
    place = f"/{dataset_id}/export-tasks/{task_id}"
    poll(lambda: api.call("GET", place)["status"] == "SUCCESSED", "the export's end")
    for document in (bucket / "exported").rglob("*.json"):
        (described,) = json.loads(document.read_text())["images"]
        assert (described["width"], described["height"]) == (120, 80)
    for document in (bucket / "exported").rglob("*.xml"):
        assert ElementTree.parse(document).getroot().findtext("size/width") == "120"
    other = empty_dataset(api, bucket)
    imported(api, other, "/bucket/exported/", annotation_format=form)
    assert boxes(api, other) == [RED, RIGHT]


def test_yolo_files_of_a_turned_picture_are_in_stored_pixels(api: Api, bucket: Path, orientation: int) -> None:
    write(bucket, "else/obj_train_data/phone.jpg", turned_picture(orientation))
    place = bucket / "else/obj_train_data/phone.jpg"
    labels = [SampleLabel(**box(feature)) for feature in (RED, RIGHT)]
    record = SampleRecord(id="1", path="bucket/phone.jpg", type=0, time=0, shape=read_header(place), labels=labels)
    yolo.write([record], lambda name, data: write(bucket, f"else/{name}", data))
    lines = (bucket / "else/obj_train_data/phone.txt").read_text().splitlines()
    assert lines[0] == "0 0.250000 0.250000 0.500000 0.500000"
    other = empty_dataset(api, bucket)
    imported(api, other, "/bucket/else/")
    assert [[[round(value) for value in point] for point in found] for found in boxes(api, other)] == [RED, RIGHT]
