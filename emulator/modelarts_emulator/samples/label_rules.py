"""Validate the labels of a sample: each label type requires certain properties, which must fit the sample.

Reference: ``api-ref/source/data_management/manual_labeling/updating_sample_labels_in_batches.rst``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND, UNSUPPORTED_TYPE, ApiError
from modelarts_emulator.contract.samples import SampleLabel, SampleLabelProperty
from modelarts_emulator.contract.wire import DatasetType, LabelType, Shape
from modelarts_emulator.formats.coordinates import snap_to_edge
from modelarts_emulator.samples.hard_examples import HARD_KEYS, as_label_members, require_hard_range
from modelarts_emulator.store.records import SampleRecord

MAX_NAME_LENGTH = 1024

_POINTS: dict[Shape, tuple[int, int]] = {
    Shape.BNDBOX: (2, 2),
    Shape.POLYGON: (3, 10_000),
    Shape.CIRCLE: (2, 2),
    Shape.LINE: (2, 2),
    Shape.DASHED: (2, 2),
    Shape.POINT: (1, 1),
    Shape.POLYLINE: (2, 10_000),
}
"""The smallest and the largest number of points that a shape has."""
_NAMELESS = (LabelType.SPEECH_CONTENT, LabelType.SPEECH_PARAGRAPH)
"""The label types whose labels need no name, because they contain text."""
_UNNAMED = "a label"
"""The name of an unnamed label in messages."""
_HARD_MARKS = ("0", "1", "false", "true")
_ENDS = ("@modelarts:from", "@modelarts:to")
_TIME = re.compile(r"\d{2,}:[0-5]\d:[0-5]\d(\.\d{1,3})?")


def validate_labels(
    dataset_type: DatasetType, sample: SampleRecord, labels: Sequence[SampleLabel]
) -> list[SampleLabel]:
    """Return the labels as they are stored: type filled in, known properties converted to their documented types.

    Raises: UNSUPPORTED_TYPE if the dataset cannot have labels, LABEL_INCOMPATIBLE (the detail names the label and the
    reason), TRIPLET_ENTITY_NOT_FOUND if a relation connects an entity that the sample does not have.
    """
    kind = DATASET_TYPES[dataset_type]
    if labels and not kind.labels:
        raise ApiError(UNSUPPORTED_TYPE, f"samples of dataset type {int(dataset_type)} have no labels")
    checked = []
    for label in labels:
        checked.append(_checked(label, kind.labels, sample))
    if LabelType.TRIPLET_RELATION in kind.labels:
        _check_relations(checked)
    return checked


def has_shapes(dataset_type: DatasetType) -> bool:
    """Return whether labels of a dataset type have shapes on pictures."""
    return DATASET_TYPES[dataset_type].drawn is not None


def usable_labels(
    dataset_type: DatasetType, sample: SampleRecord, labels: Sequence[SampleLabel]
) -> tuple[list[SampleLabel], list[ApiError]]:
    """Return the labels from a file that fit the sample, and the errors of the others.

    A point outside the picture by less than half a pixel is moved to the edge: other tools round differently.
    """
    usable: list[SampleLabel] = []
    errors: list[ApiError] = []
    for label in labels:
        try:
            usable += validate_labels(dataset_type, sample, [_snapped(label, sample)])
        except ApiError as error:
            errors.append(error)
    return usable, errors


def _snapped(label: SampleLabel, sample: SampleRecord) -> SampleLabel:
    feature = (label.property or {}).get("@modelarts:feature")
    if sample.shape is None or not isinstance(feature, list):
        return label
    limits = sample.shape[:2]
    try:
        moved = [
            [snap_to_edge(value, limit) for value, limit in zip(point, limits, strict=True)]
            if isinstance(point, list) and len(point) == 2
            else point
            for point in feature
        ]
    except ValueError:
        return label  # not a number: the validation reports it
    return msgspec.structs.replace(label, property={**(label.property or {}), "@modelarts:feature": moved})


def require_label_name(name: str | None) -> str:
    """Return a label's name. Raises LABEL_INCOMPATIBLE if it is missing or too long."""
    if not name:
        raise ApiError(LABEL_INCOMPATIBLE, "name: a label must have one")
    if len(name) > MAX_NAME_LENGTH:
        raise ApiError(LABEL_INCOMPATIBLE, f"name: longer than {MAX_NAME_LENGTH} characters: {name[:40]}…")
    return name


def type_of_label(label: SampleLabel, types: tuple[LabelType, ...]) -> LabelType | None:
    """Return the type of a sample's label in a dataset that has these types; None if it has no labels."""
    if label.type is not None or not types:
        return label.type
    return _implied_type(label.property or {}, types)


def _implied_type(property_: Mapping[str, Any], types: tuple[LabelType, ...]) -> LabelType:
    """Return the type of a label without one: a label that connects two entities is a relation."""
    implied = LabelType.TRIPLET_RELATION if _ENDS[0] in property_ else types[0]
    return implied if implied in types else types[0]


def _checked(label: SampleLabel, types: tuple[LabelType, ...], sample: SampleRecord) -> SampleLabel:
    raw = label.property or {}
    label_type = label.type if label.type is not None else _implied_type(raw, types)
    name = _UNNAMED if label.name is None and label_type in _NAMELESS else require_label_name(label.name)
    if label_type not in types:
        raise _refusal(name, f"type {int(label_type)} does not belong to this dataset")
    if label.score is not None and not 0 <= label.score <= 1:
        raise _refusal(name, "score must be between 0 and 1")
    if None in raw.values():
        raw = {key: value for key, value in raw.items() if value is not None}
    raw = as_label_members(raw)
    try:
        known = msgspec.convert(raw, SampleLabelProperty, strict=False)
        if not HARD_KEYS.isdisjoint(raw):
            _check_hard(known)
    except ValueError as error:  # also msgspec.ValidationError
        raise _refusal(name, f"property: {error}") from None
    _CHECKS.get(label_type, _check_nothing)(name, known, sample)
    return msgspec.structs.replace(label, type=label_type, property={**raw, **msgspec.to_builtins(known)})


def _refusal(name: str, reason: str) -> ApiError:
    return ApiError(LABEL_INCOMPATIBLE, f"{name[:80]}: {reason}")


def _check_hard(known: SampleLabelProperty) -> None:
    """Raise ValueError for hard-example members that are none of the documented values."""
    if known.hard is not None and known.hard.lower() not in _HARD_MARKS:
        raise ValueError(f"@modelarts:hard {known.hard[:40]!r} is not one of {', '.join(_HARD_MARKS)}")
    try:
        reasons = [int(each) for each in known.hard_reasons.split("-")] if known.hard_reasons else []
        coefficient = float(known.hard_coefficient) if known.hard_coefficient else None
    except ValueError:
        raise ValueError("@modelarts:hard_coefficient is a number, @modelarts:hard_reasons ids joined by -") from None
    require_hard_range(coefficient, reasons)


def _check_nothing(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    """Accept every label: classification needs only a name."""


def _check_shape(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    if known.shape is None or known.feature is None:
        raise _refusal(name, "object detection needs @modelarts:shape and @modelarts:feature")
    least, most = _POINTS[known.shape]
    feature = known.feature
    if not isinstance(feature, list) or not least <= len(feature) <= most:
        raise _refusal(name, f"@modelarts:feature of a {known.shape.value} is a list of {least} or more points")
    points = feature[:1] if known.shape is Shape.CIRCLE else feature
    width, height = sample.shape[:2] if sample.shape else (math.inf, math.inf)
    for point in points:
        if not _is_numbers(point, 2):
            raise _refusal(name, "@modelarts:feature: a point is [x, y]")
        if not (0 <= point[0] <= width and 0 <= point[1] <= height):
            raise _refusal(name, f"@modelarts:feature: the point {point} is outside the picture of {width} × {height}")
    if known.shape is Shape.CIRCLE and not (_is_numbers(feature[1], 1) and feature[1][0] > 0):
        raise _refusal(name, "@modelarts:feature of a circle is its centre and [radius], greater than 0")
    if known.shape is Shape.BNDBOX and not (feature[0][0] < feature[1][0] and feature[0][1] < feature[1][1]):
        raise _refusal(name, "@modelarts:feature of a bndbox is its upper left, then its lower right point")


def _check_polygon(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    if known.shape is not Shape.POLYGON:
        raise _refusal(name, "image segmentation needs a polygon: @modelarts:shape and @modelarts:feature")
    _check_shape(name, known, sample)


def _check_optional_shape(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    if known.shape is not None:
        _check_shape(name, known, sample)


def _is_numbers(value: Any, count: int) -> bool:
    if not isinstance(value, list) or len(value) != count:
        return False
    for number in value:  # a loop, because it runs for every point of every label
        kind = type(number)
        if kind is not int and (kind is not float or not math.isfinite(number)):
            return False
    return True


def _check_entity(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    start, end = known.start_index, known.end_index
    if start is None or end is None:
        raise _refusal(name, "an entity needs @modelarts:start_index and @modelarts:end_index")
    length = len(sample.text) if sample.text is not None else math.inf
    if not 0 <= start < end <= length:
        raise _refusal(name, f"the entity from {start} to {end} is not inside the text of {length} characters")


def _check_relation(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    if not known.from_ or not known.to:
        raise _refusal(name, "a relation needs @modelarts:from and @modelarts:to")


def _check_content(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    if known.content is None and name == _UNNAMED:
        raise _refusal(name, "speech content needs @modelarts:content, or a name")


def _check_segment(name: str, known: SampleLabelProperty, sample: SampleRecord) -> None:
    start, end = known.start_time, known.end_time
    if not start or not end or not _TIME.fullmatch(start) or not _TIME.fullmatch(end):
        raise _refusal(name, "a segment needs @modelarts:start_time and @modelarts:end_time as hh:mm:ss.SSS")
    if _seconds(start) >= _seconds(end):
        raise _refusal(name, f"the segment from {start} to {end} does not end after it starts")


def _seconds(time: str) -> float:
    hours, minutes, seconds = time.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _check_relations(labels: Sequence[SampleLabel]) -> None:
    """Raise TRIPLET_ENTITY_NOT_FOUND unless both ends of every relation are ids of entities on the same sample."""
    entities = _entities(labels)
    for label in labels:
        if label.type == LabelType.TRIPLET_RELATION and label.property:
            for end in _ENDS:
                if label.property[end] not in entities:
                    raise ApiError(TRIPLET_ENTITY_NOT_FOUND, f"{label.name}: {end} {label.property[end]!r}")


def without_dangling_relations(labels: Sequence[SampleLabel]) -> list[SampleLabel]:
    """Return the labels of a sample without the relations that have lost an entity."""
    entities = _entities(labels)
    return [
        label
        for label in labels
        if label.type != LabelType.TRIPLET_RELATION or all((label.property or {}).get(end) in entities for end in _ENDS)
    ]


def _entities(labels: Sequence[SampleLabel]) -> set[str]:
    return {label.id for label in labels if label.type == LabelType.TRIPLET_ENTITY and label.id}


_CHECKS = {
    LabelType.OBJECT_DETECTION: _check_shape,
    LabelType.IMAGE_SEGMENTATION: _check_polygon,
    LabelType.NAMED_ENTITY: _check_entity,
    LabelType.TRIPLET_ENTITY: _check_entity,
    LabelType.TRIPLET_RELATION: _check_relation,
    LabelType.SPEECH_CONTENT: _check_content,
    LabelType.SPEECH_PARAGRAPH: _check_segment,
    LabelType.VIDEO: _check_optional_shape,
}
