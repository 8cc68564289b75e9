"""Describe the members of a team labelling task as the API answers with them."""

from __future__ import annotations

from modelarts_emulator.contract.workforce import Worker
from modelarts_emulator.store.team_records import TaskMember


def as_worker(member: TaskMember) -> Worker:
    """Return a member of a task as answers have it."""
    return Worker(email=member.email, worker_id=member.worker_id, role=member.role)  # type: ignore[arg-type]
