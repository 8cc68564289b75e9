"""The manifest: JSON Lines in UTF-8, one sample a line with its annotations.

Reference: user manual, "Specifications for Importing a Manifest File".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from typing import Any, BinaryIO

import msgspec

from emulator.contract.samples import SampleLabel
from emulator.contract.wire import DatasetType, LabelType, Usage
from emulator.store.records import SampleRecord

MAX_LINE_BYTES = 16 * 1024 * 1024
VOC = "PASCAL VOC"

# What a label's type is called in a manifest.
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
    """One line: an object, or a text as ``content://…``, and what is known of it."""

    source: str
    id: str | None = None
    usage: Usage | None = None
    sample_type: int | None = None
    hard: str | None = None
    hard_coefficient: float | None = None
    annotation: list[Annotation] = []
    inference_loc: str | None = None


class Problem(msgspec.Struct):
    """A line that is wrong; the others are not concerned."""

    line: int
    why: str


Location = Callable[[SampleRecord], str | None]
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line, strict=False).decode


def write(
    samples: Iterable[SampleRecord],
    out: BinaryIO,
    *,
    scheme: str = "obs",
    annotation_loc: Location = lambda sample: None,
) -> int:
    """Write a line a sample, and return how many. ``annotation_loc`` gives the URI of a sample's VOC file, if any."""
    count = 0
    for count, sample in enumerate(samples, 1):  # noqa: B007  (the count is wanted after the loop)
        out.write(_encode(as_line(sample, scheme, annotation_loc(sample))))
        out.write(b"\n")
    return count


def read(stream: BinaryIO) -> Iterator[Line | Problem]:
    """The lines of a manifest, in order; empty ones are passed over, a wrong one is a Problem."""
    number = 0
    while raw := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            yield Problem(number, f"longer than {MAX_LINE_BYTES} bytes: nothing after it is read")
            return
        line = raw.removeprefix(b"\xef\xbb\xbf").strip()
        if line:
            yield _read_line(number, line)


def _read_line(number: int, line: bytes) -> Line | Problem:
    try:
        return _decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return Problem(number, str(error))


def as_line(sample: SampleRecord, scheme: str, annotation_loc: str | None = None) -> Line:
    """A sample as its line."""
    metadata = sample.metadata
    hard = metadata.get("@modelarts:hard")
    return Line(
        source=f"content://{sample.text}" if sample.text is not None else f"{scheme}://{sample.path}",
        id=sample.id,
        usage=sample.usage,
        sample_type=int(sample.type),
        hard=None if hard is None else str(bool(hard)).lower(),
        hard_coefficient=metadata.get("@modelarts:hard_coefficient"),
        annotation=_annotations(sample, annotation_loc),
    )


def _annotations(sample: SampleRecord, annotation_loc: str | None) -> list[Annotation]:
    time = _creation_time(sample)
    by = (sample.annotated_by or "human").partition("/")[0]
    if annotation_loc is not None:
        return [
            Annotation(
                type=TYPE_NAMES[LabelType.OBJECT_DETECTION],
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
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def has_files(dataset_type: DatasetType) -> bool:
    """Whether a version's annotations lie in files of their own beside the manifest."""
    return dataset_type is DatasetType.OBJECT_DETECTION
