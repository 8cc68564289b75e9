"""States of samples and tasks after labelling, review and acceptance."""

from __future__ import annotations

from typing import Any

import pytest

from modelarts_emulator.store.team_records import (
    AcceptanceRecord,
    AssignmentRecord,
    TaskMember,
    TeamTaskRecord,
    WorkState,
)
from modelarts_emulator.teamwork.judgement import (
    ACCEPTED,
    CANCEL,
    PASS_ALL,
    PASS_REST,
    REJECT_ALL,
    REJECT_REST,
    REJECTED,
    RUNNING,
    ended,
    letter,
    pass_rate,
    passes,
    points,
    reviewed,
    state_after_labelling,
    status_after,
)


def assignment(**members: Any) -> AssignmentRecord:
    return AssignmentRecord(task_id="t", sample_id="s", worker_id="w", **{"state": WorkState.UNCHECK, **members})


def task(*roles: int) -> TeamTaskRecord:
    members = [
        TaskMember(worker_id=str(role), email="e", role=role, team_id="x", team_name="x", update_time=1)
        for role in roles
    ]
    return TeamTaskRecord(id="t", name="t", status=RUNNING, create_time=1, update_time=1, members=members)


DRAWN_ACCEPTED = assignment(drawn=True, check_accept=True)
DRAWN_REJECTED = assignment(drawn=True, check_accept=False)
DRAWN_UNJUDGED = assignment(drawn=True)
NOT_DRAWN = assignment()
# A judgement of an earlier acceptance does not count.
JUDGED_EARLIER = assignment(check_accept=False)


@pytest.mark.parametrize(
    ("action", "accepted"),
    [
        (PASS_ALL, [True, True, True, True, True]),
        (REJECT_ALL, [False, False, False, False, False]),
        (PASS_REST, [True, False, True, True, True]),
        (REJECT_REST, [True, False, False, False, False]),
    ],
)
def test_action_accepts_samples_as_the_table_says(action: int, accepted: list[bool]) -> None:
    kinds = [DRAWN_ACCEPTED, DRAWN_REJECTED, DRAWN_UNJUDGED, NOT_DRAWN, JUDGED_EARLIER]
    assert [passes(action, kind) for kind in kinds] == accepted
    states = [WorkState.ACCEPTED if each else WorkState.REJECTED for each in accepted]
    after = [ended(action, kind) for kind in kinds]
    assert [each.state for each in after] == states
    assert not any(each.drawn for each in after)


def test_cancel_drops_judgements_and_keeps_the_state() -> None:
    after = ended(CANCEL, assignment(drawn=True, check_accept=True, check_score="A", check_comment="c"))
    assert after == assignment()


@pytest.mark.parametrize(
    ("roles", "is_labelled", "state"),
    [
        ((0,), True, WorkState.UNCHECK),
        ((0, 1), True, WorkState.UNREVIEWED),
        ((0, 2), True, WorkState.UNCHECK),
        ((0, 1), False, WorkState.NONE),
    ],
)
def test_state_after_labelling_depends_on_reviewers(
    roles: tuple[int, ...], is_labelled: bool, state: WorkState
) -> None:
    assert state_after_labelling(task(*roles), is_labelled=is_labelled) is state


def test_review_sets_state_and_comment() -> None:
    after = reviewed(assignment(state=WorkState.UNREVIEWED), accept=False, comment="why", score="D")
    assert (after.state, after.review_accept, after.review_comment, after.review_score) == (
        WorkState.REJECTED,
        False,
        "why",
        "D",
    )
    assert reviewed(after, accept=True, comment=None, score=None).state is WorkState.UNCHECK


@pytest.mark.parametrize(
    ("accept", "score", "value"),
    [(True, "A", 4), (True, "B", 3), (True, "C", 2), (True, "D", 1), (True, None, 0), (False, "A", 0)],
)
def test_points_of_a_judgement(accept: bool, score: str | None, value: int) -> None:
    assert points(assignment(check_accept=accept, check_score=score)) == value


@pytest.mark.parametrize(
    ("total", "judged", "name"),
    [(0, 0, "E"), (4, 1, "A"), (7, 2, "A"), (5, 2, "B"), (3, 2, "C"), (1, 2, "D"), (1, 3, "E"), (0, 5, "E")],
)
def test_letter_is_that_of_the_rounded_mean(total: int, judged: int, name: str) -> None:
    assert letter(total, judged) == name


@pytest.mark.parametrize(
    ("action", "all_accepted", "all_rejected", "status"),
    [
        (PASS_ALL, True, False, ACCEPTED),
        (PASS_ALL, False, False, RUNNING),
        (REJECT_ALL, False, False, REJECTED),
        (REJECT_REST, False, True, REJECTED),
        (PASS_REST, True, True, ACCEPTED),
        (CANCEL, True, True, RUNNING),
    ],
)
def test_status_after_an_action(action: int, all_accepted: bool, all_rejected: bool, status: int) -> None:
    assert status_after(action, is_all_accepted=all_accepted, is_all_drawn_rejected=all_rejected) == status


def test_pass_rate_of_an_acceptance() -> None:
    def acceptance(final: tuple[int, int, int, int] | None) -> AcceptanceRecord:
        return AcceptanceRecord(id="a", sampling_num=4, sampling_rate=1.0, total=4, final=final)

    assert pass_rate(acceptance((4, 3, 1, 9))) == 0.75
    assert pass_rate(acceptance((4, 0, 0, 0))) == 0.0
    assert pass_rate(acceptance(None)) == 0.0
