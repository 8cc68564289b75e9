"""A sample's labels: replaced as a whole, and what follows from them for its status."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from emulator.contract.samples import SampleLabel
from emulator.contract.wire import SampleStatus
from emulator.store import SampleRecord


def annotated(
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


def relabelled(sample: SampleRecord, labels: Sequence[SampleLabel]) -> SampleRecord:
    """The sample with labels renamed or taken off: who labelled it, and when, stays unless none is left."""
    if labels:
        return msgspec.structs.replace(sample, labels=list(labels))
    return annotated(sample, labels, by="", now=0)
