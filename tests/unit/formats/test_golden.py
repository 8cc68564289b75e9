"""Golden files of every format: reading and writing one gives the same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pycocotools.coco import COCO

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.sources import LabelFormat
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType, Usage
from modelarts_emulator.formats import coco, csv_table, directory_layouts, label_folders, manifest, text, voc, yolo
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store import SampleRecord
from tests.helpers.golden_files import GOLDEN, MANIFESTS
from tests.helpers.pictures import picture


def open_golden(uri: str) -> io.BytesIO:
    return io.BytesIO((GOLDEN / uri.partition("bucket/")[2]).read_bytes())


def samples(items: Any) -> list[SampleRecord]:
    found = list(items)
    assert not [item for item in found if isinstance(item, Problem)]
    return found


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_read_then_written_is_the_same(name: str) -> None:
    data = (GOLDEN / f"manifest/{name}.manifest").read_bytes()
    read = samples(manifest.read(io.BytesIO(data), MANIFESTS[name], open_golden))
    locations = [
        line["annotation"][0].get("annotation-loc") if line.get("annotation") else None
        for line in map(json.loads, data.splitlines())
    ]
    by_id = {sample.id: location for sample, location in zip(read, locations, strict=True)}
    out = io.BytesIO()
    manifest.write(read, out, annotation_loc=lambda sample: by_id[sample.id])
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        json.loads(line) for line in data.splitlines()
    ]


def test_manifest_triplets_are_read_with_their_ids() -> None:
    data = (GOLDEN / "manifest/text_triplet.manifest").read_bytes()
    (sample,) = samples(manifest.read(io.BytesIO(data), DatasetType.TEXT_TRIPLET, open_golden))
    assert [(label.name, label.type, label.id) for label in sample.labels] == [
        ("Person", LabelType.TRIPLET_ENTITY, "E1"),
        ("Book", LabelType.TRIPLET_ENTITY, "E2"),
        ("Author", LabelType.TRIPLET_RELATION, "R1"),
    ]
    assert (sample.usage, sample.annotated_time) == (Usage.TRAIN, 1_548_243_030_000)
    assert sample.text is not None
    assert sample.text[0:12] == '"Three Body"'


@pytest.mark.parametrize(
    "text",
    ["2019-01-23 11:30:30", "2019-01-23T11:30:30", "2019-01-23T11:30:30.000Z", "2019-01-23T13:30:30+02:00"],
)
def test_manifest_times_in_iso_8601_are_read(text: str) -> None:
    annotation = {"type": "modelarts/image_classification", "name": "a", "creation-time": text}
    line = json.dumps({"source": "obs://bucket/1.png", "annotation": [annotation]}).encode()
    (sample,) = samples(manifest.read(io.BytesIO(line), DatasetType.IMAGE_CLASSIFICATION, open_golden))
    assert sample.annotated_time == 1_548_243_030_000


@pytest.mark.parametrize(
    ("who", "written"), [("human/a/b", "human"), ("modelarts/active-learning", "modelarts/active-learning")]
)
def test_manifest_keeps_a_machine_as_annotator(who: str, written: str) -> None:
    sample = SampleRecord(id="1", path="bucket/1.png", type=SampleType.IMAGE, time=0, annotated_by=who)
    sample.labels = [SampleLabel(name="a", type=LabelType.IMAGE_CLASSIFICATION)]
    out = io.BytesIO()
    manifest.write([sample], out)
    assert [each["annotated-by"] for each in json.loads(out.getvalue())["annotation"]] == [written]


def test_manifest_scheme_can_be_chosen() -> None:
    out = io.BytesIO()
    manifest.write([SampleRecord(id="x", path="b/a.png", type=SampleType.IMAGE, time=0)], out, scheme="s3")
    assert json.loads(out.getvalue())["source"] == "s3://b/a.png"


@pytest.mark.parametrize("name", ["shapes", "mask"])
def test_voc_file_read_then_written_is_the_same(name: str) -> None:
    data = (GOLDEN / f"voc/{name}.xml").read_bytes()
    read = voc.read(data)
    sample = SampleRecord(id="", path="bucket/in/1.png", type=SampleType.IMAGE, time=0)
    sample.shape, sample.labels = read.shape, read.labels
    if read.mask_source:
        sample.metadata = {voc.MASK_SOURCE: read.mask_source}
    assert voc.write(sample) == data


def test_voc_point_is_read_in_either_form() -> None:
    shapes = "<point><x>1</x><y>2</y></point>", "<point><x1>1</x1><y1>2</y1></point>"
    read = [voc.read(f"<annotation><object><name>p</name>{shape}</object></annotation>".encode()) for shape in shapes]
    assert [each.labels[0].property for each in read] == [{voc.SHAPE: "point", voc.FEATURE: [[1, 2]]}] * 2


def entries(root: Path, directory: str = "bucket/") -> list[ObjectEntry]:
    found = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            stat = path.stat()
            found.append(
                ObjectEntry(directory + str(path.relative_to(root)), stat.st_size, stat.st_mtime_ns, str(path))
            )
    return found


def opener(root: Path) -> Callable[[str], Any]:
    return lambda path: (root / path.removeprefix("bucket/")).open("rb")


def test_coco_document_read_then_written_is_the_same(tmp_path: Path) -> None:
    data = (GOLDEN / "coco/instances.json").read_bytes()
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(picture())
    (tmp_path / "instances.json").write_bytes(data)
    found = entries(tmp_path)
    read = samples(coco.read("bucket/", found, found[-1:], opener(tmp_path)))
    out = io.BytesIO()
    assert coco.write([msgspec.structs.replace(sample, shape=(32, 24, 3)) for sample in read], out) == 2
    assert json.loads(out.getvalue()) == json.loads(data)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own
def test_pycocotools_reads_the_written_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = voc.read((GOLDEN / "voc/shapes.xml").read_bytes()).labels
    sample = SampleRecord(id="", path="bucket/1.png", type=SampleType.IMAGE, time=0, shape=(32, 24, 3), labels=labels)
    with (tmp_path / "annotations.json").open("wb") as file:
        coco.write([sample], file)
    other = COCO(str(tmp_path / "annotations.json"))
    box, polygon = other.loadAnns(other.getAnnIds())
    assert other.loadCats([box["category_id"]])[0]["name"] == labels[0].name
    assert box["bbox"] == [1, 2, 10, 10]
    assert other.annToMask(polygon).sum() > 100
    assert other.loadImgs([1])[0]["file_name"] == "1.png"


def test_yolo_tree_read_then_written_is_the_same(tmp_path: Path) -> None:
    for source in (GOLDEN / "yolo").rglob("*"):
        if source.is_file():
            target = tmp_path / source.relative_to(GOLDEN / "yolo")
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes())
    for name in ("obj_train_data/1.png", "obj_valid_data/2.png"):
        (tmp_path / name).write_bytes(picture())
    read = samples(yolo.read("bucket/", entries(tmp_path), opener(tmp_path)))
    assert [(sample.path, sample.usage) for sample in read] == [
        ("bucket/obj_train_data/1.png", Usage.TRAIN),
        ("bucket/obj_valid_data/2.png", Usage.EVAL),
    ]
    assert read[0].labels[0].property == {voc.SHAPE: "bndbox", voc.FEATURE: [[12, 6], [20, 18]]}
    written: dict[str, bytes] = {}
    yolo.write([msgspec.structs.replace(sample, shape=(32, 24, 3)) for sample in read], written.__setitem__)
    assert written == {
        str(path.relative_to(GOLDEN / "yolo")): path.read_bytes()
        for path in (GOLDEN / "yolo").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("beside", [False, True])
def test_text_file_read_then_written_is_the_same(beside: bool) -> None:
    root = GOLDEN / "text"
    path = "bucket/comments.txt" if beside else "bucket/combined.txt"
    results = "bucket/comments_result.txt" if beside else None
    read = samples(text.read(path, LabelType.TEXT_CLASSIFICATION, opener(root), None, results))
    assert [(sample.text, [label.name for label in sample.labels]) for sample in read] == [
        ("It touches good and responds quickly.", ["positive", "useful"]),
        ("Why does my phone heat up?", ["negative"]),
        ("unlabelled 名", []),
    ]
    out = io.BytesIO()
    text.write(read, out)
    assert out.getvalue() == (root / "combined.txt").read_bytes()


def test_text_that_a_separator_would_break_is_refused() -> None:
    for broken in ("a\tb", "a\nb"):
        sample = SampleRecord(id="", path="", type=SampleType.TEXT, time=0, text=broken)
        with pytest.raises(ValueError, match="cannot be written"):
            text.write([sample], io.BytesIO())
    assert text.split("a;b/c", LabelFormat(text_sample_separator=";", text_label_separator="\\/")) == ("a", ["b", "c"])


def test_table_read_then_written_is_the_same() -> None:
    data = (GOLDEN / "tabular/table.csv").read_bytes()
    names = csv_table.header(io.BytesIO(data))
    rows = list(csv_table.read(io.BytesIO(data), skip_header=True))
    assert names == ["name", "value", "note"]
    assert rows == [["x", "-1.5", 'a "quoted", cell'], ["y", "=1+1", "two\nlines 名"]]
    out = io.BytesIO()
    csv_table.write([row for row in rows if not isinstance(row, Problem)], out, names)
    assert out.getvalue() == data


def test_label_file_beside_a_picture_is_read(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats/1.png").write_bytes(picture())
    (tmp_path / "2.png").write_bytes(picture())
    (tmp_path / "2.txt").write_bytes((GOLDEN / "folders/2.txt").read_bytes())
    read = samples(
        label_folders.read(
            "bucket/",
            entries(tmp_path),
            lambda name: name.endswith(".png"),
            SampleType.IMAGE,
            LabelType.IMAGE_CLASSIFICATION,
            opener(tmp_path),
        )
    )
    assert {s.path: [label.name for label in s.labels] for s in read} == {
        "bucket/2.png": ["Rabbit", "Panda"],
        "bucket/cats/1.png": ["cats"],
    }
    written: dict[str, bytes] = {}
    directory_layouts.write_directory(
        DatasetType.IMAGE_CLASSIFICATION,
        read[:1],
        tree=False,
        put=written.__setitem__,
        copy=lambda sample, name: None,
    )
    assert written == {"2.txt": (GOLDEN / "folders/2.txt").read_bytes()}
