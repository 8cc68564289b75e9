"""Find label files of pictures, and report those that nothing uses."""

from __future__ import annotations

import pytest

from modelarts_emulator.formats import yolo
from modelarts_emulator.formats.label_files import LabelFiles
from modelarts_emulator.obs.walk import ObjectEntry


def files(*paths: str) -> LabelFiles:
    return LabelFiles(ObjectEntry(path, 1, 1, path) for path in paths)


@pytest.mark.parametrize(
    ("picture", "label_file"),
    [
        ("b/a.jpg", "b/a.xml"),
        ("b/A.JPG", "b/A.XML"),
        ("b/JPEGImages/a.jpg", "b/Annotations/a.xml"),
        ("b/train/images/a.jpg", "b/train/labels/a.xml"),
        ("b/images/train/sub/a.jpg", "b/labels/train/sub/a.xml"),
        ("b/images/x/images/a.jpg", "b/images/x/labels/a.xml"),
    ],
)
def test_find_returns_the_file_beside_or_in_the_mirrored_folder(picture: str, label_file: str) -> None:
    found = files(picture, label_file)
    assert found.find(picture, ".xml") == label_file
    assert found.find(picture, ".txt") is None
    assert list(found.report_unused([picture])) == []


def test_find_prefers_the_file_beside() -> None:
    found = files("b/images/a.jpg", "b/images/a.txt", "b/labels/a.txt")
    assert found.find("b/images/a.jpg", ".txt") == "b/images/a.txt"
    assert [problem.where for problem in found.report_unused(["b/images/a.jpg"])] == ["b/labels/a.txt"]


@pytest.mark.parametrize(
    ("path", "is_reported"),
    [
        ("b/other.xml", True),
        ("b/a.json", True),
        ("b/sub/a.txt", True),
        ("b/labels/x.txt", True),
        ("b/labels/train/x.txt", True),
        ("b/Annotations/x.json", True),
        ("b/README.txt", False),
        ("b/notes.json", False),
        ("b/a.csv", False),
    ],
)
def test_report_unused_names_files_that_may_hold_labels(path: str, is_reported: bool) -> None:
    assert [problem.where for problem in files("b/a.jpg", path).report_unused(["b/a.jpg"])] == [path] * is_reported


def test_mark_used_keeps_a_file_from_being_reported() -> None:
    found = files("b/a.jpg", "b/a.json")
    found.mark_used(["b/a.json"])
    assert list(found.report_unused(["b/a.jpg"])) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("names: [cat, dog]", {0: "cat", 1: "dog"}),
        ("names:\n  0: cat\n  2: dog\n", {0: "cat", 2: "dog"}),
        ("nc: 2\nnames: ['cat ', 7]", {0: "cat", 1: "7"}),
        ("\ufeffnames: [名]", {0: "名"}),
    ],
)
def test_read_names_of_a_data_yaml(text: str, names: dict[int, str]) -> None:
    assert yolo.read_names(text.encode()) == (names, False)


def test_read_names_recognizes_a_tree_with_keypoints() -> None:
    assert yolo.read_names(b"names: [person]\nkpt_shape: [17, 3]").has_keypoints


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nc: 2",
        "names: cat",
        "names: [[cat]]",
        "names: {a: cat}",
        "[cat]",
        "names: [",
        "names: !!python/object:os.x {}",
    ],
)
def test_read_names_refuses_what_names_no_labels(text: str) -> None:
    with pytest.raises(ValueError, match=r"names|YAML"):
        yolo.read_names(text.encode())


def test_read_names_refuses_a_file_that_is_too_large() -> None:
    with pytest.raises(ValueError, match="larger than"):
        yolo.read_names(b"#" * (yolo.MAX_YAML_BYTES + 1))
