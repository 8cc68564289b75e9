"""Team labelling tasks: create, start, change and delete them, notify their members, and report their progress.

Reference: ``api-ref/source/historical_apis/data_management_old_version/``, section of team labelling tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from modelarts_emulator.contract.labels import Label, LabelStats
from modelarts_emulator.contract.team_tasks import (
    CreateWorkforceTaskRequest,
    CreateWorkforceTaskResponse,
    DescWorkforceTaskQuery,
    DescWorkforceTaskResponse,
    GetWorkforceTaskMetricsResponse,
    ListWorkerTasksQuery,
    ListWorkerTasksResponse,
    ListWorkforceTasksQuery,
    ListWorkforceTasksResponse,
    ListWorkforceTaskStatsQuery,
    ListWorkforceTaskStatsResponse,
    SendEmailsRequest,
    SendEmailsResponse,
    StartWorkforceTaskRequest,
    TeamSampleStats,
    UpdateWorkforceTaskRequest,
    WorkerTask,
    WorkerTaskOrder,
    WorkforceStats,
    WorkforceTask,
)
from modelarts_emulator.contract.teams import EmptyResponse
from modelarts_emulator.contract.wire import Order
from modelarts_emulator.contract.workforce import WorkforceConfig, WorkforcesConfig
from modelarts_emulator.operations.acceptance_answers import describe_acceptance
from modelarts_emulator.operations.batches import batch_results
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.worker_answers import as_worker
from modelarts_emulator.samples.hard_examples import HARD
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.service.team_acceptance import report_of
from modelarts_emulator.service.team_samples import group_of
from modelarts_emulator.service.team_tasks import MemberTask
from modelarts_emulator.service.teams import sorted_by
from modelarts_emulator.store import DatasetReader, DatasetRecord
from modelarts_emulator.store.assignments import DRAWN, EVERY
from modelarts_emulator.store.team_records import AssignmentRecord, TeamTaskRecord, WorkState
from modelarts_emulator.teamwork.judgement import LABELS, MANAGES, REVIEWS, pass_rate

_STATS = {
    "total_sample_count": EVERY,
    "unannotated_sample_count": WorkState.NONE.value,
    "unreviewed_sample_count": WorkState.UNREVIEWED.value,
    "uncheck_sample_count": WorkState.UNCHECK.value,
    "rejected_sample_count": WorkState.REJECTED.value,
    "accepted_sample_count": WorkState.ACCEPTED.value,
    "auto_annotation_sample_count": WorkState.AUTO_ANNOTATION.value,
    "sampled_sample_count": DRAWN,
}
"""Members of the statistics of samples, and the groups of assignments that they count."""
_METRICS = {
    "un_annotation": WorkState.NONE.value,
    "rejected": WorkState.REJECTED.value,
    "unreviewed": WorkState.UNREVIEWED.value,
    "accepted": WorkState.ACCEPTED.value,
    "auto_annotation": WorkState.AUTO_ANNOTATION.value,
    "uncheck": WorkState.UNCHECK.value,
}


def list_workforce_tasks(
    service: DatasetService, context: RequestContext, query: ListWorkforceTasksQuery
) -> ListWorkforceTasksResponse:
    """Return a page of the team labelling tasks of a dataset, the newest first. Raises DATASET_NOT_FOUND."""
    found = service.team_tasks.tasks(context.project_id, context.dataset_id)
    page = found[query.offset * query.limit :][: query.limit]
    with service.team_tasks.reading(context.dataset_id) as dataset:
        tasks = [WorkforceTask(**_described(dataset, record, task)) for record, task in page]
    return ListWorkforceTasksResponse(count=len(found), tasks=tasks)


def create_workforce_task(
    service: DatasetService, context: RequestContext, request: CreateWorkforceTaskRequest
) -> CreateWorkforceTaskResponse:
    """Create a task and allot its samples; with an agency the manager starts it.

    Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, TEAM_TASK_EXISTS, TEAM_NOT_FOUND, WORKER_NOT_FOUND, MANAGER_COUNT,
    TOO_FEW_LABELERS, PARAMETER_INVALID.
    """
    return CreateWorkforceTaskResponse(
        task_id=service.team_tasks.create(context.project_id, context.dataset_id, request)
    )


def desc_workforce_task(
    service: DatasetService, context: RequestContext, query: DescWorkforceTaskQuery
) -> DescWorkforceTaskResponse:
    """Describe a task with its progress. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND."""
    record, task = service.team_tasks.describe(context.project_id, context.dataset_id, context.workforce_task_id)
    with service.team_tasks.reading(context.dataset_id) as dataset:
        answer = DescWorkforceTaskResponse(**_described(dataset, record, task))
        answer.worker_stats = [_worker_task(dataset, MemberTask(record, task, member)) for member in task.members]
        if query.label_stats:
            answer.label_stats = _label_stats(dataset.labels, dataset.page_of_assignments(task.id, EVERY))
    return answer


def start_workforce_task(
    service: DatasetService, context: RequestContext, request: StartWorkforceTaskRequest
) -> EmptyResponse:
    """Start a task that waits for its manager, or one that was rejected.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, TEAM_TASK_UNFINISHED, TEAM_NOT_FOUND, WORKER_NOT_FOUND,
    TOO_FEW_LABELERS, PARAMETER_INVALID.
    """
    service.team_tasks.start(
        context.project_id, context.dataset_id, context.workforce_task_id, request.workforces_config
    )
    return EmptyResponse()


def update_workforce_task(
    service: DatasetService, context: RequestContext, request: UpdateWorkforceTaskRequest
) -> EmptyResponse:
    """Change name, description or members of a task.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, TEAM_TASK_EXISTS, TEAM_NOT_FOUND, WORKER_NOT_FOUND,
    TOO_FEW_LABELERS, PARAMETER_INVALID.
    """
    service.team_tasks.update(context.project_id, context.dataset_id, context.workforce_task_id, request)
    return EmptyResponse()


def delete_workforce_task(service: DatasetService, context: RequestContext) -> None:
    """Delete a task; accepted labels stay in the dataset. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND."""
    service.team_tasks.delete(context.project_id, context.dataset_id, context.workforce_task_id)


def send_emails(service: DatasetService, context: RequestContext, request: SendEmailsRequest) -> SendEmailsResponse:
    """Notify members of a task; no e-mail leaves the machine. Each address is refused by itself, WORKER_NOT_FOUND.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, PARAMETER_INVALID.
    """
    errors = service.team_tasks.send_emails(
        context.project_id, context.dataset_id, context.workforce_task_id, request.emails
    )
    return SendEmailsResponse(success=not any(errors), results=batch_results(errors))


def list_worker_tasks(
    service: DatasetService, context: RequestContext, query: ListWorkerTasksQuery
) -> ListWorkerTasksResponse:
    """Return a page of the tasks of all members of the project; ``offset`` counts pages."""
    found = sorted_by(
        service.team_tasks.member_tasks(context.project_id, query.search_content),
        _task_name if query.sort_by is WorkerTaskOrder.WORKFORCE_TASK_NAME else _created,
        descending=query.order is Order.DESC,
    )
    entries = []
    for each in found[query.offset * query.limit :][: query.limit]:
        with service.team_tasks.reading(each.dataset.id) as dataset:
            entry = _worker_task(dataset, each)
        entry.dataset_type, entry.task_status = each.dataset.type, each.task.status  # type: ignore[assignment]
        entries.append(entry)
    return ListWorkerTasksResponse(count=len(found), worker_tasks=entries)


def get_workforce_task_metrics(service: DatasetService, context: RequestContext) -> GetWorkforceTaskMetricsResponse:
    """Return the numbers of samples of each labeler by state. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND."""
    _, task = service.team_tasks.describe(context.project_id, context.dataset_id, context.workforce_task_id)
    with service.team_tasks.reading(context.dataset_id) as dataset:
        stats = {
            member.email: {
                name: dataset.count_assignments(task.id, group, member.worker_id) for name, group in _METRICS.items()
            }
            for member in task.members
            if member.role == LABELS
        }
    return GetWorkforceTaskMetricsResponse(sample_stats=stats)


def list_workforce_task_stats(
    service: DatasetService, context: RequestContext, query: ListWorkforceTaskStatsQuery
) -> ListWorkforceTaskStatsResponse:
    """Return the counts of a task by state, label and hardness; labels are counted of samples in ``sample_state``.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND.
    """
    record, task = service.team_tasks.describe(context.project_id, context.dataset_id, context.workforce_task_id)
    with service.team_tasks.reading(context.dataset_id) as dataset:
        every = dataset.page_of_assignments(task.id, group_of(query.sample_state))
        labels = _label_stats(dataset.labels, every)
        hard = sum(1 for each in every if _is_hard(dataset, each))
        stats = {name: dataset.count_assignments(task.id, group) for name, group in _METRICS.items()}
        total = dataset.count_assignments(task.id)
    grouped: dict[str, list[LabelStats]] = {}
    for label in labels:
        grouped.setdefault(str(int(label.type or 0)), []).append(label)
    return ListWorkforceTaskStatsResponse(
        sample_stats={"total": total, **stats},
        label_stats=labels,
        grouped_label_stats=grouped,
        key_sample_stats={"total": len(every), "key_sample": hard, "non_key_sample": len(every) - hard},
        hard_detail_stats={},
        metadata_stats={},
        data_spliting_enable=False,
        data_path=next((source.data_path for source in record.data_sources if source.data_path), ""),
    )


def _described(dataset: DatasetReader, record: DatasetRecord, task: TeamTaskRecord) -> dict[str, Any]:
    """Return the members that a task has both in lists and in its details."""
    report = report_of(dataset, task)
    judged = report.accepted + report.rejected if report else 0
    return {
        "dataset_id": record.id,
        "task_id": task.id,
        "task_name": task.name,
        "description": task.description,
        "status": task.status,
        "create_time": task.create_time,
        "update_time": task.update_time,
        "repetition": task.repetition,
        "auto_sync_dataset": task.auto_sync,
        "synchronize_data": task.sync_data,
        "synchronize_auto_labeling_data": task.sync_auto_labels,
        "sample_search_conditions": task.conditions or None,
        "workforces_config": _config(task),
        "workforce_stats": WorkforceStats(
            workforce_count=len({member.team_id for member in task.members}),
            labeler_count=sum(1 for member in task.members if member.role == LABELS),
            reviewer_count=sum(1 for member in task.members if member.role == REVIEWS),
        ),
        "sample_stats": _sample_stats(dataset, task),
        "checking_task_desc": describe_acceptance(report) if report else None,
        "check_rate": judged / report.drawn if report and report.drawn else None,
        "pass_rate": report.accepted / judged if report and judged else None,
        "score": report.points / judged if report and judged else None,
    }


def _config(task: TeamTaskRecord) -> WorkforcesConfig:
    teams: dict[str, WorkforceConfig] = {}
    for member in task.members:
        if member.role == MANAGES and task.agency:
            continue
        team = teams.setdefault(
            member.team_id,
            WorkforceConfig(workforce_id=member.team_id, workforce_name=member.team_name, workers=[]),
        )
        assert team.workers is not None
        team.workers.append(as_worker(member))
    return WorkforcesConfig(agency=task.agency, workforces=list(teams.values()))


def _sample_stats(dataset: DatasetReader, task: TeamTaskRecord, worker_id: str = "") -> TeamSampleStats:
    counts = {name: dataset.count_assignments(task.id, group, worker_id) for name, group in _STATS.items()}
    return TeamSampleStats(**counts, deleted_sample_count=0 if worker_id else task.deleted)


def _worker_task(dataset: DatasetReader, each: MemberTask) -> WorkerTask:
    record, task, member = each
    is_labeler = member.role == LABELS
    has_ended = task.acceptance is not None and task.acceptance.final is not None
    return WorkerTask(
        email=member.email,
        worker_id=member.worker_id,
        role=member.role,  # type: ignore[arg-type]
        task_id=task.id,
        workforce_task_name=task.name,
        dataset_id=record.id,
        sample_stats=_sample_stats(dataset, task, member.worker_id if is_labeler else ""),
        create_time=task.create_time,
        update_time=member.update_time,
        email_status=member.email_status,  # type: ignore[arg-type]
        last_notify_time=member.last_notify_time,
        pass_rate=pass_rate(task.acceptance) if task.acceptance and has_ended else None,
    )


def _label_stats(labels: Sequence[Label], assignments: Sequence[AssignmentRecord]) -> list[LabelStats]:
    """Return how often each label of the dataset is used by these assignments."""
    uses: Counter[tuple[str | None, int | None]] = Counter()
    samples: Counter[tuple[str | None, int | None]] = Counter()
    for each in assignments:
        keys = [(label.name, label.type) for label in each.labels]
        uses.update(keys)
        samples.update(set(keys))
    return [
        LabelStats(
            name=label.name,
            type=label.type,
            property=label.property,
            attributes=label.attributes,
            count=uses[label.name, label.type],
            sample_count=samples[label.name, label.type],
        )
        for label in labels
    ]


def _is_hard(dataset: DatasetReader, assignment: AssignmentRecord) -> bool:
    if HARD in assignment.metadata:
        return bool(assignment.metadata[HARD])
    sample = dataset.get(assignment.sample_id)
    return sample is not None and bool(sample.metadata.get(HARD))


def _created(each: MemberTask) -> tuple[int]:
    return (each.task.create_time,)


def _task_name(each: MemberTask) -> tuple[str]:
    return (each.task.name,)
