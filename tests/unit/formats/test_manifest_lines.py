"""Lines of manifests: locations, properties, annotations of other tasks, hard marks, origin and usage."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType, Usage
from modelarts_emulator.formats import manifest
from modelarts_emulator.formats.encodings import as_json_lines
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.store import SampleRecord

CLASS = {"type": "modelarts/image_classification", "name": "cat"}
VOC = {"type": "modelarts/object_detection", "annotation-format": "PASCAL VOC", "annotation-loc": "a.xml"}
FILES = {"/bucket/dir/a.xml": b"<annotation><object><name>dog</name></object><object/></annotation>"}


def open_file(location: str) -> io.BytesIO:
    if location not in FILES:
        raise ApiError(FILE_NOT_FOUND, location)
    return io.BytesIO(FILES[location])


def read(line: Any, kind: DatasetType = DatasetType.IMAGE_CLASSIFICATION) -> list[SampleRecord | Problem]:
    return list(manifest.read(io.BytesIO(json.dumps(line).encode()), kind, open_file, "bucket/dir/"))


def sample_of(line: Any, kind: DatasetType = DatasetType.IMAGE_CLASSIFICATION) -> SampleRecord:
    (sample,) = read(line, kind)
    assert isinstance(sample, SampleRecord), sample
    return sample


def written(sample: SampleRecord) -> Any:
    out = io.BytesIO()
    manifest.write([sample], out)
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("s3://bucket/x/a.jpg", "bucket/x/a.jpg"),
        ("s3a://bucket/x/a.jpg", "bucket/x/a.jpg"),
        ("obs://bucket/x/a.jpg", "bucket/x/a.jpg"),
        ("/bucket/x/a.jpg", "bucket/x/a.jpg"),
        ("a.jpg", "bucket/dir/a.jpg"),
        ("./sub/a.jpg", "bucket/dir/sub/a.jpg"),
    ],
)
def test_manifest_location_is_read_in_every_form(source: str, path: str) -> None:
    assert sample_of({"source": source}).path == path


@pytest.mark.parametrize(
    "source", ["../a.jpg", "sub/../../a.jpg", "s3a://../a.jpg", "s3://bucket/../a.jpg", "ftp://b/a.jpg"]
)
def test_manifest_location_outside_the_tree_is_a_problem(source: str) -> None:
    (problem,) = read({"source": source})
    assert isinstance(problem, Problem)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"color": "red"}, {"color": "red"}),
        ('{"color": "red"}', {"color": "red"}),
        ('[{"color": "red"}]', {}),
        ("red", {}),
        ("", {}),
        (None, {}),
        (7, {}),
    ],
)
def test_manifest_property_is_an_object_or_the_json_of_one(value: Any, expected: dict[str, str]) -> None:
    (label,) = sample_of({"source": "a.jpg", "annotation": [{**CLASS, "property": value}]}).labels
    assert label.property == expected


@pytest.mark.parametrize(
    ("kind", "names"), [(DatasetType.IMAGE_CLASSIFICATION, ["cat"]), (DatasetType.OBJECT_DETECTION, ["dog"])]
)
def test_manifest_annotations_of_the_datasets_own_task_are_read(kind: DatasetType, names: list[str]) -> None:
    sample, *problems = read({"source": "a.jpg", "annotation": [CLASS, VOC]}, kind)
    assert isinstance(sample, SampleRecord)
    assert [label.name for label in sample.labels] == names
    expected = ["line 1: a.xml: object 2: has no <name>"] if kind is DatasetType.OBJECT_DETECTION else []
    assert [str(problem) for problem in problems] == expected


def test_manifest_line_with_only_annotations_of_another_task_is_a_problem() -> None:
    (problem,) = read({"source": "a.jpg", "annotation": [CLASS]}, DatasetType.TEXT_CLASSIFICATION)
    assert "does not belong to this dataset" in str(problem)


@pytest.mark.parametrize(
    ("hard", "mark"), [("true", 1.0), ("True", 1.0), ("1", 1.0), (True, 1.0), ("false", 0.0), (0, 0.0)]
)
def test_manifest_hard_mark_of_a_detection_annotation_is_the_samples(hard: Any, mark: float) -> None:
    line = {"source": "a.jpg", "annotation": [{**VOC, "hard": hard, "hard-coefficient": 0.8}]}
    sample, _ = read(line, DatasetType.OBJECT_DETECTION)
    assert isinstance(sample, SampleRecord)
    assert sample.metadata == {"@modelarts:hard": mark, "@modelarts:hard_coefficient": 0.8}


def test_manifest_origin_of_each_annotation_survives_a_round_trip() -> None:
    machine = {
        **CLASS,
        "name": "dog",
        "annotated-by": "modelarts/active-learning",
        "creation-time": "2020-01-01 00:00:00",
    }
    line = {
        "source": "s3://bucket/a.jpg",
        "annotation": [{**CLASS, "annotated-by": "human", "creation-time": "2019-01-23 11:30:30"}, machine],
    }
    found = written(sample_of(line))["annotation"]
    assert [(each["name"], each["annotated-by"], each["creation-time"]) for each in found] == [
        ("cat", "human", "2019-01-23 11:30:30"),
        ("dog", "modelarts/active-learning", "2020-01-01 00:00:00"),
    ]
    assert all("property" not in each for each in found)


@pytest.mark.parametrize(
    ("labelled", "usage", "expected"),
    [
        (True, None, "TRAIN"),
        (True, Usage.INFERENCE, "TRAIN"),
        (True, Usage.EVAL, "EVAL"),
        (True, Usage.TEST, "TEST"),
        (False, None, "INFERENCE"),
        (False, Usage.EVAL, "EVAL"),
    ],
)
def test_manifest_usage_is_written_on_every_line(labelled: bool, usage: Usage | None, expected: str) -> None:
    labels = [SampleLabel(name="a", type=LabelType.IMAGE_CLASSIFICATION)] if labelled else []
    sample = SampleRecord(id="1", path="b/a.jpg", type=SampleType.IMAGE, time=0, labels=labels, usage=usage)
    assert written(sample)["usage"] == expected


def test_manifest_frame_is_written_with_the_scheme_of_its_video() -> None:
    metadata = {"@modelarts:parent_source": "obs://b/clip.mp4", "@modelarts:time_in_video": 1.5}
    sample = SampleRecord(id="1", path="b/a.jpg", type=SampleType.IMAGE, time=0, metadata=metadata)
    assert written(sample)["property"] == {**metadata, "@modelarts:parent_source": "s3://b/clip.mp4"}


@pytest.mark.parametrize(
    ("encoding", "end"),
    [("utf-8-sig", "\n"), ("utf-16", "\r\n"), ("utf-16-le", "\n"), ("utf-8", "\r\n"), ("utf-8", "\r")],
)
def test_manifest_of_any_editor_is_read(encoding: str, end: str) -> None:
    lines = [json.dumps({"source": f"s3://bucket/{name}.jpg", "annotation": None}) for name in ("one", "two")]
    stream = as_json_lines(io.BytesIO("".join(f"{line}{end}" for line in lines).encode(encoding)))
    items = list(manifest.read(stream, DatasetType.IMAGE_CLASSIFICATION, open_file))
    assert [item.path for item in items if isinstance(item, SampleRecord)] == ["bucket/one.jpg", "bucket/two.jpg"]
    assert len(items) == 2
