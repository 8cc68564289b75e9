"""The state of a sample in a team task: after labelling, after a review, and at the end of an acceptance."""

from __future__ import annotations

import msgspec

from modelarts_emulator.store.team_records import AcceptanceRecord, AssignmentRecord, TeamTaskRecord, WorkState

CREATED, RUNNING, ACCEPTING, ACCEPTED, REJECTED = 6, 1, 2, 3, 4
"""States of a task that are stored; 0, 5 and 7 last only as long as the request that they belong to."""
LABELS, REVIEWS, MANAGES, OWNS = range(4)
"""Roles; the owner of a dataset is not a member of a team."""
PASS_ALL, REJECT_ALL, CANCEL, LIST_CONFLICTS, PASS_REST, REJECT_REST = range(6)
"""Actions that end an acceptance, or list what it would overwrite."""
POINTS = {"A": 4, "B": 3, "C": 2, "D": 1}


def has_reviewer(task: TeamTaskRecord) -> bool:
    """Return whether labelled samples of a task wait for a review."""
    return any(member.role == REVIEWS for member in task.members)


def state_after_labelling(task: TeamTaskRecord, *, is_labelled: bool) -> WorkState:
    """Return the state of a sample whose labeler has replaced its labels."""
    if not is_labelled:
        return WorkState.NONE
    return WorkState.UNREVIEWED if has_reviewer(task) else WorkState.UNCHECK


def reviewed(assignment: AssignmentRecord, *, accept: bool, comment: str | None, score: str | None) -> AssignmentRecord:
    """Return an assignment with a review: accepted ones wait for an acceptance, rejected ones are labelled again."""
    return msgspec.structs.replace(
        assignment,
        state=WorkState.UNCHECK if accept else WorkState.REJECTED,
        review_accept=accept,
        review_comment=comment,
        review_score=score,
    )


def passes(action: int, assignment: AssignmentRecord) -> bool:
    """Return whether an action accepts a sample that waits for the acceptance, drawn or not."""
    if action in (PASS_ALL, REJECT_ALL):
        return action == PASS_ALL
    judged = assignment.check_accept if assignment.drawn else None
    return action == PASS_REST if judged is None else judged


def ended(action: int, assignment: AssignmentRecord) -> AssignmentRecord:
    """Return an assignment that waited for the acceptance as it is after the action."""
    if action == CANCEL:
        return msgspec.structs.replace(assignment, drawn=False, check_accept=None, check_comment=None, check_score=None)
    state = WorkState.ACCEPTED if passes(action, assignment) else WorkState.REJECTED
    return msgspec.structs.replace(assignment, state=state, drawn=False)


def points(assignment: AssignmentRecord) -> int:
    """Return the points of a judged sample: 4 for A to 1 for D, 0 if it is rejected or was not rated."""
    return POINTS.get(assignment.check_score or "", 0) if assignment.check_accept else 0


def status_after(action: int, *, is_all_accepted: bool, is_all_drawn_rejected: bool) -> int:
    """Return the status of a task whose acceptance has ended with an action."""
    if action == CANCEL:
        return RUNNING
    if is_all_accepted:
        return ACCEPTED
    return REJECTED if action == REJECT_ALL or is_all_drawn_rejected else RUNNING


def letter(total: int, judged: int) -> str:
    """Return the letter of the mean number of points, ``E`` if nothing was judged or everything was rejected.

    Example:
        >>> letter(7, 2)
        'A'
    """
    mean = int(total / judged + 0.5) if judged else 0
    return next((name for name, value in POINTS.items() if value == mean), "E")


def pass_rate(acceptance: AcceptanceRecord) -> float:
    """Return the accepted samples of an ended acceptance divided by the judged ones."""
    _, accepted, rejected, _ = acceptance.final or (0, 0, 0, 0)
    return accepted / (accepted + rejected) if accepted + rejected else 0.0
