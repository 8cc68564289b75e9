"""Manifest files: JSON Lines in UTF-8, one sample per line with its annotations.

Reference: user manual, "Specifications for Importing a Manifest File".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import IO, Any, BinaryIO

import msgspec

from modelarts_emulator.contract import lenient_decoding
from modelarts_emulator.contract.dataset_types import DATASET_TYPES, DRAWN
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, LabelType, SampleType, Usage
from modelarts_emulator.formats.problem import Problem
from modelarts_emulator.formats.voc import MASK_SOURCE, InvalidVoc, hard_text
from modelarts_emulator.formats.voc import MAX_BYTES as MAX_VOC_BYTES
from modelarts_emulator.formats.voc import read as read_voc
from modelarts_emulator.obs.paths import ObjectKey, ObsPath
from modelarts_emulator.store.records import SampleRecord

SCHEME = "s3"
"""The scheme of locations that are written: official readers take ``obs://`` for a local path."""
MAX_LINE_BYTES = 16 * 1024 * 1024
BATCH = 500
VOC = "PASCAL VOC"
FRAME = ("@modelarts:parent_duration", "@modelarts:parent_source", "@modelarts:time_in_video")
INFERENCE_LOC = "@modelarts:inference_loc"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_BOM = b"\xef\xbb\xbf"
_CONTENT = "content://"
HAND = "human"
CREATION_TIME = "@modelarts:creation_time"
"""The member of a label's property that holds its creation time, in ms since the epoch, if it is not the sample's."""
SEGMENTATION = "modelarts/image_segmentation"

# The names of label types in a manifest.
TYPE_NAMES: dict[LabelType, str] = {
    LabelType.IMAGE_CLASSIFICATION: "modelarts/image_classification",
    LabelType.OBJECT_DETECTION: "modelarts/object_detection",
    LabelType.IMAGE_SEGMENTATION: SEGMENTATION,
    LabelType.TEXT_CLASSIFICATION: "modelarts/text_classification",
    LabelType.NAMED_ENTITY: "modelarts/text_entity",
    LabelType.TRIPLET_ENTITY: "modelarts/text_entity",
    LabelType.TRIPLET_RELATION: "modelarts/text_triplet",
    LabelType.SOUND_CLASSIFICATION: "modelarts/audio_classification",
    LabelType.SPEECH_CONTENT: "modelarts/audio_content",
    LabelType.SPEECH_PARAGRAPH: "modelarts/audio_segmentation",
    LabelType.VIDEO: "modelarts/video_classification",
}


_DRAWN_TYPES = tuple(TYPE_NAMES[kind] for kind in DRAWN)


class Annotation(msgspec.Struct, kw_only=True, omit_defaults=True, rename="kebab"):
    """One annotation of a line."""

    type: str
    name: str | None = None
    id: str | None = None
    property: Any = None
    """Attributes as an object, or as a text that contains the JSON of one; any other value is ignored."""
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
    annotation: list[Annotation] | None = []
    """Empty, absent or null on a line without labels."""
    inference_loc: str | None = None


Location = Callable[[SampleRecord], str | None]
Open = Callable[[str], BinaryIO]
_ENCODER = msgspec.json.Encoder()
# Characters at which str.splitlines would break a line in two.
_ESCAPED = {"\u0085": rb"\u0085", "\u2028": rb"\u2028", "\u2029": rb"\u2029"}


def _lines(batch: list[Line]) -> bytes:
    """Return the JSON of each line; only line feeds end a line, whatever reads it."""
    data = _ENCODER.encode_lines(batch)
    for character, escape in _ESCAPED.items():
        data = data.replace(character.encode(), escape)
    return data


def write(
    samples: Iterable[SampleRecord],
    out: BinaryIO,
    *,
    scheme: str = SCHEME,
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

    def __init__(self, out: BinaryIO | IO[bytes], scheme: str = SCHEME) -> None:
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


def read(
    stream: BinaryIO, dataset_type: DatasetType, open_: Open, directory: str = ""
) -> Iterator[SampleRecord | Problem]:
    """Read the samples of a manifest, in order. Empty lines are skipped; a bad line is a Problem.

    A sample's ``path`` is ``bucket/key`` of the object that ``source`` names; it is empty for a text. ``open_`` opens
    the object with a URI, to read a VOC file; it raises ApiError. Relative locations are below ``directory``
    (``bucket/key/``), that of the manifest. An annotation of another task than the dataset's is skipped if the line has
    one of the dataset's as well.
    """
    reader = _LineReader(dataset_type, open_, directory)
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
            yield from (Problem(f"line {number}", why) for why in reader.problems)
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

    def __init__(self, dataset_type: DatasetType, open_: Open, directory: str) -> None:
        self._open, self._directory = open_, directory
        self.problems: list[str] = []
        """Why annotations of the latest line were skipped, although the line was read."""
        kind = DATASET_TYPES[dataset_type]
        self._sample_type = kind.sample_type
        self._types = {name: label_type for label_type, name in TYPE_NAMES.items() if label_type in kind.labels}
        # Pictures have shapes, and so have the frames of a video.
        self._drawn = kind.drawn

    def sample(self, line: Line) -> SampleRecord:
        """Return the sample of a line. Raises ApiError, InvalidVoc or ValueError."""
        self.problems = []
        metadata = _metadata(line)
        text = line.source.removeprefix(_CONTENT) if line.source.startswith(_CONTENT) else None
        annotations = self._matching(line.annotation or [])
        first_by = next((a.annotated_by for a in annotations if a.annotated_by), None)
        first_time = next((_milliseconds(a.creation_time) for a in annotations if a.creation_time), None)
        return SampleRecord(
            id=line.id or "",
            path=ObjectKey("") if text is not None else ObsPath.parse(self._location(line.source)).object_name,
            type=self._sample_type if line.sample_type is None else SampleType(line.sample_type),
            time=0,
            text=text,
            labels=[
                _with_origin(label, annotation, first_by, first_time)
                for annotation in annotations
                for label in self._labels(annotation, metadata)
            ],
            usage=Usage(line.usage.upper()) if line.usage else None,
            annotated_by=first_by,
            annotated_time=first_time,
            metadata=metadata,
        )

    def _location(self, location: str) -> str:
        """Return a location as a URI or an absolute path."""
        if location.startswith("s3a://"):
            return "s3://" + location.removeprefix("s3a://")
        is_relative = self._directory and "://" not in location and not location.startswith("/")
        return f"/{self._directory}{location.removeprefix('./')}" if is_relative else location

    def _matching(self, annotations: list[Annotation]) -> list[Annotation]:
        """Return the annotations of the dataset's own task; all of them if none is, so that the line is refused."""
        return [each for each in annotations if self._is_own(each)] or annotations

    def _is_own(self, annotation: Annotation) -> bool:
        name = _type_name(annotation)
        if annotation.annotation_loc is None:
            return name in self._types
        if self._drawn is LabelType.IMAGE_SEGMENTATION:
            return name == SEGMENTATION
        return self._drawn is not None and name in _DRAWN_TYPES

    def _labels(self, annotation: Annotation, metadata: dict[str, Any]) -> list[SampleLabel]:
        if annotation.annotation_loc is not None:
            return self._drawn_labels(annotation, annotation.annotation_loc, metadata)
        name = _type_name(annotation)
        if name not in self._types:
            raise ValueError(f"annotation type {annotation.type[:80]!r} does not belong to this dataset")
        return [_label(annotation, self._types[name])]

    def _drawn_labels(self, annotation: Annotation, location: str, metadata: dict[str, Any]) -> list[SampleLabel]:
        if self._drawn is None:
            raise ValueError("annotation-loc: samples of this dataset have no annotation files")
        if annotation.annotation_format not in (None, VOC):
            raise ValueError(f"annotation-format {annotation.annotation_format[:40]!r} is not {VOC!r}")
        with self._open(self._location(location)) as file:
            picture = read_voc(file.read(MAX_VOC_BYTES + 1))
        self.problems += [f"{location}: {why}" for why in picture.problems]
        # Of a picture, the annotation as a whole is hard rather than a single box.
        if annotation.hard is not None:
            metadata.setdefault("@modelarts:hard", float(hard_text(annotation.hard) == "true"))
        if annotation.hard_coefficient is not None:
            metadata.setdefault("@modelarts:hard_coefficient", annotation.hard_coefficient)
        if picture.mask_source is not None:
            metadata[MASK_SOURCE] = picture.mask_source
        return [msgspec.structs.replace(label, type=self._drawn) for label in picture.labels]


def _type_name(annotation: Annotation) -> str:
    return annotation.type if annotation.type.startswith("modelarts/") else f"modelarts/{annotation.type}"


def _with_origin(
    label: SampleLabel, annotation: Annotation, first_by: str | None, first_time: int | None
) -> SampleLabel:
    """Return a label that stores its creator and creation time if they differ from those of the sample."""
    if annotation.annotated_by not in (None, first_by):
        label = msgspec.structs.replace(label, annotated_by=annotation.annotated_by)
    time = _milliseconds(annotation.creation_time) if annotation.creation_time else first_time
    if time != first_time:
        label = msgspec.structs.replace(label, property={**(label.property or {}), CREATION_TIME: time})
    return label


def _properties(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return {}
    return dict(value) if isinstance(value, dict) else {}


def _label(annotation: Annotation, label_type: LabelType) -> SampleLabel:
    property_ = _properties(annotation.property)
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
        metadata["@modelarts:hard"] = float(hard_text(line.hard) == "true")
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
    frame = {key: _with_scheme(metadata[key], scheme) for key in FRAME if key in metadata}
    return Line(
        source=f"content://{sample.text}" if sample.text is not None else f"{scheme}://{sample.path}",
        id=sample.id,
        usage=_written_usage(sample),
        sample_type=int(sample.type),
        hard=_written_hard(hard),
        hard_coefficient=metadata.get("@modelarts:hard_coefficient"),
        property=frame or None,
        annotation=_annotations(sample, annotation_loc),
        inference_loc=metadata.get(INFERENCE_LOC),
    )


def _with_scheme(value: Any, scheme: str) -> Any:
    """Return the location of a frame's video with the scheme of the other locations; any other value as it is."""
    return f"{scheme}://{value.removeprefix('obs://')}" if str(value).startswith("obs://") else value


def _written_usage(sample: SampleRecord) -> Usage:
    """Return the usage of a line. Official readers require one, TRAIN or EVAL only with labels."""
    if sample.labels:
        return Usage.TRAIN if sample.usage in (None, Usage.INFERENCE) else sample.usage
    return sample.usage or Usage.INFERENCE


def _annotations(sample: SampleRecord, annotation_loc: str | None) -> list[Annotation]:
    time = _creation_time(sample)
    by = sample.annotated_by or HAND
    if by.startswith(f"{HAND}/"):
        by = HAND  # user names are not published
    if annotation_loc is not None:
        return [
            Annotation(
                type=SEGMENTATION if _is_segmented(sample) else TYPE_NAMES[LabelType.OBJECT_DETECTION],
                annotation_format=VOC,
                annotation_loc=annotation_loc,
                hard=_written_hard(sample.metadata.get("@modelarts:hard")),
                hard_coefficient=sample.metadata.get("@modelarts:hard_coefficient"),
                annotated_by=by,
                creation_time=time,
            )
        ]
    return [_annotation(label, by, time) for label in sample.labels]


def _is_segmented(sample: SampleRecord) -> bool:
    return MASK_SOURCE in sample.metadata or any(label.type is LabelType.IMAGE_SEGMENTATION for label in sample.labels)


def _annotation(label: SampleLabel, by: str, time: str | None) -> Annotation:
    property_ = dict(label.property or {})
    hard = property_.pop("@modelarts:hard", None)
    coefficient = property_.pop("@modelarts:hard_coefficient", None)
    created_ms = property_.pop(CREATION_TIME, None)
    return Annotation(
        type=TYPE_NAMES[label.type or LabelType.IMAGE_CLASSIFICATION],
        name=label.name,
        id=label.id,
        property=property_ or None,
        hard=_written_hard(hard),
        hard_coefficient=None if coefficient is None else float(coefficient),
        annotated_by=label.annotated_by or by,
        creation_time=time if created_ms is None else _time_text(created_ms),
        confidence=label.score,
    )


def _creation_time(sample: SampleRecord) -> str | None:
    if sample.annotated_time is None:
        return None
    return _time_text(sample.annotated_time)


def _time_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, timezone.utc).strftime(TIME_FORMAT)


def _written_hard(value: Any) -> str | None:
    return None if value is None else hard_text(value)


def has_file(sample: SampleRecord) -> bool:
    """Return whether a sample's annotations need a file of their own beside the manifest: those with shapes do."""
    return any("@modelarts:shape" in (label.property or {}) for label in sample.labels)
