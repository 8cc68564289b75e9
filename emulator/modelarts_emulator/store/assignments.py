"""The table of assignments: which sample of a team labelling task is allotted to which labeler, and its state.

Pages and counts by state, label and labeler cost the same for any number of assignments, because each of these groups
has an ordered list of document numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from modelarts_emulator.store.open_tables import RecordTable
from modelarts_emulator.store.sorted_keys import SortedKeys
from modelarts_emulator.store.team_records import AssignmentRecord, WorkState

AssignmentKey = tuple[str, str, str]
"""Ids of the task, of the sample and of the labeler."""
Group = str | tuple[str, str]
"""A state, one of the names below, or ``("label", name)``."""

EVERY = ""
LABELLED = "ALL"
REVIEWED = "REVIEWED"
DRAWN = "WORKFORCE_SAMPLED"
DRAWN_UNJUDGED = "WORKFORCE_SAMPLED_UNCHECK"
DRAWN_JUDGED = "WORKFORCE_SAMPLED_CHECKED"
DRAWN_ACCEPTED = "WORKFORCE_SAMPLED_ACCEPTED"
DRAWN_REJECTED = "WORKFORCE_SAMPLED_REJECTED"
_LABELLED_STATES = frozenset({WorkState.UNREVIEWED, WorkState.UNCHECK, WorkState.REJECTED, WorkState.ACCEPTED})


def groups_of(assignment: AssignmentRecord) -> set[Group]:
    """Return the groups that an assignment belongs to."""
    groups: set[Group] = {EVERY, assignment.state.value}
    if assignment.state in _LABELLED_STATES:
        groups.add(LABELLED)
    if assignment.review_accept:
        groups.add(REVIEWED)
    if assignment.drawn:
        groups |= {DRAWN, *_judgement(assignment.check_accept)}
    for label in assignment.labels:
        groups.add(("label", label.name or ""))
    return groups


def _judgement(accepted: bool | None) -> tuple[str, ...]:
    if accepted is None:
        return (DRAWN_UNJUDGED,)
    return DRAWN_JUDGED, DRAWN_ACCEPTED if accepted else DRAWN_REJECTED


class AssignmentTable(RecordTable[AssignmentRecord]):
    """The assignments of a dataset, with an index for each task."""

    def __init__(self) -> None:
        super().__init__("assignments", AssignmentRecord, lambda each: (each.task_id, each.sample_id, each.worker_id))
        self._tasks: dict[str, _TaskIndex] = {}
        self._by_sample: dict[str, list[AssignmentKey]] = {}

    def put(self, number: int, document: bytes | msgspec.Raw) -> None:
        """Write a document."""
        self._forget(number)
        super().put(number, document)
        key: AssignmentKey = self._keys[number]
        assignment = self.rows[key][1]
        self._tasks.setdefault(key[0], _TaskIndex()).add(number, assignment)
        keys = self._by_sample.setdefault(key[1], [])
        if key not in keys:
            keys.append(key)

    def remove(self, number: int) -> None:
        """Remove a document; no effect if it does not exist."""
        key: AssignmentKey | None = self._keys.get(number)
        self._forget(number)
        super().remove(number)
        if key is not None and key in self._by_sample.get(key[1], ()):
            self._by_sample[key[1]].remove(key)
            if not self._by_sample[key[1]]:
                del self._by_sample[key[1]]

    def of_sample(self, sample_id: str) -> Sequence[AssignmentKey]:
        """Return the keys of a sample's assignments, in all tasks."""
        return tuple(self._by_sample.get(sample_id, ()))

    def count(self, task_id: str, group: Group = EVERY, worker_id: str = "") -> int:
        """Return the number of assignments of a task in a group, and with ``worker_id`` of that labeler."""
        index = self._tasks.get(task_id)
        return index.size(worker_id, group) if index else 0

    def slice(self, task_id: str, group: Group, worker_id: str, start: int, stop: int) -> list[AssignmentRecord]:
        """Return the assignments at the positions ``start`` to ``stop`` - 1 of a group, in order of allotment."""
        index = self._tasks.get(task_id)
        numbers = index.slice(worker_id, group, start, stop) if index else []
        return [self.rows[self._keys[number]][1] for number in numbers]

    def labels(self, task_id: str, group: Group = EVERY) -> Iterator[str]:
        """Yield the names of the labels that assignments of a task have."""
        index = self._tasks.get(task_id)
        yield from index.labels() if index else ()

    def _forget(self, number: int) -> None:
        key: AssignmentKey | None = self._keys.get(number)
        if key is None or key not in self.rows:
            return
        self._tasks[key[0]].remove(number, self.rows[key][1])
        if not self._tasks[key[0]].size("", EVERY):
            del self._tasks[key[0]]


class _TaskIndex:
    """The ordered document numbers of each group of a task, for all labelers (``""``) and for each."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, Group], SortedKeys] = {}

    def add(self, number: int, assignment: AssignmentRecord) -> None:
        """Add an assignment."""
        for group in groups_of(assignment):
            for worker_id in ("", assignment.worker_id):
                keys = self._groups.get((worker_id, group))
                if keys is None:
                    keys = self._groups[worker_id, group] = SortedKeys()
                keys.add(number)

    def remove(self, number: int, assignment: AssignmentRecord) -> None:
        """Remove an assignment as it was added."""
        for group in groups_of(assignment):
            for worker_id in ("", assignment.worker_id):
                keys = self._groups[worker_id, group]
                keys.remove(number)
                if not keys.size:
                    del self._groups[worker_id, group]

    def size(self, worker_id: str, group: Group) -> int:
        """Return the number of assignments in a group."""
        keys = self._groups.get((worker_id, group))
        return keys.size if keys else 0

    def slice(self, worker_id: str, group: Group, start: int, stop: int) -> list[int]:
        """Return document numbers of a group by position."""
        keys = self._groups.get((worker_id, group))
        return keys.slice(start, stop) if keys else []

    def labels(self) -> Iterator[str]:
        """Yield the names of all labels."""
        yield from (group[1] for worker, group in list(self._groups) if not worker and isinstance(group, tuple))


def as_assignment_table(table: Any) -> AssignmentTable:
    """Return a table of a dataset as the table of assignments that it is."""
    assert isinstance(table, AssignmentTable)
    return table
