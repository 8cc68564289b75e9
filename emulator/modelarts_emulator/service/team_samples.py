"""The samples of a team labelling task: list them, label them as a member, and review them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.errors import (
    PARAMETER_INVALID,
    SAMPLE_NOT_FOUND,
    TEAM_TASK_CHECKING,
    WORKER_FORBIDDEN,
    WORKER_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.contract.samples import SampleLabels
from modelarts_emulator.contract.team_tasks import SampleComment
from modelarts_emulator.contract.wire import DatasetType, SampleState, SampleStatus
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import checked_metadata, labeler_of
from modelarts_emulator.samples.dataset_labels import require_matching_relations
from modelarts_emulator.samples.label_rules import validate_labels
from modelarts_emulator.service.team_tasks import (
    ACTIVE,
    TeamTaskManagement,
    put_task,
    require_task,
    with_changed_members,
)
from modelarts_emulator.store import DatasetReader, SampleRecord
from modelarts_emulator.store.assignments import EVERY, Group
from modelarts_emulator.store.team_records import AssignmentRecord, TaskMember, TeamTaskRecord, WorkState
from modelarts_emulator.teamwork import judgement
from modelarts_emulator.teamwork.members import acting_member, member_with_id

MAX_BATCH = 1_000
Test = Callable[[SampleRecord], bool]
_REVIEWABLE = (WorkState.UNREVIEWED, WorkState.UNCHECK)


class TeamSample(NamedTuple):
    """A sample as a labeler of a task sees it: with the labels of the task, and all its labelers."""

    sample: SampleRecord
    assignment: AssignmentRecord
    labelers: list[TaskMember]


class TeamSamplePage(NamedTuple):
    """One page of the samples of a task, and the number of all selected ones."""

    total: int
    samples: list[TeamSample]


class TeamSampleSelection(NamedTuple):
    """Select samples of a task by state, labeler, label and further conditions."""

    state: SampleState | None = None
    worker_id: str | None = None
    email: str | None = None
    label_name: str | None = None
    is_unlabelled: bool = False
    test: Test | None = None


class TeamSampleManagement:
    """List, label and review the samples of team labelling tasks."""

    def __init__(self, runtime: Runtime, tasks: TeamTaskManagement) -> None:
        self._runtime, self._tasks = runtime, tasks

    def page(
        self,
        project_id: str,
        dataset_id: str,
        task_id: str,
        selection: TeamSampleSelection,
        *,
        offset: int,
        limit: int,
    ) -> TeamSamplePage:
        """Return a page of a task's samples, one entry for each sample and labeler; ``offset`` counts entries.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, WORKER_FORBIDDEN.
        """
        record, task = self._tasks.describe(project_id, dataset_id, task_id)
        member = acting_member(task, selection.worker_id, selection.email)
        worker_id = member.worker_id if member else ""
        group = group_of(selection.state)
        if selection.label_name and group == EVERY:
            group = ("label", selection.label_name)
        with self._runtime.store.reading(record.id) as dataset:
            tests = _tests(selection, group)
            if not tests:
                total = dataset.count_assignments(task.id, group, worker_id)
                found = dataset.page_of_assignments(task.id, group, worker_id, offset=offset, limit=limit)
                return TeamSamplePage(total, list(_described(dataset, task, found)))
            every = dataset.page_of_assignments(task.id, group, worker_id)
            matching = [each for each in _described(dataset, task, every) if all(test(each.sample) for test in tests)]
            return TeamSamplePage(len(matching), matching[offset : offset + limit])

    def describe(
        self, project_id: str, dataset_id: str, task_id: str, sample_id: str, worker_id: str | None
    ) -> TeamSample:
        """Return a sample of a task, as the labeler with ``worker_id`` or the first one has labelled it.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, SAMPLE_NOT_FOUND, WORKER_FORBIDDEN.
        """
        record, task = self._tasks.describe(project_id, dataset_id, task_id)
        with self._runtime.store.reading(record.id) as dataset:
            held = list(_assignments(dataset, task, sample_id))
            if not held:
                raise ApiError(SAMPLE_NOT_FOUND, sample_id[:80])
            if worker_id:
                member = acting_member(task, worker_id, None)
                held = [each for each in held if member and each.worker_id == member.worker_id]
                if not held:
                    raise ApiError(WORKER_FORBIDDEN, f"{sample_id[:80]} is not allotted to {worker_id[:80]}")
            return next(_described(dataset, task, held[:1]))

    def label(
        self,
        project_id: str,
        dataset_id: str,
        task_id: str,
        items: Sequence[SampleLabels] | None,
        email: str | None,
    ) -> list[ApiError | None]:
        """Replace the labels that a labeler has given to samples; the dataset itself is not changed.

        An item can be refused with SAMPLE_NOT_FOUND, WORKER_FORBIDDEN, WORKER_NOT_FOUND, TEAM_TASK_CHECKING,
        LABEL_INCOMPATIBLE, TRIPLET_ENTITY_NOT_FOUND. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, PARAMETER_INVALID.
        """
        record, _ = self._tasks.describe(project_id, dataset_id, task_id)
        if not items:
            raise ApiError(PARAMETER_INVALID, "samples: at least one is needed")
        if len(items) > MAX_BATCH:
            raise ApiError(PARAMETER_INVALID, f"samples: {len(items)} are more than {MAX_BATCH} in one call")
        now = self._runtime.clock.now_ms()
        results: list[ApiError | None] = []
        active: set[str] = set()
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            for item in items:
                try:
                    labelled = _labelled(dataset, task, item, email, now)
                    dataset.put_assignment(labelled)
                    active.add(labelled.worker_id)
                    results.append(None)
                except ApiError as error:
                    results.append(error)
            if active:
                put_task(dataset, with_changed_members(task, active, lambda each: _changed(each, now)))
        self._mark_active(active)
        return results

    def review(self, project_id: str, dataset_id: str, task_id: str, comments: Sequence[SampleComment] | None) -> None:
        """Accept or reject labelled samples; all or none.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, SAMPLE_NOT_FOUND, WORKER_FORBIDDEN, WORKER_NOT_FOUND,
        PARAMETER_INVALID.
        """
        record, _ = self._tasks.describe(project_id, dataset_id, task_id)
        if not comments:
            raise ApiError(PARAMETER_INVALID, "comments: at least one is needed")
        now = self._runtime.clock.now_ms()
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            for comment in comments:
                assignment = find_assignment(dataset, task, comment.sample_id, comment.worker_id)
                if assignment.state not in _REVIEWABLE or assignment.drawn:
                    raise ApiError(WORKER_FORBIDDEN, f"{comment.sample_id} does not wait for a review")
                dataset.put_assignment(
                    judgement.reviewed(assignment, accept=comment.accept, comment=comment.comment, score=comment.score)
                )
            reviewers = {member.worker_id for member in task.members if member.role == judgement.REVIEWS}
            put_task(dataset, with_changed_members(task, reviewers, lambda each: _changed(each, now)))
        self._mark_active(reviewers)

    def _mark_active(self, worker_ids: Collection[str]) -> None:
        """Record that members have worked; this is the state in which they are listed."""
        workers = self._runtime.teams.data.workers
        if all(each not in workers or workers[each].status >= ACTIVE for each in worker_ids):
            return
        with self._runtime.teams.changing() as data:
            for worker_id in worker_ids:
                worker = data.workers.get(worker_id)
                if worker is not None and worker.status < ACTIVE:
                    data.workers[worker_id] = msgspec.structs.replace(worker, status=ACTIVE)


def group_of(state: SampleState | None) -> Group:
    """Return the group of assignments that a ``sample_state`` selects."""
    return EVERY if not state else state.value.strip("_")


def find_assignment(
    dataset: DatasetReader, task: TeamTaskRecord, sample_id: str | None, worker_id: str | None
) -> AssignmentRecord:
    """Return the assignment of a sample to a labeler, or to its only one.

    Raises SAMPLE_NOT_FOUND, WORKER_FORBIDDEN if the sample is not allotted to this labeler, WORKER_NOT_FOUND if it has
    several labelers and none is named.
    """
    held = list(_assignments(dataset, task, sample_id or ""))
    if not held:
        raise ApiError(SAMPLE_NOT_FOUND, str(sample_id)[:80])
    if worker_id:
        found = next((each for each in held if each.worker_id == worker_id), None)
        if found is None:
            raise ApiError(WORKER_FORBIDDEN, f"{str(sample_id)[:80]} is not allotted to {worker_id[:80]}")
        return found
    if len(held) > 1:
        raise ApiError(WORKER_NOT_FOUND, f"worker_id: {str(sample_id)[:80]} has {len(held)} labelers")
    return held[0]


def as_sample(sample: SampleRecord, assignment: AssignmentRecord, member: TaskMember | None) -> SampleRecord:
    """Return a sample of the dataset with the labels that it has in a task."""
    status = SampleStatus.MANUAL_ANNOTATION if assignment.labels else SampleStatus.UN_ANNOTATION
    if assignment.state is WorkState.AUTO_ANNOTATION:
        status = SampleStatus.AUTO_ANNOTATION
    is_labelled = status is SampleStatus.MANUAL_ANNOTATION
    return msgspec.structs.replace(
        sample,
        labels=assignment.labels,
        metadata={**sample.metadata, **assignment.metadata},
        status=status,
        annotated_by=labeler_of(member.email) if is_labelled and member else None,
        annotated_time=assignment.annotated_time if is_labelled else None,
        worker_id=assignment.worker_id,
    )


def _assignments(dataset: DatasetReader, task: TeamTaskRecord, sample_id: str) -> Iterator[AssignmentRecord]:
    """Yield the assignments of a sample in a task."""
    for key in dataset.assignments_of_sample(sample_id):
        if key[0] == task.id and (found := dataset.assignment(*key)) is not None:
            yield found


def _described(
    dataset: DatasetReader, task: TeamTaskRecord, assignments: Iterable[AssignmentRecord]
) -> Iterator[TeamSample]:
    members = {member.worker_id: member for member in task.members}
    for assignment in assignments:
        sample = dataset.get(assignment.sample_id)
        if sample is not None:
            held = _assignments(dataset, task, sample.id)
            holders = [members[each.worker_id] for each in held if each.worker_id in members]
            yield TeamSample(as_sample(sample, assignment, members.get(assignment.worker_id)), assignment, holders)


def _tests(selection: TeamSampleSelection, group: Group) -> list[Test]:
    name = selection.label_name
    tests: list[Test] = [selection.test] if selection.test else []
    if name and isinstance(group, str):
        tests.append(lambda sample: any(label.name == name for label in sample.labels))
    if selection.is_unlabelled:
        tests.append(lambda sample: not sample.labels)
    return tests


def _labelled(
    dataset: DatasetReader, task: TeamTaskRecord, item: SampleLabels, email: str | None, now: int
) -> AssignmentRecord:
    sample = dataset.get(item.sample_id or "")
    if sample is None:
        raise ApiError(SAMPLE_NOT_FOUND, str(item.sample_id)[:80])
    member = acting_member(task, item.worker_id, email)
    assignment = find_assignment(dataset, task, sample.id, member.worker_id if member else None)
    if member_with_id(task, assignment.worker_id) is None or assignment.state is WorkState.ACCEPTED:
        raise ApiError(WORKER_FORBIDDEN, f"{sample.id} cannot be labelled any more")
    if assignment.drawn:
        raise ApiError(TEAM_TASK_CHECKING, sample.id)
    labels = validate_labels(dataset.record.type, sample, item.labels or ())
    if dataset.record.type is DatasetType.TEXT_TRIPLET:
        require_matching_relations(dataset, labels)
    metadata = checked_metadata(item.metadata) if item.metadata else {}
    return AssignmentRecord(
        task_id=task.id,
        sample_id=sample.id,
        worker_id=assignment.worker_id,
        state=judgement.state_after_labelling(task, is_labelled=bool(labels)),
        labels=labels,
        metadata={**assignment.metadata, **metadata},
        annotated_time=now if labels else None,
    )


def _changed(member: TaskMember, now: int) -> TaskMember:
    return msgspec.structs.replace(member, update_time=now)
