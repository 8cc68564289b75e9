"""The import task: run the imports of one or several source directories, and record their progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import IMPORT_FAILED, ApiError
from modelarts_emulator.contract.wire import DatasetStatus, TaskStatus
from modelarts_emulator.ingest.import_files import FileImport, Import
from modelarts_emulator.ingest.import_lines import RowImport, TextImport
from modelarts_emulator.ingest.import_plan import ImportPlan, ImportProgress
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.jobs.task_run import TaskRun, TaskUpdate, updated_task
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetRecord, DatasetWriter, TaskRecord

_IMPORTS: dict[str, type[Import]] = {"file": FileImport, "line": TextImport, "row": RowImport}


class ImportJob:
    """One import task. ``listing`` lists the source directory; None for a manifest.

    The first import of a new dataset (``is_first``) synchronizes it first, and reads all of its input directories.
    """

    def __init__(
        self,
        runtime: Runtime,
        record: DatasetRecord,
        plan: ImportPlan,
        listing: Listing | None,
        request: Mapping[str, Any],
        *,
        is_first: bool = False,
    ) -> None:
        self._runtime, self._record, self._plan, self._listing = runtime, record, plan, listing
        self._is_first = is_first
        self._progress = ImportProgress()
        now = runtime.clock.now_ms()
        self._task = TaskRecord(
            id=runtime.ids.import_task(record.id),
            kind="import",
            status=TaskStatus.QUEUING.value,
            create_time=now,
            update_time=now,
            request=dict(request),
        )
        self._run: TaskRun

    def start(self) -> str:
        """Record the task, run it in the background, and return its id. Raises the error of a conflicting task."""

        def begin(dataset: DatasetWriter) -> None:
            dataset.put_task(self._task)
            status = DatasetStatus.CREATING if self._is_first else DatasetStatus.IMPORTING
            dataset.put_record(msgspec.structs.replace(dataset.record, status=status, import_task_id=self._task.id))

        with self._runtime.runner.claim(self._record.id, "import", IMPORT_FAILED) as self._run:
            self._run.start(begin, self._work, self._write)
        return self._task.id

    def _work(self) -> None:
        run, progress, listing = self._run, self._progress, self._listing
        run.enter(TaskStatus.STARTING.value)
        run.progress(TaskStatus.STARTING.value, progress.counts())
        run.enter(TaskStatus.RUNNING.value)
        self._report()
        if listing is not None:
            listing.refresh()
        if self._is_first and not self._record.reads_own_data:
            self._runtime.synchronizer.synchronize(self._record.id, listing=listing)
        sources = listing.directories if listing is not None and self._is_first else (self._plan.source,)
        for source in sources:
            self._import(replace(self._plan, source=source))
        run.enter(TaskStatus.COMPLETED.value)
        problems = progress.summary()
        has_failed = bool(problems) and not progress.imported_sample_count
        run.finish(
            TaskStatus.FAILED.value if has_failed else TaskStatus.COMPLETED.value,
            progress.counts(),
            error=ApiError(IMPORT_FAILED, problems) if problems else None,
        )

    def _import(self, plan: ImportPlan) -> None:
        record = self._runtime.store.entry(self._record.id).record  # synchronizing a table may have set its schema
        import_type = _IMPORTS[DATASET_TYPES[record.type].unit]
        import_type(self._runtime, record, plan, self._listing, self._progress, self._report).run()

    def _report(self) -> None:
        self._run.progress(TaskStatus.RUNNING.value, self._progress.counts())

    def _write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        dataset.put_task(updated_task(self._task, update))
        record = dataset.record
        if update.has_ended:
            record = msgspec.structs.replace(record, status=DatasetStatus.NORMAL, data_update_time=update.now_ms)
            dataset.put_record(record)
        elif record.status != DatasetStatus.IMPORTING:
            dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.IMPORTING))
