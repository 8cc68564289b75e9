"""YOLO trees: ``obj.data`` names the lists of pictures; each picture has a text file of normalized boxes beside it.

Reference: user manual, "Specifications for Importing Data from an OBS Directory", object detection, format 2.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO, NamedTuple

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import LabelType, SampleType, Shape, Usage
from modelarts_emulator.formats.coordinates import snap_to_edge
from modelarts_emulator.formats.encodings import as_utf8
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.text import read_lines
from modelarts_emulator.formats.voc import FEATURE, SHAPE
from modelarts_emulator.media.images import read_header_of
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store.records import SampleRecord

DATA = "obj.data"
YAML = (".yaml", ".yml")
"""The suffixes of the description of a tree, usually ``data.yaml``."""
CLASSES = "classes.txt"
_FAR = 1.5
"""A fraction that no rounding explains; a smaller one may be less than half a pixel outside the picture."""
MAX_YAML_BYTES = 1 << 20
_USAGES = {"train": Usage.TRAIN, "valid": Usage.EVAL, "val": Usage.EVAL, "test": Usage.TEST}
MAX_NAMES = 10_000
MAX_BOXES = 10_000
_SETS = {"train": Usage.TRAIN, "valid": Usage.EVAL}
# Tools write paths relative to Darknet's folder, and the tree itself is in its folder ``data``.
_DARKNET = "data/"

Open = Callable[[str], BinaryIO]


def read(directory: str, entries: Sequence[ObjectEntry], open_: Open) -> Iterator[SampleRecord | Problem]:
    """Read the pictures of every YOLO tree below ``directory``, with their boxes and their use for training.

    A picture that is in no list is skipped: it belongs to none of the documented sets.
    """
    objects = {entry.path: entry for entry in entries}
    for entry in entries:
        if entry.path.rpartition("/")[2] == DATA:
            yield from _Tree(entry.path, objects, open_).read()


class _Tree:
    """One tree, located by its ``obj.data``."""

    def __init__(self, data: str, objects: Mapping[ObjectKey, ObjectEntry], open_: Open) -> None:
        self._data, self._objects, self._open = data, objects, open_
        self._base = data[: -len(DATA)]
        self._names: dict[int, str] = {}
        self._seen: set[str] = set()

    def read(self) -> Iterator[SampleRecord | Problem]:
        try:
            settings = dict(self._settings())
            self._names = self._read_names(settings.get("names", "obj.names"))
        except (ValueError, ApiError) as error:
            yield Problem(self._data, _why(error))
            return
        if not settings.keys() & _SETS.keys():
            yield Problem(self._data, "names neither a train nor a valid list")
        for member, usage in _SETS.items():
            if member in settings:
                yield from self._read_list(member, settings[member], usage)

    def _settings(self) -> Iterator[tuple[str, str]]:
        for _, line in islice(self._lines(self._data), 1_000):
            member, found, value = line.partition("=")
            if found and not member.lstrip().startswith(("#", ";")):
                yield member.strip(), value.partition(" #")[0].strip()

    def _read_names(self, path: str) -> dict[int, str]:
        """Return the labels by their row. Raises ApiError or ValueError."""
        found = self._path(path)
        if found is None:
            raise ValueError(f"names: {path[:80]!r} is not there")
        names = {row: line.strip() for row, line in islice(self._lines(found), MAX_NAMES + 1)}
        if len(names) > MAX_NAMES:
            raise ValueError(f"names: more than {MAX_NAMES} labels")
        return names

    def _read_list(self, member: str, path: str, usage: Usage) -> Iterator[SampleRecord | Problem]:
        found = self._path(path)
        if found is None:
            yield Problem(self._data, f"{member}: {path[:80]!r} is not there")
            return
        try:
            for row, line in self._lines(found):
                yield from self._picture(f"{found} line {row + 1}", line.strip(), usage)
        except (ValueError, ApiError) as error:
            yield Problem(found, f"{_why(error)}: nothing after it is read")

    def _lines(self, path: str) -> Iterator[tuple[int, str]]:
        """Read the lines of an object with their rows from 0. Raises ApiError, and ValueError at a bad line."""
        with self._open(path) as stream:
            for line in read_lines(stream):
                if isinstance(line, Problem):
                    raise ValueError(f"{line.where}: {line.why}")
                yield line

    def _path(self, relative: str) -> str | None:
        """Return the path of an object of the tree by its relative name; None if it does not exist or is elsewhere."""
        relative = relative.replace("\\", "/")
        if relative.startswith("/"):
            return None
        for name in (relative, relative.removeprefix("./").removeprefix(_DARKNET)):
            path = posixpath.normpath(self._base + name)
            if path.startswith(self._base) and path in self._objects:
                return path
        return None

    def _picture(self, where: str, name: str, usage: Usage) -> Iterator[SampleRecord | Problem]:
        path = self._path(name)
        if path is None or path in self._seen:
            yield Problem(where, f"{name[:80]!r} is {'not there' if path is None else 'listed already'}")
            return
        self._seen.add(path)
        boxes = f"{stem(path)}.txt"
        boxes = boxes if boxes in self._objects else f"{stem(path)}.TXT"
        found = boxes if boxes in self._objects else None
        yield from read_picture(self._objects[ObjectKey(path)], found, self._names, usage, self._open)


def read_pictures(
    pictures: Iterable[ObjectEntry], find: Callable[[str], str | None], tree: TreeNames, open_: Open
) -> Iterator[SampleRecord | Problem]:
    """Read pictures with text files of boxes, as Ultralytics, Roboflow and labelImg arrange them.

    ``find`` returns the text file of a picture. A folder named ``train``, ``valid``, ``val`` or ``test`` decides what a
    picture is used for.
    """
    for entry in pictures:
        folders = entry.path.lower().split("/")[:-1]
        usage = next((_USAGES[name] for name in reversed(folders) if name in _USAGES), None)
        yield from read_picture(entry, find(entry.path), tree.names, usage, open_, tree.has_keypoints)


def read_picture(
    entry: ObjectEntry,
    boxes: str | None,
    names: dict[int, str],
    usage: Usage | None,
    open_: Open,
    has_keypoints: bool = False,
) -> Iterator[SampleRecord | Problem]:
    """Read one picture with its text file of boxes, if it has one. A bad line is a Problem; the others are read.

    Keypoints after a box are ignored.
    """
    sample = SampleRecord(id="", path=entry.path, type=SampleType.IMAGE, time=0, usage=usage)
    if boxes is not None:
        try:
            with open_(entry.path) as picture:
                shape = read_header_of(picture)
            if shape is None:
                raise ValueError("the picture's size cannot be read")
            with open_(boxes) as stream:
                for line in islice(read_lines(stream), MAX_BOXES + 1):
                    if len(sample.labels) == MAX_BOXES:
                        sample.labels = []
                        raise ValueError(f"more than {MAX_BOXES} boxes: none is read")
                    if isinstance(line, Problem):
                        yield Problem(f"{boxes} {line.where}", line.why)
                        continue
                    try:
                        text = " ".join(line[1].split()[:5]) if has_keypoints else line[1]
                        sample.labels.append(_label(text, names, shape[0], shape[1]))
                    except ValueError as error:
                        yield Problem(f"{boxes} line {line[0] + 1}", str(error))
        except (ValueError, ApiError) as error:
            yield Problem(boxes, _why(error))
    yield sample


class TreeNames(NamedTuple):
    """The label names of a ``data.yaml`` by class number; ``has_keypoints`` if lines have keypoints after each box."""

    names: dict[int, str]
    has_keypoints: bool = False


def read_names(data: bytes) -> TreeNames:
    """Read the label names of a ``data.yaml``: a list, or a mapping from numbers. Raises ValueError."""
    import yaml  # noqa: PLC0415  (only needed for such trees)

    if len(data) > MAX_YAML_BYTES:
        raise ValueError(f"larger than {MAX_YAML_BYTES} bytes")
    try:
        content = yaml.safe_load(as_utf8(data))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not readable YAML: {str(error)[:100]}") from None
    names = content.get("names") if isinstance(content, dict) else None
    rows = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(rows, dict) or len(rows) > MAX_NAMES:
        raise ValueError("`names` is neither a list nor a mapping")
    if not all(isinstance(row, int) and isinstance(name, str | int | float) for row, name in rows.items()):
        raise ValueError("`names` must map numbers to texts")
    return TreeNames({row: str(name).strip() for row, name in rows.items()}, "kpt_shape" in content)


def read_classes(path: str, open_: Open) -> TreeNames:
    """Read the label names of a ``classes.txt``, one per line. Raises ApiError, and ValueError at a bad line."""
    names: dict[int, str] = {}
    with open_(path) as stream:
        for line in islice(read_lines(stream), MAX_NAMES):
            if isinstance(line, Problem):
                raise ValueError(f"{line.where}: {line.why}")
            names[line[0]] = line[1].strip()
    return TreeNames(names)


def _why(error: ValueError | ApiError) -> str:
    return error.message if isinstance(error, ApiError) else str(error)


def _label(line: str, names: dict[int, str], width: int, height: int) -> SampleLabel:
    """Parse one line of a picture's boxes. Raises ValueError."""
    parts = line.split()
    try:
        index, numbers = int(parts[0]), [float(part) for part in parts[1:]]
    except ValueError:
        raise ValueError(f"{line[:80]!r} is not an index and numbers") from None
    if index not in names:
        raise ValueError(f"label {index} is not in the file of label names")
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        return _polygon(line, names[index], numbers, width, height)
    if len(numbers) not in (4, 5):
        raise ValueError(f"{line[:80]!r} is not an index and four numbers")
    score = numbers.pop() if len(numbers) == 5 else None
    if score is not None and not 0 <= score <= 1:
        raise ValueError(f"{line[:80]!r}: the score must be between 0 and 1")
    x, y, w, h = numbers
    if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < w < _FAR and 0 < h < _FAR):  # written so that NaN fails
        raise ValueError(f"{line[:80]!r}: the numbers of a box must be between 0 and 1")
    corners = [[(x - w / 2) * width, (y - h / 2) * height], [(x + w / 2) * width, (y + h / 2) * height]]
    # Six decimal digits of a fraction are about a hundredth of a pixel.
    feature = [[snap_to_edge(round(px, 2), width), snap_to_edge(round(py, 2), height)] for px, py in corners]
    if not all(0 <= px <= width and 0 <= py <= height for px, py in feature):
        raise ValueError(f"{line[:80]!r}: the box is outside the picture of {width} × {height}")
    return SampleLabel(
        name=names[index],
        type=LabelType.OBJECT_DETECTION,
        property={SHAPE: Shape.BNDBOX.value, FEATURE: feature},
        score=score,
    )


def _polygon(line: str, name: str, numbers: list[float], width: int, height: int) -> SampleLabel:
    """Return the label of a segmentation line: an index, then the points of a polygon. Raises ValueError."""
    if not all(1 - _FAR < value < _FAR for value in numbers):
        raise ValueError(f"{line[:80]!r}: the numbers of a polygon must be between 0 and 1")
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    feature = [[snap_to_edge(round(x * width, 2), width), snap_to_edge(round(y * height, 2), height)] for x, y in pairs]
    if not all(0 <= px <= width and 0 <= py <= height for px, py in feature):
        raise ValueError(f"{line[:80]!r}: the polygon is outside the picture of {width} × {height}")
    property_ = {SHAPE: Shape.POLYGON.value, FEATURE: feature}
    return SampleLabel(name=name, type=LabelType.OBJECT_DETECTION, property=property_)


def write(
    samples: Iterable[SampleRecord],
    put: Callable[[str, bytes], None],
    name: Callable[[SampleRecord], str] | None = None,
) -> int:
    """Write the lists of pictures and the text files of boxes. Returns the number of pictures.

    Pictures belong in ``obj_train_data/`` and ``obj_valid_data/`` under their bare names, or those that ``name``
    returns. Shapes other than boxes are skipped, and so are the boxes of a picture of unknown size. Raises ValueError
    if two pictures would share a text file, and for a label name that is not a single line.
    """
    names: dict[str, int] = {}
    lists: dict[str, list[str]] = {member: [] for member in _SETS}
    taken: set[str] = set()
    for sample in samples:
        member = "valid" if sample.usage is Usage.EVAL else "train"
        place = f"obj_{member}_data/{name(sample) if name else sample.path.rpartition('/')[2]}"
        boxes = f"{stem(place)}.txt"
        if boxes.casefold() in taken:
            raise ValueError(f"{place}: another picture has the file of boxes {boxes}")
        taken.add(boxes.casefold())
        lists[member].append(place)
        put(boxes, "".join(_lines_of(sample, names)).encode("utf-8"))
    put("obj.names", "".join(f"{title}\n" for title in names).encode("utf-8"))
    settings = [f"classes = {len(names)}", "names = obj.names", *(f"{m} = {m}.txt" for m in lists if lists[m])]
    put(DATA, "".join(f"{line}\n" for line in settings).encode("utf-8"))
    for member, places in lists.items():
        if places:
            put(f"{member}.txt", "".join(f"{place}\n" for place in places).encode("utf-8"))
    return sum(map(len, lists.values()))


def _lines_of(sample: SampleRecord, names: dict[str, int]) -> Iterator[str]:
    """Return the boxes of a sample. Labels are numbered in the order in which they occur."""
    if sample.shape is None:
        return
    width, height, _ = sample.shape
    for label in sample.labels:
        property_ = label.property or {}
        if property_.get(SHAPE) != Shape.BNDBOX.value:
            continue
        title = str(label.name)
        if title != title.strip() or len(title.splitlines()) != 1:
            raise ValueError(f"{title[:40]!r} cannot be a line in the file of label names")
        (left, top), (right, bottom) = property_[FEATURE]
        middle = f"{(left + right) / 2 / width:.6f} {(top + bottom) / 2 / height:.6f}"
        extent = f"{(right - left) / width:.6f} {(bottom - top) / height:.6f}"
        yield f"{names.setdefault(title, len(names))} {middle} {extent}\n"
