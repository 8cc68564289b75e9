"""Intelligent tasks: start, list and stop them."""

from __future__ import annotations

from modelarts_emulator.contract.errors import (
    AUTO_LABEL_EXISTS,
    CLUSTERS_INVALID,
    INTELLIGENT_TASK_NOT_FOUND,
    NO_LABELS,
    NO_UNLABELLED_FILES,
    NOT_ONLY_BOXES,
    PARAMETER_INVALID,
    PRE_LABEL_EXISTS,
    SAMPLE_NOT_FOUND,
    TOO_FEW_IMAGES,
    UNSUPPORTED_TYPE,
    ApiError,
)
from modelarts_emulator.contract.intelligent_tasks import CreateIntelligentTaskRequest, IntelligentTaskType
from modelarts_emulator.contract.wire import DatasetType, SampleStatus, Shape
from modelarts_emulator.inference.inference_job import INFERENCE, OPEN_STATUSES, InferenceJob, end_inference, stopped
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetReader, SampleRecord, Selection, TaskRecord

MIN_LABELS = 2
MIN_IMAGES = 5
"""The numbers of labels, and of images with each of them, that auto labelling learns from."""
_TYPES = frozenset({DatasetType.IMAGE_CLASSIFICATION, DatasetType.OBJECT_DETECTION})
_TYPES_TO_GROUP = _TYPES | {DatasetType.IMAGE_SEGMENTATION}


class IntelligentTaskManagement:
    """Start, list and stop the intelligent tasks of datasets."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(self, project_id: str, dataset_id: str, request: CreateIntelligentTaskRequest) -> str:
        """Start a task in the background and return its id.

        Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, NO_LABELS, TOO_FEW_IMAGES, NO_UNLABELLED_FILES, AUTO_LABEL_EXISTS,
        PRE_LABEL_EXISTS, NOT_ONLY_BOXES, CLUSTERS_INVALID, PUBLISHING, SWITCHING, PARAMETER_INVALID.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        if request.task_type is None:
            raise ApiError(PARAMETER_INVALID, "task_type: needed")
        is_grouping = request.task_type is IntelligentTaskType.AUTO_GROUPING
        if record.type not in (_TYPES_TO_GROUP if is_grouping else _TYPES):
            raise ApiError(UNSUPPORTED_TYPE, f"a dataset of type {int(record.type)} has no such intelligent task")
        with self._runtime.store.reading(record.id) as dataset:
            _require_startable(dataset, request)
        return InferenceJob(self._runtime, record, request).start()

    def tasks(
        self, project_id: str, dataset_id: str, kind: IntelligentTaskType | None, name: str | None
    ) -> list[TaskRecord]:
        """Return the tasks of a kind, or those that label, whose name contains ``name``; the newest first.

        Raises DATASET_NOT_FOUND.
        """
        self._runtime.require_dataset(project_id, dataset_id)
        kinds = {kind} if kind else {IntelligentTaskType.AUTO_LABEL, IntelligentTaskType.PRE_LABEL}
        with self._runtime.store.reading(dataset_id) as dataset:
            found = [task for task in dataset.tasks if task.kind == INFERENCE and kind_of(task) in kinds]
        return [task for task in reversed(found) if not name or name in name_of(task)]

    def task(self, project_id: str, dataset_id: str, task_id: str) -> TaskRecord:
        """Return an intelligent task by its id. Raises DATASET_NOT_FOUND, INTELLIGENT_TASK_NOT_FOUND."""
        self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(dataset_id) as dataset:
            return _require_task(dataset, task_id)

    def stop(self, project_id: str, dataset_id: str, task_id: str) -> None:
        """Stop a task; a finished one stays as it is. Raises DATASET_NOT_FOUND, INTELLIGENT_TASK_NOT_FOUND."""
        self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.writing(dataset_id) as dataset:
            task = _require_task(dataset, task_id)
            if task.status in OPEN_STATUSES:
                self._runtime.tasks.mark_finished(dataset_id, INFERENCE)
                dataset.put_task(stopped(task, self._runtime.clock.now_ms()))
                end_inference(dataset)

    def sample(self, project_id: str, dataset_id: str, sample_id: str) -> SampleRecord:
        """Return a sample whose labels are to be confirmed. Raises DATASET_NOT_FOUND, SAMPLE_NOT_FOUND."""
        self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(dataset_id) as dataset:
            sample = dataset.get(sample_id)
        if sample is None or sample.status is not SampleStatus.AUTO_ANNOTATION:
            raise ApiError(SAMPLE_NOT_FOUND, sample_id[:80])
        return sample


def kind_of(task: TaskRecord) -> IntelligentTaskType:
    """Return the kind of an intelligent task."""
    return IntelligentTaskType(task.request["task_type"])


def name_of(task: TaskRecord) -> str:
    """Return the display name of an intelligent task; empty without one."""
    return str((task.request.get("config") or {}).get("name") or "")


def _require_task(dataset: DatasetReader, task_id: str) -> TaskRecord:
    task = dataset.task(task_id)
    if task is None or task.kind != INFERENCE:
        raise ApiError(INTELLIGENT_TASK_NOT_FOUND, task_id[:80])
    return task


def _require_startable(dataset: DatasetReader, request: CreateIntelligentTaskRequest) -> None:
    """Check the conditions of a task in the documented order."""
    kind, record = request.task_type, dataset.record
    if kind is IntelligentTaskType.AUTO_LABEL:
        _require_examples(dataset)
    counts = dataset.counts
    if kind is not IntelligentTaskType.AUTO_GROUPING and counts.annotated >= counts.total:
        raise ApiError(NO_UNLABELLED_FILES)
    _require_no_task(dataset)
    if kind is IntelligentTaskType.AUTO_GROUPING:
        clusters = request.config.n_clusters if request.config else None
        if clusters is not None and not 0 < clusters < counts.total:
            raise ApiError(CLUSTERS_INVALID, f"n_clusters: {clusters} of {counts.total} samples")
    elif record.type is DatasetType.OBJECT_DETECTION:
        _require_boxes(dataset)


def _require_examples(dataset: DatasetReader) -> None:
    labels = dataset.labels
    if len(labels) < MIN_LABELS:
        raise ApiError(NO_LABELS, f"the dataset has {len(labels)} labels and needs {MIN_LABELS}")
    stats = dataset.label_stats()
    for label in labels:
        images = stats.get((label.name or "", label.type), (0, 0))[1]
        if images < MIN_IMAGES:
            raise ApiError(TOO_FEW_IMAGES, f"{str(label.name)[:80]} has {images}")


def _require_no_task(dataset: DatasetReader) -> None:
    for task in dataset.tasks:
        if task.kind == INFERENCE and task.status in OPEN_STATUSES:
            raise ApiError(PRE_LABEL_EXISTS if kind_of(task) is IntelligentTaskType.PRE_LABEL else AUTO_LABEL_EXISTS)


def _require_boxes(dataset: DatasetReader) -> None:
    labelled = Selection(statuses=frozenset({SampleStatus.MANUAL_ANNOTATION}))
    for sample in dataset.select(labelled):
        for label in sample.labels:
            shape = (label.property or {}).get("@modelarts:shape")
            if shape not in (None, Shape.BNDBOX.value):
                raise ApiError(NOT_ONLY_BOXES, f"{sample.path} has a {shape}")
