"""Members of a team labelling task: who they are, and which of them acts in a request."""

from __future__ import annotations

from collections.abc import Iterable

from modelarts_emulator.contract.errors import (
    MANAGER_COUNT,
    PARAMETER_INVALID,
    TEAM_NOT_FOUND,
    TOO_FEW_LABELERS,
    WORKER_FORBIDDEN,
    WORKER_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.contract.workforce import WorkforceConfig, WorkforcesConfig
from modelarts_emulator.store.team_records import TaskMember, TeamTaskRecord, WorkerRecord
from modelarts_emulator.store.team_store import TeamData
from modelarts_emulator.teamwork.judgement import LABELS, MANAGES


def members_of_teams(data: TeamData, project_id: str, config: WorkforcesConfig | None, now: int) -> list[TaskMember]:
    """Return the members that a request names: those listed for a team, or all of a team without a list.

    Raises PARAMETER_INVALID without a team, TEAM_NOT_FOUND, WORKER_NOT_FOUND.
    """
    teams = (config.workforces if config else None) or []
    if not teams:
        raise ApiError(PARAMETER_INVALID, "workforces_config: a team or an agency is needed")
    found: dict[str, TaskMember] = {}
    for team in teams:
        for member in _members(data, project_id, team, now):
            found.setdefault(member.worker_id, member)
    return list(found.values())


def manager(data: TeamData, project_id: str, agency: str, now: int) -> TaskMember:
    """Return the manager with this worker id or address. Raises MANAGER_COUNT."""
    for worker in data.workers_of(project_id):
        if agency in (worker.id, worker.email) and worker.role == MANAGES:
            return _member(data, worker, now)
    raise ApiError(MANAGER_COUNT, f"agency: {agency[:80]!r} is not the manager of a team")


def labelers(members: Iterable[TaskMember]) -> list[str]:
    """Return the worker ids of the members who label."""
    return [member.worker_id for member in members if member.role == LABELS]


def require_labelers(members: Iterable[TaskMember], repetition: int) -> None:
    """Raise TOO_FEW_LABELERS if a sample cannot be given to as many labelers as the task repeats it."""
    count = len(labelers(members))
    if count < repetition:
        raise ApiError(TOO_FEW_LABELERS, f"the task has {count} labelers and needs {repetition}")


def member_with_id(task: TeamTaskRecord, worker_id: str) -> TaskMember | None:
    """Return a member of a task by worker id; None if they are not in it."""
    return next((member for member in task.members if member.worker_id == worker_id), None)


def member_with_email(task: TeamTaskRecord, email: str) -> TaskMember | None:
    """Return a member of a task by address; None if they are not in it."""
    return next((member for member in task.members if member.email.lower() == email.lower()), None)


def acting_member(task: TeamTaskRecord, worker_id: str | None, email: str | None) -> TaskMember | None:
    """Return the member that a request names; None if it names none. Raises WORKER_FORBIDDEN for a stranger."""
    if not worker_id and not email:
        return None
    member = member_with_id(task, worker_id) if worker_id else member_with_email(task, email or "")
    if member is None:
        raise ApiError(WORKER_FORBIDDEN, f"{(worker_id or email or '')[:80]} is not a member of this task")
    return member


def _members(data: TeamData, project_id: str, config: WorkforceConfig, now: int) -> list[TaskMember]:
    team = data.teams.get(config.workforce_id or "")
    if team is None or team.project_id != project_id:
        raise ApiError(TEAM_NOT_FOUND, str(config.workforce_id)[:80])
    members = data.members_of(team.id)
    if not config.workers:
        return [_member(data, worker, now) for worker in members]
    found = []
    for wanted in config.workers:
        worker = next((each for each in members if _is_same(each, wanted.email, wanted.worker_id)), None)
        if worker is None:
            raise ApiError(WORKER_NOT_FOUND, str(wanted.email or wanted.worker_id)[:80])
        found.append(_member(data, worker, now))
    return found


def _is_same(worker: WorkerRecord, email: str | None, worker_id: str | None) -> bool:
    if email:
        return worker.email.lower() == email.lower()
    return worker.id == worker_id


def _member(data: TeamData, worker: WorkerRecord, now: int) -> TaskMember:
    return TaskMember(
        worker_id=worker.id,
        email=worker.email,
        role=worker.role,
        team_id=worker.team_id,
        team_name=data.teams[worker.team_id].name,
        update_time=now,
    )
