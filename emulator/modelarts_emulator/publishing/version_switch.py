"""Replace the samples of a dataset by those of a version.

A sample that the version does not have becomes a special tombstone, marked ``switched_out``: changes of other objects
do not bring it back, only a requested synchronization does, or a change of its own object.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import msgspec

from modelarts_emulator.contract.errors import TASK_FAILED, VERSION_NOT_NORMAL, ApiError
from modelarts_emulator.contract.wire import DatasetStatus, TaskStatus, VersionStatus
from modelarts_emulator.jobs.task_run import TaskRun, TaskUpdate, updated_task
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.publishing.version_lookup import open_version_samples
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import (
    DatasetRecord,
    DatasetWriter,
    FileRecord,
    SampleRecord,
    Selection,
    TaskRecord,
    VersionRecord,
)

log = logging.getLogger(__name__)


class VersionSwitch:
    """One task that switches a dataset to a version. If it fails, the dataset stays as it was, with a message."""

    def __init__(self, runtime: Runtime, record: DatasetRecord, version_id: str) -> None:
        self._runtime, self._record, self._version_id = runtime, record, version_id
        now = runtime.clock.now_ms()
        self._task = TaskRecord(
            id=runtime.ids.entity(),
            kind="switch",
            status=TaskStatus.RUNNING.value,
            create_time=now,
            update_time=now,
            version_id=version_id,
        )
        self._version: VersionRecord
        self._run: TaskRun

    def start(self, change: Callable[[DatasetWriter], None]) -> None:
        """Run the switch in the background; ``change`` is applied in the transaction that starts it.

        Raises: VERSION_NOT_NORMAL, the errors of ``change``, and the error of a conflicting task.
        """

        def begin(dataset: DatasetWriter) -> None:
            version = dataset.version(self._version_id)
            if version is None or version.status != VersionStatus.RUNNING:
                raise ApiError(VERSION_NOT_NORMAL, self._version_id)
            self._version = version
            change(dataset)
            for earlier in dataset.tasks:
                if earlier.kind == "switch":
                    dataset.remove_task(earlier.id)
            dataset.put_task(self._task)
            dataset.put_record(msgspec.structs.replace(dataset.record, status=DatasetStatus.SWITCHING))

        with self._runtime.runner.claim(self._record.id, "switch", TASK_FAILED) as self._run:
            self._run.start(begin, self._work, self._write)

    def _work(self) -> None:
        self._run.enter(DatasetStatus.NORMAL.name)
        with open_version_samples(self._runtime.store, self._record.id, self._version_id) as samples:

            def change(dataset: DatasetWriter) -> None:
                restore_samples(dataset, samples.select(Selection()))
                dataset.replace_labels(self._version.labels)

            self._run.finish(DatasetStatus.NORMAL.name, change=change)

    def _write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        record, version = dataset.record, self._version
        status = TaskStatus.COMPLETED if update.error is None else TaskStatus.FAILED
        dataset.put_task(updated_task(self._task, update._replace(status=status.value)))
        if update.error is None:
            record = msgspec.structs.replace(
                record,
                current_version_id=version.version_id,
                current_version_name=version.version_name,
                update_time=update.now_ms,
            )
        else:
            reason = update.error.message
            log.error("Cannot switch dataset %s to version %s: %s", record.id, version.version_name, reason)
            record = msgspec.structs.replace(record, message=reason)
        dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.NORMAL))


def restore_samples(dataset: DatasetWriter, samples: Iterable[SampleRecord]) -> None:
    """Make these the samples of a dataset. A deleted sample that is not among them stays deleted."""
    missing = set(dataset.ids())
    line_files: set[ObjectKey] = set()
    for sample in samples:
        missing.discard(sample.id)
        dataset.put_sample(sample)
        if sample.text is not None or sample.cells is not None:
            line_files.add(sample.path)
    for sample_id in missing:
        if stored := dataset.get(sample_id):
            dataset.put_sample(stored.tombstone(switched_out=True))
    _mark_unread(dataset, line_files)


def remove_switch_tombstones(dataset: DatasetWriter) -> None:
    """Remove the tombstones that version switches have left, so that the next comparison finds their objects again."""
    sample_ids = [sample.id for sample in dataset.tombstones() if sample.switched_out]
    for sample_id in sample_ids:
        dataset.remove_sample(sample_id)
    if sample_ids:
        _mark_unread(dataset)


def _mark_unread(dataset: DatasetWriter, paths: Iterable[ObjectKey] = ()) -> None:
    """Make the next comparison read all text and table files again, although they have not changed."""
    files = dataset.files
    for path in {*files, *paths}:
        stored = files.get(path)
        dataset.put_file(FileRecord(path=path, read_options=stored.read_options if stored else None))
