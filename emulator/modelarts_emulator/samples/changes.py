"""What befalls one sample: its labels are replaced as a whole, or it is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PARAMETER_INVALID, SAMPLE_NOT_FOUND, ApiError
from modelarts_emulator.contract.samples import SampleLabel, SampleMetadata
from modelarts_emulator.contract.wire import SampleStatus
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.hard_examples import HARD_METADATA
from modelarts_emulator.store import DatasetReader, DatasetWriter, SampleRecord

IMPORT_ORIGIN = "@modelarts:import_origin"
SIZE = "@modelarts:size"


def with_labels(
    sample: SampleRecord,
    labels: Sequence[SampleLabel],
    *,
    by: str,
    now: int,
    status: SampleStatus = SampleStatus.MANUAL_ANNOTATION,
) -> SampleRecord:
    """The sample with these labels, set by somebody just now; without any it is unlabelled."""
    return msgspec.structs.replace(
        sample,
        labels=list(labels),
        status=status if labels else SampleStatus.UN_ANNOTATION,
        annotated_by=by if labels else None,
        annotated_time=now if labels else None,
    )


def with_remaining_labels(sample: SampleRecord, labels: Sequence[SampleLabel]) -> SampleRecord:
    """The sample with labels renamed or taken off: who labelled it, and when, stays unless none is left."""
    if labels:
        return msgspec.structs.replace(sample, labels=list(labels))
    return with_labels(sample, labels, by="", now=0)


def without_hard_attributes(sample: SampleRecord) -> SampleRecord:
    """The sample without its hard-example attributes."""
    metadata = {key: value for key, value in sample.metadata.items() if key not in HARD_METADATA}
    return msgspec.structs.replace(sample, metadata=metadata)


def require_sample(dataset: DatasetReader, identity: str | None) -> SampleRecord:
    """A sample of the dataset. Raises SAMPLE_NOT_FOUND."""
    sample = dataset.get(identity) if identity else None
    if sample is None:
        raise ApiError(SAMPLE_NOT_FOUND, str(identity)[:80])
    return sample


def delete_sample(runtime: Runtime, dataset: DatasetWriter, delete_source: bool, identity: str) -> None:
    """Delete one sample; a tombstone stays, so that its file does not bring it back. Raises SAMPLE_NOT_FOUND.

    The source of a text line or table row is not deleted: its file holds other samples.
    """
    sample = require_sample(dataset, identity)
    tombstone = sample.tombstone()
    if delete_source and DATASET_TYPES[dataset.record.type].unit == "file":
        runtime.tree.delete(ObsPath.parse("/" + sample.path))
        tombstone.signature = None
    dataset.put_sample(tombstone)


def checked_metadata(raw: dict[str, Any] | None) -> dict[str, Any]:
    """Metadata as it is kept: the hard-example members in their types; size and origin are the emulator's own.

    Raises PARAMETER_INVALID.
    """
    if not raw:
        return {}
    try:
        known = msgspec.to_builtins(msgspec.convert(raw, SampleMetadata, strict=False))
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, f"metadata: {error}") from None
    kept = {**raw, **known}
    for own in (SIZE, IMPORT_ORIGIN):
        kept.pop(own, None)
    return kept
