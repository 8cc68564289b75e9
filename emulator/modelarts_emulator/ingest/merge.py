"""The merge policies: decide what to store for a sample that a job found, given the sample that the dataset has.

Every policy is a pure function of the stored sample, which may be a tombstone or missing, and of the candidate. It
returns the sample to store, or None to leave the dataset as it is; an ApiError refuses this candidate alone.

========  ==========================  =========================  ================================
policy    sample not yet stored       stored sample              tombstone (deleted sample)
========  ==========================  =========================  ================================
SYNC      added                       new size, time and shape   stays, until its object changes
                                      of its object; labels stay
IMPORT    added with its labels       labels replaced, if the    replaced, as if not stored
                                      import brings any
UPLOAD    added with its labels       refused: SAMPLE_EXISTS     replaced, as if not stored
========  ==========================  =========================  ================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from modelarts_emulator.contract.errors import FILE_NOT_FOUND, SAMPLE_EXISTS, ApiError
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import DatasetType, SampleStatus, Usage
from modelarts_emulator.samples.changes import with_labels
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.store import SampleRecord


class IncomingLabels(msgspec.Struct, frozen=True, gc=False):
    """Labels and metadata that come with a sample; ``time`` is in ms since the epoch."""

    labels: Sequence[SampleLabel]
    by: str
    time: int
    status: SampleStatus = SampleStatus.MANUAL_ANNOTATION
    metadata: Mapping[str, Any] = {}
    usage: Usage | None = None


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A sample that an ingest job has found and that is to be merged into the dataset."""

    id: str
    sample: SampleRecord | None = None
    """The sample as its object is now; None if the dataset has read the object before."""
    labelling: IncomingLabels | None = None
    is_created: bool = False
    """Whether this job has created the object, rather than found it."""
    name: str = ""
    """The sample in messages: its object, or the beginning of its text."""


Merge = Callable[[SampleRecord | None, Candidate], SampleRecord | None]


def merge_sync(
    stored: SampleRecord | None, candidate: Candidate, is_current: Callable[[SampleRecord], bool]
) -> SampleRecord | None:
    """Merge an object that a synchronization found; labels stay, and tombstones are respected.

    A tombstone is replaced only if its object has changed since the deletion. ``is_current`` checks that the object is
    still as the candidate describes it: it may have been deleted together with its sample after it was read.
    """
    found = candidate.sample
    if found is None:
        return None
    if stored is None:
        return found
    if stored.signature == found.signature:
        return None
    if stored.deleted:
        return found if is_current(found) else None
    return msgspec.structs.replace(
        stored, time=found.time, size=found.size, signature=found.signature, shape=found.shape
    )


def merge_import(stored: SampleRecord | None, candidate: Candidate, dataset_type: DatasetType) -> SampleRecord | None:
    """Merge a sample of an import: its labels replace those of the stored sample.

    Raises: FILE_NOT_FOUND if there is neither a stored sample nor a new one, and the errors of ``validate_labels``.
    """
    base = stored if stored is not None and not stored.deleted else candidate.sample
    if base is None:
        raise ApiError(FILE_NOT_FOUND, "the object was deleted during the import")
    labelling = candidate.labelling
    if labelling is None:
        return base
    labels = validate_labels(dataset_type, base, labelling.labels) if labelling.labels else []
    return annotated(base, msgspec.structs.replace(labelling, labels=labels))


def merge_upload(stored: SampleRecord | None, candidate: Candidate) -> SampleRecord | None:
    """Merge an uploaded sample. Raises SAMPLE_EXISTS if its object was there before the upload.

    A line or row of an uploaded file is stored when the file is read; only its labelling is merged here.
    """
    if not candidate.is_created:
        raise ApiError(SAMPLE_EXISTS, candidate.name)
    base = candidate.sample or (stored if stored is not None and not stored.deleted else None)
    if base is None or candidate.labelling is None:
        return base
    return annotated(base, candidate.labelling)


def annotated(sample: SampleRecord, labelling: IncomingLabels) -> SampleRecord:
    """Return the sample with new labels and metadata; without new labels, its own stay."""
    labels = labelling.labels
    if labels:
        sample = with_labels(sample, labels, by=labelling.by, now=labelling.time, status=labelling.status)
    metadata = {**sample.metadata, **labelling.metadata}
    return msgspec.structs.replace(sample, metadata=metadata, usage=labelling.usage or sample.usage)
