"""Hostile files, imported over HTTP: a clear error for the item, the rest is imported, nothing leaves the tree."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from modelarts_emulator.contract.wire import DatasetType, SampleType
from modelarts_emulator.formats import manifest
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.store import SampleRecord
from tests.helpers.api import Api, labels
from tests.helpers.bucket_files import write, write_manifest
from tests.helpers.imports import imported
from tests.helpers.pictures import picture

LAUGHS = (
    """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">"""
    + "".join(f'<!ENTITY lol{n} "{"&lol%s;" % (n - 1 if n > 1 else "") * 10}">' for n in range(1, 10))
    + "]><annotation><filename>&lol9;</filename></annotation>"
)
SECRET = """<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<annotation><object><name>&secret;</name></object></annotation>"""
BOX = (
    "<annotation><object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>\
</object></annotation>"
)
GOOD = {"annotation": [{"type": "modelarts/image_classification", "name": "good"}]}


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (LAUGHS, "DTD"),
        (SECRET, "DTD"),
        (BOX.format(name="a", x="nan"), "not a usable number"),
        (BOX.format(name="a", x="1e400"), "not a usable number"),
        (BOX.format(name="a", x="-1"), "outside the picture"),
        (BOX.format(name="a", x="9999"), "outside the picture"),
        (BOX.format(name="x" * 10_000, x="1"), "longer than"),
        ("<annotation>" * 100_000, "not readable XML"),
        ("\x00" * 1000, "not readable XML"),
        ("", "not readable XML"),
    ],
)
def test_import_hostile_voc_file_reports_only_that_file(api: Api, bucket: Path, xml: str, why: str) -> None:
    for name in ("1.png", "2.png"):
        write(bucket, f"else/{name}", picture())
    write(bucket, "else/1.xml", xml)
    write(bucket, "else/2.xml", BOX.format(name="good", x="1"))
    dataset_id = api.dataset(dataset_type=1)
    task = imported(api, dataset_id, "/bucket/else/", annotation_format="VOC")
    assert task["status"] == "COMPLETED"
    assert why in task["error_msg"]
    assert "root:" not in json.dumps(task)
    assert labels(api, dataset_id)["2.png"] == ["good"]
    assert {label["name"] for label in api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]} == {"good"}


def test_import_manifest_with_a_line_of_a_gigabyte_fails_early(api: Api, bucket: Path) -> None:
    write(bucket, "in/1.png", picture())
    path = write_manifest(bucket, [{"source": "obs://bucket/in/1.png", **GOOD}])
    with (bucket / "else/a.manifest").open("r+b") as file:
        file.truncate(1 << 30)
    dataset_id = api.dataset()
    task = imported(api, dataset_id, path)
    assert "longer than" in task["error_msg"]
    assert labels(api, dataset_id) == {"1.png": ["good"]}


@pytest.mark.parametrize(
    "source",
    [
        "obs://bucket/../secret.png",
        "obs://bucket/in/../../secret.png",
        "obs://other/secret.png",
        "/secret.png",
        "file:///etc/passwd",
        "obs://bucket/out-link/secret.png",
        "obs://bucket/a\u0000.png",
        "content://text",
        "",
    ],
)
def test_import_source_outside_the_tree_is_refused(api: Api, bucket: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture())
    (bucket / "out-link").symlink_to(tmp_path / "outside")
    write(bucket, "in/1.png", picture())
    path = write_manifest(bucket, [{"source": source, **GOOD}, {"source": "s3://bucket/in/1.png", **GOOD}])
    dataset_id = api.dataset()
    task = imported(api, dataset_id, path)
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 1), task
    assert "1 skipped" in task["error_msg"]
    assert labels(api, dataset_id) == {"1.png": ["good"]}
    assert [p.name for p in (bucket / "in").iterdir()] == ["1.png"]


def test_import_annotation_file_outside_the_tree_is_refused(api: Api, bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_text(BOX.format(name="secret", x="1"))
    write(bucket, "in/1.png", picture())
    annotation = {"type": "modelarts/object_detection", "annotation-loc": "obs://bucket/../secret.xml"}
    path = write_manifest(bucket, [{"source": "s3://bucket/in/1.png", "annotation": [annotation]}])
    dataset_id = api.dataset(dataset_type=1)
    assert imported(api, dataset_id, path)["status"] == "FAILED"
    assert labels(api, dataset_id) == {"1.png": []}


def test_import_links_in_a_circle_ends(api: Api, bucket: Path) -> None:
    write(bucket, "else/cat/1.png", picture())
    (bucket / "else/cat/again").symlink_to(bucket / "else")
    (bucket / "else/loop").symlink_to(bucket / "else/loop")
    dataset_id = api.dataset()
    assert imported(api, dataset_id, "/bucket/else/")["status"] == "COMPLETED"
    assert labels(api, dataset_id) == {"1.png": ["cat"]}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"annotation": [{"type": "modelarts/image_classification", "name": "x" * 10_000}]}, "longer than"),
        ({"annotation": [{"type": "modelarts/image_classification", "name": ""}]}, "must have one"),
        ({"usage": "sideways"}, "SIDEWAYS"),
        ({"sample-type": 77}, "77"),
        ({"annotation": [{"type": "modelarts/image_classification", "name": "a", "confidence": 7}]}, "score"),
        ({"annotation": [{"type": "modelarts/image_classification", "name": "a", "creation-time": "soon"}]}, "soon"),
        ({"annotation": "none"}, "annotation"),
    ],
)
def test_import_hostile_line_reports_only_that_line(api: Api, bucket: Path, line: Any, why: str) -> None:
    for name in ("1.png", "2.png"):
        write(bucket, f"in/{name}", picture())
    lines = [{"source": "s3://bucket/in/1.png", **line}, {"source": "s3://bucket/in/2.png", **GOOD}]
    dataset_id = api.dataset()
    task = imported(api, dataset_id, write_manifest(bucket, lines))
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 1)
    assert why in task["error_msg"]
    assert labels(api, dataset_id) == {"1.png": [], "2.png": ["good"]}


def test_import_bom_crlf_blank_lines_and_broken_bytes(api: Api, bucket: Path) -> None:
    write(bucket, "in/1.png", picture())
    good = json.dumps({"source": "s3://bucket/in/1.png", **GOOD}).encode()
    deep = b'{"source":' + b"[" * 100_000
    write(bucket, "else/a.manifest", b"\xef\xbb\xbf" + good + b"\r\n\r\n  \n\xff\xfe{}\r\n" + deep)
    dataset_id = api.dataset()
    task = imported(api, dataset_id, "/bucket/else/a.manifest")
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 1)
    assert "2 skipped" in task["error_msg"]


@pytest.mark.slow
def test_import_hundred_thousand_lines_in_constant_memory() -> None:
    def lines() -> Iterator[SampleRecord]:
        for number in range(100_000):
            yield SampleRecord(id=f"{number:032x}", path=f"bucket/in/{number}.png", type=SampleType.IMAGE, time=0)

    class Sink:
        """Takes what is written and gives it back line by line, without keeping it."""

        count = 0

        def write(self, data: bytes) -> None:
            Sink.count += len(data)

    class Source:
        """A manifest that is never there as a whole."""

        def __init__(self) -> None:
            self._left = 100_000

        def readline(self, limit: int) -> bytes:
            self._left -= 1
            return b'{"source":"obs://bucket/in/%d.png"}\n' % self._left if self._left >= 0 else b""

    def no_files(uri: str) -> BinaryIO:
        raise AssertionError(uri)

    tracemalloc.start()
    try:
        assert manifest.write(lines(), cast(BinaryIO, Sink())) == 100_000
        read = manifest.read(cast(BinaryIO, Source()), DatasetType.IMAGE_CLASSIFICATION, no_files)
        assert sum(1 for item in read if not isinstance(item, Problem)) == 100_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert Sink.count > 5_000_000
    assert peak < 2_000_000
