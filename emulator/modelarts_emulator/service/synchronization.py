"""Data synchronization: bring a dataset in step with its input directories on request."""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.errors import IMPORT_FAILED, PATH_NOT_FOUND, SYNC_FAILED, ApiError
from modelarts_emulator.contract.wire import DatasetStatus, TaskStatus
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.ingest.sync_labels import brings_labels, synchronize_labels
from modelarts_emulator.ingest.sync_lines import unusable_lines
from modelarts_emulator.jobs.task_run import TaskRun, TaskUpdate, updated_task
from modelarts_emulator.publishing.version_switch import remove_switch_tombstones
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.store import DatasetRecord, DatasetWriter, TaskRecord

WATCH_TIMEOUT_S = 2.0
"""The time that a first synchronization waits for the watch; later the watcher compares the input again."""


class SynchronizationManagement:
    """Start synchronizations, and report the latest one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(self, project_id: str, dataset_id: str, user: str) -> None:
        """Start a synchronization in the background; all objects stored by now are visible when it is COMPLETED.

        Samples without labels get those of label files in the input; ``user`` is their ``annotated_by``.

        Raises: DATASET_NOT_FOUND, SYNC_RUNNING, PUBLISHING, SWITCHING, IMPORT_RUNNING, BUCKET_NOT_FOUND,
        PATH_NOT_FOUND.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        for directory in input_directories(record):
            self._runtime.tree.require_directory(directory)
        _Synchronization(self._runtime, record, user=user).start(DatasetStatus.SYNCHRONIZING)

    def start_first(self, record: DatasetRecord, listing: Listing) -> None:
        """Start the first synchronization of a new dataset; the caller may have read the beginning of its listing."""
        _Synchronization(self._runtime, record, listing).start(DatasetStatus.CREATING)

    def latest(self, project_id: str, dataset_id: str) -> TaskRecord | None:
        """Return the latest synchronization; None if there was none. Raises DATASET_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            return max(
                (task for task in dataset.tasks if task.kind == "sync"), key=lambda t: t.create_time, default=None
            )


class _Synchronization:
    """One synchronization task. With ``listing`` it is the first one of its dataset."""

    def __init__(
        self, runtime: Runtime, record: DatasetRecord, listing: Listing | None = None, *, user: str = ""
    ) -> None:
        self._runtime, self._record, self._listing, self._user = runtime, record, listing, user
        now = runtime.clock.now_ms()
        self._task = TaskRecord(
            id=runtime.ids.entity(), kind="sync", status=TaskStatus.QUEUING.value, create_time=now, update_time=now
        )
        self._run: TaskRun

    def start(self, status: DatasetStatus) -> None:
        """Record the task and run it in the background. Raises the error of a conflicting task."""

        def begin(dataset: DatasetWriter) -> None:
            for earlier in dataset.tasks:
                if earlier.kind == "sync":
                    dataset.remove_task(earlier.id)  # the API shows only the latest one
            dataset.put_task(self._task)
            dataset.put_record(msgspec.structs.replace(dataset.record, status=status))

        with self._runtime.runner.claim(self._record.id, "sync", SYNC_FAILED) as self._run:
            self._run.start(begin, self._work, self._write)

    def _work(self) -> None:
        runtime, run, dataset_id = self._runtime, self._run, self._record.id
        run.enter(TaskStatus.RUNNING.value)
        run.progress(TaskStatus.RUNNING.value)
        is_first = self._listing is not None
        if self._listing is None:
            if brings_labels(self._record):
                self._listing = runtime.synchronizer.list_inputs(self._record)
            with runtime.store.writing(dataset_id) as dataset:
                remove_switch_tombstones(dataset)
        else:
            runtime.wait_watched(dataset_id, WATCH_TIMEOUT_S)
            self._listing.refresh()
        result = runtime.synchronizer.synchronize(
            dataset_id, lambda done: run.progress(TaskStatus.RUNNING.value), listing=self._listing
        )
        with runtime.store.reading(dataset_id) as dataset:
            problems = unusable_lines(dataset)
        problems = "; ".join(filter(None, (problems, "" if is_first else self._synchronize_labels())))
        run.enter(TaskStatus.COMPLETED.value)
        counts = {"add_sample_count": result.added, "deleted_sample_count": result.removed}
        error = ApiError(IMPORT_FAILED, problems) if problems else None
        run.finish(TaskStatus.COMPLETED.value, counts, error=error)

    def _synchronize_labels(self) -> str:
        """Bring labels from the input, and return which of them are not usable."""
        if self._listing is None:
            return ""
        record = self._runtime.store.entry(self._record.id).record
        return synchronize_labels(
            self._runtime, record, self._listing, self._user, lambda: self._run.progress(TaskStatus.RUNNING.value)
        ).summary()

    def _write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        counts = {**update.counts, "total_sample_count": dataset.counts.total}
        dataset.put_task(updated_task(self._task, update._replace(counts=counts)))
        record = dataset.record
        if update.has_ended:
            is_missing = update.error is not None and update.error.error == PATH_NOT_FOUND
            status = DatasetStatus.NORMAL
            if is_missing and record.status == DatasetStatus.CREATING:
                status = DatasetStatus.ABNORMAL
            dataset.put_record(msgspec.structs.replace(record, status=status, data_update_time=update.now_ms))
        elif record.status == DatasetStatus.CREATING:
            dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.SYNCHRONIZING))
