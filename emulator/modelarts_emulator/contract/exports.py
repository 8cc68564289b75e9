"""Wire types of the exports family."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.samples import SearchCondition
from modelarts_emulator.contract.wire import DatasetType, Integer, Limit, Long, Offset, SampleState, VersionFormat, Wire


class ExportParams(Wire, kw_only=True):
    """ExportParams."""

    clear_difficult: bool | None = None
    """Stands in the reference's examples alone."""
    clear_hard_property: bool | None = None
    export_dataset_version_format: str | None = None
    export_dataset_version_name: str | None = None
    export_dest: Literal["DIR", "NEW_DATASET"] | None = None
    export_new_dataset_name: str | None = None
    export_new_dataset_work_path: str | None = None
    ratio_sample_usage: bool | None = None
    sample_state: SampleState | None = None
    samples: list[str] | None = None
    search_conditions: list[SearchCondition] | None = None
    train_sample_ratio: str | None = None


class ExportTaskStatusResp(Wire, kw_only=True):
    """ExportTaskStatusResp."""

    create_time: Long | None = None
    error_code: str | None = None
    error_msg: str | None = None
    export_format: Integer | None = None
    export_params: ExportParams | None = None
    export_type: Integer | None = None
    finished_sample_count: Integer | None = None
    path: str | None = None
    progress: float | None = None
    status: str | None = None
    task_id: str | None = None
    total_sample_count: Integer | None = None
    update_time: Long | None = None
    version_format: VersionFormat | None = None
    version_id: str | None = None


class GetExportTasksStatusOfDatasetQuery(Wire, kw_only=True):
    """Querying the Dataset Export Task List."""

    export_type: Literal[0, 1, 2, 3] | None = None
    limit: Limit = 10
    offset: Offset = 0


class GetExportTasksStatusOfDatasetResponse(Wire, kw_only=True):
    """Querying the Dataset Export Task List."""

    create_time: Long | None = None
    error_code: str | None = None
    error_msg: str | None = None
    export_format: Integer | None = None
    export_params: ExportParams | None = None
    export_tasks: list[ExportTaskStatusResp] | None = None
    export_type: Integer | None = None
    finished_sample_count: Integer | None = None
    path: str | None = None
    progress: float | None = None
    status: str | None = None
    task_id: str | None = None
    total_count: Integer | None = None
    total_sample_count: Integer | None = None
    update_time: Long | None = None
    version_format: VersionFormat | None = None
    version_id: str | None = None


class ExportTaskRequest(Wire, kw_only=True):
    """Creating a Dataset Export Task."""

    annotation_format: Literal["VOC", "COCO"] | None = None
    dataset_id: str | None = None
    dataset_type: DatasetType | None = None
    export_format: Literal[1, 2] | None = None
    export_params: ExportParams | None = None
    export_type: Literal[0, 1, 2, 3] | None = None
    path: str | None = None
    sample_state: SampleState | None = None
    source_type_header: str = "obs"
    status: Integer | None = None
    task_id: str | None = None
    version_format: VersionFormat | None = None
    version_id: str | None = None
    with_column_header: bool = True


class ExportTaskResponse(Wire, kw_only=True):
    """Creating a Dataset Export Task."""

    create_time: Long | None = None
    error_code: str | None = None
    error_msg: str | None = None
    export_format: Integer | None = None
    export_params: ExportParams | None = None
    export_type: Integer | None = None
    finished_sample_count: Integer | None = None
    path: str | None = None
    progress: float | None = None
    status: str | None = None
    task_id: str | None = None
    total_sample_count: Integer | None = None
    update_time: Long | None = None
    version_format: VersionFormat | None = None
    version_id: str | None = None
