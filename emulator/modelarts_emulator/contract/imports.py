"""Wire types of the imports family."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.sources import DataSource, LabelFormat
from modelarts_emulator.contract.wire import Integer, Limit, Long, Offset, Wire


class FileCopyProgress(Wire, kw_only=True):
    """FileCopyProgress."""

    file_num_finished: Long | None = None
    file_num_total: Long | None = None
    file_size_finished: Long | None = None
    file_size_total: Long | None = None


class ImportTaskStatusResp(Wire, kw_only=True):
    """ImportTaskStatusResp."""

    annotated_sample_count: Long | None = None
    create_time: Long | None = None
    data_source: DataSource | None = None
    dataset_id: str | None = None
    elapsed_time: Long | None = None
    error_code: str | None = None
    error_msg: str | None = None
    file_statistics: FileCopyProgress | None = None
    finished_file_count: Long | None = None
    finished_file_size: Long | None = None
    import_path: str | None = None
    import_type: Integer | None = None
    imported_sample_count: Long | None = None
    imported_sub_sample_count: Long | None = None
    processor_task_id: str | None = None
    processor_task_status: Integer | None = None
    status: str | None = None
    task_id: str | None = None
    total_file_count: Long | None = None
    total_file_size: Long | None = None
    total_sample_count: Long | None = None
    total_sub_sample_count: Long | None = None
    unconfirmed_sample_count: Long | None = None
    update_ms: Long | None = None


class ListImportTasksQuery(Wire, kw_only=True):
    """Querying the Dataset Import Task List."""

    limit: Limit = 10
    offset: Offset = 0


class ListImportTasksResponse(Wire, kw_only=True):
    """Querying the Dataset Import Task List."""

    import_tasks: list[ImportTaskStatusResp] | None = None
    total_count: Integer | None = None


class ImportTaskRequest(Wire, kw_only=True):
    """Creating an Import Task."""

    annotation_format: Literal["VOC", "COCO"] | None = None
    data_source: DataSource | None = None
    difficult_only: bool = False
    excluded_labels: list[Label] | None = None
    excluded_tags: list[str] | None = None
    """As ``excluded_labels``, by name."""
    final_annotation: bool = True
    import_annotations: bool = True
    import_folder: str | None = None
    import_origin: Literal["obs", "dws", "dli", "rds", "mrs", "inference"] = "obs"
    import_path: str | None = None
    import_samples: bool = True
    import_type: Literal["0", "1", "dir", "manifest"] | None = None
    included_labels: list[Label] | None = None
    included_tags: list[str] | None = None
    """As ``included_labels``, by name."""
    label_format: LabelFormat | None = None
    with_column_header: bool | None = None


class ImportTaskResponse(Wire, kw_only=True):
    """Creating an Import Task."""

    task_id: str | None = None
