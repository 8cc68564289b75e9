"""CSV files: those of spreadsheets, the guard against formulas, and bad rows."""

from __future__ import annotations

import codecs
import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_emulator.formats import csv_table
from modelarts_emulator.formats.problem import Problem
from tests.helpers.format_place import GOLDEN, Place

UNREADABLE = "neither UTF-8 nor UTF-16 with BOM nor GB18030"


def read(data: bytes, **options: object) -> list[object]:
    rows = csv_table.read(io.BytesIO(data), **options)  # type: ignore[arg-type]
    return [str(row) if isinstance(row, Problem) else row for row in rows]


def written(rows: list[list[str]], names: list[str] | None = None) -> bytes:
    out = io.BytesIO()
    assert csv_table.write(rows, out, names) == len(rows)
    return out.getvalue()


def test_write_needs_only_the_method_write() -> None:
    class Bare:  # as a spooled file is before Python 3.11
        def __init__(self) -> None:
            self.data = b""

        def write(self, data: bytes) -> int:
            self.data += data
            return len(data)

    out = Bare()
    assert csv_table.write([["1", "Grüße"]], out, ["number", "text"]) == 1
    assert out.data == "number,text\n1,Grüße\n".encode()


def test_read_file_of_a_spreadsheet_returns_its_cells() -> None:
    data = (GOLDEN / "tabular/spreadsheet.csv").read_bytes()
    assert csv_table.header(io.BytesIO(data)) == ["name", "value", "note"]
    assert read(data, skip_header=True, columns=3) == [
        ["x", "-1.5", 'says "hi", loudly'],
        ["y", "1", "two\nlines"],
        "row 4: has 2 columns instead of 3",
        ["Grüße", "名", "end"],
    ]


def test_write_guards_cells_that_look_like_formulas() -> None:
    data = (GOLDEN / "tabular/guarded.csv").read_bytes()
    rows = [
        ["x", "-1.5", 'a "quoted", cell'],
        ["y", "=1+1", "two\nlines"],
        ["@at", "+1", "Grüße 名"],
        ["", "", ""],
    ]
    assert read(data, skip_header=True) == rows
    assert written(rows, ["name", "value", "note"]) == data
    plain = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert not [cell for row in plain for cell in row if cell.startswith(("=", "+", "-", "@"))]


_CELL = st.one_of(
    st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])),
    st.sampled_from(["=1", "\t=1", "\t\t@", "-1.5", "\t", '"', "\n", "\r\n", ",", "\ufeff", " = "]),
)


@given(st.lists(st.lists(_CELL, min_size=2, max_size=4), max_size=4))
def test_write_then_read_returns_the_same_cells(rows: list[list[str]]) -> None:
    assert read(written(rows, ["a", "b"]), skip_header=True) == rows


def test_write_then_read_keeps_a_carriage_return() -> None:
    assert read(written([["a\rb", "c"]])) == [["a\rb", "c"]]


@given(st.lists(st.lists(_CELL, min_size=1, max_size=4), max_size=4))
def test_write_makes_no_cell_a_formula(rows: list[list[str]]) -> None:
    text = written(rows).decode()
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_read_selects_and_sorts_columns() -> None:
    assert read(b"a,b,c\n1,2,3\n1,2\n", skip_header=True, columns=3, order=[2, 0]) == [
        ["3", "1"],
        "row 3: has 2 columns instead of 3",
    ]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"\n\r\n\n", []),
        (b"\xef\xbb\xbfa,b\r\n", [["a", "b"]]),
        ("名,值\n".encode("gbk"), [["名", "值"]]),
        (b"a,b", [["a", "b"]]),
        (b'"a\r\nb","c"\r\n', [["a\r\nb", "c"]]),
        (b'a,"b\n', [["a", "b\n"]]),
        (b",\n", [["", ""]]),
        (b"a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        ("a\u2028b,c\x85\n".encode(), [["a\u2028b", "c\x85"]]),
        ("a,b\r\n".encode("utf-16"), [["a", "b"]]),
        ("名,😀\n".encode("gb18030"), [["名", "😀"]]),
        ("café,1\nok,2\n".encode("latin-1"), [f"row 1: {UNREADABLE}", ["ok", "2"]]),
        (b"a\0,b\nok,2\n", [f"row 1: {UNREADABLE}", ["ok", "2"]]),
        ("a,b\n".encode("utf-16-be"), [["a", "b"]]),
        ("a,b\n".encode("utf-32"), [["a", "b"]]),
        (codecs.BOM_UTF16_LE + b"a\0\n\0x", [["a"], f"row 2: {UNREADABLE}: nothing after it is read"]),
    ],
)
def test_read_rows_as_documented(data: bytes, wanted: list[object]) -> None:
    assert read(data) == wanted


def test_read_endless_cell_ends_the_file(tmp_path: Path) -> None:
    assert read(b"a,b\n" + b'"' + b"x,\n" * 1_000_000) == [
        ["a", "b"],
        "row 2: field larger than field limit (131072): nothing after it is read",
    ]
    place = Place(tmp_path)
    place.sparse("t.csv", 1 << 28)
    tracemalloc.start()
    try:
        with (place.root / "t.csv").open("rb") as file:
            (problem,) = csv_table.read(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "nothing after it is read" in str(problem)
    assert peak < 100_000_000


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf"])
def test_header_without_rows_is_empty(data: bytes) -> None:
    assert csv_table.header(io.BytesIO(data)) == []
