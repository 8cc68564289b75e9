"""Intelligent tasks: auto labelling, pre-labelling and auto grouping, and the samples to be confirmed.

Reference: ``api-ref/source/historical_apis/data_management_old_version/``, section of intelligent tasks.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec

from modelarts_emulator.contract.intelligent_tasks import (
    AutoAnnotationProgressResponse,
    CreateIntelligentTaskRequest,
    CreateIntelligentTaskResponse,
    Event,
    IntelligentTaskType,
    ListAutoAnnotationSamplesQuery,
    ListAutoAnnotationSamplesResponse,
    ListIntelligentTasksQuery,
    ListIntelligentTasksResponse,
    Result,
    RunningTask,
    SmartTaskConfig,
)
from modelarts_emulator.contract.samples import DescribeSampleResp, ListSamplesQuery
from modelarts_emulator.contract.wire import Locale, Order, RunningTaskType, SampleState, SampleStatus, TaskStatus
from modelarts_emulator.inference.inference_job import STOPPED, config_of
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.sample_answers import describe_sample_record
from modelarts_emulator.samples.search import as_selection
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.service.intelligent_tasks import kind_of, name_of
from modelarts_emulator.store import SampleRecord, TaskRecord, decode_sample

EXPORTING, LABELLING, SUCCEEDED = "ModelArts.4902", "ModelArts.4914", "ModelArts.4996"
"""Codes of the steps of a task."""
_STATES: dict[str, tuple[int, float, str | None]] = {
    TaskStatus.QUEUING.value: (-1, 0.0, None),
    TaskStatus.STARTING.value: (0, 0.0, None),
    TaskStatus.RUNNING.value: (1, 30.0, LABELLING),
    TaskStatus.COMPLETED.value: (3, 100.0, SUCCEEDED),
    TaskStatus.FAILED.value: (2, 100.0, None),
    STOPPED: (5, 100.0, None),
}
"""By status of the record: state on the wire, progress in percent, code."""
_TYPES = {
    IntelligentTaskType.AUTO_LABEL: RunningTaskType.AUTO_LABELING,
    IntelligentTaskType.PRE_LABEL: RunningTaskType.PRE_LABELING,
    IntelligentTaskType.AUTO_GROUPING: RunningTaskType.AUTO_GROUPING,
}
_STEPS = ("start", "init", "labeling", "result_processing", "end")
_LABELLING_STEPS = ("jobstat_init", "jobstat_waiting", "jobstat_running", "jobstat_completed")


def list_tasks(
    service: DatasetService, context: RequestContext, query: ListIntelligentTasksQuery
) -> ListIntelligentTasksResponse:
    """Return a page of the tasks of a dataset, the newest first; ``offset`` counts pages. Raises DATASET_NOT_FOUND."""
    found = service.intelligent_tasks.tasks(context.project_id, context.dataset_id, query.type, query.task_name)
    page = found[query.offset * query.limit :][: query.limit]
    tasks = [RunningTask(**_listed(service, context, task)) for task in page]
    return ListIntelligentTasksResponse(tasks=tasks, total_count=len(found), exist_running_deploy_task=False)


def create_task(
    service: DatasetService, context: RequestContext, request: CreateIntelligentTaskRequest
) -> CreateIntelligentTaskResponse:
    """Start a task in the background.

    Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, NO_LABELS, TOO_FEW_IMAGES, NO_UNLABELLED_FILES, AUTO_LABEL_EXISTS,
    PRE_LABEL_EXISTS, NOT_ONLY_BOXES, CLUSTERS_INVALID, PUBLISHING, SWITCHING, PARAMETER_INVALID.
    """
    return CreateIntelligentTaskResponse(
        task_id=service.intelligent_tasks.start(context.project_id, context.dataset_id, request)
    )


def auto_annotation_progress(service: DatasetService, context: RequestContext) -> AutoAnnotationProgressResponse:
    """Describe a task. Raises DATASET_NOT_FOUND, INTELLIGENT_TASK_NOT_FOUND."""
    task = service.intelligent_tasks.task(context.project_id, context.dataset_id, context.task_id)
    config = _config(task)
    return AutoAnnotationProgressResponse(
        **_described(service, task),
        resource_id=context.dataset_id,
        export_type=1 if config.result_type == 1 else 0,
    )


def stop_auto_annotation(service: DatasetService, context: RequestContext) -> None:
    """Stop a task; a finished one stays as it is. Raises DATASET_NOT_FOUND, INTELLIGENT_TASK_NOT_FOUND."""
    service.intelligent_tasks.stop(context.project_id, context.dataset_id, context.task_id)


def list_auto_annotation_samples(
    service: DatasetService, context: RequestContext, query: ListAutoAnnotationSamplesQuery
) -> ListAutoAnnotationSamplesResponse:
    """Return a page of the samples whose labels are to be confirmed; ``offset`` counts pages.

    Raises DATASET_NOT_FOUND, PARAMETER_INVALID.
    """
    selected = ListSamplesQuery(
        sample_state=SampleState.AUTO_ANNOTATION,
        high_score=query.high_score,
        low_score=query.low_score,
        label_name=query.label_name,
        label_type=query.label_type,
        search_conditions=query.search_conditions,
    )
    total, documents = service.samples.page(
        context.project_id,
        context.dataset_id,
        as_selection(selected, service.clock.now_ms(), context.warnings),
        offset=query.offset * query.limit,
        limit=query.limit,
        descending=query.order is Order.DESC,
    )
    samples = [
        _proposal(service, context, decode_sample(document), process=query.process_parameter) for document in documents
    ]
    return ListAutoAnnotationSamplesResponse(sample_count=total, samples=samples)


def describe_auto_annotation_sample(service: DatasetService, context: RequestContext) -> DescribeSampleResp:
    """Return a sample whose labels are to be confirmed. Raises DATASET_NOT_FOUND, SAMPLE_NOT_FOUND."""
    sample = service.intelligent_tasks.sample(context.project_id, context.dataset_id, context.sample_id)
    return _proposal(service, context, sample)


def _proposal(
    service: DatasetService, context: RequestContext, sample: SampleRecord, *, process: str | None = None
) -> DescribeSampleResp:
    """Return a sample as the pages of auto labelling answer: the labels are proposed, so it counts as unlabelled."""
    answer = describe_sample_record(service, context, sample, process=process, locale=Locale.EN)
    answer.sample_status, answer.annotated_by = SampleStatus.UN_ANNOTATION, ""
    scores = [label.score for label in sample.labels if label.score is not None]
    answer.score = str(max(scores)) if scores else None
    return answer


def _listed(service: DatasetService, context: RequestContext, task: TaskRecord) -> dict[str, Any]:
    config = _config(task)
    return {
        **_described(service, task),
        "dataset_id": context.dataset_id,
        "type": int(_TYPES[kind_of(task)]),
        "model_id": task.request.get("model_id") or config.model_id,
        "model_name": config.model_name or ("Supervisory" if kind_of(task) is IntelligentTaskType.AUTO_LABEL else None),
        "model_version": config.model_version or "0.0.1",
        **task.counts,
    }


def _described(service: DatasetService, task: TaskRecord) -> dict[str, Any]:
    """Return the members that a task has both in lists and in its details."""
    status, progress, code = _STATES[task.status]
    is_open = status in (-1, 0, 1)
    end = service.clock.now_ms() if is_open else task.update_time
    return {
        "task_id": task.id,
        "task_name": name_of(task) or None,
        "create_time": _as_text(task.create_time),
        "status": status,
        "progress": progress,
        "code": code or task.error_code,
        "message": task.error_msg or _message(task, status),
        "elapsed_time": max(0, end - task.create_time) // 1000,
        "error_code": task.error_code,
        "error_msg": task.error_msg,
        "config": _config(task),
        "result": Result(
            total_sample_count=task.counts.get("total_sample_count"),
            annotated_sample_count=task.counts.get("annotated_sample_count"),
            unconfirmed_sample_count=task.counts.get("unconfirmed_sample_count"),
            events=list(_events(task, status)),
        ),
    }


def _message(task: TaskRecord, status: int) -> str:
    names = {
        IntelligentTaskType.AUTO_LABEL: "task",
        IntelligentTaskType.PRE_LABEL: "prelabel task",
        IntelligentTaskType.AUTO_GROUPING: "grouping task",
    }
    return f"{names[kind_of(task)]} executed successfully." if status == 3 else "The task is waiting or running."


def _events(task: TaskRecord, status: int) -> Any:
    """Yield the steps of a task; those before the present one have succeeded."""
    reached = {-1: 0, 0: 1, 1: 2, 3: len(_STEPS)}.get(status, 2)
    present = "running" if status in (-1, 0, 1) else "failed"
    for ordinal, name in enumerate(_STEPS):
        state = "success" if ordinal < reached else present if ordinal == reached else "waiting"
        inner = [
            Event(name=each, parent_name=name, ordinal=position, level=2, status=state, create_time=task.create_time)  # type: ignore[arg-type]
            for position, each in enumerate(_LABELLING_STEPS if name == "labeling" else (), 1)
        ]
        yield Event(
            name=name,
            ordinal=ordinal + 1,
            level=1,
            status=state,  # type: ignore[arg-type]
            create_time=task.create_time,
            events=inner or None,
        )


def _config(task: TaskRecord) -> SmartTaskConfig:
    return msgspec.convert(config_of(task), SmartTaskConfig, strict=False)


def _as_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
