"""The records of team labelling: teams and members of a project, and the labelling tasks of a dataset."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from modelarts_emulator.contract.samples import SampleLabel, SearchCondition


class TeamRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A labelling team of a project. Times are in ms since the epoch."""

    id: str
    project_id: str
    name: str
    create_time: int
    update_time: int
    description: str = ""


class WorkerRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A member of a team. Times are in ms since the epoch."""

    id: str
    project_id: str
    team_id: str
    email: str
    role: int
    """0 labels, 1 reviews, 2 administers the team."""
    create_time: int
    update_time: int
    status: int = 0
    """0 no invitation sent, 1 sent, 2 has labelled or reviewed."""
    description: str = ""


class MailRecord(msgspec.Struct, kw_only=True):
    """An e-mail that the service would have sent."""

    id: str
    """Identifier of the e-mail."""
    project_id: str
    """Project of the task."""
    dataset_id: str
    """Dataset of the task."""
    workforce_task_id: str
    """Team labelling task that the e-mail is about."""
    email: str
    """Address of the recipient."""
    subject: str
    """Text of the e-mail."""
    time: int
    """Time of sending, in ms since the epoch."""


class TaskMember(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A member of a team labelling task. Times are in ms since the epoch."""

    worker_id: str
    email: str
    role: int
    team_id: str
    team_name: str
    update_time: int
    email_status: int = 0
    """0 no e-mail sent, 3 sent."""
    last_notify_time: int = 0


class AcceptanceRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The running or latest acceptance of a team labelling task."""

    id: str
    sampling_num: int
    sampling_rate: float
    total: int
    """Number of samples that could be drawn."""
    action: int | None = None
    """The action that ended it; None while it runs."""
    overwrite: bool = False
    final: tuple[int, int, int, int] | None = None
    """Numbers of drawn, accepted and rejected samples and the sum of points, when it ended."""


class TeamTaskRecord(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A team labelling task. Times are in ms since the epoch."""

    id: str
    name: str
    status: int
    """1 running, 2 accepting, 3 accepted, 4 rejected, 6 created."""
    create_time: int
    update_time: int
    description: str = ""
    repetition: int = 1
    auto_sync: bool = True
    sync_data: bool = False
    sync_auto_labels: bool = False
    conditions: list[SearchCondition] = []
    agency: str | None = None
    """The manager, as the request named them."""
    members: list[TaskMember] = []
    deleted: int = 0
    """Number of allotted samples that were deleted from the dataset."""
    acceptance: AcceptanceRecord | None = None
    allotted: tuple[int, int, int] | None = None
    """Numbers of all, of deleted and of unconfirmed samples of the dataset at the latest allotment."""


class WorkState(str, Enum):
    """State of a sample within a team labelling task, for one labeler."""

    NONE = "NONE"
    AUTO_ANNOTATION = "AUTO_ANNOTATION"
    UNREVIEWED = "UNREVIEWED"
    UNCHECK = "UNCHECK"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"


class AssignmentRecord(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """A sample that is allotted to a labeler, with the labeler's work and its judgements."""

    task_id: str
    sample_id: str
    worker_id: str
    state: WorkState = WorkState.NONE
    labels: list[SampleLabel] = []
    metadata: dict[str, Any] = {}
    annotated_time: int | None = None
    """Time of labelling, in ms since the epoch."""
    written: int | None = None
    """Time at which an acceptance wrote these labels to the dataset, in ms since the epoch."""
    review_accept: bool | None = None
    review_comment: str | None = None
    review_score: str | None = None
    check_accept: bool | None = None
    check_comment: str | None = None
    check_score: str | None = None
    drawn: bool = False
    """Whether the running acceptance has drawn it."""
