"""Directories as a whole: recognize the layout, and read back what was written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType
from modelarts_emulator.formats import directory_layouts, voc
from modelarts_emulator.formats.directory_layouts import DirectoryOptions, UniqueNames
from modelarts_emulator.store import SampleRecord
from tests.helpers.format_place import Place, drawn, parted, shapes
from tests.helpers.pictures import picture

CLASSES, DETECTION = DatasetType.IMAGE_CLASSIFICATION, DatasetType.OBJECT_DETECTION
BOX = drawn("cat", "bndbox", [[1, 2], [10, 12]])


def read(place: Place, kind: DatasetType, **options: Any) -> tuple[dict[str, SampleRecord], list[str]]:
    return parted(
        directory_layouts.read_directory(
            kind, place.directory, place.entries(), DirectoryOptions(**options), place.open
        )
    )


def write(place: Place, kind: DatasetType, samples: Iterable[SampleRecord], *, tree: bool) -> dict[str, SampleRecord]:
    """Write a directory of samples whose objects lie in ``objects/``; which sample went where."""
    copied: dict[str, SampleRecord] = {}

    def copy(sample: SampleRecord, name: str) -> None:
        assert name not in copied
        assert not (place.root / name).exists()
        copied[name] = sample
        place.write(name, picture(64, 48))

    def put(name: str, data: bytes) -> None:
        assert not (place.root / name).exists()
        place.write(name, data)

    samples = list(samples)
    assert directory_layouts.write_directory(kind, samples, tree=tree, put=put, copy=copy) == len(samples)
    return copied


def classified(path: str, *names: str) -> SampleRecord:
    labels = [SampleLabel(name=name, type=LabelType.IMAGE_CLASSIFICATION) for name in names]
    return SampleRecord(id="", path=path, type=SampleType.IMAGE, time=0, labels=labels)


SAMPLES = [
    classified("b/a/1.jpg", "cat"),
    classified("b/b/1.jpg", "dog", "Grüße 名"),
    classified("b/c/1.jpg"),
    classified("b/d/1.png", "cat"),
    classified("b/e/1-1.jpg", "cat"),
    classified("b/f/2.JPG", "a/b"),
    classified("b/g/3.jpg", ".hidden"),
    classified("b/h/4.jpg", ".."),
    classified("b/i/5.jpg", "x" * 300),
    classified("b/j/6.jpg", "back\\slash", "cat"),
    classified("b/k/noending", "cat"),
]


@pytest.mark.parametrize("tree", [True, False])
def test_write_then_read_pictures_returns_the_same_labels(place: Place, tree: bool) -> None:
    copied = write(place, CLASSES, SAMPLES[:-1], tree=tree)
    samples, problems = read(place, CLASSES)
    assert not problems
    assert {name: sample.labels for name, sample in samples.items()} == {
        name: sample.labels for name, sample in copied.items()
    }


def test_write_tree_has_a_folder_per_label(place: Place) -> None:
    copied = write(place, CLASSES, SAMPLES, tree=True)
    assert [*copied] == [
        "cat/1.jpg",
        "dog/1.jpg",
        "1.jpg",
        "cat/1-1.png",
        "cat/1-1-1.jpg",
        "2.JPG",
        "3.jpg",
        "4.jpg",
        "5.jpg",
        "6.jpg",
        "cat/noending",
    ]
    assert (place.root / "dog/1.txt").read_text("utf-8") == "dog\nGrüße 名\n"
    assert sorted(path.name for path in place.root.glob("*.txt")) == ["2.txt", "3.txt", "4.txt", "5.txt", "6.txt"]


def test_write_tree_avoids_folders_that_collide_with_files(place: Place) -> None:
    samples = [
        classified("1.png", "2.png"),
        classified("2.png"),
        classified("3.jpg", "4.txt"),
        classified("a/4.jpg", "five.tmp", "x"),
        classified("6.jpg", "v1.2"),
    ]
    copied = write(place, CLASSES, samples, tree=True)
    assert [*copied] == ["1.png", "2.png", "3.jpg", "4.jpg", "v1.2/6.jpg"]
    found, problems = read(place, CLASSES)
    assert not problems
    assert {name: sample.labels for name, sample in found.items()} == {n: s.labels for n, s in copied.items()}


def test_unique_names_avoid_reserved_names() -> None:
    names = UniqueNames(["Data.manifest", "x"])
    wanted = ["data.manifest", "a/data.manifest", "data.jpg", "x", "x.jpg"]
    assert [names.unique(name) for name in wanted] == [
        "data-1.manifest",
        "a/data.manifest",
        "data.jpg",
        "x-1",
        "x.jpg",
    ]


def test_unique_names_ignore_case() -> None:
    names = UniqueNames()
    wanted = ["1.jpg", "1.JPG", "1.png", "1-1.jpg", "A/1.jpg", "a/1.jpg", "ß.jpg", "SS.jpg", "x", "x.y", ".z", ".z"]
    unique = [names.unique(name) for name in wanted]
    assert unique[:6] == ["1.jpg", "1-1.JPG", "1-2.png", "1-1-1.jpg", "A/1.jpg", "a/1-1.jpg"]
    stems = [name.rpartition(".")[0].casefold() or name.casefold() for name in unique]
    assert len({*stems}) == len(wanted)


@pytest.mark.parametrize("tree", [True, False])
def test_write_then_read_boxes_returns_the_same_labels(place: Place, tree: bool) -> None:
    wanted = [
        place.sample("a/1.jpg", BOX, drawn("Tür 名", "polygon", [[0, 0], [64, 0], [7, 48]], 0.5)),
        place.sample("b/1.jpg", drawn("c", "circle", [[20, 20], [5]])),
        place.sample("c/1.jpg"),
    ]
    copied = write(place, DETECTION, wanted, tree=tree)
    assert [*copied] == ["1.jpg", "1-1.jpg", "1-2.jpg"]
    samples, problems = read(place, DETECTION)
    assert not problems
    assert {name: sample.labels for name, sample in samples.items()} == {
        name: sample.labels for name, sample in copied.items()
    }
    assert not (place.root / "1-2.xml").exists()


def boxed(place: Place, name: str = "1.jpg") -> SampleRecord:
    place.write(name, picture(64, 48, kind="JPEG"))
    return place.sample(name, BOX)


COCO = {
    "images": [{"id": 1, "file_name": "1.jpg"}],
    "categories": [{"id": 1, "name": "from coco"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}],
}


def test_read_named_format_ignores_the_other_files(place: Place) -> None:
    place.write("1.xml", voc.write(boxed(place)))
    place.write("a.json", json.dumps(COCO))
    for annotation_format, name in (("VOC", "cat"), ("COCO", "from coco")):
        samples, problems = read(place, DETECTION, annotation_format=annotation_format)
        assert not problems
        assert [label.name for label in samples["1.jpg"].labels] == [name]


def test_read_recognizes_coco_documents(place: Place) -> None:
    boxed(place)
    place.write("a.json", json.dumps(COCO))
    samples, problems = read(place, DETECTION)
    assert not problems
    assert [label.name for label in samples["1.jpg"].labels] == ["from coco"]


def test_read_recognizes_yolo_trees(place: Place) -> None:
    place.golden("yolo")
    for name in ("obj_train_data/1.png", "obj_valid_data/2.png"):
        place.write(name, picture())
    samples, problems = read(place, DETECTION)
    assert not problems
    assert [name for name, _, _ in shapes(samples["obj_train_data/1.png"])] == ["cat", "Hund ü"]


def test_read_unrelated_json_does_not_hide_voc_files(place: Place) -> None:
    place.write("1.xml", voc.write(boxed(place)))
    place.write("settings.json", '{"colour": "red"}')
    samples, _ = read(place, DETECTION)
    assert [label.name for label in samples["1.jpg"].labels] == ["cat"]


def test_read_voc_files_beside_their_pictures(place: Place) -> None:
    for name in ("1.jpg", "sub/2.jpg", "sub/3.jpg"):
        place.write(f"{name[:-4]}.xml", voc.write(boxed(place, name)))
    place.write("sub/3.xml", "<annotation><object/></annotation>")
    place.write("alone.xml", voc.write(place.sample("alone.jpg", BOX)))
    samples, (problem, unused) = read(place, DETECTION)
    assert unused == "bucket/data/alone.xml: this label file is not used"
    assert problem == "bucket/data/sub/3.xml: object 1: has no <name>"
    assert {name: len(sample.labels) for name, sample in samples.items()} == {
        "1.jpg": 1,
        "sub/2.jpg": 1,
        "sub/3.jpg": 0,
    }


def test_read_texts_with_and_without_label_files(place: Place) -> None:
    place.golden("text")
    items = directory_layouts.read_directory(
        DatasetType.TEXT_CLASSIFICATION,
        place.directory,
        place.entries("s.txt") + place.entries("t.txt"),
        DirectoryOptions(),
        place.open,
    )
    found = [
        (s.path.rpartition("/")[2], s.text, [x.name for x in s.labels]) for s in items if isinstance(s, SampleRecord)
    ]
    wanted = ["It touches good and responds quickly.", "Why does my phone heat up?", "unlabelled 名"]
    assert [each for each in found if each[0] == "comments.txt"] == [
        ("comments.txt", wanted[0], ["positive", "useful"]),
        ("comments.txt", wanted[1], ["negative"]),
        ("comments.txt", wanted[2], []),
    ]
    assert "comments_result.txt" not in {each[0] for each in found}


@pytest.mark.parametrize("kind", [DatasetType.NAMED_ENTITY, DatasetType.TEXT_TRIPLET])
def test_read_other_text_types_ignores_separators(place: Place, kind: DatasetType) -> None:
    place.write("t.txt", "one\ttwo\n")
    (sample,) = directory_layouts.read_directory(kind, place.directory, place.entries(), DirectoryOptions(), place.open)
    assert isinstance(sample, SampleRecord)
    assert (sample.text, sample.labels) == ("one\ttwo", [])


@pytest.mark.parametrize(
    ("kind", "names", "wanted"),
    [
        (DatasetType.SPEECH_CONTENT, ["bark/1.wav", "2.WAV", "3.mp3"], ["2.WAV", "bark/1.wav"]),
        (DatasetType.VIDEO, ["a/1.mp4", "2.avi"], ["a/1.mp4"]),
        (DatasetType.FREE_FORMAT, ["1.txt", "1.jpg", "sub/x"], ["1.jpg", "1.txt", "sub/x"]),
    ],
)
def test_read_types_without_labels_returns_files(
    place: Place, kind: DatasetType, names: list[str], wanted: list[str]
) -> None:
    for name in names:
        place.write(name, "x")
    samples, problems = read(place, kind)
    assert not problems
    assert [*samples] == wanted
    assert not any(sample.labels for sample in samples.values())


@pytest.mark.parametrize(
    ("kind", "names", "wanted"),
    [
        (CLASSES, ["1.jpg"], False),
        (CLASSES, ["cat/1.jpg"], True),
        (CLASSES, ["1.jpg", "1.txt"], True),
        (CLASSES, ["cat/readme.md"], False),
        (DETECTION, ["1.jpg"], False),
        (DETECTION, ["1.jpg", "1.XML"], True),
        (DETECTION, ["sub/obj.data"], True),
        (DETECTION, ["a.json"], True),
        (DatasetType.TEXT_CLASSIFICATION, ["a.txt"], True),
        (DatasetType.TEXT_CLASSIFICATION, [], False),
    ],
)
def test_has_annotations_depends_on_type_and_names(kind: DatasetType, names: list[str], wanted: bool) -> None:
    assert directory_layouts.has_annotations(kind, names) is wanted


def test_read_skips_links_in_a_circle_and_out_of_the_bucket(place: Place, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/1.png").write_bytes(picture())
    (tmp_path / "secret.txt").write_text("secret\n")
    place.write("cat/1.png", picture())
    (place.root / "cat/again").symlink_to(place.root)
    (place.root / "out").symlink_to(tmp_path / "secret")
    (place.root / "cat/1.txt").symlink_to(tmp_path / "secret.txt")
    samples, problems = read(place, CLASSES)
    assert not problems
    assert {name: [label.name for label in sample.labels] for name, sample in samples.items()} == {"cat/1.png": ["cat"]}
    shutil.rmtree(tmp_path / "secret")


def test_read_yolo_variants_of_other_tools(place: Place) -> None:
    """Any name of the description, names beside the labels, keypoints, oriented boxes, and lists in a mapping."""
    for folder in ("pose", "obb", "studio"):
        place.write(f"{folder}/images/train/1.jpg", picture(64, 48, kind="JPEG"))
    place.write("pose/dataset.yml", "names: {0: person}\nkpt_shape: [2, 3]\n")
    place.write("pose/labels/train/1.txt", "0 0.5 0.5 0.25 0.5 0.1 0.1 2 0.2 0.2 2\n")
    place.write("obb/custom.yaml", "names: [ship]\n")
    place.write("obb/labels/train/1.txt", "0 0 0 0.5 0 0.5 0.5 0 0.5\n")
    place.write("studio/other.yaml", "names: [cat]\n")
    samples, problems = read(place, DETECTION)
    assert not problems
    assert {name: shapes(sample) for name, sample in samples.items()} == {
        "pose/images/train/1.jpg": [("person", "bndbox", [[24, 12], [40, 36]])],
        "obb/images/train/1.jpg": [("ship", "polygon", [[0, 0], [32, 0], [32, 24], [0, 24]])],
        "studio/images/train/1.jpg": [],
    }


def test_read_classes_file_among_the_label_files(place: Place) -> None:
    place.write("images/1.jpg", picture(64, 48, kind="JPEG"))
    place.write("labels/1.txt", "1 0.5 0.5 0.25 0.5\n")
    place.write("labels/classes.txt", "\ufeffcat\r\ndog\r\n")
    samples, problems = read(place, DETECTION)
    assert not problems
    assert shapes(samples["images/1.jpg"]) == [("dog", "bndbox", [[24, 12], [40, 36]])]


def test_read_coco_file_names_written_on_windows(place: Place) -> None:
    place.write("images/1.jpg", picture(64, 48, kind="JPEG"))
    place.write("other/1.jpg", picture(64, 48, kind="JPEG"))
    document = {**COCO, "images": [{"id": 1, "file_name": ".\\images\\1.jpg"}]}
    place.write("a.json", json.dumps(document))
    samples, problems = read(place, DETECTION)
    assert not problems
    assert {name: len(sample.labels) for name, sample in samples.items()} == {"images/1.jpg": 1, "other/1.jpg": 0}
