"""YOLO trees: ``obj.data`` names the lists of pictures, each picture has a text file of normalized boxes beside it.

Reference: user manual, "Specifications for Importing Data from an OBS Directory", object detection, format 2.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from emulator.contract.errors import ApiError
from emulator.contract.samples import SampleLabel
from emulator.contract.wire import LabelType, SampleType, Shape, Usage
from emulator.formats.folders import stem
from emulator.formats.problem import Problem
from emulator.formats.text import read_lines
from emulator.formats.voc import FEATURE, SHAPE
from emulator.images import read_header
from emulator.obs.scan import Entry
from emulator.store.records import SampleRecord

DATA = "obj.data"
_SETS = {"train": Usage.TRAIN, "valid": Usage.EVAL}

Open = Callable[[str], BinaryIO]


def read(directory: str, entries: Sequence[Entry], open_: Open) -> Iterator[SampleRecord | Problem]:
    """The pictures of every YOLO tree below ``directory``, with their boxes and whether they are for training."""
    objects = {entry.path: entry for entry in entries}
    for entry in entries:
        if entry.path.rpartition("/")[2] == DATA:
            yield from _Tree(entry.path, objects, open_).read()


class _Tree:
    def __init__(self, data: str, objects: dict[str, Entry], open_: Open) -> None:
        self._data, self._objects, self._open = data, objects, open_
        self._base = data[: -len(DATA)]

    def read(self) -> Iterator[SampleRecord | Problem]:
        settings = dict(self._settings())
        names_path = self._path(settings.get("names", "obj.names"))
        if names_path is None:
            yield Problem(self._data, "the file of label names is not there")
            return
        names = [line.strip() for line in self._lines(names_path)]
        for member, usage in _SETS.items():
            if member not in settings:
                continue
            pictures = self._path(settings[member])
            if pictures is None:
                yield Problem(self._data, f"{member}: {settings[member][:80]!r} is not there")
                continue
            for line in self._lines(pictures):
                yield from self._picture(pictures, line.strip(), names, usage)

    def _settings(self) -> Iterator[tuple[str, str]]:
        for line in self._lines(self._data):
            member, found, value = line.partition("=")
            if found:
                yield member.strip(), value.strip()

    def _lines(self, path: str) -> Iterator[str]:
        with self._open(path) as stream:
            for line in read_lines(stream):
                if not isinstance(line, Problem):
                    yield line[1]

    def _path(self, relative: str) -> str | None:
        """An object of the tree by its name in it; None for anything that is not there, or lies elsewhere."""
        path = posixpath.normpath(self._base + relative.removeprefix("./"))
        return path if path.startswith(self._base) and path in self._objects else None

    def _picture(self, where: str, name: str, names: list[str], usage: Usage) -> Iterator[SampleRecord | Problem]:
        path = self._path(name)
        if path is None:
            yield Problem(where, f"there is no picture {name[:80]!r}")
            return
        sample = SampleRecord(id="", path=path, type=SampleType.IMAGE, time=0, usage=usage)
        boxes = f"{stem(path)}.txt"
        if boxes in self._objects:
            try:
                sample.labels = self._labels(path, boxes, names)
            except (ValueError, ApiError) as error:
                yield Problem(boxes, error.message if isinstance(error, ApiError) else str(error))
        yield sample

    def _labels(self, picture: str, boxes: str, names: list[str]) -> list[SampleLabel]:
        shape = read_header(self._objects[picture].local)
        if shape is None:
            raise ValueError("the picture's size cannot be read")
        return [_label(line, names, shape[0], shape[1]) for line in self._lines(boxes)]


def _label(line: str, names: list[str], width: int, height: int) -> SampleLabel:
    parts = line.split()
    if len(parts) != 5:
        raise ValueError(f"{line[:80]!r} is not an index and four numbers")
    try:
        index, (x, y, w, h) = int(parts[0]), map(float, parts[1:])
    except ValueError:
        raise ValueError(f"{line[:80]!r} is not an index and four numbers") from None
    if not all(math.isfinite(value) and 0 <= value <= 1 for value in (x, y, w, h)):
        raise ValueError(f"{line[:80]!r}: numbers must lie between 0 and 1")
    if not 0 <= index < len(names):
        raise ValueError(f"label {index} is not in the file of label names")
    corners = [[(x - w / 2) * width, (y - h / 2) * height], [(x + w / 2) * width, (y + h / 2) * height]]
    feature = [[_rounded(px, width), _rounded(py, height)] for px, py in corners]
    return SampleLabel(
        name=names[index],
        type=LabelType.OBJECT_DETECTION,
        property={SHAPE: Shape.BNDBOX.value, FEATURE: feature},
    )


def _rounded(value: float, limit: int) -> float:
    """A coordinate in pixels: six decimal digits of a share are worth a hundredth of a pixel, and edges stay inside."""
    value = min(max(round(value, 2), 0.0), float(limit))
    return int(value) if value.is_integer() else value


def write(samples: Iterable[SampleRecord], put: Callable[[str, bytes], None]) -> int:
    """Write the lists and the text files of boxes beside the pictures' places; returns how many pictures.

    Pictures belong into ``obj_train_data/`` and ``obj_valid_data/`` under their own names. Other shapes are left out.
    """
    names: dict[str, int] = {}
    lists: dict[str, list[str]] = {"train": [], "valid": []}
    for sample in samples:
        member = "valid" if sample.usage is Usage.EVAL else "train"
        name = f"obj_{member}_data/{sample.path.rpartition('/')[2]}"
        lists[member].append(name)
        lines = [_line(label, names, sample) for label in sample.labels]
        put(f"{stem(name)}.txt", "".join(line for line in lines if line).encode())
    put("obj.names", "".join(f"{name}\n" for name in names).encode("utf-8"))
    settings = [f"classes = {len(names)}", "names = obj.names", *(f"{m} = {m}.txt" for m in lists if lists[m])]
    put(DATA, ("\n".join(settings) + "\n").encode())
    for member, pictures in lists.items():
        if pictures:
            put(f"{member}.txt", ("\n".join(pictures) + "\n").encode("utf-8"))
    return sum(map(len, lists.values()))


def _line(label: SampleLabel, names: dict[str, int], sample: SampleRecord) -> str:
    property_ = label.property or {}
    if property_.get(SHAPE) != Shape.BNDBOX.value or not sample.shape:
        return ""
    (left, top), (right, bottom) = property_[FEATURE]
    width, height, _ = sample.shape
    index = names.setdefault(str(label.name), len(names))
    x, y, w, h = (
        (left + right) / 2 / width,
        (top + bottom) / 2 / height,
        (right - left) / width,
        (bottom - top) / height,
    )
    return f"{index} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n"
