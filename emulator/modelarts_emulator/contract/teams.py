"""Wire types of labelling teams and their members."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from modelarts_emulator.contract.labels import BatchResponse
from modelarts_emulator.contract.wire import Description, Integer, Limit, Long, Offset, Order, TeamName, Wire
from modelarts_emulator.contract.workforce import Worker


class TeamOrder(str, Enum):
    """Member that a list of teams is sorted by."""

    CREATE_TIME = "create_time"
    WORKFORCE_NAME = "workforce_name"


class WorkerOrder(str, Enum):
    """Member that a list of team members is sorted by."""

    CREATE_TIME = "create_time"
    EMAIL = "email"


class Workforce(Wire, kw_only=True):
    """A labelling team."""

    create_time: Long | None = None
    """Time of creation, in ms since the epoch."""
    description: str | None = None
    """Free text."""
    update_time: Long | None = None
    """Time of the latest change, in ms since the epoch."""
    worker_count: Integer | None = None
    """Number of members."""
    workforce_id: str | None = None
    """Identifier of the team."""
    workforce_name: str | None = None
    """Display name of the team."""
    workspace_id: str | None = None
    """Workspace; ``0`` for the default one."""


class ListWorkforcesQuery(Wire, kw_only=True):
    """Select, sort and page through the teams.

    Reference: ``querying_the_labeling_team_list``.
    """

    limit: Limit = 10
    """Largest number of teams in the page, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    order: Order = Order.DESC
    """Sorting order; descending by default."""
    search_content: str | None = None
    """Part of the team's name."""
    sort_by: TeamOrder = TeamOrder.CREATE_TIME
    """Member to sort by; the time of creation by default."""
    workforce_task_id: str | None = None
    """Team labelling task whose teams are listed."""


class ListWorkforcesResponse(Wire, kw_only=True):
    """A page of teams.

    Reference: ``querying_the_labeling_team_list``.
    """

    total_number: Integer | None = None
    """Number of all selected teams."""
    workforces: list[Workforce] | None = None
    """Teams of this page."""


class CreateWorkforceRequest(Wire, kw_only=True):
    """Name and description of a new team.

    Reference: ``creating_a_labeling_team``.
    """

    workforce_name: TeamName
    """Display name, 1 to 64 letters, digits, ``_`` and ``-``."""
    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""


class CreateWorkforceResponse(Wire, kw_only=True):
    """The new team.

    Reference: ``creating_a_labeling_team``.
    """

    workforce_id: str | None = None
    """Identifier of the team."""


class UpdateWorkforceRequest(Wire, kw_only=True):
    """New name or description of a team.

    Reference: ``updating_a_labeling_team``.
    """

    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""
    workforce_name: TeamName | None = None
    """Display name, 1 to 64 letters, digits, ``_`` and ``-``."""


class ListWorkersQuery(Wire, kw_only=True):
    """Sort and page through the members of a team.

    Reference: ``querying_the_list_of_labeling_team_members``.
    """

    limit: Limit = 10
    """Largest number of members in the page, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    order: Order = Order.DESC
    """Sorting order; descending by default."""
    sort_by: WorkerOrder = WorkerOrder.CREATE_TIME
    """Member to sort by; the time of creation by default."""


class ListAllWorkersQuery(ListWorkersQuery, kw_only=True):
    """Select, sort and page through the members of all teams.

    Reference: ``querying_the_list_of_all_labeling_team_members``.
    """

    role: Literal[0, 1, 2] = 0
    """Role: 0 labels, 1 reviews, 2 administers the team; 0 by default."""


class ListWorkersResponse(Wire, kw_only=True):
    """A page of team members.

    Reference: ``querying_the_list_of_labeling_team_members``.
    """

    total_number: Integer | None = None
    """Number of all selected members."""
    workers: list[Worker] | None = None
    """Members of this page."""


class CreateWorkerRequest(Wire, kw_only=True):
    """New members of a team.

    Reference: ``creating_a_labeling_team_member``.
    """

    emails: str | list[str]
    """E-mail address; several are separated by ``,`` or ``;``, or are a list."""
    role: Literal[0, 1, 2, 3]
    """Role: 0 labels, 1 reviews, 2 administers the team; 3, the owner of datasets, is refused."""
    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""


class UpdateWorkerRequest(Wire, kw_only=True):
    """New role or description of a member.

    Reference: ``updating_a_labeling_team_member``.
    """

    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""
    role: Literal[0, 1, 2, 3] | None = None
    """Role: 0 labels, 1 reviews, 2 administers the team; 3, the owner of datasets, is refused."""


class BatchDeleteWorkersRequest(Wire, kw_only=True):
    """Members to delete.

    Reference: ``deleting_labeling_team_members_in_batches``.
    """

    workers: list[str]
    """Identifiers of the members."""


class BatchDeleteWorkersResponse(BatchResponse, kw_only=True):
    """The result for each member, in the order of the request.

    Reference: ``deleting_labeling_team_members_in_batches``.
    """

    results: list[BatchResponse] | None = None
    """Result for each member."""


class EmptyResponse(Wire, kw_only=True):
    """An empty object: the operation succeeded."""
