"""Directories as a whole: recognize the layout of one, read it, and write one for each dataset type.

Reference: user manual, "Specifications for Importing Data from an OBS Directory".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from modelarts_emulator.contract.dataset_types import DATASET_TYPES, IMAGES
from modelarts_emulator.contract.datasets import Field
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.sources import LabelFormat, SchemaMap
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType
from modelarts_emulator.formats import coco, label_folders, text, voc, yolo
from modelarts_emulator.formats.label_folders import stem
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.obs.walk import ObjectEntry, is_ignored
from modelarts_emulator.store.records import SampleRecord

Open = Callable[[str], BinaryIO]
_FILES = (*IMAGES, label_folders.LABELS, ".xml", ".manifest")
SampleItems = Iterator[SampleRecord | Problem]
_D = DatasetType


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
    if dataset_type is _D.OBJECT_DETECTION:
        return any(name.lower().endswith((".xml", ".json", yolo.DATA)) for name in names)
    return any(kind.holds(name) for name in names)


def read_directory(
    dataset_type: DatasetType, directory: str, entries: Sequence[ObjectEntry], options: DirectoryOptions, open_: Open
) -> SampleItems:
    """Read the samples of a directory (``bucket/key/``) with their labels. A bad item is a Problem.

    ``entries`` are all objects of the directory. ``open_`` opens an object by ``bucket/key`` and raises ApiError.
    """
    kind = DATASET_TYPES[dataset_type]
    if dataset_type is _D.OBJECT_DETECTION:
        yield from _read_detection(directory, entries, options, open_)
    elif dataset_type in (_D.IMAGE_CLASSIFICATION, _D.SOUND_CLASSIFICATION):
        (label_type,) = kind.labels
        yield from label_folders.read(directory, entries, kind.holds, kind.sample_type, label_type, open_)
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
    wanted = options.annotation_format or _seen_format(entries, documents)
    if wanted == "COCO":
        yield from coco.read(directory, entries, documents, open_)
    elif wanted == "YOLO":
        yield from yolo.read(directory, entries, open_)
    else:
        yield from _read_voc(entries, open_)


def _seen_format(entries: Sequence[ObjectEntry], documents: Sequence[ObjectEntry]) -> str:
    """Return the annotation format. A VOC file beside a picture takes precedence over JSON, which may be anything."""
    if any(file_name(entry.path) == yolo.DATA for entry in entries):
        return "YOLO"
    paths = {entry.path for entry in entries}
    holds = DATASET_TYPES[_D.OBJECT_DETECTION].holds
    has_voc = any(holds(entry.path) and f"{stem(entry.path)}.xml" in paths for entry in entries)
    return "COCO" if documents and not has_voc else "VOC"


def file_name(path: str) -> str:
    """Return the name of an object without its directory."""
    return path.rpartition("/")[2]


def _read_voc(entries: Sequence[ObjectEntry], open_: Open) -> SampleItems:
    """Read pictures, each with the VOC file of the same name beside it."""
    paths = {entry.path for entry in entries}
    for entry in entries:
        if not DATASET_TYPES[_D.OBJECT_DETECTION].holds(entry.path):
            continue
        sample = SampleRecord(id="", path=entry.path, type=SampleType.IMAGE, time=0)
        beside = f"{stem(entry.path)}.xml"
        if beside in paths:
            try:
                with open_(beside) as file:
                    picture = voc.read(file.read(voc.MAX_BYTES + 1))
                sample.labels = picture.labels
                if picture.mask_source is not None:
                    sample.metadata = {voc.MASK_SOURCE: picture.mask_source}
            except (voc.InvalidVoc, ApiError) as error:
                yield Problem(beside, error.message if isinstance(error, ApiError) else str(error))
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
    put: Callable[[str, bytes], None],
    copy: Callable[[SampleRecord, str], None],
) -> int:
    """Write samples as a directory and return their number. ``put`` and ``copy`` get relative names.

    Classification with ``tree`` has a folder per label. A sample with several labels is in the folder of the first one
    and has a text file beside it that lists all. Without ``tree``, each labelled sample has a text file beside it.
    Detection has a VOC file beside each labelled picture. Without ``annotation_files`` only the samples are written. No
    sample gets one of the ``reserved`` names.
    """
    names, count = UniqueNames(reserved), 0
    for count, sample in enumerate(samples, 1):  # noqa: B007  (used after the loop)
        labels = [str(label.name) for label in sample.labels]
        is_detection = dataset_type is _D.OBJECT_DETECTION
        in_folder = tree and labels and not is_detection and _is_folder_name(labels[0])
        name = names.unique(f"{labels[0]}/{file_name(sample.path)}" if in_folder else file_name(sample.path))
        copy(sample, name)
        if not annotation_files:
            continue
        if is_detection and labels:
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
