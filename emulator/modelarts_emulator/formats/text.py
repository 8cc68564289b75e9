"""Text files with one sample per line. Labels follow a separator, or are in a file of their own.

Reference: user manual, "Specifications for Importing Data from an OBS Directory", text classification; separators:
``api-ref/source/data_management/data_import_task/creating_an_import_task.rst``, LabelFormat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import BinaryIO, Final

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.sources import LabelFormat
from modelarts_emulator.contract.wire import LabelType, SampleType
from modelarts_emulator.formats.encodings import NOT_DECODED, OTHER, with_line_feeds
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.store.records import SampleRecord

MAX_LINE_BYTES = 100 * 1024
TOO_LONG = f"longer than {MAX_LINE_BYTES} bytes"
# A character takes at most twice as many bytes in GB18030 as in UTF-8.
_MAX_RAW_BYTES = 2 * MAX_LINE_BYTES + 3
RESULT = "_result.txt"
BESIDE: Final = "0"
"""The ``label_type`` of labels in a file of their own."""
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\\\": "\\"}

Open = Callable[[str], BinaryIO]


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, str] | Problem]:
    """Read the lines of a text, numbered from 0, without their line ends: LF, CRLF, or CR if there is no LF.

    The encoding is UTF-8, UTF-16 with BOM, or else GB18030.

    Blank lines are skipped. A line above 100 KB in UTF-8 is a Problem, and so is a line in neither encoding.
    """
    stream, encoding = with_line_feeds(stream)
    number = 0
    while raw := stream.readline(_MAX_RAW_BYTES):
        number += 1
        if len(raw) == _MAX_RAW_BYTES and not raw.endswith(b"\n"):
            yield Problem(f"line {number}", TOO_LONG, number)
            if not _skip_line(stream):
                return
            continue
        line = raw.rstrip(b"\r\n")
        text = _decoded(line, encoding)
        if text is None:
            yield Problem(f"line {number}", NOT_DECODED, number)
        elif len(line) * 2 > MAX_LINE_BYTES and len(text.encode()) > MAX_LINE_BYTES:
            yield Problem(f"line {number}", TOO_LONG, number)
        elif text.strip():
            yield number - 1, text


def _decoded(line: bytes, encoding: str) -> str | None:
    """Return the text of a line, or None if it cannot be decoded: with NUL characters it is UTF-16 or UTF-32."""
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if encoding == OTHER and "\0" in text else text


def _skip_line(stream: BinaryIO) -> bool:
    """Read to the end of an overlong line, at most 64 MB. Returns False if it does not end by then."""
    for _ in range(640):
        raw = stream.readline(MAX_LINE_BYTES)
        if not raw or raw.endswith(b"\n"):
            return True
    return False


def split(line: str, label_format: LabelFormat | None) -> tuple[str, list[str]]:
    """Return the text and the labels of a line. A line without separator is all text."""
    if label_format is not None and label_format.label_type == BESIDE:
        return line, []
    text, found, labels = line.partition(_separator(label_format, "text_sample_separator", "\t"))
    return (text, split_labels(labels, label_format)) if found else (line, [])


def split_labels(labels: str, label_format: LabelFormat | None) -> list[str]:
    """Return the names in a list of labels, each once."""
    names = (name.strip() for name in labels.split(_separator(label_format, "text_label_separator", ",")))
    return list(dict.fromkeys(name for name in names if name))


def _separator(label_format: LabelFormat | None, member: str, default: str) -> str:
    r"""Return a separator of ``label_format``, or ``default``; ``\t`` is a tab, ``\|`` the character ``|``."""
    written = getattr(label_format, member) if label_format is not None else None
    if not written:
        return default
    if written in _ESCAPES:
        return _ESCAPES[written]
    return str(written[1:] if len(written) == 2 and written[0] == "\\" else written)


def read(
    path: str, label_type: LabelType, open_: Open, label_format: LabelFormat | None, results: str | None = None
) -> Iterator[SampleRecord | Problem]:
    """Read the samples of a text file. ``results`` is the file with the labels of the same lines, if there is one."""
    if results is not None:
        yield from _read_beside(path, label_type, open_, label_format, results)
        return
    with open_(path) as stream:
        for line in read_lines(stream):
            if isinstance(line, Problem):
                yield _at(path, line)
            else:
                content, names = split(line[1], label_format)
                yield _sample(path, content, names, label_type)


def _read_beside(
    path: str, label_type: LabelType, open_: Open, label_format: LabelFormat | None, results: str
) -> Iterator[SampleRecord | Problem]:
    with open_(path) as texts, open_(results) as labels:
        for content, names in zip_longest(_numbered(texts), _numbered(labels)):
            if isinstance(names, Problem):
                yield _at(results, names)
            if isinstance(content, Problem):
                yield _at(path, content)
            elif content:
                found = split_labels(names, label_format) if isinstance(names, str) else []
                yield _sample(path, content, found, label_type)


def _numbered(stream: BinaryIO) -> Iterator[str | Problem]:
    """Return every line, blank ones as empty texts, so that the lines of two files stay aligned."""
    expected = 0
    for line in read_lines(stream):
        number = (line.line or 1) - 1 if isinstance(line, Problem) else line[0]
        for _ in range(expected, number):
            yield ""
        yield line if isinstance(line, Problem) else line[1]
        expected = number + 1


def _at(path: str, problem: Problem) -> Problem:
    return Problem(f"{path} {problem.where}", problem.why, problem.line)


def _sample(path: str, text: str, names: Iterable[str], label_type: LabelType) -> SampleRecord:
    labels = [SampleLabel(name=name, type=label_type) for name in names]
    return SampleRecord(id="", path=ObjectKey(path), type=SampleType.TEXT, time=0, text=text, labels=labels)


def write(samples: Iterable[SampleRecord], out: BinaryIO, label_format: LabelFormat | None = None) -> int:
    """Write one line per sample in UTF-8, with labels after the separator. Returns the number of samples.

    Raises ValueError for a text that contains a separator or a line end.
    """
    between = _separator(label_format, "text_sample_separator", "\t")
    within = _separator(label_format, "text_label_separator", ",")
    count = 0
    for count, sample in enumerate(samples, 1):  # noqa: B007  (used after the loop)
        names = [str(label.name) for label in sample.labels]
        text = sample.text or ""
        if "\n" in text or "\r" in text or between in text or any(within in name for name in names):
            raise ValueError(f"{text[:40]!r} cannot be written as one line with separators")
        out.write((text + (between + within.join(names) if names else "") + "\n").encode("utf-8"))
    return count
