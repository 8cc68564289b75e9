"""Requests and answers of the operations on export tasks."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.samples import SearchCondition
from modelarts_emulator.contract.wire import DatasetType, Integer, Limit, Long, Offset, SampleState, VersionFormat, Wire


class ExportParams(Wire, kw_only=True):
    """Selection of the exported samples, and destination."""

    clear_difficult: bool | None = None
    """Only mentioned in the API reference's examples, without an explanation."""
    clear_hard_property: bool | None = None
    """Whether hard example marks are left out of the export; true by default."""
    export_dataset_version_format: str | None = None
    """Format of the version that a table export publishes."""
    export_dataset_version_name: str | None = None
    """Name of the version that is published in the new dataset."""
    export_dest: Literal["DIR", "NEW_DATASET"] | None = None
    """Destination: ``DIR`` an OBS folder (default), ``NEW_DATASET`` a new dataset."""
    export_new_dataset_name: str | None = None
    """Display name of the dataset that the export creates."""
    export_new_dataset_work_path: str | None = None
    """OBS work path of the dataset that the export creates."""
    ratio_sample_usage: bool | None = None
    """Whether samples are split into training and evaluation by ``train_sample_ratio``; false by default."""
    sample_state: SampleState | None = None
    """Export only samples in this state."""
    samples: list[str] | None = None
    """Ids of the samples to export."""
    search_conditions: list[SearchCondition] | None = None
    """Conditions, of which a sample has to meet at least one."""
    train_sample_ratio: str | float | None = None
    """Share of training samples, ``0`` to ``1`` as decimal text, or as a number as answers have it; 1 by default."""


class ExportTaskStatusResp(Wire, kw_only=True):
    """State of an export task.

    Reference: ``data_export_task/querying_the_status_of_a_dataset_export_task``.
    """

    create_time: Long | None = None
    """Creation of the task, in ms since the epoch."""
    error_code: str | None = None
    """Code of the error that ended the task, such as ``ModelArts.4710``; absent after success."""
    error_msg: str | None = None
    """Text of the error that ended the task; absent after success."""
    export_format: Integer | None = None
    """Layout of the exported files: 1 one folder per label, 2 one folder for all."""
    export_params: ExportParams | None = None
    """Parameters of the request, with defaults filled in."""
    export_type: Integer | None = None
    """Exported samples: 0 labelled, 1 unlabelled, 2 all, 3 those that meet the conditions."""
    finished_sample_count: Integer | None = None
    """Samples exported so far."""
    path: str | None = None
    """OBS folder that the export writes into."""
    progress: float | None = None
    """Progress in percent, 0 to 100."""
    status: str | None = None
    """State: ``INIT``, ``RUNNING``, ``SUCCESSED`` (the service's spelling) or ``FAILED``."""
    task_id: str | None = None
    """Identifier of the export task."""
    total_sample_count: Integer | None = None
    """Samples to export in all."""
    update_time: Long | None = None
    """Latest change of the task, in ms since the epoch."""
    version_format: VersionFormat | None = None
    """Format of the exported version."""
    version_id: str | None = None
    """Dataset version that is exported; absent for the current samples."""


class GetExportTasksStatusOfDatasetQuery(Wire, kw_only=True):
    """Select a page of a dataset's export tasks.

    Reference: ``data_export_task/querying_the_dataset_export_task_list``.
    """

    export_type: Literal[0, 1, 2, 3] | None = None
    """Only tasks of this kind: 0 labelled samples, 1 unlabelled, 2 all, 3 by conditions."""
    limit: Limit = 10
    """Page size, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""


class GetExportTasksStatusOfDatasetResponse(ExportTaskStatusResp, kw_only=True):
    """A page of a dataset's export tasks, the latest first. The members of a single task are absent.

    Reference: ``data_export_task/querying_the_dataset_export_task_list``.
    """

    export_tasks: list[ExportTaskStatusResp] | None = None
    """Tasks on this page."""
    total_count: Integer | None = None
    """Tasks on all pages."""


class ExportTaskRequest(Wire, kw_only=True):
    """Start an export.

    Reference: ``data_export_task/creating_a_dataset_export_task``.
    """

    annotation_format: Literal["VOC", "COCO"] | None = None
    """Format of the label files of an object detection export; ``VOC`` by default."""
    dataset_id: str | None = None
    """Ignored: the dataset of the path is exported."""
    dataset_type: DatasetType | None = None
    """Ignored: the dataset has a type already."""
    export_format: Literal[1, 2] | None = None
    """Layout of the exported files: 1 one folder per label, 2 one folder for all."""
    export_params: ExportParams | None = None
    """Selection of the exported samples, and destination."""
    export_type: Literal[0, 1, 2, 3] | None = None
    """Exported samples: 0 labelled, 1 unlabelled, 2 all, 3 those that meet the conditions."""
    path: str | None = None
    """OBS folder to write into; required unless the export creates a dataset."""
    sample_state: SampleState | None = None
    """Export only samples in this state."""
    source_type_header: str = "obs"
    """Scheme of the OBS paths in the exported manifest, such as ``obs`` (default) or ``s3``."""
    status: Integer | None = None
    """Ignored: set by the service."""
    task_id: str | None = None
    """Ignored: set by the service."""
    version_format: VersionFormat | None = None
    """Format of the exported version; accepted without effect."""
    version_id: str | None = None
    """Dataset version to export; the current samples if absent."""
    with_column_header: bool = True
    """Whether the first row of an exported table holds the column names; true by default."""


class ExportTaskResponse(ExportTaskStatusResp, kw_only=True):
    """The export task that was started.

    Reference: ``data_export_task/creating_a_dataset_export_task``.
    """
