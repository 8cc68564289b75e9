"""One folder per label, and label files beside pictures and sounds."""

from __future__ import annotations

import wave

import pytest

from modelarts_emulator.contract.wire import LabelType, SampleType
from modelarts_emulator.formats import label_folders
from modelarts_emulator.store import SampleRecord
from tests.helpers.format_place import FIXTURES, Place, parted
from tests.helpers.pictures import picture


def read(place: Place, ending: str = ".png") -> tuple[dict[str, SampleRecord], list[str]]:
    return parted(
        label_folders.read(
            place.directory,
            place.entries(),
            lambda name: name.endswith(ending),
            SampleType.IMAGE,
            LabelType.IMAGE_CLASSIFICATION,
            place.open,
        )
    )


def names(place: Place, ending: str = ".png") -> dict[str, list[str | None]]:
    samples, problems = read(place, ending)
    assert not problems
    return {name: [label.name for label in sample.labels] for name, sample in samples.items()}


def test_read_last_folder_is_the_label(place: Place) -> None:
    digit = sorted((FIXTURES / "digits/7").glob("*.png"))[0].read_bytes()
    for name in ("a.png", "7/b.png", "train/7/c.png", "Grüße 名/d.png", " blank /e.png"):
        place.write(name, digit)
    assert names(place) == {
        "a.png": [],
        "7/b.png": ["7"],
        "train/7/c.png": ["7"],
        "Grüße 名/d.png": ["Grüße 名"],
        " blank /e.png": [" blank "],
    }


def test_read_label_file_takes_precedence_over_the_folder(place: Place) -> None:
    place.golden("folders")
    for name in ("2.png", "crlf.png", "bom.png", "x/empty.png"):
        place.write(name, picture())
    place.write("x/empty.txt")
    place.write("notes.txt", "belongs to no picture")
    assert names(place) == {
        "2.png": ["Rabbit", "Panda"],
        "crlf.png": ["Rabbit"],
        "bom.png": ["Rabbit", "Panda 猫"],
        "x/empty.png": [],
    }


def test_read_real_sounds_in_folders(place: Place) -> None:
    for name in ("bark/1.wav", "miau/1.wav"):
        with wave.open(str(place.write(name)), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(b"\0\1" * 80)
    assert names(place, ".wav") == {"bark/1.wav": ["bark"], "miau/1.wav": ["miau"]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x" * 200_000, "longer than"),
        (b"good\n\xff\xfe\xff", "neither UTF-8 nor UTF-16 with BOM nor GB18030"),
        (b"".join(b"%d\n" % number for number in range(1_001)), "more than 1000 labels"),
    ],
)
def test_read_bad_label_file_leaves_its_picture_without_labels(place: Place, data: bytes, why: str) -> None:
    for name in ("1.png", "2.png"):
        place.write(name, picture())
    place.write("1.txt", data)
    place.write("2.txt", "good\n")
    samples, (problem,) = read(place)
    assert problem.startswith("bucket/data/1.txt: ")
    assert why in problem
    assert {name: [label.name for label in sample.labels] for name, sample in samples.items()} == {
        "1.png": [],
        "2.png": ["good"],
    }


def test_read_label_file_of_zeros_is_not_kept_in_memory(place: Place) -> None:
    place.write("1.png", picture())
    place.sparse("1.txt", 1 << 28)
    _, (problem,) = read(place)
    assert "longer than" in problem


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("a/1.jpg", "a/1"),
        ("a/1.tar.gz", "a/1.tar"),
        ("a.b/1", "a.b/1"),
        (".hidden", ".hidden"),
        ("a/.x", "a/.x"),
        ("1.", "1"),
    ],
)
def test_stem_removes_the_suffix(path: str, wanted: str) -> None:
    assert label_folders.stem(path) == wanted
