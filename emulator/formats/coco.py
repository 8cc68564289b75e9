"""COCO JSON: the boxes and polygons of many pictures in one document. Read, and written for other tools.

A document is parsed as a whole, so its size is bounded.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

import msgspec

from emulator.contract.samples import SampleLabel
from emulator.contract.wire import DatasetType, LabelType, SampleType, Shape
from emulator.formats.problem import Problem
from emulator.formats.voc import FEATURE, SHAPE
from emulator.kinds import KINDS
from emulator.obs.scan import Entry
from emulator.store.records import SampleRecord

MAX_BYTES = 256 * 1024 * 1024

Open = Callable[[str], BinaryIO]


class _Image(msgspec.Struct):
    id: int | str
    file_name: str


class _Category(msgspec.Struct):
    id: int | str
    name: str


class _Annotation(msgspec.Struct):
    image_id: int | str
    category_id: int | str
    bbox: list[float] | None = None
    segmentation: Any = None
    score: float | None = None


class _Document(msgspec.Struct):
    images: list[_Image] = []
    categories: list[_Category] = []
    annotations: list[msgspec.Raw] = []


def read(
    directory: str, entries: Sequence[Entry], documents: Sequence[Entry], open_: Open
) -> Iterator[SampleRecord | Problem]:
    """The pictures below ``directory`` (``bucket/key/``) with what the documents say of them.

    A picture is found by its ``file_name`` relative to the document, to the directory, or by its bare name where that
    is the only one.
    """
    pictures = {entry.path: entry for entry in entries if KINDS[DatasetType.OBJECT_DETECTION].holds(entry.path)}
    labels: dict[str, list[SampleLabel]] = defaultdict(list)
    for document in documents:
        yield from _read_document(directory, document, pictures, labels, open_)
    for path in pictures:
        yield SampleRecord(id="", path=path, type=SampleType.IMAGE, time=0, labels=labels.pop(path, []))


def _read_document(
    directory: str, document: Entry, pictures: dict[str, Entry], labels: dict[str, list[SampleLabel]], open_: Open
) -> Iterator[Problem]:
    if document.size > MAX_BYTES:
        yield Problem(document.path, f"larger than {MAX_BYTES} bytes")
        return
    with open_(document.path) as file:
        data = file.read(MAX_BYTES + 1)
    try:
        content = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        yield Problem(document.path, f"no COCO document: {str(error)[:200]}")
        return
    bases = (document.path[: document.path.rfind("/") + 1], directory)
    by_name = _by_name(pictures)
    paths: dict[int | str, str] = {}
    for image in content.images:
        found = next((base + image.file_name for base in bases if base + image.file_name in pictures), None)
        found = found or by_name.get(image.file_name.rpartition("/")[2])
        if found is None:
            yield Problem(document.path, f"there is no picture {image.file_name[:80]!r}")
        else:
            paths[image.id] = found
    names = {category.id: category.name for category in content.categories}
    missing = {image.id for image in content.images} - paths.keys()
    for number, raw in enumerate(content.annotations):
        try:
            annotation = msgspec.json.decode(raw, type=_Annotation)
            if annotation.image_id not in missing:
                labels[_known(paths, annotation.image_id, "image_id")].append(_label(annotation, names))
        except (msgspec.DecodeError, ValueError) as error:
            yield Problem(f"{document.path} annotations[{number}]", str(error)[:200])


def _by_name(pictures: Iterable[str]) -> dict[str, str | None]:
    """Pictures by their bare names; None where several have it."""
    found: dict[str, str | None] = {}
    for path in pictures:
        name = path.rpartition("/")[2]
        found[name] = None if name in found else path
    return found


def _known(table: dict[int | str, str], key: int | str, member: str) -> str:
    if key not in table:
        raise ValueError(f"{member} {str(key)[:40]!r} is not in the document")
    return table[key]


def _label(annotation: _Annotation, names: dict[int | str, str]) -> SampleLabel:
    shape, feature = _shape(annotation)
    return SampleLabel(
        name=_known(names, annotation.category_id, "category_id"),
        type=LabelType.OBJECT_DETECTION,
        property={SHAPE: shape.value, FEATURE: feature},
        score=annotation.score,
    )


def _shape(annotation: _Annotation) -> tuple[Shape, list[list[float]]]:
    """The polygon where there is exactly one, otherwise the box."""
    polygons = annotation.segmentation if isinstance(annotation.segmentation, list) else []
    if len(polygons) == 1 and isinstance(polygons[0], list) and len(polygons[0]) >= 6 and len(polygons[0]) % 2 == 0:
        numbers = [_number(value) for value in polygons[0]]
        points = [list(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
        if not _is_box(points, annotation.bbox):
            return Shape.POLYGON, points
    if annotation.bbox is None or len(annotation.bbox) != 4:
        raise ValueError("has neither a bbox of four numbers nor one polygon")
    x, y, width, height = (_number(value) for value in annotation.bbox)
    return Shape.BNDBOX, [[x, y], [_number(x + width), _number(y + height)]]


def _is_box(points: list[list[float]], bbox: list[float] | None) -> bool:
    """Whether a polygon is just its box again, as some tools write it."""
    if bbox is None or len(bbox) != 4 or len(points) != 4:
        return False
    x, y, width, height = bbox
    return {tuple(point) for point in points} == {(x, y), (x + width, y), (x, y + height), (x + width, y + height)}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or abs(value) > 1e9:
        raise ValueError(f"{value!r:.40} is not a number that can be used")
    return int(value) if float(value).is_integer() else value


def write(samples: Iterable[SampleRecord], out: BinaryIO, name: Callable[[SampleRecord], str] | None = None) -> int:
    """Write a document of the samples' boxes and polygons; other shapes are left out. Returns how many pictures."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for number, sample in enumerate(samples, 1):
        width, height, _ = sample.shape or (0, 0, 0)
        file_name = name(sample) if name else sample.path.rpartition("/")[2]
        images.append({"id": number, "file_name": file_name, "width": width, "height": height})
        for label in sample.labels:
            written = _written(label)
            if written is not None:
                category = categories.setdefault(str(label.name), len(categories) + 1)
                annotations.append(
                    {"id": len(annotations) + 1, "image_id": number, "category_id": category, "iscrowd": 0, **written}
                )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for name, number in categories.items()],
    }
    out.write(msgspec.json.encode(document))
    return len(images)


def _written(label: SampleLabel) -> dict[str, Any] | None:
    property_ = label.property or {}
    points = property_.get(FEATURE) or []
    if property_.get(SHAPE) not in (Shape.BNDBOX.value, Shape.POLYGON.value):
        return None
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    written: dict[str, Any] = {"bbox": [min(xs), min(ys), width, height], "area": width * height, "segmentation": []}
    if property_[SHAPE] == Shape.POLYGON.value:
        written["segmentation"] = [[value for point in points for value in point]]
        written["area"] = abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in _edges(points))) / 2
    if label.score is not None:
        written["score"] = label.score
    return written


def _edges(points: list[list[float]]) -> Iterator[tuple[list[float], list[float]]]:
    return zip(points, points[1:] + points[:1], strict=True)
