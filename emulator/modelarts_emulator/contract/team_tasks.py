"""Wire types of team labelling tasks: allotment, labelling, review and acceptance."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

from msgspec import Meta

from modelarts_emulator.contract.datasets import PairOfintAndHardDetail
from modelarts_emulator.contract.labels import BatchResponse, LabelStats
from modelarts_emulator.contract.samples import DescribeSampleResp, SampleLabels, SearchCondition
from modelarts_emulator.contract.wire import (
    Comment,
    DatasetType,
    Description,
    Integer,
    Limit,
    Locale,
    Long,
    Offset,
    Order,
    Repetition,
    SampleState,
    TaskLimit,
    TaskName,
    Wire,
)
from modelarts_emulator.contract.workforce import WorkforcesConfig

Action = Literal[0, 1, 2, 3, 4, 5]


class WorkerTaskOrder(str, Enum):
    """Member that a list of the tasks of team members is sorted by."""

    CREATE_TIME = "create_time"
    WORKFORCE_TASK_NAME = "workforce_task_name"


class TeamSampleStats(Wire, kw_only=True):
    """Numbers of samples of a team labelling task by state."""

    accepted_sample_count: Integer | None = None
    """Samples that passed an acceptance."""
    auto_annotation_sample_count: Integer | None = None
    """Samples with labels that are to be confirmed."""
    deleted_sample_count: Integer | None = None
    """Samples that were deleted from the dataset after their allotment."""
    rejected_sample_count: Integer | None = None
    """Samples that a reviewer or an acceptance rejected."""
    sampled_sample_count: Integer | None = None
    """Samples that the running acceptance has drawn; they are counted in another state as well."""
    total_sample_count: Integer | None = None
    """Number of allotted samples."""
    unannotated_sample_count: Integer | None = None
    """Samples without a label in the task."""
    uncheck_sample_count: Integer | None = None
    """Samples that wait for an acceptance."""
    unreviewed_sample_count: Integer | None = None
    """Samples that are labelled and not reviewed."""


class WorkforceStats(Wire, kw_only=True):
    """Numbers of teams and members of a task."""

    labeler_count: Integer | None = None
    """Members who label."""
    reviewer_count: Integer | None = None
    """Members who review."""
    workforce_count: Integer | None = None
    """Teams."""


class CheckTaskStats(Wire, kw_only=True):
    """Progress of an acceptance."""

    accepted_sample_count: Integer | None = None
    """Drawn samples that were accepted."""
    checked_sample_count: Integer | None = None
    """Drawn samples that were judged."""
    pass_rate: float | None = None
    """Accepted samples divided by judged samples, from 0 to 1."""
    rejected_sample_count: Integer | None = None
    """Drawn samples that were rejected."""
    sampled_sample_count: Integer | None = None
    """Samples that were drawn."""
    sampling_num: Integer | None = None
    """Number of samples to draw."""
    sampling_rate: float | None = None
    """Part of the samples to draw, from 0 to 1."""
    score: str | None = None
    """Letter of the mean score, A (best) to D; E if nothing was judged."""
    task_id: str | None = None
    """Identifier of the acceptance."""
    total_sample_count: Integer | None = None
    """Samples that could be drawn."""
    total_score: Long | None = None
    """Sum of the points: 4 for A, 3 for B, 2 for C, 1 for D, 0 for a rejected sample."""
    unchecked_sample_count: Integer | None = None
    """Drawn samples that were not judged."""


class WorkforceSamplingTaskDesc(Wire, kw_only=True):
    """The running or latest acceptance of a task."""

    action: Literal[0, 1, 4, 5] | None = None
    """Action that ended it, as in the request; absent while it runs."""
    checking_stats: CheckTaskStats | None = None
    """Progress while it runs."""
    checking_task_id: str | None = None
    """Identifier of the acceptance."""
    overwrite_last_result: bool | None = None
    """Whether labels that the dataset got in the meantime were replaced."""
    total_stats: CheckTaskStats | None = None
    """Totals of the acceptance."""


class WorkerTask(Wire, kw_only=True):
    """A team labelling task of one member."""

    create_time: Long | None = None
    """Time at which the task was created, in ms since the epoch."""
    dataset_id: str | None = None
    """Dataset of the task."""
    dataset_type: DatasetType | None = None
    """Content of the task's dataset and how it is labelled."""
    email: str | None = None
    """E-mail address of the member."""
    email_status: Literal[0, 1, 2, 3] | None = None
    """E-mail: 0 not sent, 1 malformed address, 2 unreachable, 3 sent."""
    last_notify_time: Long | None = None
    """Time of the latest e-mail that was requested, in ms since the epoch; 0 if there is none."""
    pass_rate: float | None = None
    """Accepted samples divided by judged samples in the latest acceptance."""
    role: Literal[0, 1, 2, 3] | None = None
    """Role of the member."""
    sample_stats: TeamSampleStats | None = None
    """Numbers of samples allotted to the member."""
    score: float | None = None
    """Mean number of points in the latest acceptance."""
    task_id: str | None = None
    """Identifier of the task."""
    task_status: Literal[0, 1, 2, 3, 4, 6] | None = None
    """State of the task."""
    update_time: Long | None = None
    """Time of the member's latest change, in ms since the epoch."""
    worker_id: str | None = None
    """Identifier of the member."""
    workforce_task_name: str | None = None
    """Display name of the task."""


class WorkforceTask(Wire, kw_only=True):
    """A team labelling task of a dataset."""

    auto_sync_dataset: bool | None = None
    """Whether accepted labels are written to the dataset."""
    check_rate: float | None = None
    """Judged samples divided by drawn samples of the latest acceptance."""
    checking_task_desc: WorkforceSamplingTaskDesc | None = None
    """The running or latest acceptance."""
    create_time: Long | None = None
    """Time of creation, in ms since the epoch."""
    dataset_id: str | None = None
    """Dataset of the task."""
    description: str | None = None
    """Free text."""
    label_stats: list[LabelStats] | None = None
    """Use of each label of the dataset within the task."""
    pass_rate: float | None = None
    """Accepted samples divided by judged samples of the latest acceptance."""
    repetition: Integer | None = None
    """Number of members who label each sample."""
    sample_search_conditions: list[SearchCondition] | None = None
    """Conditions that samples must meet."""
    sample_stats: TeamSampleStats | None = None
    """Numbers of samples by state."""
    score: float | None = None
    """Mean number of points of the latest acceptance."""
    status: Literal[0, 1, 2, 3, 4, 5, 6, 7] | None = None
    """State: 0 starting, 1 running, 2 accepting, 3 accepted, 4 rejected, 5 writing results, 6 created, 7 drawing."""
    synchronize_auto_labeling_data: bool | None = None
    """Whether samples with labels to be confirmed are passed on to the team."""
    synchronize_data: bool | None = None
    """Whether samples that are added later are passed on to the team."""
    task_id: str | None = None
    """Identifier of the task."""
    task_name: str | None = None
    """Display name of the task."""
    update_time: Long | None = None
    """Time of the latest change, in ms since the epoch."""
    version_id: str | None = None
    """Dataset version that the task belongs to."""
    workforce_stats: WorkforceStats | None = None
    """Numbers of teams and members."""
    workforces_config: WorkforcesConfig | None = None
    """Teams or administrator of the task."""


class DescWorkforceTaskResponse(WorkforceTask, kw_only=True):
    """A team labelling task with the progress of its members.

    Reference: ``querying_details_about_a_team_labeling_task``.
    """

    worker_stats: list[WorkerTask] | None = None
    """Progress of each member."""


class ListWorkforceTasksQuery(Wire, kw_only=True):
    """Page through the team labelling tasks of a dataset.

    Reference: ``querying_the_team_labeling_task_list_of_a_dataset``.
    """

    limit: TaskLimit = 1000
    """Largest number of tasks in the page, 1 to 1,000; 1,000 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""


class ListWorkforceTasksResponse(Wire, kw_only=True):
    """A page of team labelling tasks.

    Reference: ``querying_the_team_labeling_task_list_of_a_dataset``.
    """

    count: Integer | None = None
    """Number of all tasks."""
    tasks: list[WorkforceTask] | None = None
    """Tasks of this page, the newest first."""


class CreateWorkforceTaskRequest(Wire, kw_only=True):
    """A new team labelling task.

    Reference: ``creating_a_team_labeling_task``.
    """

    auto_sync_dataset: bool = True
    """Whether accepted labels are written to the dataset; true by default."""
    data_sync_type: Literal[0, 1, 2, 3] | None = None
    """Updates that are passed on to the team later: 0 none, 1 new data, 2 new labels, 3 both."""
    repetition: Repetition | None = None
    """Number of members who label each sample; 1 by default."""
    sample_conditions: str | None = None
    """JSON of one search condition or of a list; only samples that meet all of them are allotted."""
    synchronize_auto_labeling_data: bool = False
    """Whether samples with labels to be confirmed are passed on to the team; false by default."""
    workforces_config: WorkforcesConfig | None = None
    """Teams or administrator of the task."""
    task_name: TaskName | None = None
    """Display name, 1 to 64 letters, digits, ``_`` and ``-``; generated if absent."""
    synchronize_data: bool | None = None
    """Whether samples that are added later are passed on to the team; false by default."""


class CreateWorkforceTaskResponse(Wire, kw_only=True):
    """The new team labelling task.

    Reference: ``creating_a_team_labeling_task``.
    """

    task_id: str | None = None
    """Identifier of the task."""


class DescWorkforceTaskQuery(Wire, kw_only=True):
    """Members to answer with.

    Reference: ``querying_details_about_a_team_labeling_task``.
    """

    label_stats: bool = False
    """Whether the use of labels is answered; false by default."""
    sample_stats: bool = False
    """Numbers of samples; they are answered always."""
    workforce_stats: bool = False
    """Numbers of teams and members; they are answered always."""


class StartWorkforceTaskRequest(Wire, kw_only=True):
    """Teams and members to start a task with.

    Reference: ``starting_a_team_labeling_task``.
    """

    dataset_id: str | None = None
    """Dataset of the task; the one in the path is used."""
    task_id: str | None = None
    """Identifier of the task; the one in the path is used."""
    workforces_config: WorkforcesConfig | None = None
    """Teams of the task; those of an earlier start if absent."""


class UpdateWorkforceTaskRequest(Wire, kw_only=True):
    """New name, description or members of a task.

    Reference: ``updating_a_team_labeling_task``.
    """

    dataset_id: str | None = None
    """Dataset of the task; the one in the path is used."""
    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""
    task_id: str | None = None
    """Identifier of the task; the one in the path is used."""
    task_name: TaskName | None = None
    """Display name, 1 to 64 letters, digits, ``_`` and ``-``."""
    workforces_config: WorkforcesConfig | None = None
    """Teams of the task."""


class SendEmailsRequest(Wire, kw_only=True):
    """Members to notify.

    Reference: ``sending_an_email_to_a_labeling_team_member``.
    """

    emails: list[str]
    """E-mail addresses of members of the task."""


class SendEmailsResponse(BatchResponse, kw_only=True):
    """The result for each address, in the order of the request.

    Reference: ``sending_an_email_to_a_labeling_team_member``.
    """

    results: list[BatchResponse] | None = None
    """Result for each address."""


class ListWorkerTasksQuery(Wire, kw_only=True):
    """Select, sort and page through the tasks of all members.

    Reference: ``querying_the_team_labeling_task_list_by_a_team_member``.
    """

    limit: Limit = 10
    """Largest number of tasks in the page, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    order: Order = Order.DESC
    """Sorting order; descending by default."""
    search_content: str | None = None
    """Part of the task's name."""
    sort_by: WorkerTaskOrder = WorkerTaskOrder.CREATE_TIME
    """Member to sort by; the time of creation by default."""


class ListWorkerTasksResponse(Wire, kw_only=True):
    """A page of the tasks of members.

    Reference: ``querying_the_team_labeling_task_list_by_a_team_member``.
    """

    count: Integer | None = None
    """Number of all selected entries, one for each task and member."""
    worker_tasks: list[WorkerTask] | None = None
    """Entries of this page."""


class GetWorkforceTaskMetricsResponse(Wire, kw_only=True):
    """Progress of the labelers of a task.

    Reference: ``querying_details_about_the_progress_of_a_team_labeling_task_member``.
    """

    sample_stats: dict[str, dict[str, int]] | None = None
    """Numbers of samples by state, for the e-mail address of each labeler."""


class ListWorkforceTaskStatsQuery(Wire, kw_only=True):
    """Select the samples whose labels are counted.

    Reference: ``querying_details_about_team_labeling_task_statistics``.
    """

    sample_state: SampleState | None = None
    """State of the samples in the task; all by default."""


class ListWorkforceTaskStatsResponse(Wire, kw_only=True):
    """Counts of a team labelling task.

    Reference: ``querying_details_about_team_labeling_task_statistics``.
    """

    data_path: str | None = None
    """First input path of the dataset."""
    data_spliting_enable: bool | None = None
    """Whether samples can be split; false, because a task is not published."""
    grouped_label_stats: dict[str, list[LabelStats]] | None = None
    """Use of the labels by type of label."""
    hard_detail_stats: dict[str, PairOfintAndHardDetail] | None = None
    """Samples by reason of hardness."""
    key_sample_stats: dict[str, int] | None = None
    """Numbers of hard and other samples."""
    label_stats: list[LabelStats] | None = None
    """Use of each label of the dataset within the task."""
    metadata_stats: dict[str, Any] | None = None
    """Always empty."""
    sample_stats: dict[str, int] | None = None
    """Numbers of samples by state."""


class ListWorkforceTaskSamplesQuery(Wire, kw_only=True):
    """Select and page through the samples of a task.

    Reference: ``obtaining_a_sample_list_of_a_team_labeling_task_by_page``.
    """

    email: str | None = None
    """Member whose samples are listed; not on the page, but the service's console needs it."""
    label_name: str | None = None
    """Label that samples have in the task; ``__none__`` for unlabelled ones."""
    label_type: DatasetType | None = None
    """Type of the label."""
    limit: Limit = 10
    """Largest number of samples in the page, 1 to 100; 10 by default."""
    locale: Locale = Locale.EN
    """Language of explanations."""
    offset: Offset = 0
    """Number of the page, from 0."""
    process_parameter: str | None = None
    """Image operation for each ``source``."""
    sample_state: SampleState | None = None
    """State of the samples in the task; all by default."""
    search_conditions: str | None = None
    """JSON of one search condition or of a list."""
    worker_id: str | None = None
    """Member whose samples are listed; not on the page."""


class ListWorkforceTaskSamplesResponse(Wire, kw_only=True):
    """A page of the samples of a task.

    Reference: ``obtaining_a_sample_list_of_a_team_labeling_task_by_page``.
    """

    sample_count: Integer | None = None
    """Number of all selected samples; one entry for each sample and labeler."""
    samples: list[DescribeSampleResp] | None = None
    """Samples of this page."""


class DescribeWorkforceTaskSampleQuery(Wire, kw_only=True):
    """Select the labeler whose work is described.

    Reference: ``obtaining_details_about_a_team_labeling_sample``.
    """

    locale: Locale = Locale.EN
    """Language of explanations."""
    sample_state: SampleState | None = None
    """State of the sample in the task; any by default."""
    worker_id: str | None = None
    """Labeler; the first to whom the sample is allotted if absent."""


class UpdateWorkforceTaskSamplesRequest(Wire, kw_only=True):
    """New labels of samples.

    Reference: ``updating_labels_of_team_labeling_samples_in_batches``.
    """

    email: str | None = None
    """Labeler of the samples that name no ``worker_id``."""
    samples: list[SampleLabels] | None = None
    """Samples with all their labels."""


class UpdateWorkforceTaskSamplesResponse(BatchResponse, kw_only=True):
    """The result for each sample, in the order of the request.

    Reference: ``updating_labels_of_team_labeling_samples_in_batches``.
    """

    results: list[BatchResponse] | None = None
    """Result for each sample."""


class SampleComment(Wire, kw_only=True):
    """The judgement of one sample."""

    accept: bool
    """Whether the labels are accepted."""
    comment: Comment | None = None
    """Free text, up to 256 characters without ``!<>=&"'``."""
    sample_id: str | None = None
    """Identifier of the sample."""
    score: Literal["A", "B", "C", "D"] | None = None
    """Rating, A (best) to D."""
    worker_id: str | None = None
    """Labeler whose work is judged; needed if several have labelled the sample."""


class ReviewSamplesRequest(Wire, kw_only=True):
    """Judgements of a reviewer.

    Reference: ``reviewing_team_labeling_results``.
    """

    comments: list[SampleComment] | None = None
    """Judgements, one for each sample."""


class StartWorkforceSamplingTaskRequest(Wire, kw_only=True):
    """Number or part of the samples to draw; exactly one of the members.

    Reference: ``creating_a_team_labeling_acceptance_task``.
    """

    sampling_num: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    """Number of samples, at least 1."""
    sampling_rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    """Part of the samples, more than 0 and up to 1."""


class StartWorkforceSamplingTaskResponse(Wire, kw_only=True):
    """The new acceptance.

    Reference: ``creating_a_team_labeling_acceptance_task``.
    """

    task_id: str | None = None
    """Identifier of the acceptance."""


class GetWorkforceSamplingTaskQuery(Wire, kw_only=True):
    """Select an acceptance.

    Reference: ``querying_the_report_of_a_team_labeling_acceptance_task``.
    """

    checking_task_id: str | None = None
    """Identifier of the acceptance; the latest one if absent."""


class GetWorkforceSamplingTaskResponse(Wire, kw_only=True):
    """The report of an acceptance.

    Reference: ``querying_the_report_of_a_team_labeling_acceptance_task``.
    """

    checking_stats: CheckTaskStats | None = None
    """Progress while it runs."""
    total_stats: CheckTaskStats | None = None
    """Totals."""


class UpdateWorkforceSamplingTaskQuery(Wire, kw_only=True):
    """Language of the request.

    Reference: ``updating_status_of_a_team_labeling_acceptance_task``.
    """

    locale: Locale = Locale.EN
    """Language; without effect."""


class UpdateWorkforceSamplingTaskRequest(Wire, kw_only=True):
    """Action that ends an acceptance.

    Reference: ``updating_status_of_a_team_labeling_acceptance_task``.
    """

    action: Action
    """0 pass all, 1 reject all, 2 cancel, 3 list conflicts, 4 pass all but rejected ones, 5 pass accepted ones only."""
    overwrite_last_result: bool = False
    """Whether labels that the dataset got in the meantime are replaced; false by default."""


class UpdateWorkforceSamplingTaskResponse(Wire, kw_only=True):
    """The samples in conflict, for action 3; empty otherwise.

    Reference: ``updating_status_of_a_team_labeling_acceptance_task``.
    """

    sample_count: Integer | None = None
    """Number of samples that the dataset labelled in the meantime."""
    samples: list[DescribeSampleResp] | None = None
    """Samples that the dataset labelled in the meantime."""


class AcceptSamplesRequest(Wire, kw_only=True):
    """Judgements of an acceptance.

    Reference: ``submitting_sample_review_comments_of_an_acceptance_task``.
    """

    comments: list[SampleComment]
    """Judgements, one for each sample."""
