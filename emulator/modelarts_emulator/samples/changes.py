"""Changes to a single sample: replace its labels, or validate its metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from modelarts_emulator.contract.errors import PARAMETER_INVALID, SAMPLE_NOT_FOUND, ApiError
from modelarts_emulator.contract.samples import SampleLabel, SampleMetadata
from modelarts_emulator.contract.wire import SampleStatus
from modelarts_emulator.samples.hard_examples import HARD_KEYS, HARD_METADATA, as_sample_members, require_hard_range
from modelarts_emulator.store import DatasetReader, SampleRecord

IMPORT_ORIGIN = "@modelarts:import_origin"
SIZE = "@modelarts:size"

_COLOURS = 3
_Pixels = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Size = tuple[_Pixels, _Pixels, Annotated[int, msgspec.Meta(ge=1, le=4)]]
_SizeWithoutDepth = tuple[_Pixels, _Pixels]


def labeler_of(email: str) -> str:
    """Return the value of ``annotated_by`` for a person known by email address."""
    return f"human/{email}"


def with_labels(
    sample: SampleRecord,
    labels: Sequence[SampleLabel],
    *,
    by: str,
    now: int,
    status: SampleStatus = SampleStatus.MANUAL_ANNOTATION,
) -> SampleRecord:
    """Return the sample with these labels in place of its own; without labels it becomes unlabelled.

    ``by`` is the value of ``annotated_by``, such as ``human/<domain>/<user>``; ``now`` is in ms since the epoch.
    """
    return msgspec.structs.replace(
        sample,
        labels=list(labels),
        status=status if labels else SampleStatus.UN_ANNOTATION,
        annotated_by=by if labels else None,
        annotated_time=now if labels else None,
    )


def with_remaining_labels(sample: SampleRecord, labels: Sequence[SampleLabel]) -> SampleRecord:
    """Return the sample with renamed or fewer labels; author and time stay unless no label is left."""
    if labels:
        return msgspec.structs.replace(sample, labels=list(labels))
    return with_labels(sample, labels, by="", now=0)


def without_hard_attributes(sample: SampleRecord) -> SampleRecord:
    """Return the sample without the hard-example attributes of its own and of its labels."""
    metadata = {key: value for key, value in sample.metadata.items() if key not in HARD_METADATA}
    labels = sample.labels
    if any(not HARD_KEYS.isdisjoint(label.property or ()) for label in labels):
        labels = [
            msgspec.structs.replace(
                label,
                property={key: value for key, value in (label.property or {}).items() if key not in HARD_METADATA},
            )
            for label in labels
        ]
    return msgspec.structs.replace(sample, metadata=metadata, labels=labels)


def require_sample(dataset: DatasetReader, sample_id: str | None) -> SampleRecord:
    """Return a sample of the dataset. Raises SAMPLE_NOT_FOUND."""
    sample = dataset.get(sample_id) if sample_id else None
    if sample is None:
        raise ApiError(SAMPLE_NOT_FOUND, str(sample_id)[:80])
    return sample


def given_size(raw: Mapping[str, Any] | None) -> tuple[int, int, int] | None:
    """Return the width, height and depth in a client's metadata, or None without a possible size.

    The depth may be missing, and the numbers may be text, as everywhere in metadata.
    """
    try:
        width, height, depth = msgspec.convert((raw or {}).get(SIZE), _Size, strict=False)
    except msgspec.ValidationError:
        pass
    else:
        return width, height, depth
    try:
        width, height = msgspec.convert((raw or {}).get(SIZE), _SizeWithoutDepth, strict=False)
    except msgspec.ValidationError:
        return None
    return width, height, _COLOURS


def checked_metadata(raw: dict[str, Any] | None) -> dict[str, Any]:
    """Return a client's metadata as it is stored: hard-example members typed, size and import origin removed.

    Raises PARAMETER_INVALID if a hard-example member has the wrong type or is out of range.
    """
    if not raw:
        return {}
    raw = as_sample_members({key: value for key, value in raw.items() if value is not None})
    try:
        checked = msgspec.convert(raw, SampleMetadata, strict=False)
        require_hard_range(checked.hard_coefficient, checked.hard_reasons or ())
    except ValueError as error:  # also msgspec.ValidationError
        raise ApiError(PARAMETER_INVALID, f"metadata: {error}") from None
    known = msgspec.to_builtins(checked)
    kept = {**raw, **known}
    for own in (SIZE, IMPORT_ORIGIN):  # the emulator determines these itself
        kept.pop(own, None)
    return kept
