"""Wire types of intelligent tasks: auto labelling, pre-labelling and auto grouping."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from modelarts_emulator.contract.exports import ExportParams
from modelarts_emulator.contract.samples import DescribeSampleResp, SampleLabels
from modelarts_emulator.contract.wire import (
    DatasetType,
    Integer,
    Limit,
    Long,
    Offset,
    Order,
    Wire,
)


class IntelligentTaskType(str, Enum):
    """Kind of an intelligent task."""

    AUTO_LABEL = "auto-label"
    PRE_LABEL = "pre-label"
    AUTO_GROUPING = "auto-grouping"


class Flavor(Wire, kw_only=True):
    """A type of machine."""

    code: str | None = None
    """Name of the machine type."""


class InfConfig(Wire, kw_only=True):
    """Machines that label with a model."""

    envs: dict[str, str] | None = None
    """Environment variables."""
    instance_count: Integer | None = None
    """Number of machines."""
    model_id: str | None = None
    """Model that labels."""
    specification: str | None = None
    """Kind of machine."""
    weight: Integer | None = None
    """Share of the requests in percent."""


class TrainingParameter(Wire, kw_only=True):
    """A named setting of the training that an auto labelling task starts, and its value."""

    label: str | None = None
    """Name of the parameter."""
    value: str | None = None
    """Text of the parameter."""


class SmartTaskConfig(Wire, kw_only=True):
    """Settings of an intelligent task."""

    algorithm_type: Literal["fast", "accurate"] | None = None
    """Learning: ``fast`` from labelled samples only, ``accurate`` from unlabelled ones as well."""
    ambiguity: bool | None = None
    """Whether the sharpness of pictures is used to group them."""
    annotation_output: str | None = None
    """OBS path for the labels."""
    collect_rule: str = "all"
    """Rule that selects hard examples; ``all`` by default."""
    collect_sample: bool = True
    """Whether hard examples are collected; true by default."""
    confidence_scope: str | None = None
    """Range of scores of hard examples, such as ``0.0-0.5``."""
    description: str | None = None
    """Free text."""
    engine_name: str | None = None
    """AI engine of the training."""
    export_format: Literal[1, 2] | None = None
    """Layout of files: 1 tree, 2 tile."""
    export_params: ExportParams | None = None
    """Samples and destination of an export."""
    flavor: Flavor | None = None
    """Machine that trains."""
    image_brightness: bool | None = None
    """Whether brightness is used to group pictures."""
    image_colorfulness: bool | None = None
    """Whether colours are used to group pictures."""
    inf_cluster_id: str | None = None
    """Cluster that labels."""
    inf_config_list: list[InfConfig] | None = None
    """Machines that label."""
    inf_output: str | None = None
    """OBS path for what the model answers."""
    infer_result_output_dir: str | None = None
    """OBS folder for what the model answers."""
    key_sample_output: str | None = None
    """OBS path for hard examples."""
    log_url: str | None = None
    """OBS path for logs."""
    manifest_path: str | None = None
    """OBS path of the manifest that is read."""
    model_id: str | None = None
    """Identifier of the model."""
    model_name: str | None = None
    """Display name of the model."""
    model_parameter: str | None = None
    """Parameters of the model."""
    model_version: str | None = None
    """Release of the model."""
    n_clusters: Integer | None = None
    """Number of groups; below the number of samples."""
    name: str | None = None
    """Display name of the task."""
    output_dir: str | None = None
    """OBS folder for the results."""
    parameters: list[TrainingParameter] | None = None
    """Parameters of the training."""
    pool_id: str | None = None
    """Resource pool that trains."""
    property: str | None = None
    """Metadata of a sample that holds its group."""
    req_uri: str | None = None
    """Path at which the model is asked."""
    result_type: Literal[0, 1] | None = None
    """Destination of groups: 0 a manifest in OBS, 1 the samples."""
    samples: list[SampleLabels] | None = None
    """Samples with their labels."""
    stop_time: Integer = 15
    """Longest duration in minutes; 15 by default."""
    time: str | None = None
    """Timestamp of the model."""
    train_data_path: str | None = None
    """OBS path of the training data."""
    train_url: str | None = None
    """OBS path for the trained model."""
    version_format: Literal["Default", "CarbonData", "CSV"] | None = None
    """Format of the version that is trained on."""
    worker_server_num: Integer | None = None
    """Number of machines that label."""


class CreateIntelligentTaskRequest(Wire, kw_only=True):
    """A new intelligent task.

    Reference: ``starting_intelligent_tasks``.
    """

    collect_key_sample: bool = False
    """Whether hard examples are marked; false by default."""
    config: SmartTaskConfig | None = None
    """Settings of the task."""
    model_id: str | None = None
    """Identifier of the model that labels."""
    task_type: IntelligentTaskType | None = None
    """Kind of task."""


class CreateIntelligentTaskResponse(Wire, kw_only=True):
    """The new intelligent task.

    Reference: ``starting_intelligent_tasks``.
    """

    task_id: str | None = None
    """Identifier of the task."""


class ListIntelligentTasksQuery(Wire, kw_only=True):
    """Select and page through the intelligent tasks of a dataset.

    Reference: ``obtaining_an_auto_labeling_task_list_by_page``.
    """

    limit: Limit = 10
    """Largest number of tasks in the page, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    task_name: str | None = None
    """Part of the task's name."""
    type: IntelligentTaskType | None = None
    """Kind of task; auto labelling and pre-labelling if absent."""


class Event(Wire, kw_only=True):
    """A step of an intelligent task."""

    create_time: Long | None = None
    """Time of creation, in ms since the epoch."""
    description: str | None = None
    """Text on the step."""
    elapsed_time: Long | None = None
    """Duration in seconds."""
    error_code: str | None = None
    """Code of the error, such as ``ModelArts.4393``; absent after success."""
    error_message: str | None = None
    """Text of the error; absent after success."""
    events: list[Event] | None = None
    """Steps of the task, in order."""
    level: Integer | None = None
    """Depth of the step, from 1."""
    name: str | None = None
    """Name of the step."""
    ordinal: Integer | None = None
    """Position of the step among its siblings, from 1."""
    parent_name: str | None = None
    """Step that this one is a part of."""
    status: Literal["waiting", "running", "failed", "success"] | None = None
    """State of the step."""


class HardSelectTask(Wire, kw_only=True):
    """A selection of hard examples."""

    create_at: Long | None = None
    """Time of creation, in ms since the epoch; 0 if unknown."""
    dataset_id: str | None = None
    """Dataset of the task."""
    dataset_name: str | None = None
    """Display name of the dataset."""
    hard_select_task_id: str | None = None
    """Identifier of the selection."""
    task_status: str | None = None
    """State of the selection."""
    time: Long | None = None
    """Duration in seconds."""
    update_at: Long | None = None
    """Time of the latest change, in ms since the epoch; 0 if unknown."""


class Result(Wire, kw_only=True):
    """Counts and steps of an intelligent task."""

    annotated_sample_count: Integer | None = None
    """Samples with confirmed labels."""
    confidence_scope: str | None = None
    """Range of scores of hard examples."""
    dataset_name: str | None = None
    """Display name of the dataset."""
    dataset_type: str | None = None
    """Content of the dataset and how it is labelled."""
    description: str | None = None
    """Free text."""
    dlf_model_job_name: str | None = None
    """Job that made the model."""
    dlf_service_job_name: str | None = None
    """Job that runs the model."""
    dlf_train_job_name: str | None = None
    """Job that trained the model."""
    events: list[Event] | None = None
    """Steps of the task, in order."""
    hard_example_path: str | None = None
    """OBS path of hard examples."""
    hard_select_tasks: list[HardSelectTask] | None = None
    """Selections of hard examples."""
    manifest_path: str | None = None
    """OBS path of the manifest that is read."""
    model_id: str | None = None
    """Identifier of the model."""
    model_name: str | None = None
    """Display name of the model."""
    model_version: str | None = None
    """Release of the model."""
    samples: list[SampleLabels] | None = None
    """Samples with their labels."""
    service_id: str | None = None
    """Identifier of the service that labels."""
    service_name: str | None = None
    """Display name of the service that labels."""
    service_resource: str | None = None
    """Resource of the service that labels."""
    total_sample_count: Integer | None = None
    """Number of all samples."""
    train_data_path: str | None = None
    """OBS path of the training data."""
    train_job_id: str | None = None
    """Identifier of the training."""
    train_job_name: str | None = None
    """Display name of the training."""
    unconfirmed_sample_count: Integer | None = None
    """Samples with labels to be confirmed."""
    version_id: str | None = None
    """Version that was trained on."""
    version_name: str | None = None
    """Display name of the version that was trained on."""
    workspace_id: str | None = None
    """Workspace; ``0`` for the default one."""


class RunningTask(Wire, kw_only=True):
    """An intelligent task of a dataset."""

    annotated_sample_count: Integer | None = None
    """Samples with confirmed labels."""
    code: str | None = None
    """Code of the present step or of the end, such as ``ModelArts.4996``."""
    config: SmartTaskConfig | None = None
    """Settings of the task."""
    create_time: str | None = None
    """Time of creation as ``yyyy-MM-dd HH:mm:ss`` in UTC."""
    dataset_id: str | None = None
    """Dataset of the task."""
    elapsed_time: Long | None = None
    """Duration in seconds."""
    error_code: str | None = None
    """Code of the error, such as ``ModelArts.4393``; absent after success."""
    error_detail: str | None = None
    """Details of the error; absent after success."""
    error_msg: str | None = None
    """Text of the error; absent after success."""
    message: str | None = None
    """Text on the present step, or on the end."""
    model_id: str | None = None
    """Identifier of the model."""
    model_name: str | None = None
    """Display name of the model."""
    model_version: str | None = None
    """Release of the model."""
    progress: float | None = None
    """Progress in percent."""
    result: Result | None = None
    """Counts and steps."""
    status: Integer | None = None
    """State: -1 queuing, 0 initializing, 1 running, 2 failed, 3 succeeded, 4 stopping, 5 stopped."""
    task_id: str | None = None
    """Identifier of the task."""
    task_name: str | None = None
    """Display name of the task."""
    total_sample_count: Integer | None = None
    """Number of all samples."""
    type: Integer | None = None
    """Kind: 0 auto labelling, 1 pre-labelling, 7 auto grouping."""
    unconfirmed_sample_count: Integer | None = None
    """Samples with labels to be confirmed."""


class ListIntelligentTasksResponse(Wire, kw_only=True):
    """A page of intelligent tasks.

    Reference: ``obtaining_an_auto_labeling_task_list_by_page``.
    """

    exist_running_deploy_task: bool | None = None
    """Whether a model is being deployed; always false."""
    tasks: list[RunningTask] | None = None
    """Tasks of this page, the newest first."""
    total_count: Integer | None = None
    """Number of all selected tasks."""


class AutoAnnotationProgressResponse(Wire, kw_only=True):
    """State of an intelligent task.

    Reference: ``obtaining_details_about_an_auto_labeling_task``.
    """

    code: str | None = None
    """Code of the present step or of the end, such as ``ModelArts.4996``."""
    config: SmartTaskConfig | None = None
    """Settings of the task."""
    create_time: str | None = None
    """Time of creation as ``yyyy-MM-dd HH:mm:ss`` in UTC."""
    elapsed_time: Long | None = None
    """Duration in seconds."""
    error_code: str | None = None
    """Code of the error, such as ``ModelArts.4393``; absent after success."""
    error_detail: str | None = None
    """Details of the error; absent after success."""
    error_msg: str | None = None
    """Text of the error; absent after success."""
    export_type: Literal[0, 1] | None = None
    """Destination of groups: 0 OBS, 1 the samples."""
    message: str | None = None
    """Text on the present step, or on the end."""
    progress: float | None = None
    """Progress in percent."""
    resource_id: str | None = None
    """Dataset of the task."""
    result: Result | None = None
    """Counts and steps."""
    status: Literal[-1, 0, 1, 2, 3, 4, 5] | None = None
    """State: -1 queuing, 0 initializing, 1 running, 2 failed, 3 succeeded, 4 stopping, 5 stopped."""
    task_id: str | None = None
    """Identifier of the task."""
    task_name: str | None = None
    """Display name of the task."""


class ListAutoAnnotationSamplesQuery(Wire, kw_only=True):
    """Select and page through the samples whose labels are to be confirmed.

    Reference: ``obtaining_an_auto_labeling_sample_list``.
    """

    high_score: str = "1"
    """Highest score of a label, from 0 to 1; 1 by default."""
    label_name: str | None = None
    """Label that samples have."""
    label_type: DatasetType | None = None
    """Type of the label."""
    limit: Limit = 10
    """Largest number of samples in the page, 1 to 100; 10 by default."""
    low_score: str = "0"
    """Lowest score of a label, from 0 to 1; 0 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    order: Order = Order.DESC
    """Sorting order by time; descending by default."""
    process_parameter: str | None = None
    """Image operation for each ``source``."""
    search_conditions: str | None = None
    """JSON of one search condition or of a list."""


class ListAutoAnnotationSamplesResponse(Wire, kw_only=True):
    """A page of samples whose labels are to be confirmed.

    Reference: ``obtaining_an_auto_labeling_sample_list``.
    """

    sample_count: Integer | None = None
    """Number of all selected samples."""
    samples: list[DescribeSampleResp] | None = None
    """Samples of this page."""
