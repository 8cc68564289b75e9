"""The table of assignments: groups, counts, pages and removal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.store.assignments import AssignmentTable, groups_of
from modelarts_emulator.store.team_records import AssignmentRecord, WorkState


def assignment(sample: str = "s", worker: str = "w", **members: Any) -> AssignmentRecord:
    return AssignmentRecord(task_id="t", sample_id=sample, worker_id=worker, **members)


def put(table: AssignmentTable, number: int, record: AssignmentRecord) -> None:
    table.put(number, msgspec.json.encode(record))


@pytest.mark.parametrize(
    ("members", "groups"),
    [
        ({}, {"", "NONE"}),
        ({"state": WorkState.AUTO_ANNOTATION}, {"", "AUTO_ANNOTATION"}),
        ({"state": WorkState.UNREVIEWED}, {"", "UNREVIEWED", "ALL"}),
        ({"state": WorkState.REJECTED, "review_accept": False}, {"", "REJECTED", "ALL"}),
        ({"state": WorkState.UNCHECK, "review_accept": True}, {"", "UNCHECK", "ALL", "REVIEWED"}),
        (
            {"state": WorkState.UNCHECK, "drawn": True},
            {"", "UNCHECK", "ALL", "WORKFORCE_SAMPLED", "WORKFORCE_SAMPLED_UNCHECK"},
        ),
        (
            {"state": WorkState.UNCHECK, "drawn": True, "check_accept": True},
            {"", "UNCHECK", "ALL", "WORKFORCE_SAMPLED", "WORKFORCE_SAMPLED_CHECKED", "WORKFORCE_SAMPLED_ACCEPTED"},
        ),
        (
            {"state": WorkState.UNCHECK, "drawn": True, "check_accept": False},
            {"", "UNCHECK", "ALL", "WORKFORCE_SAMPLED", "WORKFORCE_SAMPLED_CHECKED", "WORKFORCE_SAMPLED_REJECTED"},
        ),
        ({"labels": [SampleLabel(name="cat"), SampleLabel(name="cat")]}, {"", "NONE", ("label", "cat")}),
    ],
)
def test_groups_of_an_assignment(members: dict[str, Any], groups: set[Any]) -> None:
    assert groups_of(assignment(**members)) == groups


def test_table_counts_and_pages_by_group_and_labeler() -> None:
    table = AssignmentTable()
    for number in range(1, 7):
        put(table, number, assignment(f"s{number}", "w1" if number % 2 else "w2"))
    assert (table.count("t"), table.count("t", "NONE", "w1"), table.count("t", "ALL"), table.count("u")) == (6, 3, 0, 0)
    assert [each.sample_id for each in table.slice("t", "", "", 2, 4)] == ["s3", "s4"]
    assert [each.sample_id for each in table.slice("t", "NONE", "w2", 1, 9)] == ["s4", "s6"]
    assert table.slice("u", "", "", 0, 9) == []


def test_changed_assignment_moves_to_its_new_groups() -> None:
    table = AssignmentTable()
    put(table, 1, assignment())
    put(table, 1, assignment(state=WorkState.UNCHECK, labels=[SampleLabel(name="cat")]))
    assert (table.count("t", "NONE"), table.count("t", "UNCHECK"), table.count("t", "", "w")) == (0, 1, 1)
    assert list(table.labels("t")) == ["cat"]
    assert table.of_sample("s") == (("t", "s", "w"),)


def test_removed_assignment_is_in_no_group() -> None:
    table = AssignmentTable()
    put(table, 1, assignment("s", "w1"))
    put(table, 2, assignment("s", "w2"))
    table.remove(1)
    table.remove(1)
    assert table.count("t") == table.count("t", "", "w2") == 1
    assert table.of_sample("s") == (("t", "s", "w2"),)
    table.remove(2)
    assert (table.count("t"), table.of_sample("s"), table.rows) == (0, (), {})
