"""The acceptance of a team labelling task: draw samples, judge them, report, and end it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.errors import (
    ACCEPTANCE_NOT_FOUND,
    NOTHING_TO_ACCEPT,
    PARAMETER_INVALID,
    SAMPLE_NOT_FOUND,
    TEAM_TASK_CHECKING,
    TEAM_TASK_UNFINISHED,
    ApiError,
)
from modelarts_emulator.contract.team_tasks import SampleComment
from modelarts_emulator.jobs.task_conflicts import require_labelling_allowed
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.changes import labeler_of, with_labels
from modelarts_emulator.samples.dataset_labels import ensure_labels
from modelarts_emulator.service.team_samples import TeamSample, as_sample, find_assignment
from modelarts_emulator.service.team_tasks import TeamTaskManagement, put_task, require_task
from modelarts_emulator.store import DatasetReader, DatasetWriter, SampleRecord
from modelarts_emulator.store.assignments import (
    DRAWN,
    DRAWN_ACCEPTED,
    DRAWN_REJECTED,
    DRAWN_UNJUDGED,
    EVERY,
    LABELLED,
)
from modelarts_emulator.store.team_records import (
    AcceptanceRecord,
    AssignmentRecord,
    TeamTaskRecord,
    WorkState,
)
from modelarts_emulator.teamwork import judgement
from modelarts_emulator.teamwork.allotment import draw
from modelarts_emulator.teamwork.members import member_with_id


class AcceptanceReport(NamedTuple):
    """An acceptance and its progress."""

    acceptance: AcceptanceRecord
    drawn: int
    accepted: int
    rejected: int
    points: int

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.acceptance.action is None


class AcceptanceManagement:
    """Start, judge, report and end acceptances; only the end of one changes the dataset."""

    def __init__(self, runtime: Runtime, tasks: TeamTaskManagement) -> None:
        self._runtime, self._tasks = runtime, tasks

    def start(self, project_id: str, dataset_id: str, task_id: str, number: int | None, rate: float | None) -> str:
        """Draw samples that wait for an acceptance: a number of them, or a part. Return the id of the acceptance.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, TEAM_TASK_CHECKING, TEAM_TASK_UNFINISHED, NOTHING_TO_ACCEPT,
        PARAMETER_INVALID.
        """
        record, _ = self._tasks.describe(project_id, dataset_id, task_id)
        if (number is None) == (rate is None) or rate == 0:
            raise ApiError(PARAMETER_INVALID, "exactly one of sampling_num and sampling_rate is needed")
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            if task.status == judgement.ACCEPTING:
                raise ApiError(TEAM_TASK_CHECKING, task.name)
            if task.status == judgement.CREATED:
                raise ApiError(TEAM_TASK_UNFINISHED, f"{task.name} has not been started")
            waiting = dataset.page_of_assignments(task.id, WorkState.UNCHECK.value)
            if not waiting or not dataset.count_assignments(task.id, LABELLED):
                raise ApiError(NOTHING_TO_ACCEPT, f"{task.name}: no sample waits for an acceptance")
            count = min(number or math.ceil((rate or 0) * len(waiting)), len(waiting))
            for position in draw(len(waiting), count, self._runtime.ids.choices()):
                dataset.put_assignment(msgspec.structs.replace(waiting[position], drawn=True))
            acceptance = AcceptanceRecord(
                id=self._runtime.ids.entity(),
                sampling_num=count,
                sampling_rate=rate or count / len(waiting),
                total=len(waiting),
            )
            self._put(dataset, task, judgement.ACCEPTING, acceptance)
        return acceptance.id

    def judge(self, project_id: str, dataset_id: str, task_id: str, comments: Sequence[SampleComment]) -> None:
        """Accept or reject drawn samples; all or none.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, ACCEPTANCE_NOT_FOUND, SAMPLE_NOT_FOUND, WORKER_FORBIDDEN,
        WORKER_NOT_FOUND, PARAMETER_INVALID.
        """
        record, _ = self._tasks.describe(project_id, dataset_id, task_id)
        if not comments:
            raise ApiError(PARAMETER_INVALID, "comments: at least one is needed")
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            _require_running(task)
            for comment in comments:
                assignment = find_assignment(dataset, task, comment.sample_id, comment.worker_id)
                if not assignment.drawn:
                    raise ApiError(SAMPLE_NOT_FOUND, f"{comment.sample_id} was not drawn")
                judged = msgspec.structs.replace(
                    assignment,
                    check_accept=comment.accept,
                    check_comment=comment.comment,
                    check_score=comment.score,
                )
                dataset.put_assignment(judged)

    def report(self, project_id: str, dataset_id: str, task_id: str, acceptance_id: str | None) -> AcceptanceReport:
        """Return the progress of an acceptance, or of the latest one.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, ACCEPTANCE_NOT_FOUND.
        """
        record, task = self._tasks.describe(project_id, dataset_id, task_id)
        with self._runtime.store.reading(record.id) as dataset:
            found = report_of(dataset, task)
        if found is None or acceptance_id not in (None, "", found.acceptance.id):
            raise ApiError(ACCEPTANCE_NOT_FOUND, str(acceptance_id or task.name)[:80])
        return found

    def end(
        self, project_id: str, dataset_id: str, task_id: str, action: int, *, overwrite: bool
    ) -> list[TeamSample] | None:
        """End the acceptance, and write accepted labels to the dataset; or list the samples in conflict.

        A sample is in conflict if the action accepts it and the dataset has got labels for it in the meantime; its
        labels are replaced only with ``overwrite``. Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND,
        ACCEPTANCE_NOT_FOUND, PUBLISHING_ANNOTATION, SWITCHING.
        """
        record, _ = self._tasks.describe(project_id, dataset_id, task_id)
        if action == judgement.LIST_CONFLICTS:
            with self._runtime.store.reading(record.id) as reader:
                task = require_task(reader.record, task_id)
                _require_running(task)
                return _conflicts(reader, task)
        require_labelling_allowed(self._runtime.tasks, record.id)
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            _require_running(task)
            found = report_of(dataset, task)
            assert found is not None
            waiting = dataset.page_of_assignments(task.id, WorkState.UNCHECK.value)
            self._apply(dataset, task, waiting, action, overwrite=overwrite)
            final = (found.drawn, found.accepted, found.rejected, found.points)
            acceptance = msgspec.structs.replace(found.acceptance, action=action, overwrite=overwrite, final=final)
            status = _status_after(dataset, task, waiting, action, found)
            self._put(dataset, task, status, None if action == judgement.CANCEL else acceptance)
        return None

    def _apply(
        self,
        dataset: DatasetWriter,
        task: TeamTaskRecord,
        waiting: Sequence[AssignmentRecord],
        action: int,
        *,
        overwrite: bool,
    ) -> None:
        now = self._runtime.clock.now_ms()
        for assignment in waiting:
            after = judgement.ended(action, assignment)
            if after.state is WorkState.ACCEPTED and task.auto_sync:
                sample = dataset.get(assignment.sample_id)
                if sample is not None and (overwrite or not _is_in_conflict(dataset, task, sample)):
                    after.written = now
                    _write(dataset, task, sample, after, now)
            dataset.put_assignment(after)

    def _put(
        self, dataset: DatasetWriter, task: TeamTaskRecord, status: int, acceptance: AcceptanceRecord | None
    ) -> None:
        now = self._runtime.clock.now_ms()
        put_task(dataset, msgspec.structs.replace(task, status=status, acceptance=acceptance, update_time=now))


def report_of(dataset: DatasetReader, task: TeamTaskRecord) -> AcceptanceReport | None:
    """Return the running or latest acceptance of a task with its progress; None if there is none."""
    acceptance = task.acceptance
    if acceptance is None:
        return None
    if acceptance.final is not None:
        return AcceptanceReport(acceptance, *acceptance.final)
    judged = dataset.page_of_assignments(task.id, DRAWN_ACCEPTED)
    return AcceptanceReport(
        acceptance,
        drawn=dataset.count_assignments(task.id, DRAWN),
        accepted=len(judged),
        rejected=dataset.count_assignments(task.id, DRAWN_REJECTED),
        points=sum(judgement.points(each) for each in judged),
    )


def _require_running(task: TeamTaskRecord) -> None:
    if task.status != judgement.ACCEPTING:
        raise ApiError(ACCEPTANCE_NOT_FOUND, f"{task.name}: no acceptance is running")


def _write(
    dataset: DatasetWriter, task: TeamTaskRecord, sample: SampleRecord, assignment: AssignmentRecord, now: int
) -> None:
    """Give a sample of the dataset the labels that were accepted."""
    member = member_with_id(task, assignment.worker_id)
    by = labeler_of(member.email) if member else labeler_of(assignment.worker_id)
    ensure_labels(dataset, assignment.labels)
    labelled = with_labels(sample, assignment.labels, by=by, now=now)
    metadata = {**sample.metadata, **assignment.metadata}
    dataset.put_sample(msgspec.structs.replace(labelled, metadata=metadata, worker_id=assignment.worker_id))


def _is_in_conflict(dataset: DatasetReader, task: TeamTaskRecord, sample: SampleRecord) -> bool:
    """Return whether the dataset has labels for a sample that this task has not written."""
    if not sample.labels or sample.annotated_time is None:
        return False
    keys = (key for key in dataset.assignments_of_sample(sample.id) if key[0] == task.id)
    written = (found.written for key in keys if (found := dataset.assignment(*key)) is not None)
    return sample.annotated_time not in set(written)


def _conflicts(dataset: DatasetReader, task: TeamTaskRecord) -> list[TeamSample]:
    found = []
    for assignment in dataset.page_of_assignments(task.id, WorkState.UNCHECK.value):
        sample = dataset.get(assignment.sample_id)
        if sample is not None and _is_in_conflict(dataset, task, sample):
            member = member_with_id(task, assignment.worker_id)
            found.append(TeamSample(as_sample(sample, assignment, member), assignment, [member] if member else []))
    return found


def _status_after(
    dataset: DatasetReader,
    task: TeamTaskRecord,
    waiting: Sequence[AssignmentRecord],
    action: int,
    report: AcceptanceReport,
) -> int:
    accepted = sum(1 for each in waiting if judgement.passes(action, each))
    before = dataset.count_assignments(task.id, WorkState.ACCEPTED.value)
    is_unjudged = dataset.count_assignments(task.id, DRAWN_UNJUDGED) > 0
    return judgement.status_after(
        action,
        is_all_accepted=before + accepted == dataset.count_assignments(task.id, EVERY),
        is_all_drawn_rejected=not is_unjudged and report.drawn == report.rejected,
    )
