"""Wire types of the datasets family."""

from __future__ import annotations

from typing import Any, Literal

from modelarts_emulator.contract.labels import Label, LabelStats
from modelarts_emulator.contract.samples import HardDetail
from modelarts_emulator.contract.sources import DataSource, LabelFormat
from modelarts_emulator.contract.versions import DatasetVersion
from modelarts_emulator.contract.wire import (
    DatasetName,
    DatasetType,
    Description,
    Integer,
    Limit,
    Locale,
    Long,
    Offset,
    Order,
    RunningTaskType,
    SampleState,
    SortBy,
    Wire,
    WorkPath,
)
from modelarts_emulator.contract.workforce import WorkforceDescriptor, WorkforceInformation


class Field(Wire, kw_only=True):
    """Field."""

    description: str | None = None
    name: str | None = None
    schema_id: Integer | None = None
    type: str | None = None


class AnnotationFile(Wire, kw_only=True, rename={"file_name": "file_Name"}):
    """AnnotationFile."""

    create_time: Long | None = None
    dataset_id: str | None = None
    depth: Integer | None = None
    file_name: str | None = None
    file_id: str | None = None
    file_type: str | None = None
    height: Integer | None = None
    size: Long | None = None
    tags: dict[str, str] | None = None
    url: str | None = None
    width: Integer | None = None


class DescDatasetResponse(Wire, kw_only=True):
    """Querying Details About a Dataset."""

    ai_project: str | None = None
    dataset_version: str | None = None
    annotated_sample_count: Integer | None = None
    annotated_sub_sample_count: Integer | None = None
    content_labeling: bool | None = None
    create_time: Long | None = None
    current_version_id: str | None = None
    current_version_name: str | None = None
    data_format: str | None = None
    data_sources: list[DataSource] | None = None
    data_statistics: dict[str, Any] | None = None
    data_update_time: Long | None = None
    dataset_format: Integer | None = None
    dataset_id: str | None = None
    dataset_name: str | None = None
    dataset_tags: list[str] | None = None
    dataset_type: DatasetType | None = None
    dataset_version_count: Integer | None = None
    deleted_sample_count: Integer | None = None
    deletion_stats: dict[str, Integer] | None = None
    description: str | None = None
    enterprise_project_id: str | None = None
    exist_running_task: bool | None = None
    exist_workforce_task: bool | None = None
    feature_supports: list[str] | None = None
    import_data: bool | None = None
    import_task_id: str | None = None
    inner_annotation_path: str | None = None
    inner_data_path: str | None = None
    inner_log_path: str | None = None
    inner_task_path: str | None = None
    inner_temp_path: str | None = None
    inner_work_path: str | None = None
    label_task_count: Integer | None = None
    labels: list[Label] | None = None
    loading_sample_count: Integer | None = None
    managed: bool | None = None
    next_version_num: Integer | None = None
    running_tasks_id: list[str] | None = None
    schema: list[Field] | None = None
    status: Integer | None = None
    third_path: str | None = None
    total_sample_count: Integer | None = None
    total_sub_sample_count: Integer | None = None
    unconfirmed_sample_count: Integer | None = None
    update_time: Long | None = None
    versions: list[DatasetVersion] | None = None
    work_path: str | None = None
    work_path_type: Integer | None = None
    workforce_descriptor: WorkforceDescriptor | None = None
    workforce_task_count: Integer | None = None
    workspace_id: str | None = None


class DatasetAndFilePreview(Wire, kw_only=True):
    """DatasetAndFilePreview."""

    ai_project: str | None = None
    dataset_version: str | None = None
    annotated_sample_count: Integer | None = None
    annotated_sub_sample_count: Integer | None = None
    content_labeling: bool | None = None
    create_time: Long | None = None
    current_version_id: str | None = None
    current_version_name: str | None = None
    data_format: str | None = None
    data_sources: list[DataSource] | None = None
    data_statistics: dict[str, Any] | None = None
    data_update_time: Long | None = None
    data_url: str | None = None
    dataset_format: Integer | None = None
    dataset_id: str | None = None
    dataset_name: str | None = None
    dataset_tags: list[str] | None = None
    dataset_type: DatasetType | None = None
    dataset_version_count: Integer | None = None
    deleted_sample_count: Integer | None = None
    deletion_stats: dict[str, Integer] | None = None
    description: str | None = None
    enterprise_project_id: str | None = None
    exist_running_task: bool | None = None
    exist_workforce_task: bool | None = None
    feature_supports: list[str] | None = None
    import_data: bool | None = None
    import_task_id: str | None = None
    inner_annotation_path: str | None = None
    inner_data_path: str | None = None
    inner_log_path: str | None = None
    inner_task_path: str | None = None
    inner_temp_path: str | None = None
    inner_work_path: str | None = None
    label_task_count: Integer | None = None
    labels: list[Label] | None = None
    loading_sample_count: Integer | None = None
    managed: bool | None = None
    next_version_num: Integer | None = None
    running_tasks_id: list[str] | None = None
    samples: list[AnnotationFile] | None = None
    files: list[AnnotationFile] | None = None
    schema: list[Field] | None = None
    status: Integer | None = None
    third_path: str | None = None
    total_sample_count: Integer | None = None
    total_sub_sample_count: Integer | None = None
    unconfirmed_sample_count: Integer | None = None
    update_time: Long | None = None
    versions: list[DatasetVersion] | None = None
    work_path: str | None = None
    work_path_type: Integer | None = None
    workforce_descriptor: WorkforceDescriptor | None = None
    workforce_task_count: Integer | None = None
    workspace_id: str | None = None


class ListDatasetsQuery(Wire, kw_only=True):
    """Response body for querying the dataset list."""

    check_running_task: bool = False
    contain_versions: bool | None = None
    dataset_type: DatasetType | None = None
    file_preview: bool = False
    limit: Limit = 10
    offset: Offset = 0
    order: Order = Order.DESC
    running_task_type: RunningTaskType = RunningTaskType.DEPLOY
    search_content: str | None = None
    sort_by: SortBy = SortBy.CREATE_TIME
    support_export: bool = False
    train_evaluate_ratio: str | None = None
    version_format: Literal[0, 1, 2] | None = None
    with_labels: bool = False
    workspace_id: str = "0"


class ListDatasetsResponse(Wire, kw_only=True, rename={"workspace_id": "workspaceId"}):
    """Response body for querying the dataset list."""

    datasets: list[DatasetAndFilePreview] | None = None
    total_number: Integer | None = None
    workspace_id: str | None = None


class CreateDatasetRequest(Wire, kw_only=True):
    """Creating a Dataset."""

    dataset_name: DatasetName
    work_path: WorkPath
    work_path_type: Literal[0]
    data_format: Literal["Default", "CarbonData"] | None = None
    data_sources: list[DataSource] | None = None
    dataset_type: DatasetType | None = None
    description: Description | None = None
    import_annotations: bool = True
    import_data: bool = False
    label_format: LabelFormat | None = None
    labels: list[Label] | None = None
    managed: bool = False
    schema: list[Field] | None = None
    workforce_information: WorkforceInformation | None = None
    workspace_id: str = "0"


class CreateDatasetResponse(Wire, kw_only=True):
    """Creating a Dataset."""

    dataset_id: str | None = None
    error_code: str | None = None
    error_msg: str | None = None
    import_task_id: str | None = None


class DescDatasetQuery(Wire, kw_only=True):
    """Querying Details About a Dataset."""

    check_running_task: bool = False
    running_task_type: RunningTaskType = RunningTaskType.DEPLOY


class UpdateDatasetRequest(Wire, kw_only=True):
    """Modifying a Dataset."""

    add_labels: list[Label] | None = None
    add_tags: list[Label] | None = None
    """As ``add_labels``: the reference's example has this name."""
    current_version_id: str | None = None
    dataset_name: DatasetName | None = None
    delete_labels: list[Label] | None = None
    description: Description | None = None
    update_labels: list[Label] | None = None


class UpdateDatasetResponse(Wire, kw_only=True):
    """Modifying a Dataset."""

    dataset_id: str | None = None


class PairOfintAndHardDetail(Wire, kw_only=True):
    """PairOfintAndHardDetail."""

    key: Integer | None = None
    value: HardDetail | None = None


class ListStatsQuery(Wire, kw_only=True):
    """Querying Dataset Statistics."""

    email: str | None = None
    locale: Locale = Locale.EN
    sample_state: SampleState | None = None


class ListStatsResponse(Wire, kw_only=True):
    """Querying Dataset Statistics."""

    data_path: str | None = None
    data_spliting_enable: bool | None = None
    deletion_stats: dict[str, Integer] | None = None
    grouped_label_stats: dict[str, list[LabelStats]] | None = None
    hard_detail_stats: dict[str, PairOfintAndHardDetail] | None = None
    key_sample_stats: dict[str, Integer] | None = None
    label_stats: list[LabelStats] | None = None
    metadata_stats: dict[str, Any] | None = None
    sample_stats: dict[str, Integer] | None = None


class GetDatasetMetricsQuery(Wire, kw_only=True):
    """Querying the Monitoring Data of a Dataset."""

    end_time: Long | None = None
    start_time: Long | None = None
    workforce_task_id: str | None = None


class GetDatasetMetricsResponse(Wire, kw_only=True):
    """Querying the Monitoring Data of a Dataset."""

    metrics: dict[str, dict[str, int]] | None = None
