"""Directories as a whole: recognize the layout of one, read it, and write one for each dataset type.

Reference: user manual, "Specifications for Importing Data from an OBS Directory".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES, IMAGES
from modelarts_emulator.contract.datasets import Field
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.sources import LabelFormat, SchemaMap
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType, Shape
from modelarts_emulator.formats import coco, label_folders, labelme, masks, text, voc, yolo
from modelarts_emulator.formats.label_files import SUFFIXES, LabelFiles
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.walk import ObjectEntry, is_ignored
from modelarts_emulator.store.records import SampleRecord

Open = Callable[[str], BinaryIO]
_FILES = (*IMAGES, label_folders.LABELS, ".xml", ".manifest")
SampleItems = Iterator[SampleRecord | Problem]
_D = DatasetType
_YOLO_YAML = "YOLO with data.yaml"


@dataclass(frozen=True, kw_only=True)
class DirectoryOptions:
    """Options for reading a directory if its content does not decide."""

    annotation_format: str | None = None
    """``VOC`` or ``COCO``; None to recognize the format."""
    label_format: LabelFormat | None = None
    with_column_header: bool | None = None
    schema: Sequence[Field] = ()
    schema_maps: Sequence[SchemaMap] = ()


def has_annotations(dataset_type: DatasetType, names: Iterable[str]) -> bool:
    """Return whether files with these names, relative to their directory, may hold labels."""
    kind = DATASET_TYPES[dataset_type]
    if dataset_type is _D.IMAGE_CLASSIFICATION:
        return any(("/" in name and kind.holds(name)) or name.lower().endswith(label_folders.LABELS) for name in names)
    if dataset_type is _D.IMAGE_SEGMENTATION:
        return any(name.lower().endswith((".xml", ".json")) for name in names)
    if dataset_type is _D.OBJECT_DETECTION:
        return any(name.lower().endswith((*SUFFIXES, yolo.DATA, *yolo.YAML)) for name in names)
    return any(kind.holds(name) for name in names)


def is_detection(names: Iterable[str]) -> bool:
    """Return whether files with these names are pictures with shapes: VOC, COCO, labelme, or a tree of YOLO."""
    lower = [name.lower() for name in names]
    has_texts = any(name.endswith(".txt") for name in lower)
    return any(
        name.endswith((".xml", ".json"))
        or file_name(name) in (yolo.DATA, yolo.CLASSES)
        or (has_texts and name.endswith(yolo.YAML))
        for name in lower
    )


def read_directory(
    dataset_type: DatasetType, directory: str, entries: Sequence[ObjectEntry], options: DirectoryOptions, open_: Open
) -> SampleItems:
    """Read the samples of a directory (``bucket/key/``) with their labels. A bad item is a Problem.

    ``entries`` are all objects of the directory. ``open_`` opens an object by ``bucket/key`` and raises ApiError.
    """
    kind = DATASET_TYPES[dataset_type]
    if dataset_type is _D.OBJECT_DETECTION:
        yield from _read_detection(directory, entries, options, open_)
    elif dataset_type is _D.IMAGE_SEGMENTATION:
        yield from _read_segmentation(directory, entries, options, open_)
    elif dataset_type in (_D.IMAGE_CLASSIFICATION, _D.SOUND_CLASSIFICATION):
        (label_type,) = kind.labels
        files = LabelFiles(entries)
        find = partial(files.find, suffix=label_folders.LABELS)
        yield from label_folders.read(directory, entries, kind.holds, kind.sample_type, label_type, open_, find)
        yield from files.report_unused([entry.path for entry in entries if kind.holds(entry.path)])
    elif dataset_type is _D.TEXT_CLASSIFICATION:
        yield from _read_texts(entries, options, open_)
    elif kind.unit == "line":
        beside = LabelFormat(label_type=text.BESIDE)
        for entry in entries:
            if kind.holds(entry.path) and not entry.path.endswith(text.RESULT):
                yield from text.read(entry.path, LabelType.NAMED_ENTITY, open_, beside)
    else:
        for entry in entries:
            if kind.holds(entry.path):
                yield SampleRecord(id="", path=entry.path, type=kind.sample_type, time=0)


def _read_segmentation(
    directory: str, entries: Sequence[ObjectEntry], options: DirectoryOptions, open_: Open
) -> SampleItems:
    """Read pictures with their polygons: each with its VOC or labelme file, or all from COCO documents."""
    documents = [entry for entry in entries if entry.path.lower().endswith(".json")]
    pictures = [entry for entry in entries if DATASET_TYPES[_D.IMAGE_SEGMENTATION].holds(entry.path)]
    files = LabelFiles(entries)
    if (options.annotation_format or _seen_format(entries, pictures, documents, open_)) == "COCO":
        files.mark_used(entry.path for entry in documents)
        items = _polygons_only(coco.read(directory, entries, documents, open_))
    else:
        items = _read_beside(pictures, files, open_)
    held = {entry.path for entry in pictures}
    for item in items:
        if isinstance(item, SampleRecord):
            if item.path not in held:  # the mask of a picture
                continue
            item.labels = [msgspec.structs.replace(label, type=LabelType.IMAGE_SEGMENTATION) for label in item.labels]
        yield item
    yield from files.report_unused([entry.path for entry in pictures])


def _polygons_only(items: SampleItems) -> SampleItems:
    """Remove the labels without a polygon, and report them."""
    for item in items:
        if isinstance(item, SampleRecord):
            labels = [label for label in item.labels if (label.property or {}).get(voc.SHAPE) == Shape.POLYGON.value]
            if len(labels) < len(item.labels):
                yield Problem(item.path, f"{len(item.labels) - len(labels)} annotations have no polygon")
            item.labels = labels
        yield item


def _read_texts(entries: Sequence[ObjectEntry], options: DirectoryOptions, open_: Open) -> SampleItems:
    paths = {entry.path for entry in entries}
    for entry in entries:
        if DATASET_TYPES[_D.TEXT_CLASSIFICATION].holds(entry.path) and not entry.path.endswith(text.RESULT):
            results = stem(entry.path) + text.RESULT
            yield from text.read(
                entry.path,
                LabelType.TEXT_CLASSIFICATION,
                open_,
                options.label_format,
                results if results in paths else None,
            )


def _read_detection(
    directory: str, entries: Sequence[ObjectEntry], options: DirectoryOptions, open_: Open
) -> SampleItems:
    documents = [entry for entry in entries if entry.path.lower().endswith(".json")]
    pictures = [entry for entry in entries if DATASET_TYPES[_D.OBJECT_DETECTION].holds(entry.path)]
    files = LabelFiles(entries)
    wanted = options.annotation_format or _seen_format(entries, pictures, documents, open_)
    if wanted == "COCO":
        files.mark_used(entry.path for entry in documents)
        yield from coco.read(directory, entries, documents, open_)
    elif wanted == "YOLO":
        # The tree's own lists decide which pictures and text files belong to it.
        files.mark_used(entry.path for entry in entries if entry.path.lower().endswith(".txt"))
        yield from yolo.read(directory, entries, open_)
    elif wanted in (_YOLO_YAML, yolo.CLASSES):
        # Label Studio writes the label names of classes.txt into notes.json as well.
        files.mark_used(entry.path for entry in documents if file_name(entry.path) == "notes.json")
        yield from _read_yolo_pictures(wanted, entries, pictures, files, open_)
    else:
        yield from _read_beside(pictures, files, open_)
    if options.annotation_format is None:
        yield from files.report_unused([entry.path for entry in pictures])


def _seen_format(
    entries: Sequence[ObjectEntry], pictures: Sequence[ObjectEntry], documents: Sequence[ObjectEntry], open_: Open
) -> str:
    """Return the annotation format. A VOC file beside a picture takes precedence over JSON, which may be anything."""
    names = {file_name(entry.path).lower() for entry in entries}
    if yolo.DATA in names:
        return "YOLO"
    files = LabelFiles(entries)
    if any(files.find(entry.path, ".xml") for entry in pictures):
        return "VOC"
    if any(files.find(entry.path, ".txt") for entry in pictures):
        if any(name.endswith(yolo.YAML) for name in names):
            return _YOLO_YAML
        if yolo.CLASSES in names:
            return yolo.CLASSES
    beside = {found for entry in pictures if (found := files.find(entry.path, ".json"))}
    if not documents or (len(beside) == len(documents) and _is_labelme(min(beside), open_)):
        return "VOC"
    return "COCO"


def _is_labelme(path: str, open_: Open) -> bool:
    try:
        with open_(path) as file:
            return labelme.read(file.read(labelme.MAX_BYTES + 1)) is not None
    except ApiError:
        return False


def _read_yolo_pictures(
    kind: str, entries: Sequence[ObjectEntry], pictures: Sequence[ObjectEntry], files: LabelFiles, open_: Open
) -> SampleItems:
    """Read pictures with text files of boxes below each file of label names, ``data.yaml`` or ``classes.txt``.

    A file of names in a folder ``labels`` is for the pictures beside that folder.
    """
    done: set[str] = set()
    # The deepest file of names first: it takes precedence for the pictures below it.
    suffixes = yolo.YAML if kind == _YOLO_YAML else (f"/{yolo.CLASSES}",)
    named = [entry for entry in entries if entry.path.lower().endswith(suffixes)]
    for entry in sorted(named, key=lambda each: -each.path.count("/")):
        folder = entry.path[: entry.path.rfind("/") + 1]
        folder = folder.removesuffix("labels/") or folder
        below = [each for each in pictures if each.path.startswith(folder) and each.path not in done]
        done.update(each.path for each in below)
        files.mark_used([entry.path])
        try:
            if kind == _YOLO_YAML:
                with open_(entry.path) as file:
                    names = yolo.read_names(file.read(yolo.MAX_YAML_BYTES + 1))
            else:
                names = yolo.read_classes(entry.path, open_)
        except (ValueError, ApiError) as error:
            yield Problem(entry.path, error.message if isinstance(error, ApiError) else str(error))
            names = yolo.TreeNames({})
        yield from yolo.read_pictures(below, lambda path: files.find(path, ".txt"), names, open_)
    for entry in pictures:
        if entry.path not in done:
            yield SampleRecord(id="", path=entry.path, type=SampleType.IMAGE, time=0)


def file_name(path: str) -> str:
    """Return the name of an object without its directory."""
    return path.rpartition("/")[2]


def _read_beside(pictures: Sequence[ObjectEntry], files: LabelFiles, open_: Open) -> SampleItems:
    """Read pictures, each with its VOC or labelme file."""
    for entry in pictures:
        sample = SampleRecord(id="", path=entry.path, type=SampleType.IMAGE, time=0)
        path = files.find(entry.path, ".xml")
        document = None if path else files.find(entry.path, ".json")
        try:
            if path is not None:
                with open_(path) as file:
                    picture = voc.read(file.read(voc.MAX_BYTES + 1))
                sample.labels = picture.labels
                if picture.mask_source is not None:
                    sample.metadata = {voc.MASK_SOURCE: picture.mask_source}
                yield from (Problem(path, why) for why in picture.problems)
            elif document is not None:
                with open_(document) as file:
                    found = labelme.read(file.read(labelme.MAX_BYTES + 1))
                if found is None:
                    yield Problem(document, "neither VOC nor labelme JSON: this label file is not used")
                else:
                    sample.labels, problems = found
                    yield from (Problem(document, why) for why in problems)
        except (voc.InvalidVoc, ApiError) as error:
            where = path or document or entry.path
            yield Problem(where, error.message if isinstance(error, ApiError) else str(error))
        yield sample


class UniqueNames:
    """Names for samples of several directories in one. A name that is taken gets a number.

    ``reserved`` are whole names, including the suffix, that must not be used.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken: set[str] = set()
        self._reserved = {name.casefold() for name in reserved}

    def unique(self, name: str) -> str:
        """Return the name, or one like it whose stem is not taken, so that label files beside it are unique too."""
        folder, slash, last = name.rpartition("/")
        bare, dot, ending = last.rpartition(".")
        bare, ending = (bare, dot + ending) if dot and bare else (last, "")
        chosen, number = bare, 0
        while (
            key := f"{folder}{slash}{chosen}".casefold()
        ) in self._taken or f"{key}{ending}".casefold() in self._reserved:
            number += 1
            chosen = f"{bare}-{number}"
        self._taken.add(key)
        return f"{folder}{slash}{chosen}{ending}"


def write_directory(
    dataset_type: DatasetType,
    samples: Iterable[SampleRecord],
    *,
    tree: bool,
    annotation_files: bool = True,
    reserved: Iterable[str] = (),
    mask_files: masks.MaskFiles | None = None,
    put: Callable[[str, bytes], None],
    copy: Callable[[SampleRecord, str], None],
) -> int:
    """Write samples as a directory and return their number. ``put`` and ``copy`` get relative names.

    Classification with ``tree`` has a folder per label. A sample with several labels is in the folder of the first one
    and has a text file beside it that lists all. Without ``tree``, each labelled sample has a text file beside it.
    Detection and segmentation have a VOC file beside each labelled picture, and segmentation its mask in a folder of
    masks, if there are ``mask_files``. Without ``annotation_files`` only the samples are written. No sample gets one
    of the ``reserved`` names.
    """
    names, count = UniqueNames(reserved), 0
    for count, sample in enumerate(samples, 1):  # noqa: B007  (used after the loop)
        labels = [str(label.name) for label in sample.labels]
        is_drawn = DATASET_TYPES[dataset_type].drawn is not None
        in_folder = tree and labels and not is_drawn and _is_folder_name(labels[0])
        name = names.unique(f"{labels[0]}/{file_name(sample.path)}" if in_folder else file_name(sample.path))
        copy(sample, name)
        if not annotation_files:
            continue
        if is_drawn and labels:
            if mask_files is not None:
                sample = mask_files.add(sample, stem(name), put)  # noqa: PLW2901
            put(f"{stem(name)}.xml", voc.write(sample))
        elif labels and (not in_folder or len(labels) > 1):
            put(f"{stem(name)}{label_folders.LABELS}", "".join(f"{label}\n" for label in labels).encode("utf-8"))
    return count


def _is_folder_name(label: str) -> bool:
    """Return whether a label can name a folder that is read back as this label and collides with no file."""
    return (
        label not in (".", "..")
        and "/" not in label
        and "\\" not in label
        and label.isprintable()
        and not is_ignored(label)
        and not label.lower().endswith(_FILES)
        and len(label.encode("utf-8", "surrogatepass")) <= 255
    )
