"""Image segmentation: polygons are labelled, published as VOC files and masks, imported and exported."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

WIDTH, HEIGHT = 40, 30
POLYGON = [[5, 5], [20, 5], [20, 25], [5, 25]]
OTHER = [[15, 10], [35, 10], [35, 20]]
VOC = f"""<annotation><filename>a.png</filename>
<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>
<segmented>1</segmented><mask_source>obs://elsewhere/mask.png</mask_source>
<object><name>bike</name><mask_color>193,243,53</mask_color>
<polygon><x1>5</x1><y1>5</y1><x2>20</x2><y2>5</y2><x3>20</x3><y3>25</y3></polygon></object>
<object><name>box</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""


def polygon(name: str, points: list[list[int]]) -> dict[str, Any]:
    return {"name": name, "property": {"@modelarts:shape": "polygon", "@modelarts:feature": points}}


@pytest.fixture
def dataset_id(api: Api, bucket: Path) -> str:
    """Two pictures, a.png with polygons of two labels; road has a colour and a gray value."""
    for name in ("a.png", "b.png"):
        write(bucket, f"in/{name}", picture(WIDTH, HEIGHT))
    road = {"name": "road", "property": {"@modelarts:color": "#ff8000", "@modelarts:mask_gray_value": 9}}
    identity = api.dataset(dataset_type=3, labels=[{"name": "bike"}, road])
    api.label(identity, {api.ids(identity)["a.png"]: [polygon("bike", POLYGON), polygon("road", OTHER)]})
    return identity


def published(api: Api, bucket: Path, dataset_id: str) -> Path:
    """Publish a version and return its folder."""
    api.publish(dataset_id)
    (manifest,) = (bucket / "out").rglob("*.manifest")
    return manifest.parent


def exported(api: Api, dataset_id: str, **members: Any) -> dict[str, Any]:
    answer = api.call("POST", f"/{dataset_id}/export-tasks", json=members)
    place = f"/{dataset_id}/export-tasks/{answer['task_id']}"
    return poll(lambda: (t := api.call("GET", place))["status"] in ("SUCCESSED", "FAILED") and t, "the export's end")


def mask_values(path: Path) -> dict[int, tuple[int, int, int]]:
    """The gray values of a mask, each with the colour that viewers show."""
    with Image.open(path) as mask:
        assert (mask.mode, mask.size) == ("P", (WIDTH, HEIGHT))
        shown = mask.convert("RGB")
        found = {}
        for x in range(WIDTH):
            for y in range(HEIGHT):
                found[mask.getpixel((x, y))] = shown.getpixel((x, y))
    return found


def test_labels_have_the_type_of_the_dataset(api: Api, dataset_id: str) -> None:
    sample = next(s for s in api.samples(dataset_id)["samples"] if s["sample_name"] == "a.png")
    assert [label["type"] for label in sample["labels"]] == [3, 3]
    assert [label["type"] for label in api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]] == [3, 3]
    stats = api.call("GET", f"/{dataset_id}/data-annotations/stats")
    assert list(stats["grouped_label_stats"]) == ["3"]


@pytest.mark.parametrize(
    ("shape", "feature"),
    [("bndbox", [[1, 1], [5, 5]]), ("polygon", [[1, 1], [5, 5]]), ("polygon", [[1, 1], [5, 5], [WIDTH + 1, 5]])],
)
def test_label_that_is_no_polygon_inside_the_picture_is_refused(
    api: Api, dataset_id: str, shape: str, feature: list[list[int]]
) -> None:
    label = {"name": "bike", "property": {"@modelarts:shape": shape, "@modelarts:feature": feature}}
    samples = [{"sample_id": api.ids(dataset_id)["b.png"], "labels": [label]}]
    answer = api.call("PUT", f"/{dataset_id}/data-annotations/samples", json={"samples": samples})
    assert [result["error_code"] for result in answer["results"]] == ["ModelArts.4413"]
    assert api.samples(dataset_id, "?sample_state=__NONE__")["samples"][0]["sample_name"] == "b.png"


def test_published_version_has_voc_files_and_masks(api: Api, bucket: Path, dataset_id: str) -> None:
    folder = published(api, bucket, dataset_id)
    lines = [json.loads(line) for line in next(folder.glob("*.manifest")).read_text().splitlines()]
    (annotation,) = next(line for line in lines if line["source"].endswith("a.png"))["annotation"]
    assert annotation["type"] == "modelarts/image_segmentation"
    assert annotation["annotation-format"] == "PASCAL VOC"
    assert annotation["annotation-loc"].endswith("/annotation/a.xml")
    root = ElementTree.fromstring((folder / "annotation/a.xml").read_bytes())
    assert root.findtext("segmented") == "1"
    assert root.findtext("mask_source") == f"obs://{folder.relative_to(bucket.parent)}/segmentationClassRaw/a.png"
    assert [item.findtext("mask_color") for item in root.findall("object")] == ["128,0,0", "255,128,0"]
    assert mask_values(folder / "segmentationClassRaw/a.png") == {0: (0, 0, 0), 1: (128, 0, 0), 9: (255, 128, 0)}


def test_published_manifest_can_be_imported(api: Api, bucket: Path, dataset_id: str) -> None:
    folder = published(api, bucket, dataset_id)
    write(bucket, "new/empty.txt", b"")
    other = api.dataset(
        dataset_name="other", dataset_type=3, data_sources=[{"data_type": 0, "data_path": "/bucket/new/"}]
    )
    manifest = next(folder.glob("*.manifest"))
    path = f"/{manifest.relative_to(bucket.parent)}"
    api.call("POST", f"/{other}/import-tasks", json={"import_path": path, "import_type": "manifest"})
    samples = poll(lambda: api.samples(other, "?sample_state=__ALL__")["samples"], "imported labels")
    found = {label["name"]: label["property"]["@modelarts:feature"] for label in samples[0]["labels"]}
    assert found == {"bike": POLYGON, "road": OTHER}
    labels = api.call("GET", f"/{other}/data-annotations/labels")["labels"]
    assert {label["name"]: label["property"]["@modelarts:color"] for label in labels} == {
        "bike": "#800000",
        "road": "#FF8000",
    }


def test_directory_with_voc_files_brings_its_polygons(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.png", picture(WIDTH, HEIGHT))
    write(bucket, "in/a.xml", VOC.encode())
    write(bucket, "in/segmentationClassRaw/a.png", picture(WIDTH, HEIGHT))
    dataset_id = api.dataset(dataset_type=3, import_annotations=True)
    (sample,) = poll(lambda: api.samples(dataset_id, "?sample_state=__ALL__")["samples"], "labels")
    assert [(label["name"], label["type"]) for label in sample["labels"]] == [("bike", 3)]
    assert sample["metadata"]["@modelarts:mask_source"] == "obs://elsewhere/mask.png"
    (label,) = api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]
    assert label["property"] == {"@modelarts:color": "#C1F335"}
    (task,) = api.call("GET", f"/{dataset_id}/import-tasks")["import_tasks"]
    assert "box: image segmentation needs a polygon" in task["error_msg"]
    assert api.samples(dataset_id)["sample_count"] == 1


def test_export_has_voc_files_and_masks_and_can_be_read_again(api: Api, bucket: Path, dataset_id: str) -> None:
    assert exported(api, dataset_id, path="/bucket/exported/", export_type=2)["status"] == "SUCCESSED"
    folder = bucket / "exported"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".png", ".xml")}
    assert names == {"a.png", "a.xml", "b.png", "segmentationClassRaw/a.png"}
    assert b"obs://bucket/exported/segmentationClassRaw/a.png" in (folder / "a.xml").read_bytes()
    sources = [{"data_type": 0, "data_path": "/bucket/exported/"}]
    other = api.dataset(dataset_name="other", dataset_type=3, data_sources=sources, import_annotations=True)
    (sample,) = poll(lambda: api.samples(other, "?sample_state=__ALL__")["samples"], "labels")
    assert [label["name"] for label in sample["labels"]] == ["bike", "road"]
    assert api.samples(other)["sample_count"] == 2


def test_export_to_a_new_dataset_has_no_masks_among_its_pictures(api: Api, bucket: Path, dataset_id: str) -> None:
    parameters = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "copy",
        "export_new_dataset_work_path": "/bucket/out/",
    }
    members = {"path": "/bucket/exported/", "export_type": 3, "export_params": parameters}
    assert exported(api, dataset_id, **members)["status"] == "SUCCESSED"
    assert not list((bucket / "exported").rglob("segmentationClassRaw"))
    found = api.call("GET", "", params={"search_content": "copy"})["datasets"][0]
    assert (found["dataset_type"], found["total_sample_count"]) == (3, 2)


def add(api: Api, dataset_id: str, name: str, **property_: Any) -> str | None:
    labels = [{"name": name, "property": {f"@modelarts:{key}": value for key, value in property_.items()}}]
    answer = api.call("POST", f"/{dataset_id}/data-annotations/labels", json={"labels": labels})
    return answer["results"][0].get("error_code")


def change(api: Api, dataset_id: str, name: str, **property_: Any) -> str | None:
    labels = [{"name": name, "property": {f"@modelarts:{key}": value for key, value in property_.items()}}]
    answer = api.call("PUT", f"/{dataset_id}/data-annotations/labels", json={"labels": labels})
    return answer["results"][0].get("error_code")


def test_gray_value_is_unique_and_stays(api: Api, dataset_id: str) -> None:
    assert add(api, dataset_id, "one", mask_gray_value=9) == "ModelArts.4418"
    assert add(api, dataset_id, "one", mask_gray_value=10) is None
    assert change(api, dataset_id, "bike", mask_gray_value=10) == "ModelArts.4418"
    assert change(api, dataset_id, "bike", mask_gray_value=11) is None
    assert change(api, dataset_id, "bike", mask_gray_value=12) == "ModelArts.4425"
    assert change(api, dataset_id, "bike", mask_gray_value=11, color="#123456") is None


@pytest.mark.parametrize("value", [0, 256, -1, "x", 1.5])
def test_gray_value_out_of_range_is_refused(api: Api, dataset_id: str, value: Any) -> None:
    assert add(api, dataset_id, "new", mask_gray_value=value) == "ModelArts.4413"


@pytest.mark.parametrize(
    ("color", "expected"),
    [("#FFFFF0", None), ("#abc", None), ("", None), ("red", "ModelArts.4413"), ("#12345", "ModelArts.4413")],
)
def test_label_color_is_a_hexadecimal_code(api: Api, dataset_id: str, color: str, expected: str | None) -> None:
    assert add(api, dataset_id, "new", color=color) == expected


def test_dataset_has_at_most_as_many_labels_as_gray_values(api: Api, dataset_id: str) -> None:
    labels = [{"name": f"label-{number}"} for number in range(253)]
    answer = api.call("POST", f"/{dataset_id}/data-annotations/labels", json={"labels": labels})
    assert all(result["success"] for result in answer["results"])
    assert add(api, dataset_id, "one more") == "ModelArts.4396"


def test_team_task_of_segmentation_is_not_supported(api: Api, dataset_id: str) -> None:
    body = {"task_name": "t", "workforces_config": {"workforces": []}}
    answer = api.call("POST", f"/{dataset_id}/workforce-tasks", json=body, status=501)
    assert answer["error_code"] == "ModelArts.4383"


def test_segmentation_is_grouped_but_not_labelled_automatically(api: Api, dataset_id: str) -> None:
    path = f"/{dataset_id}/tasks"
    assert api.call("POST", path, json={"task_type": "auto-label"}, status=501)["error_code"] == "ModelArts.4383"
    assert api.call("POST", path, json={"task_type": "auto-grouping"})["task_id"]


def test_mask_of_a_large_picture_is_drawn(api: Api, bucket: Path, dataset_id: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (3000, 2000)).save(out, "PNG")
    write(bucket, "in/large.png", out.getvalue())
    api.call("POST", f"/{dataset_id}/sync-data", json={})
    sample = poll(lambda: api.ids(dataset_id).get("large.png"), "the sample")
    api.label(dataset_id, {sample: [polygon("road", [[0, 0], [3000, 0], [3000, 2000], [0, 2000]])]})
    folder = published(api, bucket, dataset_id)
    with Image.open(folder / "segmentationClassRaw/large.png") as mask:
        assert (mask.size, mask.getpixel((1500, 1000))) == ((3000, 2000), 9)
