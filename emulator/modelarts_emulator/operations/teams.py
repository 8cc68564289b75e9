"""Labelling teams and their members.

Reference: ``api-ref/source/historical_apis/data_management_old_version/``, section of labelling team management.
"""

from __future__ import annotations

from modelarts_emulator.contract.teams import (
    BatchDeleteWorkersRequest,
    BatchDeleteWorkersResponse,
    CreateWorkerRequest,
    CreateWorkforceRequest,
    CreateWorkforceResponse,
    EmptyResponse,
    ListAllWorkersQuery,
    ListWorkersQuery,
    ListWorkersResponse,
    ListWorkforcesQuery,
    ListWorkforcesResponse,
    TeamOrder,
    UpdateWorkerRequest,
    UpdateWorkforceRequest,
    WorkerOrder,
    Workforce,
)
from modelarts_emulator.contract.wire import Order
from modelarts_emulator.contract.workforce import Worker
from modelarts_emulator.operations.batches import batch_results
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.service.dataset_service import DatasetService
from modelarts_emulator.service.teams import sorted_by
from modelarts_emulator.store.team_records import TeamRecord, WorkerRecord


def list_workforces(
    service: DatasetService, context: RequestContext, query: ListWorkforcesQuery
) -> ListWorkforcesResponse:
    """Return a page of the teams of the project; ``offset`` counts pages."""
    found = service.teams.teams(context.project_id, query.search_content, query.workforce_task_id)
    key = _team_name if query.sort_by is TeamOrder.WORKFORCE_NAME else _created
    teams = sorted_by(found, key, descending=query.order is Order.DESC)
    page = teams[query.offset * query.limit :][: query.limit]
    return ListWorkforcesResponse(total_number=len(teams), workforces=[_workforce(service, team) for team in page])


def create_workforce(
    service: DatasetService, context: RequestContext, request: CreateWorkforceRequest
) -> CreateWorkforceResponse:
    """Create a team without members. Raises TEAM_EXISTS, QUOTA_EXCEEDED."""
    team = service.teams.create_team(context.project_id, request.workforce_name, request.description)
    return CreateWorkforceResponse(workforce_id=team.id)


def desc_workforce(service: DatasetService, context: RequestContext) -> Workforce:
    """Describe a team. Raises TEAM_NOT_FOUND."""
    return _workforce(service, service.teams.team(context.project_id, context.workforce_id))


def update_workforce(
    service: DatasetService, context: RequestContext, request: UpdateWorkforceRequest
) -> EmptyResponse:
    """Change name or description of a team. Raises TEAM_NOT_FOUND, TEAM_EXISTS."""
    service.teams.update_team(context.project_id, context.workforce_id, request.workforce_name, request.description)
    return EmptyResponse()


def delete_workforce(service: DatasetService, context: RequestContext) -> None:
    """Delete a team with its members. Raises TEAM_NOT_FOUND, WORKER_HAS_TASK."""
    service.teams.delete_team(context.project_id, context.workforce_id)


def list_all_workers(
    service: DatasetService, context: RequestContext, query: ListAllWorkersQuery
) -> ListWorkersResponse:
    """Return a page of the members of all teams that have a role; ``offset`` counts pages."""
    return _page(service.teams.workers(context.project_id, query.role), query)


def list_workers(service: DatasetService, context: RequestContext, query: ListWorkersQuery) -> ListWorkersResponse:
    """Return a page of the members of a team; ``offset`` counts pages. Raises TEAM_NOT_FOUND."""
    return _page(service.teams.members(context.project_id, context.workforce_id), query)


def create_worker(service: DatasetService, context: RequestContext, request: CreateWorkerRequest) -> EmptyResponse:
    """Add a member for each address; all or none.

    Raises TEAM_NOT_FOUND, WORKER_EXISTS, MANAGER_COUNT, QUOTA_EXCEEDED, PARAMETER_INVALID.
    """
    service.teams.create_workers(context.project_id, context.workforce_id, request)
    return EmptyResponse()


def desc_worker(service: DatasetService, context: RequestContext) -> Worker:
    """Describe a member of a team. Raises TEAM_NOT_FOUND, WORKER_NOT_FOUND."""
    return _worker(service.teams.worker(context.project_id, context.workforce_id, context.worker_id))


def update_worker(service: DatasetService, context: RequestContext, request: UpdateWorkerRequest) -> EmptyResponse:
    """Change role or description of a member. Raises TEAM_NOT_FOUND, WORKER_NOT_FOUND, MANAGER_COUNT."""
    service.teams.update_worker(context.project_id, context.workforce_id, context.worker_id, request)
    return EmptyResponse()


def delete_worker(service: DatasetService, context: RequestContext) -> None:
    """Delete a member of a team. Raises TEAM_NOT_FOUND, WORKER_NOT_FOUND, WORKER_HAS_TASK."""
    service.teams.delete_worker(context.project_id, context.workforce_id, context.worker_id)


def batch_delete_workers(
    service: DatasetService, context: RequestContext, request: BatchDeleteWorkersRequest
) -> BatchDeleteWorkersResponse:
    """Delete members of a team; each is refused by itself with WORKER_NOT_FOUND or WORKER_HAS_TASK.

    Raises TEAM_NOT_FOUND, PARAMETER_INVALID.
    """
    errors = service.teams.delete_workers(context.project_id, context.workforce_id, request.workers)
    return BatchDeleteWorkersResponse(success=not any(errors), results=batch_results(errors))


def _workforce(service: DatasetService, team: TeamRecord) -> Workforce:
    return Workforce(
        workforce_id=team.id,
        workforce_name=team.name,
        description=team.description,
        worker_count=service.teams.count_members(team.id),
        create_time=team.create_time,
        update_time=team.update_time,
        workspace_id="0",
    )


def _page(workers: list[WorkerRecord], query: ListWorkersQuery) -> ListWorkersResponse:
    key = _email if query.sort_by is WorkerOrder.EMAIL else _created
    found = sorted_by(workers, key, descending=query.order is Order.DESC)
    page = found[query.offset * query.limit :][: query.limit]
    return ListWorkersResponse(total_number=len(found), workers=[_worker(worker) for worker in page])


def _worker(worker: WorkerRecord) -> Worker:
    return Worker(
        email=worker.email,
        worker_id=worker.id,
        workforce_id=worker.team_id,
        status=worker.status,  # type: ignore[arg-type]
        role=worker.role,  # type: ignore[arg-type]
        description=worker.description,
        create_time=worker.create_time,
        update_time=worker.update_time,
    )


def _created(record: TeamRecord | WorkerRecord) -> tuple[int]:
    return (record.create_time,)


def _team_name(record: TeamRecord) -> tuple[str]:
    return (record.name,)


def _email(record: WorkerRecord) -> tuple[str]:
    return (record.email,)
