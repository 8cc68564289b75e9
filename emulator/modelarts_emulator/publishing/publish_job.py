"""The task that publishes: the samples of a dataset are kept as they are, and told in the version's files."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from decimal import Decimal
from itertools import starmap

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PUBLISH_FAILED, ApiError
from modelarts_emulator.contract.wire import DatasetStatus, SampleStatus, Usage, VersionStatus
from modelarts_emulator.jobs.undo_log import OutputTransaction
from modelarts_emulator.operations.labels import label_stats
from modelarts_emulator.operations.task_rules import ending
from modelarts_emulator.publishing.version_files import VersionFiles
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import without_hard_attributes
from modelarts_emulator.samples.train_eval_split import split_by_label
from modelarts_emulator.store import (
    DatasetReader,
    SampleRecord,
    Selection,
    Unknown,
    VersionRecord,
    decode_sample,
    encode_sample,
)

log = logging.getLogger(__name__)


def publish(runtime: Runtime, dataset_id: str, version: VersionRecord, ratio: Decimal) -> None:
    """Publish a version that has been begun; what goes wrong is said in its message."""

    def failed(error: ApiError) -> None:
        runtime.store.entry(dataset_id)  # Unknown, where it has been deleted meanwhile: that explains it
        why = error.detail if error.error is PUBLISH_FAILED else error.message
        log.error("Version %s of dataset %s could not be published: %s", version.version_name, dataset_id, why)
        message = f"{PUBLISH_FAILED.message}: {why}"
        _end(runtime, dataset_id, msgspec.structs.replace(version, status=VersionStatus.ERROR, message=message))

    with (
        ending(failed, PUBLISH_FAILED),
        OutputTransaction(runtime.tree, runtime.store.entry(dataset_id).record, version.version_id) as written,
    ):
        _end(runtime, dataset_id, _freeze(runtime, dataset_id, version, ratio, written))


def _end(runtime: Runtime, dataset_id: str, done: VersionRecord) -> None:
    """Write down how it has ended; a good version becomes the current one."""
    with runtime.store.writing(dataset_id) as dataset:
        runtime.tasks.mark_finished(dataset_id, "publish")
        dataset.put_version(msgspec.structs.replace(done, update_time=runtime.clock.now_ms()))
        good = done.status == VersionStatus.RUNNING
        record = dataset.record
        dataset.put_record(
            msgspec.structs.replace(
                record,
                status=DatasetStatus.NORMAL,
                current_version_id=done.version_id if good else record.current_version_id,
                current_version_name=done.version_name if good else record.current_version_name,
            )
        )


def _freeze(
    runtime: Runtime, dataset_id: str, version: VersionRecord, ratio: Decimal, written: OutputTransaction
) -> VersionRecord:
    """Keep the samples as they are, and write the version's files from what was kept."""
    tally = _Tally()
    with ExitStack() as stack:
        with runtime.store.reading(dataset_id) as dataset:
            publication = stack.enter_context(VersionFiles(dataset.record, version))
            usages = _usages(dataset, ratio)
            default = Usage.TRAIN if DATASET_TYPES[dataset.record.type].splits and not usages else None

            def kept(known: bytes, sample: SampleRecord) -> bytes:
                published = _as_published(sample, version, usages, default)
                document = _shared(known, published)
                tally.add(published)
                publication.note(published)
                return document

            documents = starmap(kept, dataset.select_with_documents(Selection()))
            runtime.store.save_version(dataset_id, version.version_id, documents)
        # However long it is kept from going on: what is published is what there was when that was asked for.
        runtime.transitions.enter("publish", dataset_id, VersionStatus.RUNNING.name)
        # Raises Unknown where the dataset has been deleted meanwhile: then nothing may be written.
        added, deleted, modified = _difference(runtime, dataset_id, version)
        publication.write(runtime, written)
    return msgspec.structs.replace(
        version,
        status=VersionStatus.RUNNING,
        total_sample_count=tally.total,
        annotated_sample_count=tally.annotated,
        add_sample_count=added,
        deleted_sample_count=deleted,
        modified_sample_count=modified,
        label_stats=label_stats(version.labels, tally.labels),
        label_type="multi" if tally.is_multi else "single",
    )


class _Tally:
    """What a version holds, counted while its samples pass by."""

    def __init__(self) -> None:
        self.total = self.annotated = 0
        self.is_multi = False
        """Whether a sample has several labels."""
        self.labels: dict[tuple[str, int | None], tuple[int, int]] = {}
        """How many labels on how many samples, by name and type of label."""

    def add(self, sample: SampleRecord) -> None:
        """Count a sample."""
        self.total += 1
        self.annotated += sample.status is SampleStatus.MANUAL_ANNOTATION
        self.is_multi = self.is_multi or len(sample.labels) > 1
        met = set()
        for label in sample.labels:
            key = label.name or "", label.type
            count, samples = self.labels.get(key, (0, 0))
            self.labels[key] = count + 1, samples + (key not in met)
            met.add(key)


def _shared(known: bytes, sample: SampleRecord) -> bytes:
    """A sample's document: the dataset's own where it is the same, so that it lies in memory once."""
    document = encode_sample(sample)
    return known if known == document else document


def _usages(dataset: DatasetReader, ratio: Decimal) -> dict[str, Usage]:
    """On which side of the split samples are; empty where there is none, and all that are labelled are for training."""
    if ratio == 1 or not DATASET_TYPES[dataset.record.type].splits:
        return {}
    labelled = Selection(statuses=frozenset({SampleStatus.MANUAL_ANNOTATION}))
    pairs = ((s.id, {str(label.name) for label in s.labels}) for s in dataset.select(labelled))
    return split_by_label(pairs, float(ratio))


def _as_published(
    sample: SampleRecord, version: VersionRecord, usages: dict[str, Usage], default: Usage | None
) -> SampleRecord:
    """The sample, which nobody else has, as the version keeps it."""
    usage = usages.get(sample.id) if usages else None
    if default is not None and sample.status is SampleStatus.MANUAL_ANNOTATION:
        usage = default
    if version.remove_sample_usage or sample.usage is None:
        sample.usage = usage
    return without_hard_attributes(sample) if version.clear_hard_property and sample.metadata else sample


def _difference(runtime: Runtime, dataset_id: str, version: VersionRecord) -> tuple[int, int, int]:
    """How many samples were added, deleted and changed since the previous version."""
    documents = runtime.store.version_documents(dataset_id, version.version_id)
    if version.previous_version_id is None:
        return len(documents), 0, 0
    try:
        known = set(runtime.store.version_documents(dataset_id, version.previous_version_id))
        fresh = [document for document in documents if document not in known]
        added = modified = 0
        if fresh:
            with runtime.store.version(dataset_id, version.previous_version_id) as previous:
                for after in fresh:
                    before = previous.document(decode_sample(after).id)
                    added += before is None
                    modified += before is not None and _is_modified(before, after)
        return added, len(known) - (len(documents) - added), modified
    except Unknown:
        return len(documents), 0, 0


def _is_modified(before: bytes, after: bytes) -> bool:
    """Whether labels or the object are others; documents differ by usages and times as well."""
    one, other = decode_sample(before), decode_sample(after)
    return (one.labels, one.signature) != (other.labels, other.signature)
