"""Team labelling tasks: create, start, change and delete them, notify their members, and report their progress."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.errors import (
    PARAMETER_INVALID,
    TEAM_TASK_EXISTS,
    TEAM_TASK_NOT_FOUND,
    TEAM_TASK_UNFINISHED,
    UNSUPPORTED_TYPE,
    WORKER_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.contract.samples import SearchCondition
from modelarts_emulator.contract.team_tasks import CreateWorkforceTaskRequest, UpdateWorkforceTaskRequest
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, SampleStatus
from modelarts_emulator.contract.workforce import WorkforceInformation, WorkforcesConfig
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.search import all_of, matcher, read_conditions
from modelarts_emulator.store import DatasetReader, DatasetRecord, DatasetWriter, SampleRecord, Selection
from modelarts_emulator.store.team_records import (
    AssignmentRecord,
    MailRecord,
    TaskMember,
    TeamTaskRecord,
    WorkState,
)
from modelarts_emulator.teamwork import judgement
from modelarts_emulator.teamwork.allotment import allot
from modelarts_emulator.teamwork.members import (
    labelers,
    manager,
    member_with_email,
    members_of_teams,
    require_labelers,
)

TEAM_TYPES = frozenset(
    {
        DatasetType.IMAGE_CLASSIFICATION,
        DatasetType.OBJECT_DETECTION,
        DatasetType.TEXT_CLASSIFICATION,
        DatasetType.NAMED_ENTITY,
        DatasetType.TEXT_TRIPLET,
        DatasetType.SPEECH_PARAGRAPH,
    }
)
"""The dataset types that teams can label."""
EMAIL_SENT = 3
INVITED, ACTIVE = 1, 2
"""States of a member: an e-mail was sent; the member has labelled or reviewed."""
_NEW_DATA, _NEW_LABELS = 1, 2
"""Bits of ``data_sync_type``."""
_UNTOUCHED = (WorkState.NONE, WorkState.AUTO_ANNOTATION)


class DatasetTask(NamedTuple):
    """A team labelling task and its dataset."""

    dataset: DatasetRecord
    task: TeamTaskRecord


class MemberTask(NamedTuple):
    """A team labelling task of one member, and its dataset."""

    dataset: DatasetRecord
    task: TeamTaskRecord
    member: TaskMember


class TeamTaskManagement:
    """Team labelling tasks of datasets. A task's samples are allotted in the transaction that starts it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    # Create, change, delete

    def create(self, project_id: str, dataset_id: str, request: CreateWorkforceTaskRequest) -> str:
        """Create a task and allot its samples; with an agency it waits for a start. Return its id.

        Raises DATASET_NOT_FOUND, UNSUPPORTED_TYPE, TEAM_TASK_EXISTS, TEAM_NOT_FOUND, WORKER_NOT_FOUND, MANAGER_COUNT,
        TOO_FEW_LABELERS, PARAMETER_INVALID.
        """
        runtime = self._runtime
        record = runtime.require_dataset(project_id, dataset_id)
        taken = {task.name for task in record.team_tasks}
        task = self._new_task(project_id, record.type, request, taken)
        with runtime.store.writing(dataset_id) as dataset:
            _require_free_name(dataset.record, task.name)
            task = self._started(dataset, task) if task.status != judgement.CREATED else task
            put_task(dataset, task)
        self._send_mails(record, task)
        return task.id

    def start(self, project_id: str, dataset_id: str, task_id: str, config: WorkforcesConfig | None) -> None:
        """Start a task that waits for its manager, or one that was rejected.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, TEAM_TASK_UNFINISHED, TEAM_NOT_FOUND, WORKER_NOT_FOUND,
        TOO_FEW_LABELERS, PARAMETER_INVALID.
        """
        record, _ = self.describe(project_id, dataset_id, task_id)
        now = self._runtime.clock.now_ms()
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            if task.status not in (judgement.CREATED, judgement.REJECTED):
                raise ApiError(TEAM_TASK_UNFINISHED, f"{task.name} has been started")
            if config is not None and config.workforces:
                task = self._with_members(dataset, task, self._members(record, task, config, now))
            elif not labelers(task.members):
                raise ApiError(PARAMETER_INVALID, "workforces_config: a team is needed")
            require_labelers(task.members, task.repetition)
            task = self._started(dataset, task)
            put_task(dataset, task)
        self._send_mails(record, task)

    def update(self, project_id: str, dataset_id: str, task_id: str, request: UpdateWorkforceTaskRequest) -> None:
        """Change name, description or members.

        Samples that a removed labeler has not labelled are allotted to others; labels that were given stay. Raises
        DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, TEAM_TASK_EXISTS, TEAM_NOT_FOUND, WORKER_NOT_FOUND, TOO_FEW_LABELERS.
        """
        record, _ = self.describe(project_id, dataset_id, task_id)
        now = self._runtime.clock.now_ms()
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            if request.task_name is not None and request.task_name != task.name:
                _require_free_name(dataset.record, request.task_name)
            if request.workforces_config is not None:
                task = self._with_members(dataset, task, self._members(record, task, request.workforces_config, now))
            task = msgspec.structs.replace(
                task,
                name=request.task_name or task.name,
                description=task.description if request.description is None else request.description,
                update_time=now,
            )
            put_task(dataset, task)

    def delete(self, project_id: str, dataset_id: str, task_id: str) -> None:
        """Delete a task with its allotment; labels that were accepted stay in the dataset.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND.
        """
        record, _ = self.describe(project_id, dataset_id, task_id)
        with self._runtime.store.writing(record.id) as dataset:
            task = require_task(dataset.record, task_id)
            for each in dataset.page_of_assignments(task.id, ""):
                dataset.remove_assignment((each.task_id, each.sample_id, each.worker_id))
            tasks = [each for each in dataset.record.team_tasks if each.id != task.id]
            dataset.put_record(msgspec.structs.replace(dataset.record, team_tasks=tasks))

    def send_emails(
        self, project_id: str, dataset_id: str, task_id: str, emails: Collection[str]
    ) -> list[ApiError | None]:
        """Notify members; each address is refused by itself with WORKER_NOT_FOUND.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND, and PARAMETER_INVALID without an address.
        """
        record, task = self.describe(project_id, dataset_id, task_id)
        if not emails:
            raise ApiError(PARAMETER_INVALID, "emails: at least one is needed")
        results: list[ApiError | None] = []
        notified: list[TaskMember] = []
        for email in emails:
            member = member_with_email(task, email)
            results.append(ApiError(WORKER_NOT_FOUND, email[:80]) if member is None else None)
            if member is not None:
                notified.append(member)
        self._notify(record, task, notified)
        return results

    def first_task(
        self, project_id: str, dataset_type: DatasetType, information: WorkforceInformation
    ) -> TeamTaskRecord:
        """Return the task that is created together with a dataset.

        Its samples are allotted when the dataset has been read for the first time. Without a team it waits for a
        start. Raises as :meth:`create`.
        """
        request = CreateWorkforceTaskRequest(
            task_name=information.task_name,
            data_sync_type=information.data_sync_type,
            repetition=information.repetition,
            synchronize_auto_labeling_data=bool(information.synchronize_auto_labeling_data),
            synchronize_data=information.synchronize_data,
            workforces_config=information.workforces_config,
        )
        return self._new_task(project_id, dataset_type, request, (), is_first=True)

    # Read

    def describe(self, project_id: str, dataset_id: str, task_id: str) -> DatasetTask:
        """Return a task, after samples that were added to the dataset have joined it.

        Raises DATASET_NOT_FOUND, TEAM_TASK_NOT_FOUND.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        task = require_task(record, task_id)
        if task.allotted is None and task.status != judgement.CREATED:
            return self._first_allotment(record, task)
        if not (task.sync_data or task.sync_auto_labels) or task.status == judgement.CREATED:
            return DatasetTask(record, task)
        with self._runtime.store.reading(dataset_id) as reader:
            if task.allotted == _sample_counts(reader):
                return DatasetTask(record, task)
        with self._runtime.store.writing(record.id) as dataset:
            current = require_task(dataset.record, task_id)
            task = self._allotted(dataset, current, is_first=False)
            if current.status == judgement.ACCEPTED and dataset.is_changed:
                task = msgspec.structs.replace(task, status=judgement.RUNNING)
            put_task(dataset, task)
        return DatasetTask(self._runtime.store.entry(dataset_id).record, task)

    def tasks(self, project_id: str, dataset_id: str) -> list[DatasetTask]:
        """Return the tasks of a dataset, the newest first. Raises DATASET_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        return [self.describe(project_id, dataset_id, task.id) for task in reversed(record.team_tasks)]

    def member_tasks(self, project_id: str, search: str | None) -> list[MemberTask]:
        """Return one entry for each member of each task of a project whose name contains ``search``."""
        return [
            MemberTask(entry.record, task, member)
            for entry in self._runtime.store.entries(project_id)
            for task in entry.record.team_tasks
            if not search or search in task.name
            for member in task.members
        ]

    @contextmanager
    def reading(self, dataset_id: str) -> Iterator[DatasetReader]:
        """Give a reader of a dataset, to count and list the samples of its tasks."""
        with self._runtime.store.reading(dataset_id) as dataset:
            yield dataset

    # Inside

    def _first_allotment(self, record: DatasetRecord, task: TeamTaskRecord) -> DatasetTask:
        """Allot the samples of a task that was created with its dataset, unless the dataset is still being read."""
        if record.status is not DatasetStatus.NORMAL:
            return DatasetTask(record, task)
        with self._runtime.store.writing(record.id) as dataset:
            task = self._started(dataset, require_task(dataset.record, task.id))
            put_task(dataset, task)
        self._send_mails(record, task)
        return DatasetTask(self._runtime.store.entry(record.id).record, task)

    def _new_task(
        self,
        project_id: str,
        dataset_type: DatasetType,
        request: CreateWorkforceTaskRequest,
        taken_names: Collection[str],
        *,
        is_first: bool = False,
    ) -> TeamTaskRecord:
        if dataset_type not in TEAM_TYPES:
            raise ApiError(UNSUPPORTED_TYPE, f"a team cannot label a dataset of type {int(dataset_type)}")
        now = self._runtime.clock.now_ms()
        conditions = read_conditions(request.sample_conditions)
        _tests(conditions, now)
        config, data = request.workforces_config, self._runtime.teams.data
        repetition, sync = request.repetition or 1, request.data_sync_type or 0
        has_teams = config is not None and bool(config.workforces)
        if config is not None and config.agency and not has_teams:
            members, status = [manager(data, project_id, config.agency, now)], judgement.CREATED
        elif is_first and not has_teams:
            members, status = [], judgement.CREATED
        else:
            members, status = members_of_teams(data, project_id, config, now), judgement.RUNNING
            require_labelers(members, repetition)
        return TeamTaskRecord(
            id=self._runtime.ids.entity(),
            name=request.task_name or self._free_name(taken_names),
            status=status,
            create_time=now,
            update_time=now,
            repetition=repetition,
            auto_sync=request.auto_sync_dataset,
            sync_data=bool(request.synchronize_data or sync & _NEW_DATA),
            sync_auto_labels=bool(request.synchronize_auto_labeling_data or sync & _NEW_LABELS),
            conditions=conditions,
            agency=config.agency if config else None,
            members=members,
        )

    def _free_name(self, taken: Collection[str]) -> str:
        choices = self._runtime.ids.choices()
        while (name := f"task-{choices.getrandbits(16):04x}") in taken:
            pass
        return name

    def _members(
        self, record: DatasetRecord, task: TeamTaskRecord, config: WorkforcesConfig, now: int
    ) -> list[TaskMember]:
        """Return the members that a request names, and the manager of the task; known ones keep their progress."""
        named = members_of_teams(self._runtime.teams.data, record.project_id, config, now)
        known = {member.worker_id: member for member in task.members}
        kept = [member for member in task.members if member.role == judgement.MANAGES and task.agency]
        found = {member.worker_id: known.get(member.worker_id, member) for member in (*kept, *named)}
        return list(found.values())

    def _with_members(self, dataset: DatasetWriter, task: TeamTaskRecord, members: list[TaskMember]) -> TeamTaskRecord:
        """Return a task with other members; samples of those who left are allotted to the others."""
        changed = msgspec.structs.replace(task, members=members)
        if task.status == judgement.CREATED:
            return changed
        require_labelers(members, task.repetition)
        left = set(labelers(task.members)) - set(labelers(members))
        freed = [
            each
            for worker_id in left
            for state in _UNTOUCHED
            for each in dataset.page_of_assignments(task.id, state.value, worker_id)
        ]
        for each in freed:
            dataset.remove_assignment((each.task_id, each.sample_id, each.worker_id))
        self._assign(dataset, changed, {each.sample_id: each for each in freed})
        return changed

    def _started(self, dataset: DatasetWriter, task: TeamTaskRecord) -> TeamTaskRecord:
        now = self._runtime.clock.now_ms()
        task = msgspec.structs.replace(task, status=judgement.RUNNING, update_time=now)
        task = self._allotted(dataset, task, is_first=True)
        if not dataset.is_changed and not dataset.count_assignments(task.id):
            return task
        members = [
            msgspec.structs.replace(member, email_status=EMAIL_SENT) if member.role != judgement.MANAGES else member
            for member in task.members
        ]
        return msgspec.structs.replace(task, members=members)

    def _allotted(self, dataset: DatasetWriter, task: TeamTaskRecord, *, is_first: bool) -> TeamTaskRecord:
        """Allot the samples that meet the task's conditions and are not allotted yet.

        At the start these are all unlabelled ones; later those that the task takes over from the dataset.
        """
        statuses = {SampleStatus.UN_ANNOTATION} if is_first or task.sync_data else set()
        if task.sync_auto_labels:
            statuses.add(SampleStatus.AUTO_ANNOTATION)
        selection = Selection(
            statuses=frozenset(statuses),
            predicate=all_of(_tests(task.conditions, self._runtime.clock.now_ms())),
        )
        is_empty = not dataset.count_assignments(task.id)
        wanted = {
            sample.id: _assignment(task.id, sample)
            for sample in dataset.select(selection)
            if is_empty or not self._holders(dataset, task, sample.id)
        }
        self._assign(dataset, task, wanted)
        return msgspec.structs.replace(task, allotted=_sample_counts(dataset))

    def _assign(self, dataset: DatasetWriter, task: TeamTaskRecord, wanted: dict[str, AssignmentRecord]) -> None:
        """Allot samples to the labelers of a task, each with the labels of its entry in ``wanted``."""
        if not wanted:
            return
        workers = labelers(task.members)
        loads = {worker_id: dataset.count_assignments(task.id, "", worker_id) for worker_id in workers}
        holders = {sample_id: self._holders(dataset, task, sample_id) for sample_id in wanted}
        for sample_id, worker_id in allot(list(wanted), loads, task.repetition, self._runtime.ids.choices(), holders):
            dataset.put_assignment(msgspec.structs.replace(wanted[sample_id], worker_id=worker_id))

    def _holders(self, dataset: DatasetWriter, task: TeamTaskRecord, sample_id: str) -> list[str]:
        """Return the labelers of a sample in a task, changes of this transaction included."""
        keys = (key for key in dataset.assignments_of_sample(sample_id) if key[0] == task.id)
        return [key[2] for key in keys if dataset.assignment(*key) is not None]

    def _send_mails(self, record: DatasetRecord, task: TeamTaskRecord) -> None:
        """Record the e-mails of a start; none is sent if every sample is labelled."""
        mailed = [member for member in task.members if member.email_status == EMAIL_SENT]
        self._record_mails(record, task, mailed, f"Team labelling task {task.name} has started")

    def _notify(self, record: DatasetRecord, task: TeamTaskRecord, notified: Collection[TaskMember]) -> None:
        now = self._runtime.clock.now_ms()
        ids = {member.worker_id for member in notified}

        def notify(member: TaskMember) -> TaskMember:
            return msgspec.structs.replace(member, email_status=EMAIL_SENT, last_notify_time=now)

        with self._runtime.store.writing(record.id) as dataset:
            current = require_task(dataset.record, task.id)
            put_task(dataset, with_changed_members(current, ids, notify))
        self._record_mails(record, task, notified, f"Team labelling task {task.name} waits for you")

    def _record_mails(
        self, record: DatasetRecord, task: TeamTaskRecord, members: Collection[TaskMember], subject: str
    ) -> None:
        if not members:
            return
        now = self._runtime.clock.now_ms()
        with self._runtime.teams.changing() as data:
            for member in members:
                mail_id = self._runtime.ids.worker()
                data.mails[mail_id] = MailRecord(
                    id=mail_id,
                    project_id=record.project_id,
                    dataset_id=record.id,
                    workforce_task_id=task.id,
                    email=member.email,
                    subject=subject,
                    time=now,
                )
                worker = data.workers.get(member.worker_id)
                if worker is not None and worker.status < INVITED:
                    data.workers[worker.id] = msgspec.structs.replace(worker, status=INVITED)


def require_task(record: DatasetRecord, task_id: str) -> TeamTaskRecord:
    """Return a team labelling task of a dataset. Raises TEAM_TASK_NOT_FOUND."""
    task = next((each for each in record.team_tasks if each.id == task_id), None)
    if task is None:
        raise ApiError(TEAM_TASK_NOT_FOUND, task_id[:80])
    return task


def with_changed_members(
    task: TeamTaskRecord, worker_ids: Collection[str], change: Callable[[TaskMember], TaskMember]
) -> TeamTaskRecord:
    """Return a task in which the members with these ids are changed."""
    members = [change(member) if member.worker_id in worker_ids else member for member in task.members]
    return msgspec.structs.replace(task, members=members)


def put_task(dataset: DatasetWriter, task: TeamTaskRecord) -> None:
    """Add a task to a dataset, or replace the one with its id."""
    tasks = list(dataset.record.team_tasks)
    position = next((number for number, each in enumerate(tasks) if each.id == task.id), None)
    if position is None:
        tasks.append(task)
    else:
        tasks[position] = task
    dataset.put_record(msgspec.structs.replace(dataset.record, team_tasks=tasks))


def _require_free_name(record: DatasetRecord, name: str) -> None:
    if any(task.name == name for task in record.team_tasks):
        raise ApiError(TEAM_TASK_EXISTS, name)


def _tests(conditions: Collection[SearchCondition], now: int) -> list[Callable[[SampleRecord], bool]]:
    return [matcher(condition, now) for condition in conditions]


def _sample_counts(dataset: DatasetReader) -> tuple[int, int, int]:
    counts = dataset.counts
    return counts.total, counts.deleted, counts.unconfirmed


def _assignment(task_id: str, sample: SampleRecord) -> AssignmentRecord:
    """Return the assignment of a sample without a labeler; labels to be confirmed come with it."""
    proposed = sample.status is SampleStatus.AUTO_ANNOTATION
    return AssignmentRecord(
        task_id=task_id,
        sample_id=sample.id,
        worker_id="",
        state=WorkState.AUTO_ANNOTATION if proposed else WorkState.NONE,
        labels=sample.labels if proposed else [],
    )
