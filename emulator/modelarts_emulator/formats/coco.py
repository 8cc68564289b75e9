"""COCO JSON: the boxes and polygons of many pictures in one document.

A document is parsed as a whole, so its size is limited. It is written in one pass, in constant memory.
"""

from __future__ import annotations

import codecs
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, TypeVar

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType, Shape
from modelarts_emulator.formats.coordinates import number, snap_to_edge
from modelarts_emulator.formats.encodings import as_utf8
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.voc import FEATURE, SHAPE
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.store.records import SampleRecord

MAX_BYTES = 256 * 1024 * 1024
# The largest document that is repaired, with NaN or in another encoding: that needs several copies in memory.
MAX_REPAIRED_BYTES = 32 * 1024 * 1024
IN_MEMORY = 1 << 20
CHUNK = 1 << 16

Open = Callable[[str], BinaryIO]
Key = int | str


class _Image(msgspec.Struct):
    id: Key
    file_name: str
    width: float | None = None
    height: float | None = None


class _Category(msgspec.Struct):
    id: Key
    name: str | int


class _Annotation(msgspec.Struct):
    image_id: Key
    category_id: Key | None = None
    id: Key | None = None
    caption: str | None = None
    bbox: list[float] | None = None
    segmentation: Any = None
    score: float | None = None


class _Document(msgspec.Struct):
    """A COCO document. The items of its lists are decoded one by one, so that one bad item does not affect others."""

    images: list[msgspec.Raw] | None = None
    categories: list[msgspec.Raw] | None = None
    annotations: list[msgspec.Raw] | None = None


_Found = tuple[str, Key | None, SampleLabel]
"""The path of a picture, the id of an annotation, and its label."""
_Item = TypeVar("_Item", _Image, _Category, _Annotation)
_encode = msgspec.json.Encoder().encode


def read(
    directory: str, entries: Sequence[ObjectEntry], documents: Sequence[ObjectEntry], open_: Open
) -> Iterator[SampleRecord | Problem]:
    """Read the pictures below ``directory`` (``bucket/key/``) with their annotations in COCO documents.

    A picture is found by its ``file_name`` relative to the document or to the directory, or by its bare name if that is
    unique. A bad item of a document is a Problem; a document above 256 MB is a Problem as a whole.
    """
    pictures = {entry.path: entry for entry in entries if DATASET_TYPES[DatasetType.OBJECT_DETECTION].holds(entry.path)}
    by_name = _by_name(pictures)
    labels: dict[str, list[SampleLabel]] = defaultdict(list)
    # COCO's own folder has the same annotations in instances_*.json and person_keypoints_*.json.
    seen: dict[tuple[str, Key], str] = {}
    for document in documents:
        bases = (document.path[: document.path.rfind("/") + 1], directory)
        try:
            content = _decoded(document, open_)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            yield Problem(document.path, f"not a readable COCO document: {str(error)[:200]}")
            continue
        find = partial(_found, bases=bases, pictures=pictures, by_name=by_name)
        for item in _CocoReader(document.path, content).read(find):
            if isinstance(item, Problem):
                yield item
                continue
            path, annotation_id, label = item
            if annotation_id is not None:
                first = seen.setdefault((path, annotation_id), document.path)
                if first != document.path and label in labels[path]:
                    continue
            labels[path].append(label)
    for path in pictures:
        yield SampleRecord(id="", path=path, type=SampleType.IMAGE, time=0, labels=labels.pop(path, []))


def _by_name(pictures: Iterable[str]) -> dict[str, str | None]:
    """Map the bare names of pictures to their paths, or to None if several pictures have the same name."""
    found: dict[str, str | None] = {}
    for path in pictures:
        name = path.rpartition("/")[2]
        found[name] = None if name in found else path
    return found


def _found(
    name: str, bases: Iterable[str], pictures: Mapping[ObjectKey, ObjectEntry], by_name: dict[str, str | None]
) -> str | None:
    name = name.replace("\\", "/").removeprefix("./")  # written on Windows
    exact = (base + name for base in bases)
    return next((path for path in exact if path in pictures), None) or by_name.get(name.rpartition("/")[2])


def _decoded(document: ObjectEntry, open_: Open) -> _Document:
    """Decode a document. Raises ValueError or RecursionError."""
    with open_(document.path) as file:
        data = file.read(MAX_BYTES + 1) if document.size <= MAX_BYTES else b""
    if max(document.size, len(data)) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes")
    data = as_utf8(data) if len(data) <= MAX_REPAIRED_BYTES else data.removeprefix(codecs.BOM_UTF8)
    try:
        return _coco(msgspec.json.decode(data, type=_Document))
    except msgspec.DecodeError:
        if len(data) > MAX_REPAIRED_BYTES or not (b"NaN" in data or b"Infinity" in data):
            raise
        # Python's json writes both although JSON has neither. Encoded again they are null: a bad value of one item.
        return _coco(msgspec.json.decode(_encode(json.loads(data)), type=_Document))


def _coco(document: _Document) -> _Document:
    """Return a document that has a member of COCO. Raises ValueError for the JSON of another tool."""
    if document == _Document():
        raise ValueError("it has neither images nor annotations nor categories")
    return document


class _CocoReader:
    """Read the annotations of one document as labels of pictures."""

    def __init__(self, path: str, document: _Document) -> None:
        self._path, self._document = path, document
        self._images: dict[Key, tuple[str, _Image] | None] = {}
        self._names: dict[Key, str] = {}

    def read(self, find: Callable[[str], str | None]) -> Iterator[_Found | Problem]:
        for image in self._items("images", self._document.images, _Image):
            if isinstance(image, Problem):
                yield image
                continue
            path = find(image.file_name)
            self._images[_key(image.id)] = (path, image) if path else None
            if path is None:
                yield Problem(self._path, f"no such picture: {image.file_name[:80]!r}")
        for category in self._items("categories", self._document.categories, _Category):
            if isinstance(category, Problem):
                yield category
            else:
                self._names[_key(category.id)] = str(category.name)
        yield from self._annotations()

    def _annotations(self) -> Iterator[_Found | Problem]:
        for place, annotation in enumerate(self._items("annotations", self._document.annotations, _Annotation)):
            if isinstance(annotation, Problem):
                yield annotation
                continue
            if annotation.category_id is None and annotation.caption is not None:
                continue  # captions_*.json describes pictures in sentences, which are not labels
            try:
                picture = _known(self._images, annotation.image_id, "image_id")
                if picture is not None:  # a missing picture was reported already
                    yield picture[0], annotation.id, self._label(annotation, picture[1])
            except ValueError as error:
                yield Problem(f"{self._path} annotations[{place}]", str(error)[:200])

    def _items(self, member: str, raws: Iterable[msgspec.Raw] | None, kind: type[_Item]) -> Iterator[_Item | Problem]:
        for place, raw in enumerate(raws or ()):
            try:
                yield msgspec.json.decode(raw, type=kind)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                yield Problem(f"{self._path} {member}[{place}]", str(error)[:200])

    def _label(self, annotation: _Annotation, image: _Image) -> SampleLabel:
        if annotation.category_id is None:
            raise ValueError("has no category_id")
        shape, points = _shape(annotation)
        limits = (image.width or math.inf, image.height or math.inf)
        return SampleLabel(
            name=_known(self._names, annotation.category_id, "category_id"),
            type=LabelType.OBJECT_DETECTION,
            property={
                SHAPE: shape.value,
                FEATURE: [[snap_to_edge(v, limit) for v, limit in zip(point, limits, strict=True)] for point in points],
            },
            score=annotation.score,
        )


_Value = TypeVar("_Value")


def _key(key: Key) -> Key:
    """Return an id as a number if it is one: some tools write the same id as text in one place, and not in another."""
    return int(key) if isinstance(key, str) and key.isdecimal() and str(int(key)) == key else key


def _known(table: dict[Key, _Value], key: Key, member: str) -> _Value:
    if _key(key) not in table:
        raise ValueError(f"{member} {str(key)[:40]!r} is not in the document")
    return table[_key(key)]


def _shape(annotation: _Annotation) -> tuple[Shape, list[list[float]]]:
    """Return the polygon if there is exactly one, otherwise the box. Raises ValueError."""
    polygons = annotation.segmentation if isinstance(annotation.segmentation, list) else []
    if polygons and not isinstance(polygons[0], list):
        polygons = [polygons]  # one polygon, without the list around it
    if len(polygons) == 1 and isinstance(polygons[0], list) and len(polygons[0]) >= 6 and len(polygons[0]) % 2 == 0:
        numbers = [number(value) for value in polygons[0]]
        points = [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
        if not _is_box(points, annotation.bbox):
            return Shape.POLYGON, points
    if annotation.bbox is None or len(annotation.bbox) != 4:
        raise ValueError("has neither a bbox of four numbers nor one polygon")
    x, y, width, height = (number(value) for value in annotation.bbox)
    if width <= 0 or height <= 0:
        raise ValueError(f"bbox: a box of {width} × {height} has no area")
    return Shape.BNDBOX, [[x, y], [x + width, y + height]]


def _is_box(points: list[list[float]], bbox: list[float] | None) -> bool:
    """Return whether a polygon has the four corners of the box, as some tools write it."""
    if points[0] == points[-1]:
        points = points[:-1]
    if bbox is None or len(bbox) != 4 or len(points) != 4:
        return False
    x, y, width, height = bbox
    corners = ((x, y), (x + width, y), (x, y + height), (x + width, y + height))
    return all(
        any(math.isclose(px, cx, abs_tol=0.01) and math.isclose(py, cy, abs_tol=0.01) for px, py in points)
        for cx, cy in corners
    )


def write(samples: Iterable[SampleRecord], out: BinaryIO, name: Callable[[SampleRecord], str] | None = None) -> int:
    """Write a document with the boxes and polygons of samples, and return the number of pictures.

    Other shapes are skipped. ``name`` returns the ``file_name`` of a picture; the default is its bare name.
    """
    categories: dict[str, int] = {}
    count = 0
    with SpooledTemporaryFile(IN_MEMORY) as annotations:
        between = _AnnotationList(annotations)
        out.write(b'{"images":[')
        for count, sample in enumerate(samples, 1):
            width, height, _ = sample.shape or (0, 0, 0)
            file_name = name(sample) if name else sample.path.rpartition("/")[2]
            image = {"id": count, "file_name": file_name, "width": width, "height": height}
            out.write((b",\n" if count > 1 else b"\n") + _encode(image))
            for label in sample.labels:
                if (drawn := _geometry(label)) is not None:
                    category = categories.setdefault(str(label.name), len(categories) + 1)
                    between.write({"image_id": count, "category_id": category, "iscrowd": 0, **drawn})
        out.write(b'],\n"annotations":[')
        annotations.seek(0)
        while chunk := annotations.read(CHUNK):
            out.write(chunk)
        listed = [{"id": place, "name": title} for title, place in categories.items()]
        out.write(b'],\n"categories":' + _encode(listed) + b"}\n")
    return count


class _AnnotationList:
    """Write annotations, numbered from 1 and separated by commas."""

    def __init__(self, out: SpooledTemporaryFile[bytes]) -> None:
        self._out, self._count = out, 0

    def write(self, annotation: dict[str, Any]) -> None:
        self._out.write(b",\n" if self._count else b"\n")
        self._count += 1
        self._out.write(_encode({"id": self._count, **annotation}))


def _geometry(label: SampleLabel) -> dict[str, Any] | None:
    property_ = label.property or {}
    shape, points = property_.get(SHAPE), property_.get(FEATURE)
    if shape not in (Shape.BNDBOX.value, Shape.POLYGON.value) or not points:
        return None
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    width, height = number(max(xs) - min(xs)), number(max(ys) - min(ys))
    drawn: dict[str, Any] = {"bbox": [min(xs), min(ys), width, height]}
    if shape == Shape.POLYGON.value:
        drawn["area"] = number(_area(points))
        drawn["segmentation"] = [[value for point in points for value in point]]
    else:
        drawn["area"], drawn["segmentation"] = number(width * height), []
    if label.score is not None:
        drawn["score"] = label.score
    return drawn


def _area(points: list[list[float]]) -> float:
    following = points[1:] + points[:1]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, following, strict=True))) / 2
