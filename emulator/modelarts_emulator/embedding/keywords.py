"""The keywords that the public callables accept, so that a typo fails in a type checker and at run time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from modelarts_emulator.iam.accounts import AccessKey, User

OperationName = Literal[
    "AcceptSamples",
    "AutoAnnotationProgress",
    "BatchDeleteWorkers",
    "CreateDataset",
    "CreateDatasetVersion",
    "CreateLabels",
    "CreateTask",
    "CreateWorker",
    "CreateWorkforce",
    "CreateWorkforceTask",
    "DeleteDataset",
    "DeleteDatasetVersion",
    "DeleteLabelAndSamples",
    "DeleteLabels",
    "DeleteSamples",
    "DeleteWorker",
    "DeleteWorkforce",
    "DeleteWorkforceTask",
    "DescDataset",
    "DescImportTask",
    "DescWorker",
    "DescWorkforce",
    "DescWorkforceTask",
    "DescribeAutoAnnotationSample",
    "DescribeDatasetVersion",
    "DescribeSample",
    "DescribeWorkforceTaskSample",
    "ExportTask",
    "GetDatasetMetrics",
    "GetExportTaskStatusOfDataset",
    "GetExportTasksStatusOfDataset",
    "GetWorkforceSamplingTask",
    "GetWorkforceTaskMetrics",
    "ImportTask",
    "ListAllWorkers",
    "ListAutoAnnotationSamples",
    "ListDatasetVersions",
    "ListDatasets",
    "ListImportTasks",
    "ListLabels",
    "ListSamples",
    "ListSearch",
    "ListStats",
    "ListTasks",
    "ListWorkerTasks",
    "ListWorkers",
    "ListWorkforceTaskSamples",
    "ListWorkforceTaskStats",
    "ListWorkforceTasks",
    "ListWorkforces",
    "ReviewSamples",
    "SendEmails",
    "StartWorkforceSamplingTask",
    "StartWorkforceTask",
    "StopAutoAnnotation",
    "SyncDataSource",
    "SyncDataSourceState",
    "UpdateDataset",
    "UpdateLabel",
    "UpdateLabels",
    "UpdateSamples",
    "UpdateWorker",
    "UpdateWorkforce",
    "UpdateWorkforceSamplingTask",
    "UpdateWorkforceTask",
    "UpdateWorkforceTaskSamples",
    "UploadSamplesJson",
]
"""The operations of the data-management API."""

ModeName = Literal["immediate", "time", "polls", "hold", "fail"]
"""Condition for a background task to enter its next state."""


class SettingsKeywords(TypedDict, total=False):
    """The members of ``Settings`` as ``Emulator(...)`` accepts them: a path may be a string."""

    host: str
    port: int
    data_dir: str | Path | None
    buckets: Mapping[str, str | Path]
    sync: Literal["auto", "manual"]
    watch: Literal["auto", "native", "poll"]
    poll_interval: float
    durability: Literal["full", "process"]
    ready_file: str | Path | None
    demo: bool
    seeds: Sequence[str | Path]
    init: Sequence[str | Path]
    log_level: Literal["debug", "info", "warning", "error"]
    log_format: Literal["text", "json"]
    public_url: str | None
    auth: Literal["open", "strict"]
    users: Sequence[User]
    access_keys: Sequence[AccessKey]
    allowed_hosts: Sequence[str]
    cors: Sequence[str]
    strict_input: bool
    max_loaded_samples: int
    max_open_tasks: int
    max_deleted_samples: int
    request_log_bytes: int
    threads: int
    control_key: str | None
    tls: Literal["off", "self-signed"]
    tls_cert: str | Path | None
    tls_key: str | Path | None
    temporary_dir: str | Path | None


class FaultKeywords(TypedDict, total=False):
    """The members of an injected fault; all conditions given must hold, and one effect is required."""

    operation: OperationName
    """Only requests of this operation."""
    service: Literal["modelarts", "iam", "obs"]
    """Only requests to this service."""
    project_id: str
    method: str
    path: str
    """Only paths that match this pattern with ``*`` and ``?``, such as ``/bucket/*.jpg``."""
    nth: int
    """The first matching request that is hit; 1 without it."""
    times: int
    """Number of requests that are hit; without it all, or one if ``nth`` is above 1."""
    probability: float
    """The share of the matching requests that is hit, from 0 to 1."""
    seed: int | str
    """Makes ``probability`` hit the same requests in every run."""
    delay_ms: int
    """Effect: answer this much later, in milliseconds."""
    error: str
    """Effect: answer with this row of the error catalogue, by name or code."""
    status: int
    """Effect: answer with this HTTP status."""
    body: Any
    """The body for ``status`` or ``error``: a string as it is, anything else as JSON."""
    headers: dict[str, str]
    cut: Literal["before", "after"]
    """Effect: close the connection without an answer, before or after the request has taken effect."""
    truncate: int
    """Effect: close the connection after this many bytes of the body."""


class DatasetKeywords(TypedDict, total=False):
    """Members of the request that creates a dataset, beside those that the fixture itself sets."""

    data_format: Literal["Default", "CarbonData"]
    data_sources: list[dict[str, Any]]
    description: str
    import_annotations: bool
    import_data: bool
    label_format: dict[str, Any]
    managed: bool
    schema: list[dict[str, Any]]
    work_path: str
    work_path_type: Literal[0]
    workforce_information: dict[str, Any]
    workspace_id: str


class TeamTaskKeywords(TypedDict, total=False):
    """Members of the request that creates a team labelling task, beside its team."""

    auto_sync_dataset: bool
    data_sync_type: Literal[0, 1, 2, 3]
    repetition: int
    sample_conditions: str
    synchronize_auto_labeling_data: bool
    synchronize_data: bool
    task_name: str


class VersionKeywords(TypedDict, total=False):
    """Members of the request that publishes a version."""

    clear_hard_property: bool
    description: str
    export_images: bool
    remove_sample_usage: bool
    train_evaluate_sample_ratio: str
    version_format: Literal["Default", "CarbonData", "CSV"]
    version_name: str
    with_column_header: bool
