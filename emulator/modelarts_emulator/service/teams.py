"""Labelling teams and their members."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import msgspec

from modelarts_emulator.contract.errors import (
    MANAGER_COUNT,
    PARAMETER_ERROR,
    PARAMETER_INVALID,
    QUOTA_EXCEEDED,
    TEAM_EXISTS,
    TEAM_NOT_FOUND,
    WORKER_EXISTS,
    WORKER_HAS_TASK,
    WORKER_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.contract.teams import CreateWorkerRequest, UpdateWorkerRequest
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store.team_records import TeamRecord, WorkerRecord
from modelarts_emulator.store.team_store import TeamData
from modelarts_emulator.teamwork.judgement import MANAGES, OWNS

MAX_TEAMS = 10
MAX_MEMBERS = 100
T = TypeVar("T")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


class TeamManagement:
    """Create, list, change and delete teams and their members; they belong to a project."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    # Teams

    def teams(self, project_id: str, search: str | None, workforce_task_id: str | None) -> list[TeamRecord]:
        """Return the teams of a project whose name contains ``search``, or only those of a task."""
        wanted = self._teams_of_task(project_id, workforce_task_id) if workforce_task_id else None
        return [
            team
            for team in self._runtime.teams.data.teams_of(project_id)
            if (not search or search in team.name) and (wanted is None or team.id in wanted)
        ]

    def team(self, project_id: str, team_id: str) -> TeamRecord:
        """Return a team. Raises TEAM_NOT_FOUND."""
        return require_team(self._runtime.teams.data, project_id, team_id)

    def count_members(self, team_id: str) -> int:
        """Return the number of members of a team."""
        return len(self._runtime.teams.data.members_of(team_id))

    def create_team(self, project_id: str, name: str, description: str | None) -> TeamRecord:
        """Create a team without members. Raises TEAM_EXISTS, QUOTA_EXCEEDED."""
        now = self._runtime.clock.now_ms()
        with self._runtime.teams.changing() as data:
            _require_free_name(data, project_id, name)
            if len(data.teams_of(project_id)) >= MAX_TEAMS:
                raise ApiError(QUOTA_EXCEEDED, f"a project has at most {MAX_TEAMS} teams")
            team = TeamRecord(
                id=self._runtime.ids.entity(),
                project_id=project_id,
                name=name,
                description=description or "",
                create_time=now,
                update_time=now,
            )
            data.teams[team.id] = team
        return team

    def update_team(self, project_id: str, team_id: str, name: str | None, description: str | None) -> None:
        """Change name or description of a team. Raises TEAM_NOT_FOUND, TEAM_EXISTS."""
        with self._runtime.teams.changing() as data:
            team = require_team(data, project_id, team_id)
            if name is not None and name != team.name:
                _require_free_name(data, project_id, name)
            data.teams[team_id] = msgspec.structs.replace(
                team,
                name=name or team.name,
                description=team.description if description is None else description,
                update_time=self._runtime.clock.now_ms(),
            )

    def delete_team(self, project_id: str, team_id: str) -> None:
        """Delete a team with its members. Raises TEAM_NOT_FOUND; WORKER_HAS_TASK if a member is in a task."""
        busy = self._workers_with_tasks(project_id)
        with self._runtime.teams.changing() as data:
            require_team(data, project_id, team_id)
            members = data.members_of(team_id)
            for worker in members:
                _require_idle(worker, busy)
            for worker in members:
                del data.workers[worker.id]
            del data.teams[team_id]

    # Members

    def workers(self, project_id: str, role: int) -> list[WorkerRecord]:
        """Return the members of all teams that have a role."""
        return [worker for worker in self._runtime.teams.data.workers_of(project_id) if worker.role == role]

    def members(self, project_id: str, team_id: str) -> list[WorkerRecord]:
        """Return the members of a team. Raises TEAM_NOT_FOUND."""
        data = self._runtime.teams.data
        require_team(data, project_id, team_id)
        return data.members_of(team_id)

    def worker(self, project_id: str, team_id: str, worker_id: str) -> WorkerRecord:
        """Return a member. Raises TEAM_NOT_FOUND, WORKER_NOT_FOUND."""
        return _require_worker(self._runtime.teams.data, project_id, team_id, worker_id)

    def create_workers(self, project_id: str, team_id: str, request: CreateWorkerRequest) -> None:
        """Add a member for each address; all or none.

        Raises TEAM_NOT_FOUND, WORKER_EXISTS, MANAGER_COUNT, QUOTA_EXCEEDED, PARAMETER_INVALID, PARAMETER_ERROR.
        """
        emails = split_emails(request.emails)
        _require_member_role(request.role)
        now = self._runtime.clock.now_ms()
        with self._runtime.teams.changing() as data:
            require_team(data, project_id, team_id)
            for email in emails:
                _require_new_member(data, project_id, team_id, email)
                if request.role == MANAGES:
                    _require_no_manager(data, team_id)
                worker = WorkerRecord(
                    id=self._runtime.ids.worker(),
                    project_id=project_id,
                    team_id=team_id,
                    email=email,
                    role=request.role,
                    description=request.description or "",
                    create_time=now,
                    update_time=now,
                )
                data.workers[worker.id] = worker

    def update_worker(self, project_id: str, team_id: str, worker_id: str, request: UpdateWorkerRequest) -> None:
        """Change role or description of a member.

        Raises TEAM_NOT_FOUND, WORKER_NOT_FOUND, MANAGER_COUNT, PARAMETER_ERROR.
        """
        _require_member_role(request.role)
        with self._runtime.teams.changing() as data:
            worker = _require_worker(data, project_id, team_id, worker_id)
            if request.role == MANAGES and worker.role != MANAGES:
                _require_no_manager(data, team_id)
            data.workers[worker_id] = msgspec.structs.replace(
                worker,
                role=worker.role if request.role is None else request.role,
                description=worker.description if request.description is None else request.description,
                update_time=self._runtime.clock.now_ms(),
            )

    def delete_worker(self, project_id: str, team_id: str, worker_id: str) -> None:
        """Delete a member. Raises TEAM_NOT_FOUND, WORKER_NOT_FOUND, WORKER_HAS_TASK."""
        (error,) = self.delete_workers(project_id, team_id, [worker_id])
        if error:
            raise error

    def delete_workers(self, project_id: str, team_id: str, worker_ids: Sequence[str]) -> list[ApiError | None]:
        """Delete members; each is refused by itself with WORKER_NOT_FOUND or WORKER_HAS_TASK.

        Raises TEAM_NOT_FOUND, and PARAMETER_INVALID for no member.
        """
        if not worker_ids:
            raise ApiError(PARAMETER_INVALID, "workers: at least one is needed")
        busy = self._workers_with_tasks(project_id)
        results: list[ApiError | None] = []
        with self._runtime.teams.changing() as data:
            require_team(data, project_id, team_id)
            for worker_id in worker_ids:
                try:
                    _require_idle(_require_worker(data, project_id, team_id, worker_id), busy)
                    del data.workers[worker_id]
                    results.append(None)
                except ApiError as error:
                    results.append(error)
        return results

    # Inside

    def _workers_with_tasks(self, project_id: str) -> set[str]:
        """Return the ids of the members of all tasks that exist."""
        entries = self._runtime.store.entries(project_id)
        return {member.worker_id for entry in entries for task in entry.record.team_tasks for member in task.members}

    def _teams_of_task(self, project_id: str, workforce_task_id: str) -> set[str]:
        tasks = (task for entry in self._runtime.store.entries(project_id) for task in entry.record.team_tasks)
        return {member.team_id for task in tasks if task.id == workforce_task_id for member in task.members}


def require_team(data: TeamData, project_id: str, team_id: str | None) -> TeamRecord:
    """Return a team of a project. Raises TEAM_NOT_FOUND."""
    team = data.teams.get(team_id or "")
    if team is None or team.project_id != project_id:
        raise ApiError(TEAM_NOT_FOUND, str(team_id)[:80])
    return team


def split_emails(emails: str | Sequence[str]) -> list[str]:
    """Return the addresses of a list, or of a text that separates them by ``,`` or ``;``. Raises PARAMETER_INVALID.

    Example:
        >>> split_emails("a@example.com; b@example.com")
        ['a@example.com', 'b@example.com']
    """
    parts = re.split(r"[,;]", emails) if isinstance(emails, str) else emails
    found = [part.strip() for part in parts if part.strip()]
    wrong = next((email for email in found if not _EMAIL.fullmatch(email)), None)
    if wrong is not None or not found:
        raise ApiError(PARAMETER_INVALID, f"emails: {str(wrong or '')[:80]!r} is not an e-mail address")
    return found


def sorted_by(records: Collection[T], key: Callable[[T], tuple[str | int, ...]], *, descending: bool) -> list[T]:
    """Return records in order of a key; equal ones keep their order, or the reverse of it."""
    ordered = list(records)
    if descending:
        ordered.reverse()
    return sorted(ordered, key=key, reverse=descending)


def _require_free_name(data: TeamData, project_id: str, name: str) -> None:
    if any(team.name == name for team in data.teams_of(project_id)):
        raise ApiError(TEAM_EXISTS, name)


def _require_worker(data: TeamData, project_id: str, team_id: str, worker_id: str) -> WorkerRecord:
    require_team(data, project_id, team_id)
    worker = data.workers.get(worker_id)
    if worker is None or worker.team_id != team_id:
        raise ApiError(WORKER_NOT_FOUND, worker_id[:80])
    return worker


def _require_new_member(data: TeamData, project_id: str, team_id: str, email: str) -> None:
    if any(worker.email.lower() == email.lower() for worker in data.workers_of(project_id)):
        raise ApiError(WORKER_EXISTS, email)
    if len(data.members_of(team_id)) >= MAX_MEMBERS:
        raise ApiError(QUOTA_EXCEEDED, f"a team has at most {MAX_MEMBERS} members")


def _require_member_role(role: int | None) -> None:
    if role == OWNS:
        raise ApiError(PARAMETER_ERROR, "role: the owner of a dataset is not a member of a team")


def _require_no_manager(data: TeamData, team_id: str) -> None:
    manager = next((worker for worker in data.members_of(team_id) if worker.role == MANAGES), None)
    if manager is not None:
        raise ApiError(MANAGER_COUNT, f"{manager.email} is the manager of this team")


def _require_idle(worker: WorkerRecord, busy: Collection[str]) -> None:
    if worker.id in busy:
        raise ApiError(WORKER_HAS_TASK, worker.email)
