"""VOC files of other tools, ours in other tools, round trips."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import globox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_emulator.contract.wire import SampleType
from modelarts_emulator.formats import voc
from modelarts_emulator.store import SampleRecord
from tests.helpers.format_place import GOLDEN, SCENES, drawn


def test_read_file_of_another_tool_returns_its_boxes() -> None:
    picture = voc.read((GOLDEN / "voc/labelimg.xml").read_bytes())
    assert (picture.filename, picture.shape, picture.mask_source) == ("street.jpg", (640, 480, 3), None)
    assert [(label.name, label.property) for label in picture.labels] == [
        ("car", {"pose": "Left", "truncated": "1", voc.SHAPE: "bndbox", voc.FEATURE: [[12, 34.5], [200, 150]]}),
        ("Tür & Tor", {"difficult": "1", voc.SHAPE: "bndbox", voc.FEATURE: [[5, 10], [80, 90]]}),
    ]


def test_globox_reads_the_boxes_of_written_files(tmp_path: Path) -> None:
    for scene in SCENES[:4]:
        labels = voc.read(scene.with_suffix(".xml").read_bytes()).labels
        sample = SampleRecord(id="", path=f"b/{scene.name}", type=SampleType.IMAGE, time=0, shape=(320, 240, 3))
        sample.labels = labels
        (tmp_path / scene.with_suffix(".xml").name).write_bytes(voc.write(sample))
        other = globox.Annotation.from_pascal_voc(tmp_path / scene.with_suffix(".xml").name)
        assert (other.image_id, other.image_size) == (scene.name, (320, 240))
        assert [(box.label, list(box.ltrb)) for box in other.boxes] == [
            (label.name, [n for point in (label.property or {})[voc.FEATURE] for n in point]) for label in labels
        ]


def test_read_file_written_by_globox_returns_its_boxes(tmp_path: Path) -> None:
    boxes = [globox.BoundingBox.create(label="Tür & <Tor> 名", coords=(1.5, 2, 30, 40.25))]
    globox.Annotation("1.png", (64, 48), boxes).save_pascal_voc(tmp_path / "1.xml")
    # It leaves the depth out, which the format makes mandatory.
    data = (tmp_path / "1.xml").read_bytes().replace(b"</height>", b"</height><depth>3</depth>")
    picture = voc.read(data)
    assert (picture.filename, picture.shape) == ("1.png", (64, 48, 3))
    assert [(label.name, (label.property or {})[voc.FEATURE]) for label in picture.labels] == [
        ("Tür & <Tor> 名", [[1.5, 2], [30, 40.25]])
    ]


_NUMBER = st.integers(0, 20_000)
_POINT = st.tuples(_NUMBER, _NUMBER).map(list)
_FEATURES = {
    "bndbox": st.lists(_POINT, min_size=2, max_size=2),
    "polygon": st.lists(_POINT, min_size=3, max_size=12),
    "circle": st.tuples(_POINT, st.lists(st.integers(1, 20_000), min_size=1, max_size=1)).map(list),
    "line": st.lists(_POINT, min_size=2, max_size=2),
    "dashed": st.lists(_POINT, min_size=2, max_size=2),
    "point": st.lists(_POINT, min_size=1, max_size=1),
    "polyline": st.lists(_POINT, min_size=2, max_size=12),
}
_NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=30
)
_LABEL = st.sampled_from(sorted(_FEATURES)).flatmap(
    lambda shape: st.builds(
        drawn,
        _NAME,
        st.just(shape),
        _FEATURES[shape],
        st.none() | st.floats(0, 1),
    )
)


@given(st.lists(_LABEL, max_size=3))
def test_write_then_read_returns_the_same_labels(labels: list[voc.SampleLabel]) -> None:
    sample = SampleRecord(id="", path="b/ü/1.png", type=SampleType.IMAGE, time=0, shape=(7, 8, 1), labels=labels)
    picture = voc.read(voc.write(sample))
    assert (picture.filename, picture.shape) == ("1.png", (7, 8, 1))
    assert picture.labels == labels


def test_write_replaces_characters_that_xml_cannot_represent() -> None:
    sample = SampleRecord(id="", path="b/1.png", type=SampleType.IMAGE, time=0)
    sample.labels = [drawn("bell \x07 ]]> \ufffe", "point", [[1, 2]])]
    data = voc.write(sample)
    assert ElementTree.fromstring(data).findtext("object/name") == "bell \ufffd ]]> \ufffd"
    assert voc.read(data).labels[0].name == "bell \ufffd ]]> \ufffd"


@pytest.mark.parametrize(
    "inner",
    [
        "<object/>",
        "<object><name> </name></object>",
        "<object><name>a</name><bndbox><xmin>1</xmin></bndbox></object>",
        "<object><name>a</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>inf</xmax><ymax>1</ymax></bndbox></object>",
        "<object><name>a</name><polygon><x1>1</x1></polygon></object>",
        "<object><name>a</name><circle><cx>1</cx><cy>1</cy></circle></object>",
        "<object><name>a</name><confidence>high</confidence></object>",
    ],
)
def test_voc_object_that_is_wrong_costs_only_itself(inner: str) -> None:
    good = "<object><name>good</name></object>"
    read = voc.read(f"<annotation>{good}{inner}{good}</annotation>".encode())
    assert [label.name for label in read.labels] == ["good", "good"]
    (problem,) = read.problems
    assert problem.startswith("object 2: ")
    assert len(problem) < 200


@pytest.mark.parametrize(
    ("inner", "shape"),
    [
        ("<width>64</width><height>48</height><depth>1</depth>", (64, 48, 1)),
        ("<width>64</width><height>48</height>", (64, 48, 3)),
        ("<width>64</width><height>48</height><depth>Unspecified</depth>", (64, 48, 3)),
        ("<width/><height/><depth/>", None),
        ("<width>wide</width><height>1</height><depth>1</depth>", None),
        ("", None),
    ],
)
def test_voc_size_that_is_incomplete_leaves_the_labels(inner: str, shape: tuple[int, int, int] | None) -> None:
    read = voc.read(f"<annotation><size>{inner}</size><object><name>a</name></object></annotation>".encode())
    assert (read.shape, [label.name for label in read.labels], read.problems) == (shape, ["a"], [])


@pytest.mark.parametrize(
    "properties",
    [
        "<property><key>color</key><value>red</value></property><property><key>n</key><value>1</value></property>",
        "<color>red</color><n>1</n>",
    ],
)
def test_voc_properties_are_attributes_of_the_label_both_ways(properties: str) -> None:
    xml = f"<annotation><object><name>a</name><properties>{properties}</properties></object></annotation>"
    (label,) = voc.read(xml.encode()).labels
    assert label.property == {"color": "red", "n": "1"}
    sample = SampleRecord(id="", path="b/1.png", type=SampleType.IMAGE, time=0, labels=[label])
    assert voc.read(voc.write(sample)).labels == [label]


@pytest.mark.parametrize(
    ("feature", "written"),
    [
        ([[1.5, 2.25], [10.5, 20]], [[2, 2], [11, 20]]),
        ([[1.2, 2], [1.4, 20]], [[1, 2], [2, 20]]),
        ([[25.6, 12], [38.4, 36]], [[26, 12], [38, 36]]),
    ],
)
def test_voc_box_with_fractions_is_written_in_whole_pixels(
    feature: list[list[float]], written: list[list[int]]
) -> None:
    sample = SampleRecord(id="", path="b/1.png", type=SampleType.IMAGE, time=0, labels=[drawn("a", "bndbox", feature)])
    (label,) = voc.read(voc.write(sample)).labels
    assert label.property is not None
    assert label.property[voc.FEATURE] == written


def test_voc_point_is_written_as_x_and_y() -> None:
    sample = SampleRecord(id="", path="b/1.png", type=SampleType.IMAGE, time=0, labels=[drawn("p", "point", [[3, 4]])])
    point = ElementTree.fromstring(voc.write(sample)).find("object/point")
    assert point is not None
    assert [(child.tag, child.text) for child in point] == [("x", "3"), ("y", "4")]


def test_voc_polygon_takes_precedence_over_the_box_around_it() -> None:
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    polygon = "<polygon><x1>1</x1><y1>1</y1><x2>9</x2><y2>1</y2><x3>5</x3><y3>9</y3></polygon>"
    part = f"<part><name>head</name>{box}</part>"
    xml = f"<annotation><object><name>a</name>{part}{box}{polygon}</object></annotation>"
    label, head = voc.read(xml.encode()).labels
    assert label.property == {voc.SHAPE: "polygon", voc.FEATURE: [[1, 1], [9, 1], [5, 9]]}
    assert head.property == {voc.SHAPE: "bndbox", voc.FEATURE: [[1, 1], [9, 9]], voc.PART_OF: "a"}


@pytest.mark.parametrize("declaration", ["", "<?xml version='1.0'?>", "<?xml version='1.0' encoding='UTF-8'?>"])
def test_voc_in_gbk_without_declaring_it_is_read(declaration: str) -> None:
    xml = f"{declaration}<annotation><object><name>山羊</name></object></annotation>"
    assert [label.name for label in voc.read(xml.encode("gbk")).labels] == ["山羊"]


@pytest.mark.parametrize(("hard", "written"), [("1", "true"), ("true", "true"), (1.0, "true"), ("0", "false")])
def test_voc_hard_mark_is_written_as_true_or_false(hard: object, written: str) -> None:
    label = drawn("a", "point", [[1, 2]])
    label.property = {**(label.property or {}), "@modelarts:hard": hard}
    sample = SampleRecord(id="", path="b/1.png", type=SampleType.IMAGE, time=0, labels=[label])
    assert ElementTree.fromstring(voc.write(sample)).findtext("object/hard") == written


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"<html/>", "the root is <html>"),
        (b"<annotation>", "not readable XML"),
        (b"x" * (voc.MAX_BYTES + 1), "larger than"),
        (b'<?xml version="1.0" encoding="utf-99"?><annotation/>', "not readable XML"),
        (b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "DTDForbidden"),
    ],
)
def test_read_invalid_file_is_refused(data: bytes, shown: str) -> None:
    with pytest.raises(voc.InvalidVoc, match=shown):
        voc.read(data)


@pytest.mark.parametrize("encoding", ["GBK", "gb2312", "gb18030", "big5", "Shift_JIS", "euc-jp"])
def test_read_declared_asian_encodings(encoding: str) -> None:
    xml = f'<?xml version="1.0" encoding="{encoding}"?>\n<annotation><object><name>山</name></object></annotation>'
    assert [label.name for label in voc.read(xml.encode(encoding)).labels] == ["山"]
    with pytest.raises(voc.InvalidVoc, match="not readable XML"):
        voc.read(xml.encode(encoding).replace("山".encode(encoding), b"\xff\xff"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_read_declared_european_encodings(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    xml = f'<?xml version="1.0" encoding="{declared}"?><annotation><object><name>Tür</name></object></annotation>'
    assert [label.name for label in voc.read(xml.encode(encoding)).labels] == ["Tür"]


def test_voc_part_is_a_label_of_its_own() -> None:
    box = "<bndbox><xmin>{0}</xmin><ymin>{0}</ymin><xmax>20</xmax><ymax>20</ymax></bndbox>"
    parts = f"<part><name>head</name>{box.format(5)}</part><part>{box.format(6)}</part>"
    content = voc.read(f"<annotation><object><name>person</name>{parts}{box.format(1)}</object></annotation>".encode())
    properties = [(label.name, label.property or {}) for label in content.labels]
    assert [(name, each[voc.FEATURE][0], each.get(voc.PART_OF)) for name, each in properties] == [
        ("person", [1, 1], None),
        ("head", [5, 5], "person"),
    ]
    assert content.problems == ["object 1, part 2: has no <name>"]
