"""YOLO trees: those of other tools, ours in other tools, and bad ones."""

from __future__ import annotations

from pathlib import Path

import globox
import pytest

from modelarts_emulator.contract.wire import Usage
from modelarts_emulator.formats import yolo
from modelarts_emulator.store import SampleRecord
from tests.helpers.format_place import Place, drawn, parted, shapes
from tests.helpers.pictures import picture

FOUND = [("cat", "bndbox", [[24, 12], [40, 36]])]
LINE = "0 0.5 0.5 0.25 0.5\n"


def read(place: Place) -> tuple[dict[str, SampleRecord], list[str]]:
    return parted(yolo.read(place.directory, place.entries(), place.open))


def tree(place: Place, *, listed: str = "obj_train_data/1.png\n", boxes: str = LINE, names: str = "cat\ndog\n") -> None:
    """A tree with one picture of 64 × 48."""
    place.write("obj.data", "names = obj.names\ntrain = train.txt\n")
    place.write("obj.names", names)
    place.write("train.txt", listed)
    place.write("obj_train_data/1.png", picture(64, 48))
    place.write("obj_train_data/1.txt", boxes)


def test_read_tree_of_another_tool_returns_its_boxes(place: Place) -> None:
    place.golden("yolo_darknet")
    for name in ("a.jpg", "b.jpg", "unlisted.jpg"):
        place.write(f"obj_train_data/{name}", picture(64, 48, kind="JPEG"))
    samples, problems = read(place)
    assert not problems
    assert {name: (sample.usage, shapes(sample)) for name, sample in samples.items()} == {
        "obj_train_data/a.jpg": (Usage.TRAIN, [*FOUND, ("Hund ü", "bndbox", [[51.2, 38.4], [64, 48]])]),
        "obj_train_data/b.jpg": (Usage.TRAIN, []),
    }


def test_read_several_trees_in_one_directory(place: Place, tmp_path: Path) -> None:
    for name, label in (("one", "cat"), ("two", "dog")):
        inner = Place(tmp_path / name)
        tree(inner, names=f"{label}\n")
        for file in inner.root.rglob("*"):
            if file.is_file():
                place.write(f"{name}/{file.relative_to(inner.root)}", file.read_bytes())
    samples, problems = read(place)
    assert not problems
    assert {name: [label.name for label in sample.labels] for name, sample in samples.items()} == {
        "one/obj_train_data/1.png": ["cat"],
        "two/obj_train_data/1.png": ["dog"],
    }


def test_write_then_read_returns_the_same_boxes(place: Place) -> None:
    wanted = [place.scene(number) for number in range(4)]
    wanted[1].usage, wanted[2].labels = Usage.EVAL, []
    wanted[3].labels = [
        drawn("Grüße 名 #1", "bndbox", [[0, 0], [320, 240]]),
        drawn("x", "bndbox", [[0.25, 7.5], [319.75, 8.33]]),
    ]
    assert yolo.write(wanted, lambda name, data: place.write(name, data) and None) == 4
    places = {0: "train", 1: "valid", 2: "train", 3: "train"}
    for number, member in places.items():
        name = wanted[number].path.rpartition("/")[2]
        target = place.root / f"obj_{member}_data" / name
        (place.root / name).rename(target)
    samples, problems = read(place)
    assert not problems
    by_name = {name.rpartition("/")[2]: sample for name, sample in samples.items()}
    for sample in wanted:
        found = by_name[sample.path.rpartition("/")[2]]
        assert found.labels == sample.labels
        assert found.usage is (sample.usage or Usage.TRAIN)


def test_globox_reads_the_boxes_of_written_trees(place: Place) -> None:
    scenes = [place.scene(number) for number in range(4)]
    yolo.write(scenes, lambda name, data: place.write(name, data) and None)
    names = (place.root / "obj.names").read_text().splitlines()
    other = globox.AnnotationSet.from_yolo_darknet(place.root / "obj_train_data", image_folder=place.root)
    assert len(other) == 4
    for scene in scenes:
        boxes = other[scene.path.rpartition("/")[2]].boxes
        assert [names[int(box.label)] for box in boxes] == [name for name, _, _ in shapes(scene)]
        for box, (_, _, corners) in zip(boxes, shapes(scene), strict=True):
            assert box.ltrb == pytest.approx([*corners[0], *corners[1]], abs=0.01)


def test_read_boxes_written_by_globox(place: Place) -> None:
    scene = place.scene(0)
    name = scene.path.rpartition("/")[2]
    boxes = [
        globox.BoundingBox.create(label=title, coords=(*corners[0], *corners[1])) for title, _, corners in shapes(scene)
    ]
    (place.root / "obj_train_data").mkdir()
    (place.root / name).rename(place.root / "obj_train_data" / name)
    other = globox.AnnotationSet([globox.Annotation(name, (320, 240), boxes)])
    other.save_yolo_darknet(place.root / "obj_train_data", label_to_id={str(digit): digit for digit in range(10)})
    place.write("obj.data", "names=obj.names\ntrain=train.txt\n")
    place.write("obj.names", "".join(f"{digit}\n" for digit in range(10)))
    place.write("train.txt", f"obj_train_data/{name}\n")
    samples, problems = read(place)
    assert not problems
    assert shapes(samples[f"obj_train_data/{name}"]) == shapes(scene)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("0 nan 0.5 0.1 0.1", "between 0 and 1"),
        ("0 0.5 inf 0.1 0.1", "between 0 and 1"),
        ("0 0.5 0.5 -0.1 0.1", "between 0 and 1"),
        ("0 0.5 0.5 0 0.1", "between 0 and 1"),
        ("0 1e308 0.5 0.1 0.1", "between 0 and 1"),
        ("0 0.9 0.5 0.5 0.1", "outside the picture of 64 × 48"),
        ("0 0.5 0.01 0.1 0.5", "outside the picture of 64 × 48"),
        ("2 0.5 0.5 0.1 0.1", "label 2 is not in"),
        ("-1 0.5 0.5 0.1 0.1", "label -1 is not in"),
        ("0.0 0.5 0.5 0.1 0.1", "not an index"),
        ("0 0.5 0.5 0.1", "not an index"),
        ("0 0.5 0.5 0.1 0.1 1.9", "score must be between 0 and 1"),
        ("0 0.5 0.5 0.1 0.1 0.9 2", "between 0 and 1"),
        ("0 0.5 0.5 0.1 0.1 0.9 0.1 0.2", "not an index and four numbers"),
        ("9" * 10_000 + " 0.5 0.5 0.1 0.1", "not an index"),
        ("cat", "not an index"),
        ("x" * 200_000, "longer than"),
        ("\0\0\0", "not an index"),
        (LINE * 10_001, "more than 10000 boxes"),
    ],
)
def test_yolo_line_that_is_wrong_costs_only_its_own_box(place: Place, line: str, why: str) -> None:
    tree(place, boxes=LINE + line, listed="obj_train_data/1.png\nobj_train_data/2.png\n")
    place.write("obj_train_data/2.png", picture(64, 48))
    place.write("obj_train_data/2.txt", LINE)
    samples, (problem,) = read(place)
    assert problem.startswith("bucket/data/obj_train_data/1.txt")
    assert why in problem
    assert len(problem) < 300
    assert {name: shapes(sample) for name, sample in samples.items()} == {
        "obj_train_data/1.png": [] if "more than" in why else FOUND,
        "obj_train_data/2.png": FOUND,
    }


def test_yolo_line_with_a_score_or_a_polygon_is_read(place: Place) -> None:
    tree(place, boxes="0 0.5 0.5 0.25 0.5 0.75\n1 0 0 0.5 0 0.25 1\n")
    samples, problems = read(place)
    assert not problems
    sample = samples["obj_train_data/1.png"]
    assert [label.score for label in sample.labels] == [0.75, None]
    assert shapes(sample) == [*FOUND, ("dog", "polygon", [[0, 0], [32, 0], [16, 48]])]


def test_read_box_outside_by_its_rounding_is_moved_to_the_edge(place: Place) -> None:
    tree(place, boxes="0 0.25 0.5 0.500001 1.0\n1 0.75 0.999 0.5 0.002\n")
    samples, problems = read(place)
    assert not problems
    assert [feature for _, _, feature in shapes(samples["obj_train_data/1.png"])] == [
        [[0, 0], [32, 48]],
        [[32, 47.9], [64, 48]],
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "../../bucket/secret.png",
        "obj_train_data/../../secret.png",
        "/etc/passwd",
        "/bucket/secret.png",
        "/obj_train_data/1.png",
        "data/../../secret.png",
        "..\\secret.png",
        "obs://bucket/secret.png",
        "obj_train_data/missing.png",
        "obj_train_data",
        ".",
        "x" * 50_000,
        "a\0.png",
    ],
)
def test_read_name_outside_the_tree_is_not_found(place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "bucket/secret.png").write_bytes(picture())
    tree(place, listed=f"{name}\nobj_train_data/1.png\n")
    samples, (problem,) = read(place)
    assert problem.startswith("bucket/data/train.txt line 1: ")
    assert "is not there" in problem
    assert len(problem) < 300
    assert {name: shapes(sample) for name, sample in samples.items()} == {"obj_train_data/1.png": FOUND}


def test_read_picture_listed_twice_counts_once(place: Place) -> None:
    tree(place, listed="obj_train_data/1.png\n./obj_train_data/1.png\n")
    samples, (problem,) = read(place)
    assert "line 2" in problem
    assert "listed already" in problem
    assert list(samples) == ["obj_train_data/1.png"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "obj.names' is not there"),
        ("names = labels.txt\n", "neither a train nor a valid list"),
        ("names = ../labels.txt\ntrain = train.txt\n", "names: '../labels.txt' is not there"),
        ("names = labels.txt\ntrain = ../train.txt\n", "train: '../train.txt' is not there"),
        ("names = labels.txt\nvalid = /train.txt\n", "valid: '/train.txt' is not there"),
        ("names = zeros\ntrain = train.txt\n", "longer than"),
        ("names = labels.txt\ntrain = zeros\n", "longer than"),
        ("names = many.txt\ntrain = train.txt\n", "more than 10000 labels"),
        ("\0" * 200_000, "longer than"),
    ],
)
def test_read_incomplete_tree_is_one_problem(place: Place, data: str, why: str) -> None:
    tree(place)
    (place.root / "obj.names").unlink()
    place.write("labels.txt", "cat\n")
    place.write("many.txt", "cat\n" * 10_001)
    place.sparse("zeros", 1 << 28)
    place.write("obj.data", data)
    samples, (problem,) = read(place)
    assert why in problem
    assert not samples


def test_read_picture_without_a_readable_size_has_no_boxes(place: Place) -> None:
    tree(place)
    place.write("obj_train_data/1.png", b"no picture")
    samples, (problem,) = read(place)
    assert "size cannot be read" in problem
    assert shapes(samples["obj_train_data/1.png"]) == []


def test_write_refuses_names_that_are_not_a_line(place: Place) -> None:
    one, two = place.sample("a/1.png"), place.sample("b/1.JPG")
    with pytest.raises(ValueError, match="another picture has the file of boxes"):
        yolo.write([one, two], lambda name, data: None)
    names = iter(("1.png", "1-1.JPG"))
    assert yolo.write([one, two], lambda name, data: None, lambda sample: next(names)) == 2
    for title in ("two\nlines", " blank", ""):
        one.labels = [drawn(title, "bndbox", [[1, 1], [2, 2]])]
        with pytest.raises(ValueError, match="cannot be a line"):
            yolo.write([one], lambda name, data: None)


def test_write_leaves_out_shapes_other_than_boxes(place: Place) -> None:
    written: dict[str, bytes] = {}
    sample = place.sample("1.png", drawn("c", "circle", [[5, 5], [2]]), drawn("b", "bndbox", [[0, 0], [64, 48]]))
    unknown = place.sample("2.png", drawn("b", "bndbox", [[0, 0], [64, 48]]))
    unknown.shape, unknown.usage = None, Usage.EVAL
    assert yolo.write([sample, unknown], written.__setitem__) == 2
    assert written == {
        "obj_train_data/1.txt": b"0 0.500000 0.500000 1.000000 1.000000\n",
        "obj_valid_data/2.txt": b"",
        "obj.names": b"b\n",
        "obj.data": b"classes = 1\nnames = obj.names\ntrain = train.txt\nvalid = valid.txt\n",
        "train.txt": b"obj_train_data/1.png\n",
        "valid.txt": b"obj_valid_data/2.png\n",
    }
