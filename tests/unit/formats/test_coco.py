"""COCO documents: those of other tools, ours in other tools, and bad ones."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import globox
import pytest

from modelarts_emulator.contract.wire import SampleType
from modelarts_emulator.formats import coco
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.store import SampleRecord
from tests.helpers.format_place import GOLDEN, Place, drawn, parted, shapes
from tests.helpers.pictures import picture

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' own


def read(place: Place) -> tuple[dict[str, SampleRecord], list[str]]:
    return parted(coco.read(place.directory, place.entries(), place.entries(".json"), place.open))


def document(*annotations: Any, **members: Any) -> dict[str, Any]:
    """A document about one picture of 64 × 48 and one category."""
    return {
        "images": [{"id": 1, "file_name": "1.png", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 1, **annotation} for annotation in annotations],
        **members,
    }


GOOD = {"bbox": [1, 2, 3, 4]}
FOUND = [("cat", "bndbox", [[1, 2], [4, 6]])]


def test_read_document_of_another_tool_returns_its_boxes(place: Place) -> None:
    place.write("annotations/foreign.json", (GOLDEN / "coco/foreign.json").read_bytes())
    for name in ("train/a.jpg", "train/b.jpg", "val/c.jpg"):
        place.write(name, picture(64, 48, kind="JPEG"))
    samples, problems = read(place)
    assert not problems
    assert {name: shapes(sample) for name, sample in samples.items()} == {
        "train/a.jpg": [
            ("person", "bndbox", [[10.07, 4.65], [22.07, 12.65]]),
            ("person", "bndbox", [[0, 0], [3, 2]]),
            ("Hündchen 犬", "bndbox", [[1, 1], [21, 11]]),
        ],
        "train/b.jpg": [
            ("Hündchen 犬", "polygon", [[1.5, 2.5], [10.5, 2.5], [6.25, 11.5]]),
            ("person", "bndbox", [[60, 40], [64, 48]]),
        ],
        "val/c.jpg": [],
    }
    assert [label.score for label in samples["train/b.jpg"].labels] == [0.75, None]


def test_write_then_read_returns_the_same_labels(place: Place) -> None:
    wanted = [
        place.sample("1.png", drawn("名 ü", "bndbox", [[0.1, 0.2], [0.30000000000000004, 48]], 0.5)),
        place.sample(
            "2.png", drawn("cat", "polygon", [[0, 0], [63.5, 1], [7, 48]]), drawn("dog", "bndbox", [[0, 0], [64, 48]])
        ),
        place.sample("sub/3.png"),
    ]
    for sample in wanted:
        place.write(sample.path.removeprefix(place.directory), picture(64, 48))
    with place.write("annotations.json").open("wb") as file:
        assert coco.write(wanted, file, lambda sample: sample.path.removeprefix(place.directory)) == 3
    samples, problems = read(place)
    assert not problems
    wanted[0].labels = [drawn("名 ü", "bndbox", [[0.1, 0.2], [0.3, 48]], 0.5)]
    assert [sample.labels for sample in samples.values()] == [sample.labels for sample in wanted]


def test_pycocotools_reads_the_boxes_of_written_documents(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    scenes = [place.scene(number) for number in range(4)]
    file = place.write("annotations.json")
    with file.open("wb") as out:
        coco.write(scenes, out)
    other = COCO(str(file))
    titles = {each["id"]: each["name"] for each in other.loadCats(other.getCatIds())}
    for image, sample in zip(other.loadImgs(other.getImgIds()), scenes, strict=True):
        assert sample.path.endswith(image["file_name"])
        assert (image["width"], image["height"], 3) == sample.shape
        found = [(titles[a["category_id"]], a["bbox"]) for a in other.imgToAnns[image["id"]]]
        assert found == [
            (name, [left, top, right - left, bottom - top])
            for name, _, ((left, top), (right, bottom)) in shapes(sample)
        ]
    assert other.getAnnIds(areaRng=[0, 1e9]) == sorted(other.anns)


def test_pycocotools_computes_the_written_area_of_a_polygon(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    file = place.write("annotations.json")
    corners = [[4, 4], [44, 4], [44, 34], [24, 44], [4, 34]]
    with file.open("wb") as out:
        coco.write([place.sample("1.png", drawn("cat", "polygon", corners))], out)
    other = COCO(str(file))
    (annotation,) = other.anns.values()
    assert annotation["area"] == 1400
    assert annotation["bbox"] == [4, 4, 40, 40]
    assert other.annToMask(annotation).sum() == pytest.approx(1400, rel=0.02)


def test_read_document_written_by_globox_returns_its_boxes(place: Place) -> None:
    scenes = [place.scene(number) for number in range(3)]
    other = globox.AnnotationSet(
        globox.Annotation(
            scene.path.rpartition("/")[2],
            (320, 240),
            [
                globox.BoundingBox.create(label=name, coords=(*corners[0], *corners[1]))
                for name, _, corners in shapes(scene)
            ],
        )
        for scene in scenes
    )
    other.save_coco(place.root / "globox.json", auto_ids=True)
    samples, problems = read(place)
    assert not problems
    assert [shapes(sample) for sample in samples.values()] == [shapes(scene) for scene in scenes]


def test_write_leaves_out_other_shapes() -> None:
    out = io.BytesIO()
    sample = SampleRecord(id="", path="b/1.png", type=SampleType.IMAGE, time=0)
    sample.labels = [drawn("a", "circle", [[5, 5], [2]]), drawn("b", "polyline", [[1, 1], [2, 2]])]
    assert coco.write([sample], out) == 1
    assert json.loads(out.getvalue()) == {
        "images": [{"id": 1, "file_name": "1.png", "width": 0, "height": 0}],
        "annotations": [],
        "categories": [],
    }


def test_write_no_samples_makes_an_empty_document(place: Place) -> None:
    with place.write("a.json").open("wb") as out:
        assert coco.write([], out) == 0
    assert read(place) == ({}, [])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"bbox": [float("nan"), 0, 1, 1]}, "got `null`"),
        ({"bbox": [0, 0, float("inf"), 1]}, "got `null`"),
        ({"bbox": [0, 0, -5, 5]}, "no area"),
        ({"bbox": [0, 0, 0, 5]}, "no area"),
        ({"bbox": [0, 0, 1e300, 5]}, "not a usable number"),
        ({"bbox": [0, 0, 10**400, 5]}, "annotations[1]"),
        ({"bbox": [0, 0, 5]}, "neither a bbox"),
        ({"bbox": [0, 0, "5", 5]}, "got `str`"),
        ({"bbox": "0 0 5 5"}, "got `str`"),
        ({}, "neither a bbox"),
        ({"segmentation": [[1, 1, 2, 2, None, 3]], **GOOD}, "not a usable number"),
        ({"category_id": 77, **GOOD}, "category_id '77' is not in"),
        ({"image_id": 77, **GOOD}, "image_id '77' is not in"),
        ({"image_id": None, **GOOD}, "image_id"),
        ({"image_id": [[[[]]]], **GOOD}, "image_id"),
        ({"score": "high", **GOOD}, "score"),
    ],
)
def test_read_bad_annotation_costs_only_itself(place: Place, wrong: dict[str, Any], why: str) -> None:
    place.write("1.png", picture(64, 48))
    place.write("a.json", json.dumps(document(GOOD, wrong, GOOD)))
    samples, (problem,) = read(place)
    assert shapes(samples["1.png"]) == FOUND * 2
    assert problem.startswith("bucket/data/a.json annotations[1]: ")
    assert why in problem
    assert len(problem) < 300


@pytest.mark.parametrize(
    ("member", "wrong", "where"),
    [
        ("images", {"id": 2}, "images[1]"),
        ("images", {"id": 2, "file_name": 7}, "images[1]"),
        ("images", "2.png", "images[1]"),
        ("categories", {"id": None, "name": "x"}, "categories[1]"),
        ("categories", [], "categories[1]"),
    ],
)
def test_read_bad_picture_or_category_costs_only_itself(place: Place, member: str, wrong: Any, where: str) -> None:
    place.write("1.png", picture(64, 48))
    content = document(GOOD)
    content[member].append(wrong)
    place.write("a.json", json.dumps(content))
    samples, (problem,) = read(place)
    assert shapes(samples["1.png"]) == FOUND
    assert where in problem


@pytest.mark.parametrize(
    "name",
    ["../secret.png", "../../etc/passwd", "/etc/passwd", "sub/../../x.png", "http://localhost/x.png", "a\0.png", ""],
)
def test_read_file_name_outside_the_tree_finds_nothing(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "bucket/secret.png").write_bytes(picture())
    place.write("1.png", picture(64, 48))
    content = document(GOOD, {"image_id": 2, **GOOD})
    content["images"].append({"id": 2, "file_name": name})
    place.write("a.json", json.dumps(content))
    samples, (problem,) = read(place)
    assert {name: shapes(sample) for name, sample in samples.items()} == {"1.png": FOUND}
    assert "no such picture" in problem


def test_read_bare_name_of_two_pictures_finds_neither(place: Place) -> None:
    for name in ("a/1.png", "b/1.png"):
        place.write(name, picture(64, 48))
    place.write("a.json", json.dumps(document(GOOD)))
    samples, problems = read(place)
    assert [sample.labels for sample in samples.values()] == [[], []]
    assert len(problems) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'{"images": {}}',
        b'{"images": [',
        b"[" * 1_000_000,
        b'{"annotations": [' + b'{"a":' * 500_000,
        b'{"images": NaN' + b"[" * 500_000,
        b"\xff\xfe\x00",
        b'{"images": [{"id": 1, "file_name": "\xff"}]}',
        '{"images": [}'.encode("utf-16"),
        b'{"pictures": []}',
        b"\x00" * 10_000,
    ],
)
def test_read_invalid_document_is_one_problem(place: Place, data: bytes) -> None:
    place.write("1.png", picture(64, 48))
    place.write("a.json", data)
    place.write("b.json", b"\xef\xbb\xbf" + json.dumps(document(GOOD), indent=1).replace("\n", "\r\n").encode())
    samples, (problem,) = read(place)
    assert problem.startswith("bucket/data/a.json")
    assert shapes(samples["1.png"]) == FOUND


def test_read_gigabyte_document_is_not_kept_in_memory(place: Place) -> None:
    place.sparse("a.json")
    tracemalloc.start()
    try:
        samples, (problem,) = read(place)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert "larger than 268435456 bytes" in problem
    assert samples == {}


def test_read_label_of_ten_thousand_characters_makes_short_problems(place: Place) -> None:
    place.write("1.png", picture(64, 48))
    place.write("a.json", json.dumps(document({"category_id": "x" * 10_000, **GOOD})))
    _, (problem,) = read(place)
    assert len(problem) < 300


def test_write_twenty_thousand_pictures_in_constant_memory() -> None:
    def samples() -> Iterator[SampleRecord]:
        for number in range(20_000):
            sample = SampleRecord(id="", path=f"b/{number}.png", type=SampleType.IMAGE, time=0)
            sample.labels = [drawn("cat", "bndbox", [[1, 2], [3, 4]])] * 2
            yield sample

    class Sink:
        size = 0

        def write(self, data: bytes) -> None:
            self.size += len(data)

    sink = Sink()
    tracemalloc.start()
    try:
        assert coco.write(samples(), cast(BinaryIO, sink)) == 20_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.size > 5_000_000
    assert peak < 4_000_000  # the first megabyte of annotations is held, the rest lies in a file


def test_read_reports_problems_before_the_samples(place: Place) -> None:
    place.write("1.png", picture(64, 48))
    place.write("a.json", "{")
    items = list(coco.read(place.directory, place.entries(), place.entries(".json"), place.open))
    assert [type(item) for item in items] == [Problem, SampleRecord]
