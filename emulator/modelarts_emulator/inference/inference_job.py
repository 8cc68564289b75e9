"""The intelligent task: ask the scripted model for each sample, and record its answers in one step at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from modelarts_emulator.contract.errors import TASK_FAILED, TASK_STOPPED, ApiError
from modelarts_emulator.contract.intelligent_tasks import CreateIntelligentTaskRequest, IntelligentTaskType
from modelarts_emulator.contract.wire import SampleStatus, TaskStatus
from modelarts_emulator.inference.script import ScriptedModel
from modelarts_emulator.jobs.task_run import TaskRun, TaskUpdate, updated_task
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.dataset_labels import ensure_labels
from modelarts_emulator.samples.label_rules import usable_labels
from modelarts_emulator.store import (
    DatasetReader,
    DatasetRecord,
    DatasetWriter,
    SampleRecord,
    Selection,
    TaskRecord,
    encode_sample,
)

INFERENCE: Final = "inference"
STOPPED = "STOPPED"
"""The status of a task that was stopped by a request."""
OPEN_STATUSES = frozenset({TaskStatus.QUEUING.value, TaskStatus.STARTING.value, TaskStatus.RUNNING.value})
_UNCONFIRMED = frozenset({SampleStatus.UN_ANNOTATION, SampleStatus.AUTO_ANNOTATION})
_ALPHA_CHANNELS = 4
_SAVE_TO_OBS = 0


class _Stopped(Exception):
    """The task was stopped while it computed its results."""


class InferenceJob:
    """One intelligent task. Its results and its final state are one change, so that a crash leaves all or nothing."""

    def __init__(self, runtime: Runtime, record: DatasetRecord, request: CreateIntelligentTaskRequest) -> None:
        self._runtime, self._record, self._request = runtime, record, request
        now = runtime.clock.now_ms()
        self._task = TaskRecord(
            id=runtime.ids.entity(),
            kind=INFERENCE,
            status=TaskStatus.QUEUING.value,
            create_time=now,
            update_time=now,
            request=msgspec.to_builtins(request),
        )
        self._run: TaskRun

    def start(self) -> str:
        """Record the task, run it in the background, and return its id. Raises the error of a conflicting task."""

        def begin(dataset: DatasetWriter) -> None:
            record = dataset.record
            dataset.put_task(self._task)
            dataset.put_record(msgspec.structs.replace(record, open_exports=record.open_exports + 1))

        with self._runtime.runner.claim(self._record.id, INFERENCE, TASK_FAILED) as self._run:
            self._run.start(begin, self._work, self._write)
        return self._task.id

    def _work(self) -> None:
        self._run.enter(TaskStatus.RUNNING.value)
        if self._is_stopped():
            return
        self._run.progress(TaskStatus.RUNNING.value, self._counts())
        results = list(self._results())
        self._run.enter(TaskStatus.COMPLETED.value)
        if self._is_stopped():
            return
        if self._is_grouping and self._result_type == _SAVE_TO_OBS:
            self._write_manifest(results)
            results = []

        def change(dataset: DatasetWriter) -> None:
            if _is_stopped(dataset, self._task.id):
                raise _Stopped
            for before, after in results:
                # A sample that was changed concurrently keeps the change.
                if dataset.document(before.id) == encode_sample(before):
                    ensure_labels(dataset, after.labels)
                    dataset.put_sample(after)

        with suppress(_Stopped):
            self._run.finish(TaskStatus.COMPLETED.value, self._counts(len(results)), change=change)

    def _results(self) -> Iterator[tuple[SampleRecord, SampleRecord]]:
        """Yield each sample that changes, before and after. Raises TASK_FAILED for a picture with transparency."""
        runtime = self._runtime
        with runtime.store.reading(self._record.id) as dataset:
            script = runtime.inference.find(self._record.project_id, self._record.id)
            model = ScriptedModel(script, self._record.type, dataset.labels)
            statuses = None if self._is_grouping else _UNCONFIRMED
            for sample in dataset.select(Selection(statuses=statuses)):
                if sample.shape is not None and sample.shape[2] == _ALPHA_CHANNELS:
                    raise ApiError(TASK_FAILED, f"{sample.path}: pictures with transparency cannot be labelled")
                after = self._grouped(model, sample) if self._is_grouping else self._proposed(model, sample)
                if after is not None:
                    yield sample, after

    def _proposed(self, model: ScriptedModel, sample: SampleRecord) -> SampleRecord | None:
        proposal = model.propose(sample, marks_hard=self._request.collect_key_sample)
        if proposal is None:
            return None
        labels, _ = usable_labels(self._record.type, sample, proposal.labels)
        if not labels:
            return None
        return msgspec.structs.replace(
            sample,
            labels=labels,
            metadata={**sample.metadata, **proposal.metadata},
            status=SampleStatus.AUTO_ANNOTATION,
            annotated_by=None,
            annotated_time=self._runtime.clock.now_ms(),
        )

    def _grouped(self, model: ScriptedModel, sample: SampleRecord) -> SampleRecord:
        config = self._request.config
        name = (config.property if config else None) or "group"
        group = model.group(sample, (config.n_clusters if config else None) or 2)
        return msgspec.structs.replace(sample, metadata={**sample.metadata, name: group})

    def _write_manifest(self, results: list[tuple[SampleRecord, SampleRecord]]) -> None:
        """Write the groups as a manifest below the dataset's output path."""
        config = self._request.config
        name = (config.property if config else None) or "group"
        lines = (
            msgspec.json.encode({"source": f"s3://{after.path}", "property": {name: after.metadata[name]}}) + b"\n"
            for _, after in results
        )
        path = ObsPath.parse(f"{self._record.inner_work_path}task/{self._task.id}/grouping.manifest")
        self._runtime.tree.write(path, b"".join(lines))

    @property
    def _is_grouping(self) -> bool:
        return self._request.task_type is IntelligentTaskType.AUTO_GROUPING

    @property
    def _result_type(self) -> int:
        config = self._request.config
        return config.result_type if config and config.result_type is not None else _SAVE_TO_OBS

    def _is_stopped(self) -> bool:
        with self._runtime.store.reading(self._record.id) as dataset:
            return _is_stopped(dataset, self._task.id)

    def _counts(self, changed: int = 0) -> dict[str, int]:
        with self._runtime.store.reading(self._record.id) as dataset:
            counts = dataset.counts
        return {
            "total_sample_count": counts.total,
            "annotated_sample_count": counts.annotated,
            "unconfirmed_sample_count": counts.unconfirmed if self._is_grouping else max(changed, counts.unconfirmed),
        }

    def _write(self, dataset: DatasetWriter, update: TaskUpdate) -> None:
        current = dataset.task(self._task.id)
        if current is not None and current.status not in OPEN_STATUSES:
            return  # stopped in the meantime
        dataset.put_task(updated_task(self._task, update))
        if update.has_ended:
            end_inference(dataset)


def _is_stopped(dataset: DatasetReader, task_id: str) -> bool:
    task = dataset.task(task_id)
    return task is None or task.status == STOPPED


def end_inference(dataset: DatasetWriter) -> None:
    """Count one open task less."""
    record = dataset.record
    dataset.put_record(msgspec.structs.replace(record, open_exports=record.open_exports - 1))


def stopped(task: TaskRecord, now: int) -> TaskRecord:
    """Return a task as it is after a request to stop it. ``now`` is in ms since the epoch."""
    error = ApiError(TASK_STOPPED)
    return msgspec.structs.replace(
        task, status=STOPPED, update_time=now, error_code=error.error.code, error_msg=error.message
    )


def config_of(task: TaskRecord) -> dict[str, Any]:
    """Return the settings with which a task was created."""
    found: dict[str, Any] = task.request.get("config") or {}
    return found
