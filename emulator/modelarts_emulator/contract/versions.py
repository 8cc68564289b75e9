"""Wire types of the versions family."""

from __future__ import annotations

from typing import Any, Literal

from modelarts_emulator.contract.labels import LabelStats
from modelarts_emulator.contract.wire import (
    Integer,
    Long,
    SampleState,
    VersionDescription,
    VersionFormat,
    VersionName,
    VersionStatus,
    Wire,
)


class DatasetVersion(Wire, kw_only=True):
    """DatasetVersion."""

    add_sample_count: Integer | None = None
    annotated_sample_count: Integer | None = None
    annotated_sub_sample_count: Integer | None = None
    clear_hard_property: bool | None = None
    code: str | None = None
    create_time: Long | None = None
    crop: bool | None = None
    crop_path: str | None = None
    crop_rotate_cache_path: str | None = None
    data_path: str | None = None
    data_statistics: dict[str, Any] | None = None
    data_validate: bool | None = None
    deleted_sample_count: Integer | None = None
    deletion_stats: dict[str, Integer] | None = None
    description: str | None = None
    export_images: bool | None = None
    extract_serial_number: bool | None = None
    include_dataset_data: bool | None = None
    is_current: bool | None = None
    label_stats: list[LabelStats] | None = None
    label_type: str | None = None
    manifest_cache_input_path: str | None = None
    manifest_path: str | None = None
    message: str | None = None
    modified_sample_count: Integer | None = None
    previous_annotated_sample_count: Integer | None = None
    previous_total_sample_count: Integer | None = None
    previous_version_id: str | None = None
    processor_task_id: str | None = None
    processor_task_status: Integer | None = None
    remove_sample_usage: bool | None = None
    rotate: bool | None = None
    rotate_path: str | None = None
    sample_state: SampleState | None = None
    status: VersionStatus | None = None
    tags: list[str] | None = None
    task_type: Integer | None = None
    total_sample_count: Integer | None = None
    total_sub_sample_count: Integer | None = None
    train_evaluate_sample_ratio: str | None = None
    update_time: Long | None = None
    version_format: VersionFormat | None = None
    version_id: str | None = None
    version_name: str | None = None
    with_column_header: bool | None = None


class ListDatasetVersionsQuery(Wire, kw_only=True):
    """Querying the Dataset Version List."""

    status: VersionStatus | None = None
    train_evaluate_ratio: str | None = None
    version_format: Literal[0, 1, 2] | None = None


class ListDatasetVersionsResponse(Wire, kw_only=True):
    """Querying the Dataset Version List."""

    total_number: Integer | None = None
    versions: list[DatasetVersion] | None = None


class CreateDatasetVersionRequest(Wire, kw_only=True):
    """Creating a Dataset Labeling Version."""

    clear_hard_property: bool = True
    description: VersionDescription | None = None
    export_images: bool = False
    remove_sample_usage: bool = True
    train_evaluate_sample_ratio: str = "1.00"
    version_format: VersionFormat | None = None
    version_name: VersionName | None = None
    with_column_header: bool = True


class CreateDatasetVersionResponse(Wire, kw_only=True):
    """Creating a Dataset Labeling Version."""

    version_id: str | None = None
