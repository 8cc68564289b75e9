"""Manifest files: JSON Lines in UTF-8, one sample per line with its annotations.

Reference: user manual, "Specifications for Importing a Manifest File".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import IO, Any, BinaryIO

import msgspec

from modelarts_emulator.contract import lenient_decoding
from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType, Usage
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.voc import MASK_SOURCE, InvalidVoc
from modelarts_emulator.formats.voc import MAX_BYTES as MAX_VOC_BYTES
from modelarts_emulator.formats.voc import read as read_voc
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store.records import SampleRecord

MAX_LINE_BYTES = 16 * 1024 * 1024
BATCH = 500
VOC = "PASCAL VOC"
FRAME = ("@modelarts:parent_duration", "@modelarts:parent_source", "@modelarts:time_in_video")
INFERENCE_LOC = "@modelarts:inference_loc"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_BOM = b"\xef\xbb\xbf"
_CONTENT = "content://"
HAND = "human"
SEGMENTATION = "modelarts/image_segmentation"

# The names of label types in a manifest.
TYPE_NAMES: dict[LabelType, str] = {
    LabelType.IMAGE_CLASSIFICATION: "modelarts/image_classification",
    LabelType.OBJECT_DETECTION: "modelarts/object_detection",
    LabelType.TEXT_CLASSIFICATION: "modelarts/text_classification",
    LabelType.NAMED_ENTITY: "modelarts/text_entity",
    LabelType.TRIPLET_ENTITY: "modelarts/text_entity",
    LabelType.TRIPLET_RELATION: "modelarts/text_triplet",
    LabelType.SOUND_CLASSIFICATION: "modelarts/audio_classification",
    LabelType.SPEECH_CONTENT: "modelarts/audio_content",
    LabelType.SPEECH_PARAGRAPH: "modelarts/audio_segmentation",
    LabelType.VIDEO: "modelarts/video_classification",
}


class Annotation(msgspec.Struct, kw_only=True, omit_defaults=True, rename="kebab"):
    """One annotation of a line."""

    type: str
    name: str | None = None
    id: str | None = None
    property: dict[str, Any] | None = None
    hard: str | None = None
    hard_coefficient: float | None = None
    annotation_format: str | None = None
    annotation_loc: str | None = None
    annotated_by: str | None = None
    creation_time: str | None = None
    confidence: float | None = None


class Line(msgspec.Struct, kw_only=True, omit_defaults=True, rename="kebab"):
    """One line: an object, or a text as ``content://…``, with its annotations."""

    source: str
    id: str | None = None
    usage: str | None = None
    sample_type: int | None = None
    hard: str | None = None
    hard_coefficient: float | None = None
    property: dict[str, Any] | None = None
    """The video and the time that a frame was taken from."""
    annotation: list[Annotation] = []
    inference_loc: str | None = None


Location = Callable[[SampleRecord], str | None]
Open = Callable[[str], BinaryIO]
_lines = msgspec.json.Encoder().encode_lines


def write(
    samples: Iterable[SampleRecord],
    out: BinaryIO,
    *,
    scheme: str = "obs",
    annotation_loc: Location = lambda sample: None,
) -> int:
    """Write one line per sample and return their number. ``annotation_loc`` returns the URI of a sample's VOC file."""
    lines = ManifestWriter(out, scheme)
    for sample in samples:
        lines.add(sample, annotation_loc(sample))
    lines.flush()
    return lines.count


class ManifestWriter:
    """Write samples in batches. ``flush`` writes the last batch."""

    def __init__(self, out: BinaryIO | IO[bytes], scheme: str = "obs") -> None:
        self._out, self._scheme = out, scheme
        self._batch: list[Line] = []
        self.count = 0
        """The number of lines written."""

    def add(self, sample: SampleRecord, annotation_loc: str | None = None) -> None:
        """Add a sample. ``annotation_loc`` is the URI of its VOC file, if it has one."""
        self._batch.append(as_line(sample, self._scheme, annotation_loc))
        if len(self._batch) == BATCH:
            self.flush()

    def flush(self) -> None:
        """Write the samples added since the last batch."""
        self._out.write(_lines(self._batch))
        self.count += len(self._batch)
        self._batch = []


def read(stream: BinaryIO, dataset_type: DatasetType, open_: Open) -> Iterator[SampleRecord | Problem]:
    """Read the samples of a manifest, in order. Empty lines are skipped; a bad line is a Problem.

    A sample's ``path`` is ``bucket/key`` of the object that ``source`` names; it is empty for a text. ``open_`` opens
    the object with a URI, to read a VOC file; it raises ApiError.
    """
    reader = _LineReader(dataset_type, open_)
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            yield Problem(f"line {number}", f"longer than {MAX_LINE_BYTES} bytes: nothing after it is read")
            return
        line = raw.removeprefix(_BOM).strip() if number == 1 else raw.strip()
        if not line:
            continue
        try:
            yield reader.sample(lenient_decoding.decode(line, Line))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, InvalidVoc, ValueError) as error:
            yield Problem(f"line {number}", str(error)[:300])
        except ApiError as error:
            yield Problem(f"line {number}", error.message[:300])


def count_lines(stream: BinaryIO) -> int:
    """Count the lines of a manifest that are not empty."""
    count = 0
    while (raw := stream.readline(MAX_LINE_BYTES + 1)) and len(raw) <= MAX_LINE_BYTES:
        count += not raw.isspace()
    return count


class _LineReader:
    """Convert lines into samples of one dataset type."""

    def __init__(self, dataset_type: DatasetType, open_: Open) -> None:
        self._open = open_
        kind = DATASET_TYPES[dataset_type]
        self._sample_type = kind.sample_type
        self._types = {name: label_type for label_type, name in TYPE_NAMES.items() if label_type in kind.labels}
        # Pictures have shapes, and so have the frames of a video.
        self._drawn = next((t for t in (LabelType.OBJECT_DETECTION, LabelType.VIDEO) if t in kind.labels), None)

    def sample(self, line: Line) -> SampleRecord:
        """Return the sample of a line. Raises ApiError, InvalidVoc or ValueError."""
        metadata = _metadata(line)
        text = line.source.removeprefix(_CONTENT) if line.source.startswith(_CONTENT) else None
        annotations = line.annotation
        return SampleRecord(
            id=line.id or "",
            path="" if text is not None else ObsPath.parse(line.source).object_name,
            type=self._sample_type if line.sample_type is None else SampleType(line.sample_type),
            time=0,
            text=text,
            labels=[label for annotation in annotations for label in self._labels(annotation, metadata)],
            usage=Usage(line.usage.upper()) if line.usage else None,
            annotated_by=next((a.annotated_by for a in annotations if a.annotated_by), None),
            annotated_time=next((_milliseconds(a.creation_time) for a in annotations if a.creation_time), None),
            metadata=metadata,
        )

    def _labels(self, annotation: Annotation, metadata: dict[str, Any]) -> list[SampleLabel]:
        if annotation.annotation_loc is not None:
            return self._drawn_labels(annotation, annotation.annotation_loc, metadata)
        name = annotation.type if annotation.type.startswith("modelarts/") else f"modelarts/{annotation.type}"
        if name not in self._types:
            raise ValueError(f"annotation type {annotation.type[:80]!r} does not belong to this dataset")
        return [_label(annotation, self._types[name])]

    def _drawn_labels(self, annotation: Annotation, location: str, metadata: dict[str, Any]) -> list[SampleLabel]:
        if self._drawn is None:
            raise ValueError("annotation-loc: samples of this dataset have no annotation files")
        if annotation.annotation_format not in (None, VOC):
            raise ValueError(f"annotation-format {annotation.annotation_format[:40]!r} is not {VOC!r}")
        with self._open(location) as file:
            picture = read_voc(file.read(MAX_VOC_BYTES + 1))
        if picture.mask_source is not None:
            metadata[MASK_SOURCE] = picture.mask_source
        return [msgspec.structs.replace(label, type=self._drawn) for label in picture.labels]


def _label(annotation: Annotation, label_type: LabelType) -> SampleLabel:
    property_ = dict(annotation.property or {})
    if annotation.hard is not None:
        property_["@modelarts:hard"] = annotation.hard
    if annotation.hard_coefficient is not None:
        property_["@modelarts:hard_coefficient"] = str(annotation.hard_coefficient)
    # A label of a video stores how it was created, unless it was created manually.
    has_origin = label_type is LabelType.VIDEO and annotation.annotated_by != HAND
    return SampleLabel(
        name=annotation.name,
        id=annotation.id,
        type=label_type,
        property=property_,
        score=annotation.confidence,
        annotated_by=annotation.annotated_by if has_origin else None,
    )


def _metadata(line: Line) -> dict[str, Any]:
    metadata = {key: value for key, value in (line.property or {}).items() if key in FRAME}
    if line.hard is not None:
        metadata["@modelarts:hard"] = float(line.hard.lower() in ("true", "1", "1.0"))
    if line.hard_coefficient is not None:
        metadata["@modelarts:hard_coefficient"] = line.hard_coefficient
    if line.inference_loc is not None:
        metadata[INFERENCE_LOC] = line.inference_loc
    return metadata


def _milliseconds(text: str) -> int:
    """Parse a time in the format of manifests, in UTC, or in ISO 8601. Raises ValueError."""
    try:
        moment = datetime.strptime(text, TIME_FORMAT)
    except ValueError:
        moment = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() * 1000)


def as_line(sample: SampleRecord, scheme: str, annotation_loc: str | None = None) -> Line:
    """Return the line of a sample."""
    metadata = sample.metadata
    hard = metadata.get("@modelarts:hard")
    frame = {key: metadata[key] for key in FRAME if key in metadata}
    return Line(
        source=f"content://{sample.text}" if sample.text is not None else f"{scheme}://{sample.path}",
        id=sample.id,
        usage=sample.usage,
        sample_type=int(sample.type),
        hard=None if hard is None else str(bool(hard)).lower(),
        hard_coefficient=metadata.get("@modelarts:hard_coefficient"),
        property=frame or None,
        annotation=_annotations(sample, annotation_loc),
        inference_loc=metadata.get(INFERENCE_LOC),
    )


def _annotations(sample: SampleRecord, annotation_loc: str | None) -> list[Annotation]:
    time = _creation_time(sample)
    by = sample.annotated_by or HAND
    if by.startswith(f"{HAND}/"):
        by = HAND  # user names are not published
    if annotation_loc is not None:
        return [
            Annotation(
                type=SEGMENTATION if MASK_SOURCE in sample.metadata else TYPE_NAMES[LabelType.OBJECT_DETECTION],
                annotation_format=VOC,
                annotation_loc=annotation_loc,
                annotated_by=by,
                creation_time=time,
            )
        ]
    return [_annotation(label, by, time) for label in sample.labels]


def _annotation(label: SampleLabel, by: str, time: str | None) -> Annotation:
    property_ = dict(label.property or {})
    hard = property_.pop("@modelarts:hard", None)
    coefficient = property_.pop("@modelarts:hard_coefficient", None)
    return Annotation(
        type=TYPE_NAMES[label.type or LabelType.IMAGE_CLASSIFICATION],
        name=label.name,
        id=label.id,
        property=property_ or None,
        hard=hard,
        hard_coefficient=None if coefficient is None else float(coefficient),
        annotated_by=label.annotated_by or by,
        creation_time=time,
        confidence=label.score,
    )


def _creation_time(sample: SampleRecord) -> str | None:
    if sample.annotated_time is None:
        return None
    moment = datetime.fromtimestamp(sample.annotated_time / 1000, timezone.utc)
    return moment.strftime(TIME_FORMAT)


def has_file(sample: SampleRecord) -> bool:
    """Return whether a sample's annotations need a file of their own beside the manifest: those with shapes do."""
    return any("@modelarts:shape" in (label.property or {}) for label in sample.labels)
