"""The task that publishes a version: keep the samples of a dataset as they are, and write the version's files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from decimal import Decimal

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PUBLISH_FAILED, SPLIT_RULES, VERSION_EXISTS, ApiError
from modelarts_emulator.contract.versions import CreateDatasetVersionRequest
from modelarts_emulator.contract.wire import DatasetStatus, SampleStatus, Usage, VersionFormat, VersionStatus
from modelarts_emulator.jobs.task_run import TaskRun, TaskUpdate
from modelarts_emulator.jobs.undo_log import OutputTransaction
from modelarts_emulator.publishing.version_files import VersionFiles
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import without_hard_attributes
from modelarts_emulator.samples.dataset_labels import LabelCounts, label_stats
from modelarts_emulator.samples.train_eval_split import split_by_label
from modelarts_emulator.store import (
    DatasetReader,
    DatasetRecord,
    DatasetWriter,
    DoesNotExist,
    SampleRecord,
    Selection,
    Store,
    VersionRecord,
    decode_sample,
    encode_sample,
)

log = logging.getLogger(__name__)


class PublishJob:
    """One publishing task. ``ratio`` is the share of training samples of every label, above 0 and up to 1."""

    def __init__(
        self, runtime: Runtime, record: DatasetRecord, request: CreateDatasetVersionRequest, ratio: Decimal
    ) -> None:
        self._runtime, self._record, self._request, self._ratio = runtime, record, request, ratio
        self._version: VersionRecord
        self._run: TaskRun

    def start(self, *, now: bool = False) -> str:
        """Record the version and publish it in the background, or before returning if ``now``; return its id.

        Raises: SPLIT_RULES, VERSION_EXISTS and the error of a conflicting task.
        """
        with self._runtime.runner.claim(self._record.id, "publish", PUBLISH_FAILED) as self._run:
            with self._runtime.store.reading(self._record.id) as dataset:
                _require_splittable(dataset, self._ratio)
            self._run.start(self._begin, self._work, self._write, now=now)
        return self._version.version_id

    def _begin(self, dataset: DatasetWriter) -> None:
        self._version = new_version(self._runtime.ids.entity(), dataset, self._request, self._runtime.clock.now_ms())
        record = dataset.record
        dataset.put_version(self._version)
        dataset.put_record(
            msgspec.structs.replace(
                record,
                status=DatasetStatus.PUBLISHING,
                next_version_num=record.next_version_num + 1,
                version_count=record.version_count + 1,
            )
        )

    def _work(self) -> None:
        record = self._runtime.store.entry(self._record.id).record
        try:
            with OutputTransaction(self._runtime.tree, record, self._version.version_id) as output:
                self._version = self._publish(output)
                self._run.finish(VersionStatus.RUNNING.name)
        except BaseException:
            with suppress(OSError):
                self._runtime.store.delete_version(record.id, self._version.version_id)
            raise

    def _publish(self, output: OutputTransaction) -> VersionRecord:
        """Keep the samples as they are, write the version's files, and return the version with its counts."""
        dataset_id, version, store = self._record.id, self._version, self._runtime.store
        counts = _VersionCounts()
        with ExitStack() as stack:
            with store.reading(dataset_id) as dataset:
                files = stack.enter_context(VersionFiles(dataset.record, version))
                store.save_version(dataset_id, version.version_id, self._documents(dataset, files, counts))
            # A transition rule can hold the task here: the version has the samples from before the wait.
            self._run.enter(VersionStatus.RUNNING.name)
            # Raises DoesNotExist if the dataset has been deleted in the meantime; no file is written then.
            added, deleted, modified = _difference(store, dataset_id, version)
            files.write(store, output)
        return msgspec.structs.replace(
            version,
            status=VersionStatus.RUNNING,
            total_sample_count=counts.total,
            annotated_sample_count=counts.annotated,
            add_sample_count=added,
            deleted_sample_count=deleted,
            modified_sample_count=modified,
            label_stats=label_stats(version.labels, counts.labels),
            label_type="multi" if counts.is_multi else "single" if counts.labels else "unlabeled",
        )

    def _documents(self, dataset: DatasetReader, files: VersionFiles, counts: _VersionCounts) -> Iterator[bytes]:
        """Return the encoded samples of the version; each one is counted and added to the files on the way."""
        usages = _usages(dataset, self._ratio)
        default = Usage.TRAIN if DATASET_TYPES[dataset.record.type].splits and not usages else None
        for stored, sample in dataset.select_with_documents(Selection()):
            published = _as_published(sample, self._version, usages, default)
            document = encode_sample(published)
            counts.add(published)
            files.add(published)
            # Return the dataset's own bytes if they are equal, so that they are in memory only once.
            yield stored if stored == document else document

    def _write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        """Record the end of the task; a published version becomes the current one."""
        record, version = msgspec.structs.replace(dataset.record, status=DatasetStatus.NORMAL), self._version
        if update.error is None:
            record.current_version_id, record.current_version_name = version.version_id, version.version_name
        else:
            error = update.error
            reason = error.detail if error.error is PUBLISH_FAILED else error.message
            log.error("Cannot publish version %s of dataset %s: %s", version.version_name, record.id, reason)
            message = f"{PUBLISH_FAILED.message}: {reason}"
            version = msgspec.structs.replace(version, status=VersionStatus.ERROR, message=message)
        dataset.put_version(msgspec.structs.replace(version, update_time=update.now_ms))
        dataset.put_record(record)


def new_version(
    version_id: str, dataset: DatasetReader, request: CreateDatasetVersionRequest, now: int
) -> VersionRecord:
    """Return the record of a version that is about to be published. ``now`` is in ms since the epoch.

    Without a name in the request it gets the next free one of V001, V002, … Raises VERSION_EXISTS.
    """
    taken = {version.version_name for version in dataset.versions}
    if request.version_name in taken:
        raise ApiError(VERSION_EXISTS, str(request.version_name))
    number = dataset.record.next_version_num
    while request.version_name is None and f"V{number:03d}" in taken:
        number += 1
    name = request.version_name or f"V{number:03d}"
    folder = f"{dataset.record.inner_work_path}annotation/{name}/"
    previous = dataset.version(dataset.record.current_version_id or "")
    return VersionRecord(
        version_id=version_id,
        version_name=name,
        version_format=request.version_format or VersionFormat.DEFAULT,
        create_time=now,
        update_time=now,
        description=request.description or "",
        previous_version_id=previous.version_id if previous else None,
        previous_total_sample_count=previous.total_sample_count if previous else 0,
        previous_annotated_sample_count=previous.annotated_sample_count if previous else 0,
        manifest_path=f"{folder}{name}.manifest",
        data_path=f"{folder}data/",
        labels=dataset.labels,
        train_evaluate_sample_ratio=request.train_evaluate_sample_ratio,
        clear_hard_property=request.clear_hard_property,
        remove_sample_usage=request.remove_sample_usage,
        export_images=request.export_images,
        with_column_header=request.with_column_header,
    )


class _VersionCounts:
    """The counts of a version, collected sample by sample."""

    def __init__(self) -> None:
        self.total = self.annotated = 0
        self.is_multi = False
        """Whether a sample has several labels."""
        self.labels: LabelCounts = {}

    def add(self, sample: SampleRecord) -> None:
        """Count a sample."""
        self.total += 1
        self.annotated += sample.status is SampleStatus.MANUAL_ANNOTATION
        self.is_multi = self.is_multi or len(sample.labels) > 1
        seen = set()
        for label in sample.labels:
            key = label.name or "", label.type
            count, samples = self.labels.get(key, (0, 0))
            self.labels[key] = count + 1, samples + (key not in seen)
            seen.add(key)


def _require_splittable(dataset: DatasetReader, ratio: Decimal) -> None:
    """Raise SPLIT_RULES if the labelled samples cannot be split."""
    if ratio == 1 or not DATASET_TYPES[dataset.record.type].splits:
        return
    if obstacle := split_obstacle(dataset):
        raise ApiError(SPLIT_RULES, obstacle)


def split_obstacle(dataset: DatasetReader) -> str:
    """Return why the labelled samples cannot be split; empty if they can.

    Every label in use needs two labelled samples, one for each side of the split.
    """
    stats = dataset.label_stats()
    if not stats:
        return "no sample is labelled"
    scarce = next((name for (name, _), (_, samples) in stats.items() if samples < 2), None)
    return "" if scarce is None else f"label {scarce} has only one labelled sample"


def _usages(dataset: DatasetReader, ratio: Decimal) -> dict[str, Usage]:
    """Return the usage of each labelled sample; empty without a split, when all labelled ones are for training."""
    if ratio == 1 or not DATASET_TYPES[dataset.record.type].splits:
        return {}
    labelled = Selection(statuses=frozenset({SampleStatus.MANUAL_ANNOTATION}))
    pairs = ((s.id, {str(label.name) for label in s.labels}) for s in dataset.select(labelled))
    return split_by_label(pairs, float(ratio))


def _as_published(
    sample: SampleRecord, version: VersionRecord, usages: dict[str, Usage], default: Usage | None
) -> SampleRecord:
    """Return the sample as the version keeps it. Takes ownership of ``sample``."""
    usage = usages.get(sample.id) if usages else None
    if default is not None and sample.status is SampleStatus.MANUAL_ANNOTATION:
        usage = default
    if version.remove_sample_usage or sample.usage is None:
        sample.usage = usage
    return without_hard_attributes(sample) if version.clear_hard_property else sample


def _difference(store: Store, dataset_id: str, version: VersionRecord) -> tuple[int, int, int]:
    """Return how many samples were added, deleted and modified since the previous version."""
    documents = store.version_documents(dataset_id, version.version_id)
    if version.previous_version_id is None:
        return len(documents), 0, 0
    try:
        known = set(store.version_documents(dataset_id, version.previous_version_id))
        fresh = [document for document in documents if document not in known]
        added = modified = 0
        if fresh:
            with store.version(dataset_id, version.previous_version_id) as previous:
                for after in fresh:
                    before = previous.document(decode_sample(after).id)
                    added += before is None
                    modified += before is not None and _is_modified(before, after)
        return added, len(known) - (len(documents) - added), modified
    except DoesNotExist:
        return len(documents), 0, 0


def _is_modified(before: bytes, after: bytes) -> bool:
    """Return whether labels or object differ; documents of one sample also differ by usage and times."""
    one, other = decode_sample(before), decode_sample(after)
    return (one.labels, one.signature) != (other.labels, other.signature)
