"""Files of other tools and of the service, one folder of ``fixtures/cases`` each: its README says what should come."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.helpers.api import Api, labels
from tests.helpers.imports import imported
from tests.helpers.pictures import picture
from tests.helpers.places import FIXTURES

CASES = FIXTURES / "cases"
CLASSES, DETECTION, TEXTS, TABLE = 0, 1, 100, 400


def case(bucket: Path, name: str) -> str:
    """Copy the files of a case into the bucket; return their directory. Manifests name it ``s3://bkt/f/``."""
    folder = bucket / "case"
    shutil.copytree(CASES / name, folder, ignore=shutil.ignore_patterns("README"))
    for manifest in folder.rglob("*.manifest"):
        manifest.write_text(manifest.read_text().replace("s3://bkt/f/", "s3://bucket/case/"))
    return "/bucket/case/"


def case_import(
    api: Api, bucket: Path, name: str, kind: int, *, below: str = "", without: str = "", **members: Any
) -> tuple[str, Any]:
    """Import a case into a new dataset; return its id and the task."""
    directory = case(bucket, name)
    if without:
        (bucket / "case" / without).unlink()
    dataset_id = api.dataset(dataset_type=kind)
    path = directory + below
    options = {"import_type": "manifest"} if path.endswith(".manifest") else {"import_type": "dir"}
    return dataset_id, imported(api, dataset_id, path, **options, **members)


def lines_of(bucket: Path, version: Any) -> list[Any]:
    """Return the lines of a published manifest."""
    manifest = bucket / version["manifest_path"].removeprefix("/bucket/")
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def voc_of(bucket: Path, line: Any) -> ElementTree.Element:
    """Return the root of the VOC file that a line names."""
    location = line["annotation"][0]["annotation-loc"]
    assert location.startswith("s3://bucket/")
    return ElementTree.parse(bucket / location.removeprefix("s3://bucket/")).getroot()


def test_every_case_has_a_test() -> None:
    source = Path(__file__).read_text("utf-8") + (
        FIXTURES.parent / "tests/integration/s3/test_append_object.py"
    ).read_text("utf-8")
    elsewhere = {"console-exif-rotated", "obs-append"}  # in a browser; in test_append_object.py
    assert [
        each.name for each in CASES.iterdir() if f'"{each.name}"' not in source and each.name not in elsewhere
    ] == []


def test_annotated_by_of_each_annotation_survives_a_round_trip(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "annotated-by-lost", CLASSES, below="m.manifest")
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 1)
    (line,) = lines_of(bucket, api.publish(dataset_id))
    assert [(each["name"], each["annotated-by"], each.get("confidence")) for each in line["annotation"]] == [
        ("cat", "human", None),
        ("animal", "modelarts/active-learning", 0.8),
    ]


def test_coco_annotations_in_several_documents_are_read_once(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "coco-official-folder", DETECTION)
    assert labels(api, dataset_id) == {"a.jpg": ["person"]}
    assert "error_msg" not in task


def test_text_in_gb18030_is_read_and_in_latin_1_is_reported(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "csv-latin1", TEXTS, without="t.csv")
    samples = api.samples(dataset_id)["samples"]
    assert [(sample["source"], [label["name"] for label in sample["labels"]]) for sample in samples] == [
        ("content://很好😀", ["正面"])
    ]
    assert "a.txt line 1: neither UTF-8 nor UTF-16 with BOM nor GB18030" in task["error_msg"]


def test_table_in_latin_1_never_gets_replacement_characters(api: Api, bucket: Path) -> None:
    shutil.copy(CASES / "csv-latin1/t.csv", bucket / "in/t.csv")
    dataset_id = api.dataset(dataset_type=TABLE)
    assert "\ufffd" not in json.dumps(api.samples(dataset_id)["samples"], ensure_ascii=False)


@pytest.mark.parametrize("difficult_only", [False, True])
def test_hard_mark_of_a_detection_annotation_is_kept(api: Api, bucket: Path, difficult_only: bool) -> None:
    dataset_id, task = case_import(
        api, bucket, "detection-hard-lost", DETECTION, below="m.manifest", difficult_only=difficult_only
    )
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 1)
    (line,) = lines_of(bucket, api.publish(dataset_id, clear_hard_property=False))
    (annotation,) = line["annotation"]
    assert (annotation["hard"], annotation["hard-coefficient"]) == ("true", 0.8)


@pytest.mark.parametrize("kind", [CLASSES, DETECTION])
def test_hard_marks_are_cleared_from_what_is_published(api: Api, bucket: Path, kind: int) -> None:
    assert (CASES / "hard-not-cleared").is_dir()
    (bucket / "in/a.png").write_bytes(picture(64, 48))
    dataset_id = api.dataset(dataset_type=kind)
    shape = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]} if kind == DETECTION else {}
    property_ = {"@modelarts:hard": "1", "@modelarts:hard_coefficient": "0.8", **shape}
    (sample_id,) = api.ids(dataset_id).values()
    api.label(dataset_id, {sample_id: [{"name": "cat", "property": property_}]})
    (cleared,) = lines_of(bucket, api.publish(dataset_id))
    (kept,) = lines_of(bucket, api.publish(dataset_id, clear_hard_property=False))
    if kind == DETECTION:
        assert voc_of(bucket, cleared).find("object/hard") is None
        assert voc_of(bucket, cleared).find("object/hard-coefficient") is None
        assert voc_of(bucket, kept).findtext("object/hard") == "true"
    else:
        assert "hard" not in cleared["annotation"][0]
        assert "hard-coefficient" not in cleared["annotation"][0]
        assert (kept["annotation"][0]["hard"], kept["annotation"][0]["hard-coefficient"]) == ("true", 0.8)


@pytest.mark.parametrize(("kind", "below"), [(CLASSES, "cls/"), (DETECTION, "det/")])
def test_label_file_is_found_whatever_the_case_of_its_suffix(api: Api, bucket: Path, kind: int, below: str) -> None:
    dataset_id, task = case_import(api, bucket, "label-file-uppercase", kind, below=below)
    assert [len(found) for found in labels(api, dataset_id).values()] == [1]
    assert "error_msg" not in task


def test_manifest_property_as_a_text_is_read(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "manifest-property-string", CLASSES, below="m.manifest")
    assert task["status"] == "COMPLETED", task
    assert labels(api, dataset_id) == {"a.jpg": ["sunflowers"]}


def test_manifest_annotations_of_another_task_are_skipped(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "manifest-two-tasks", CLASSES, below="m.manifest")
    assert task["status"] == "COMPLETED", task
    assert labels(api, dataset_id) == {"a.jpg": ["cat"]}


def test_published_locations_begin_with_s3(api: Api, bucket: Path) -> None:
    assert (CASES / "manifest-scheme-obs").is_dir()
    dataset_id, _ = case_import(api, bucket, "voc-properties-lost", DETECTION)
    (line,) = lines_of(bucket, api.publish(dataset_id))
    assert line["source"].startswith("s3://bucket/")
    assert line["annotation"][0]["annotation-loc"].startswith("s3://bucket/")


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("labelme/", {"a.jpg": 1}),
        ("classes-txt/", {"a.jpg": 1}),
        ("vocdevkit/", {"a.jpg": 1}),
        ("roboflow/", {"a.jpg": 1, "b.jpg": 1}),
        ("ultralytics/", {"a.jpg": 1}),
    ],
)
def test_trees_of_other_tools_bring_their_labels(api: Api, bucket: Path, below: str, expected: dict[str, int]) -> None:
    dataset_id, task = case_import(api, bucket, "silent-no-labels", DETECTION, below=below)
    assert {name: len(found) for name, found in labels(api, dataset_id).items()} == expected, task
    assert "error_msg" not in task


def test_label_files_that_nothing_uses_are_named_in_the_message(api: Api, bucket: Path) -> None:
    case(bucket, "silent-no-labels")
    (bucket / "case/classes-txt/classes.txt").unlink()
    dataset_id = api.dataset(dataset_type=DETECTION)
    task = imported(api, dataset_id, "/bucket/case/classes-txt/")
    assert task["status"] == "COMPLETED"
    assert "case/classes-txt/a.txt: this label file is not used" in task["error_msg"]


def test_text_in_utf_16_is_decoded(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "text-utf16", TEXTS, without="t.csv")
    samples = api.samples(dataset_id)["samples"]
    found = {sample["source"]: [label["name"] for label in sample["labels"]] for sample in samples}
    assert found == {"content://one": ["pos"], "content://two": ["neg"]}, task


def test_table_in_utf_16_is_decoded(api: Api, bucket: Path) -> None:
    shutil.copy(CASES / "text-utf16/t.csv", bucket / "in/t.csv")
    dataset_id = api.dataset(dataset_type=TABLE)
    text = json.dumps(api.samples(dataset_id)["samples"], ensure_ascii=False)
    assert api.samples(dataset_id)["sample_count"] > 0
    assert "\\u0000" not in text and "\ufffd" not in text


@pytest.mark.parametrize("kind", [CLASSES, 101])
def test_published_lines_say_what_they_are_used_for(api: Api, bucket: Path, kind: int) -> None:
    assert (CASES / "usage-missing").is_dir()
    if kind == CLASSES:
        for name in ("a.png", "b.png"):
            (bucket / "in" / name).write_bytes(picture())
    else:
        (bucket / "in/a.txt").write_text("one\ntwo\n")
    dataset_id = api.dataset(dataset_type=kind)
    first, _ = [sample["sample_id"] for sample in api.samples(dataset_id)["samples"]]
    entity = {"@modelarts:start_index": 0, "@modelarts:end_index": 2} if kind != CLASSES else {}
    api.label(dataset_id, {first: [{"name": "cat", "property": entity}]})
    usages = {bool(line.get("annotation")): line["usage"] for line in lines_of(bucket, api.publish(dataset_id))}
    assert usages == {True: "TRAIN", False: "INFERENCE"}


def test_voc_files_without_a_proper_size_bring_their_labels(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "voc-depth", DETECTION)
    assert labels(api, dataset_id) == {"a.jpg": ["cat"], "b.jpg": ["cat"], "c.jpg": ["cat"]}
    assert "error_msg" not in task


def test_published_voc_files_have_whole_pixels(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "voc-fractions-published", DETECTION)
    assert task["status"] == "COMPLETED", task
    lines = lines_of(bucket, api.publish(dataset_id))
    values = [
        child.text or ""
        for line in lines
        if line.get("annotation")
        for box in voc_of(bucket, line).iter("bndbox")
        for child in box
    ]
    assert values and all(value.isdigit() for value in values)


def test_bad_box_costs_only_itself(api: Api, bucket: Path) -> None:
    dataset_id, task = case_import(api, bucket, "voc-one-bad-box", DETECTION)
    assert labels(api, dataset_id) == {"a.jpg": ["dog"], "c.jpg": ["cat"], "d.jpg": ["dog"]}
    assert task["imported_sample_count"] == 3
    assert "case/a.jpg" in task["error_msg"] and "/d.jpg" in task["error_msg"]
    assert "c.jpg" not in task["error_msg"]


def test_published_point_is_written_as_in_the_wanted_file(api: Api, bucket: Path) -> None:
    wanted = ElementTree.parse(CASES / "voc-point-x1" / "wanted.xml").find("object/point")
    (bucket / "in/a.png").write_bytes(picture(64, 48))
    dataset_id = api.dataset(dataset_type=DETECTION)
    (sample_id,) = api.ids(dataset_id).values()
    point = {"@modelarts:shape": "point", "@modelarts:feature": [[3, 4]]}
    api.label(dataset_id, {sample_id: [{"name": "p", "property": point}]})
    (line,) = lines_of(bucket, api.publish(dataset_id))
    found = voc_of(bucket, line).find("object/point")
    assert found is not None and wanted is not None
    assert [(child.tag, child.text) for child in found] == [(child.tag, child.text) for child in wanted]


def test_voc_properties_are_attributes_of_the_label_both_ways(api: Api, bucket: Path) -> None:
    dataset_id, _ = case_import(api, bucket, "voc-properties-lost", DETECTION)
    (sample,) = api.samples(dataset_id)["samples"]
    assert sample["labels"][0]["property"]["color"] == "red"
    (line,) = lines_of(bucket, api.publish(dataset_id))
    entry = voc_of(bucket, line).find("object/properties/property")
    assert entry is not None
    assert (entry.findtext("key"), entry.findtext("value")) == ("color", "red")
