"""Pictures and sounds with one folder per label, or with a text file of labels beside each picture.

Reference: user manual, "Specifications for Importing Data from an OBS Directory".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import LabelType, SampleType
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.text import read_lines
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store.records import SampleRecord

LABELS = ".txt"
MAX_LABELS = 1_000

Open = Callable[[str], BinaryIO]


def read(
    directory: str,
    entries: Sequence[ObjectEntry],
    holds: Callable[[str], bool],
    sample_type: SampleType,
    label_type: LabelType,
    open_: Open,
    find: Callable[[str], str | None] | None = None,
) -> Iterator[SampleRecord | Problem]:
    """Read the samples below ``directory`` (``bucket/key/``). Files directly in it have no folder label.

    ``find`` returns the text file of labels of a sample; the default is the one beside it.
    """
    paths = {entry.path for entry in entries}
    for entry in entries:
        if not holds(entry.path):
            continue
        beside = find(entry.path) if find else next((p for p in (stem(entry.path) + LABELS,) if p in paths), None)
        try:
            names = _names(open_, beside) if beside is not None else _folder_name(directory, entry.path)
        except ValueError as error:
            yield Problem(str(beside), str(error))
            names = []
        yield SampleRecord(
            id="",
            path=entry.path,
            type=sample_type,
            time=0,
            labels=[SampleLabel(name=name, type=label_type) for name in names],
        )


def _folder_name(directory: str, path: str) -> list[str]:
    folder = path[len(directory) :].rpartition("/")[0]
    return [folder.rpartition("/")[2]] if folder else []


def _names(open_: Open, path: str) -> list[str]:
    """Read the labels in a text file, one per line. Raises ValueError."""
    names: list[str] = []
    with open_(path) as stream:
        for line in read_lines(stream):
            if isinstance(line, Problem):
                raise ValueError(f"{line.where}: {line.why}")
            names.append(line[1].strip())
            if len(names) > MAX_LABELS:
                raise ValueError(f"more than {MAX_LABELS} labels")
    return list(dict.fromkeys(names))


def stem(path: str) -> str:
    """Return a path without its suffix."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"
