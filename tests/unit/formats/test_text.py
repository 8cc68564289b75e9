"""Text files: lines, encodings, separators, labels in a file of their own."""

from __future__ import annotations

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.sources import LabelFormat
from modelarts_emulator.contract.wire import LabelType, SampleType
from modelarts_emulator.formats import text
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.store import SampleRecord
from tests.helpers.format_place import GOLDEN, Place

KIND = LabelType.TEXT_CLASSIFICATION
BARS = LabelFormat(text_sample_separator="\\|", text_label_separator=";")

UNREADABLE = "neither UTF-8 nor UTF-16 with BOM nor GB18030"


def read(place: Place, name: str, label_format: LabelFormat | None = None, results: str | None = None) -> list[object]:
    """Return texts with their labels, and problems as texts."""
    directory = place.directory
    items = text.read(directory + name, KIND, place.open, label_format, results and directory + results)
    return [
        str(item) if isinstance(item, Problem) else (item.text, [label.name for label in item.labels]) for item in items
    ]


def sample(content: str, *names: str) -> SampleRecord:
    labels = [SampleLabel(name=name, type=KIND) for name in names]
    return SampleRecord(id="", path="b/x.txt", type=SampleType.TEXT, time=0, text=content, labels=labels)


def test_read_gbk_and_crlf(place: Place) -> None:
    place.golden("text")
    assert read(place, "gbk.txt") == [("这个产品很好", ["正面"]), ("手机发热", ["负面", "热"])]


def test_read_separators_with_escapes(place: Place) -> None:
    place.golden("text")
    wanted = [("one\\two", ["x", "y"]), ("no labels", []), ("three", ["z"])]
    assert read(place, "bars.txt", BARS) == wanted
    out = io.BytesIO()
    assert text.write([sample(content, *names) for content, names in wanted], out, BARS) == 3
    assert out.getvalue() == (GOLDEN / "text/bars.txt").read_bytes()


def test_read_blank_lines_keep_labels_beside_their_texts(place: Place) -> None:
    place.golden("text")
    assert read(place, "gaps.txt", results="gaps_result.txt") == [
        ("It responds quickly.", ["positive"]),
        ("Heats up.", ["negative", "hot"]),
        ("Nothing yet.", []),
        ("Last, one", ["positive"]),
    ]


@pytest.mark.parametrize(("results", "names"), [("a\n", ["a", ""]), ("a\nb\nc\nd\n", ["a", "b"]), ("", ["", ""])])
def test_read_label_file_of_another_length(place: Place, results: str, names: list[str]) -> None:
    place.write("t.txt", "one\ntwo\n")
    place.write("t_result.txt", results)
    assert read(place, "t.txt", results="t_result.txt") == [
        (content, [name] if name else []) for content, name in zip(("one", "two"), names, strict=True)
    ]


def test_read_label_file_with_an_unusable_line_reports_it(place: Place) -> None:
    place.write("t.txt", "one\ntwo\n")
    place.write("t_result.txt", "caf\u00e9\nneg\n".encode("latin-1"))
    assert read(place, "t.txt", results="t_result.txt") == [
        "bucket/data/t_result.txt line 1: " + UNREADABLE,
        ("one", []),
        ("two", ["neg"]),
    ]


def test_read_as_text_alone_if_the_request_says_so(place: Place) -> None:
    place.write("t.txt", "a tab\tis text\n")
    assert read(place, "t.txt", LabelFormat(label_type="0")) == [("a tab\tis text", [])]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"\n\r\n \t \n", []),
        (b"\xef\xbb\xbfone\r\ntwo", [("one", []), ("two", [])]),
        (b"one\t\ntwo\t,,\n", [("one", []), ("two", [])]),
        (b"one\ta,a, b ,\n", [("one", ["a", "b"])]),
        (b"one\ta\tb\n", [("one", ["a\tb"])]),
        ("\u2028 and \x85 end no line\n".encode(), [("\u2028 and \x85 end no line", [])]),
        (b"one\rtwo\tx\r", [("one", []), ("two", ["x"])]),
        (b"one\rtwo\r\nthree", [("one\rtwo", []), ("three", [])]),
        ("one\tx\r\ntwo\n".encode("utf-16"), [("one", ["x"]), ("two", [])]),
        (codecs.BOM_UTF16_BE + "一\r二".encode("utf-16-be"), [("一", []), ("二", [])]),
        (codecs.BOM_UTF16_LE + b"a\0\n\0\0\xd8b", [("a", []), "bucket/data/t.txt line 2: " + UNREADABLE]),
        ("很好😀\t正面\n".encode("gb18030"), [("很好😀", ["正面"])]),
        (
            b"good\n\xff\xfe\xff\nlast\n",
            [("good", []), "bucket/data/t.txt line 2: " + UNREADABLE, ("last", [])],
        ),
        (
            b"\xef\xbb\xbfgood\n\xff\n",
            [("good", []), "bucket/data/t.txt line 2: " + UNREADABLE],
        ),
        (
            b"one\n" + b"x" * 102_403 + b"\ntwo\n",
            [("one", []), "bucket/data/t.txt line 2: longer than 102400 bytes", ("two", [])],
        ),
        *(
            (b"x" * 102_401 + end + b"two", ["bucket/data/t.txt line 1: longer than 102400 bytes", ("two", [])])
            for end in (b"\n", b"\r\n", b"\r")
        ),
        (
            ("\u4e2d" * 34_134 + "\ntwo").encode("gb18030"),
            ["bucket/data/t.txt line 1: longer than 102400 bytes", ("two", [])],
        ),
        (
            ("\u00d6" * 51_200 + "\n" + "\u00d6" * 51_201).encode("gb18030"),
            [("\u00d6" * 51_200, []), "bucket/data/t.txt line 2: longer than 102400 bytes"],
        ),
        *(("a\r\nb\r\n".encode(name), [("a", []), ("b", [])]) for name in ("utf-16-le", "utf-16-be", "utf-32")),
        ("中文a\n".encode("utf-16-le"), [f"bucket/data/t.txt line {number}: {UNREADABLE}" for number in (1, 2)]),
        (b"\0\n\0\n", [("\0", []), ("\0", [])]),
    ],
)
def test_read_lines_as_documented(place: Place, data: bytes, wanted: list[object]) -> None:
    place.write("t.txt", data)
    assert read(place, "t.txt") == wanted


def test_read_line_of_a_hundred_kilobytes_is_a_sample(place: Place) -> None:
    place.write("t.txt", b"x" * 102_400 + b"\r\n")
    assert read(place, "t.txt") == [("x" * 102_400, [])]


def test_read_gigabyte_without_a_line_end_is_one_problem(place: Place) -> None:
    place.sparse("t.txt", 1 << 28)
    assert read(place, "t.txt") == ["bucket/data/t.txt line 1: longer than 102400 bytes"]


_LINE = st.text(st.characters(exclude_characters="\t\n\r\ufeff", exclude_categories=["Cs"]), min_size=1).filter(
    str.strip
)
_NAME = st.text(st.characters(exclude_characters=",\n\r", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)


@given(st.lists(st.tuples(_LINE, st.lists(_NAME, unique=True, max_size=3)), max_size=5))
def test_write_then_read_returns_the_same_texts(wanted: list[tuple[str, list[str]]]) -> None:
    out = io.BytesIO()
    assert text.write([sample(content, *names) for content, names in wanted], out) == len(wanted)
    items = list(text.read("b/t.txt", KIND, lambda path: io.BytesIO(out.getvalue()), None))
    assert [
        (item.text, [label.name for label in item.labels]) for item in items if isinstance(item, SampleRecord)
    ] == wanted


@pytest.mark.parametrize("broken", [sample("a\tb"), sample("a\nb"), sample("a\rb"), sample("a", "x,y")])
def test_write_refuses_text_that_would_break(broken: SampleRecord) -> None:
    with pytest.raises(ValueError, match="cannot be written as one line"):
        text.write([broken], io.BytesIO())
