"""Wire types of team labelling: workers, teams and the labelling task of a dataset."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.wire import Description, Integer, Long, Repetition, SampleName, TaskName, Wire


class Worker(Wire, kw_only=True):
    """A member of a labelling team."""

    create_time: Long | None = None
    """Time at which the worker was added, in ms since the epoch."""
    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""
    email: str | None = None
    """E-mail address that identifies the worker."""
    role: Literal[0, 1, 2, 3] | None = None
    """Role: 0 labels, 1 reviews, 2 administers the team, 3 owns the dataset."""
    status: Literal[0, 1, 2, 3] | None = None
    """Login state: 0 invitation not sent, 1 sent and not logged in, 2 logged in, 3 deleted."""
    update_time: Long | None = None
    """Time of the latest change, in ms since the epoch."""
    worker_id: str | None = None
    """Identifier of the worker."""
    workforce_id: str | None = None
    """Team that the worker belongs to."""


class WorkforceConfig(Wire, kw_only=True):
    """A team that a labelling task is given to."""

    workers: list[Worker] | None = None
    """Members that take part; all members if absent."""
    workforce_id: str | None = None
    """Identifier of the team."""
    workforce_name: SampleName | None = None
    """Display name, up to 1,024 characters without ``!<>=&"'``."""


class WorkforcesConfig(Wire, kw_only=True):
    """Administrator or teams of a labelling task."""

    agency: str | None = None
    """Administrator (email) who distributes the task; given instead of ``workforces``."""
    workforces: list[WorkforceConfig] | None = None
    """Teams that label."""


class WorkforceInformation(Wire, kw_only=True):
    """The team labelling task that is created together with a dataset."""

    task_name: TaskName
    """Display name of the task, 1 to 64 letters, digits, ``_`` and ``-``."""
    data_sync_type: Literal[0, 1, 2, 3] | None = None
    """Updates that are passed on to the team later: 0 none, 1 new data, 2 new labels, 3 both."""
    repetition: Repetition | None = None
    """Number of workers who label each sample; at least 1."""
    synchronize_auto_labeling_data: bool | None = None
    """Whether automatically labelled samples are passed on to the team."""
    synchronize_data: bool | None = None
    """Whether samples that are added later are passed on to the team."""
    task_id: str | None = None
    """Identifier of an existing labelling task."""
    workforces_config: WorkforcesConfig | None = None
    """Teams or administrator of the task."""


class WorkforceDescriptor(Wire, kw_only=True):
    """The team labelling task of a dataset, as the dataset's details show it."""

    current_task_id: str | None = None
    """Labelling task in progress."""
    current_task_name: str | None = None
    """Display name of the labelling task in progress."""
    reject_num: Integer | None = None
    """Samples that reviewers rejected."""
    repetition: Integer | None = None
    """Number of workers who label each sample."""
    is_synchronize_auto_labeling_data: bool | None = None
    """Whether automatically labelled samples are passed on to the team."""
    is_synchronize_data: bool | None = None
    """Whether samples that are added later are passed on to the team."""
    workers: list[Worker] | None = None
    """Members of the team."""
    workforce_id: str | None = None
    """Identifier of the team."""
    workforce_name: str | None = None
    """Display name of the team."""
