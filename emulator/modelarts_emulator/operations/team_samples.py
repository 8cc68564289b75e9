"""The samples of a team labelling task: list and label them, review them, and accept them.

Reference: ``api-ref/source/historical_apis/data_management_old_version/``, section of team labelling tasks.
"""

from __future__ import annotations

from modelarts_emulator.contract.samples import DescribeSampleResp
from modelarts_emulator.contract.team_tasks import (
    AcceptSamplesRequest,
    DescribeWorkforceTaskSampleQuery,
    GetWorkforceSamplingTaskQuery,
    GetWorkforceSamplingTaskResponse,
    ListWorkforceTaskSamplesQuery,
    ListWorkforceTaskSamplesResponse,
    ReviewSamplesRequest,
    StartWorkforceSamplingTaskRequest,
    StartWorkforceSamplingTaskResponse,
    UpdateWorkforceSamplingTaskQuery,
    UpdateWorkforceSamplingTaskRequest,
    UpdateWorkforceSamplingTaskResponse,
    UpdateWorkforceTaskSamplesRequest,
    UpdateWorkforceTaskSamplesResponse,
)
from modelarts_emulator.contract.teams import EmptyResponse
from modelarts_emulator.contract.wire import Locale
from modelarts_emulator.operations.acceptance_answers import acceptance_stats
from modelarts_emulator.operations.batches import batch_results
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.sample_answers import describe_sample_record
from modelarts_emulator.operations.worker_answers import as_worker
from modelarts_emulator.samples.search import NO_LABEL, all_of, matcher, read_conditions
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.service.team_samples import TeamSample, TeamSampleSelection


def list_workforce_task_samples(
    service: DatasetService, context: RequestContext, query: ListWorkforceTaskSamplesQuery
) -> ListWorkforceTaskSamplesResponse:
    """Return a page of the samples of a task, one entry for each sample and labeler; ``offset`` counts pages.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, WORKER_FORBIDDEN, PARAMETER_INVALID.
    """
    now = service.clock.now_ms()
    conditions = read_conditions(query.search_conditions, context.warnings)
    tests = [matcher(condition, now) for condition in conditions]
    if query.label_type is not None:
        wanted = int(query.label_type)
        tests.append(
            lambda sample: any(label.type is not None and int(label.type) == wanted for label in sample.labels)
        )
    is_unlabelled = (query.label_name or "").lower() == NO_LABEL
    page = service.team_samples.page(
        context.project_id,
        context.dataset_id,
        context.workforce_task_id,
        TeamSampleSelection(
            state=query.sample_state,
            worker_id=query.worker_id,
            email=query.email,
            label_name=None if is_unlabelled else query.label_name,
            is_unlabelled=is_unlabelled,
            test=all_of(tests),
        ),
        offset=query.offset * query.limit,
        limit=query.limit,
    )
    samples = [
        _described(service, context, each, locale=query.locale, process=query.process_parameter)
        for each in page.samples
    ]
    return ListWorkforceTaskSamplesResponse(sample_count=page.total, samples=samples)


def describe_workforce_task_sample(
    service: DatasetService, context: RequestContext, query: DescribeWorkforceTaskSampleQuery
) -> DescribeSampleResp:
    """Return a sample of a task as a labeler has labelled it.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, SAMPLE_NOT_FOUND, WORKER_FORBIDDEN.
    """
    found = service.team_samples.describe(
        context.project_id, context.dataset_id, context.workforce_task_id, context.sample_id, query.worker_id
    )
    return _described(service, context, found, locale=query.locale)


def update_workforce_task_samples(
    service: DatasetService, context: RequestContext, request: UpdateWorkforceTaskSamplesRequest
) -> UpdateWorkforceTaskSamplesResponse:
    """Replace the labels that a labeler has given to samples; each is refused by itself.

    Items fail with SAMPLE_NOT_FOUND, WORKER_FORBIDDEN, WORKER_NOT_FOUND, TEAM_TASK_CHECKING, LABEL_INCOMPATIBLE,
    TRIPLET_ENTITY_NOT_FOUND. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, PARAMETER_INVALID.
    """
    errors = service.team_samples.label(
        context.project_id, context.dataset_id, context.workforce_task_id, request.samples, request.email
    )
    return UpdateWorkforceTaskSamplesResponse(success=not any(errors), results=batch_results(errors))


def review_samples(service: DatasetService, context: RequestContext, request: ReviewSamplesRequest) -> EmptyResponse:
    """Accept or reject labelled samples as a reviewer; all or none.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, SAMPLE_NOT_FOUND, WORKER_FORBIDDEN, WORKER_NOT_FOUND,
    PARAMETER_INVALID.
    """
    service.team_samples.review(context.project_id, context.dataset_id, context.workforce_task_id, request.comments)
    return EmptyResponse()


def start_workforce_sampling_task(
    service: DatasetService, context: RequestContext, request: StartWorkforceSamplingTaskRequest
) -> StartWorkforceSamplingTaskResponse:
    """Start an acceptance: draw samples that wait for it.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, TEAM_TASK_CHECKING, TEAM_TASK_UNFINISHED, NOTHING_TO_ACCEPT,
    PARAMETER_INVALID.
    """
    task_id = service.team_acceptance.start(
        context.project_id,
        context.dataset_id,
        context.workforce_task_id,
        request.sampling_num,
        request.sampling_rate,
    )
    return StartWorkforceSamplingTaskResponse(task_id=task_id)


def get_workforce_sampling_task(
    service: DatasetService, context: RequestContext, query: GetWorkforceSamplingTaskQuery
) -> GetWorkforceSamplingTaskResponse:
    """Report an acceptance, or the latest one.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, ACCEPTANCE_NOT_FOUND.
    """
    report = service.team_acceptance.report(
        context.project_id, context.dataset_id, context.workforce_task_id, query.checking_task_id
    )
    stats = acceptance_stats(report)
    return GetWorkforceSamplingTaskResponse(total_stats=stats, checking_stats=stats if report.is_running else None)


def update_workforce_sampling_task(
    service: DatasetService,
    context: RequestContext,
    query: UpdateWorkforceSamplingTaskQuery,
    request: UpdateWorkforceSamplingTaskRequest,
) -> UpdateWorkforceSamplingTaskResponse:
    """End an acceptance and write accepted labels to the dataset; action 3 lists the samples in conflict instead.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, ACCEPTANCE_NOT_FOUND, PUBLISHING_ANNOTATION, SWITCHING.
    """
    conflicts = service.team_acceptance.end(
        context.project_id,
        context.dataset_id,
        context.workforce_task_id,
        request.action,
        overwrite=request.overwrite_last_result,
    )
    if conflicts is None:
        return UpdateWorkforceSamplingTaskResponse()
    samples = [_described(service, context, each, locale=query.locale) for each in conflicts]
    return UpdateWorkforceSamplingTaskResponse(sample_count=len(samples), samples=samples)


def accept_samples(service: DatasetService, context: RequestContext, request: AcceptSamplesRequest) -> EmptyResponse:
    """Accept or reject drawn samples; all or none.

    Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, ACCEPTANCE_NOT_FOUND, SAMPLE_NOT_FOUND, WORKER_FORBIDDEN,
    WORKER_NOT_FOUND, PARAMETER_INVALID.
    """
    service.team_acceptance.judge(context.project_id, context.dataset_id, context.workforce_task_id, request.comments)
    return EmptyResponse()


def _described(
    service: DatasetService,
    context: RequestContext,
    found: TeamSample,
    *,
    locale: Locale,
    process: str | None = None,
) -> DescribeSampleResp:
    answer = describe_sample_record(service, context, found.sample, process=process, locale=locale)
    assignment = found.assignment
    answer.labelers = [as_worker(member) for member in found.labelers]
    answer.review_accept, answer.review_comment = assignment.review_accept, assignment.review_comment
    answer.review_score = assignment.review_score
    answer.check_accept, answer.check_comment = assignment.check_accept, assignment.check_comment
    answer.check_score = assignment.check_score
    answer.score = assignment.check_score or assignment.review_score
    return answer
