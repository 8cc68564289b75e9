"""CSV files with one sample per row.

A cell that a spreadsheet would take for a formula (it begins with ``=``, ``+``, ``-`` or ``@``) is written with a tab
in front, as the service does. Reading removes that tab. Reference: user manual, "Publishing a Data Version".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, Protocol

from modelarts_emulator.formats.encodings import NOT_DECODED, WIDE, encoding_of
from modelarts_emulator.formats.problem import Problem

_FORMULA = ("=", "+", "-", "@")


def read(
    stream: BinaryIO, *, columns: int | None = None, order: Sequence[int] | None = None, skip_header: bool = False
) -> Iterator[list[str] | Problem]:
    """Read the rows of a CSV file in UTF-8, UTF-16 with BOM or GB18030. Empty rows are skipped.

    A row without exactly ``columns`` cells is a Problem. ``order`` selects and sorts the cells of a row.
    """
    rows = _rows(stream)
    if skip_header:
        next(rows, None)
    for number, row in rows:
        if isinstance(row, Problem):
            yield row
        elif columns is not None and len(row) != columns:
            yield Problem(f"row {number}", f"has {len(row)} columns instead of {columns}", number)
        else:
            cells = [row[place] for place in order] if order is not None else row
            yield [_unguarded(cell) for cell in cells]


def header(stream: BinaryIO) -> list[str]:
    """Return the cells of the first row; empty if there is none."""
    for _, row in _rows(stream):
        return [] if isinstance(row, Problem) else [cell.strip() for cell in row]
    return []


class Writable(Protocol):
    """A stream that accepts bytes. Before Python 3.11 a spooled file cannot be wrapped in a TextIOWrapper."""

    def write(self, data: bytes, /) -> int:
        """Write bytes and return their number."""
        ...


def write(rows: Iterable[Sequence[str]], out: Writable, names: Sequence[str] | None = None) -> int:
    """Write rows in UTF-8, after a row with ``names`` if given. Returns the number of rows without that one."""
    text = _Encoded(out)
    writer = csv.writer(text, lineterminator="\n")
    if names is not None:
        writer.writerow([_guarded(name) for name in names])
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007  (used after the loop)
        # Before Python 3.13 the csv module does not quote carriage returns by itself.
        chosen = quoting if any("\r" in cell for cell in row) else writer
        chosen.writerow([_guarded(cell) for cell in row])
    return count


class _Encoded:
    """Encode text in UTF-8 for a stream of bytes."""

    def __init__(self, out: Writable) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.encode())


def _rows(stream: BinaryIO) -> Iterator[tuple[int, list[str] | Problem]]:
    encoding = encoding_of(stream)
    # A strict decoder would end at the first bad byte: this one marks it, so that only its row is refused.
    errors = "strict" if encoding.startswith(WIDE) else "surrogateescape"
    text = io.TextIOWrapper(io.BufferedReader(_Bounded(stream)), encoding, errors=errors, newline="")
    number = 0
    try:
        for row in _tolerant(csv.reader(text)):
            if row:
                number += 1
                yield number, Problem(f"row {number}", row, number) if isinstance(row, str) else row
    except UnicodeDecodeError:
        yield number + 1, Problem(f"row {number + 1}", f"{NOT_DECODED}: nothing after it is read", number + 1)
    finally:
        text.detach()


def _tolerant(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """Yield rows, or the reason why one is not usable.

    Before Python 3.11 a NUL character is an error of the csv module, which then continues with the next line. After any
    other error it could take the rest of a cell for rows.
    """
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "NUL" not in str(error):
                yield f"{error}: nothing after it is read"
                return
            yield NOT_DECODED
        else:
            yield NOT_DECODED if any(_is_invalid(cell) for cell in row) else row


def _is_invalid(cell: str) -> bool:
    """Return whether a cell has bytes that could not be decoded, or a NUL as UTF-16 without BOM does."""
    return "\0" in cell or (not cell.isascii() and any("\udc80" <= character <= "\udcff" for character in cell))


class _Bounded(io.RawIOBase):
    """A stream that ends after a line of more than 16 MB."""

    LIMIT = 16 << 20

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._since = stream, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), 1 << 16))
        end = data.rfind(b"\n")
        self._since = self._since + len(data) if end < 0 else len(data) - end
        if self._since > self.LIMIT:
            return 0
        buffer[: len(data)] = data
        return len(data)


def _guarded(cell: str) -> str:
    return f"\t{cell}" if cell.lstrip("\t").startswith(_FORMULA) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "\t" and cell.lstrip("\t").startswith(_FORMULA) else cell
