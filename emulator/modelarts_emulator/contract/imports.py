"""Requests and answers of the operations on import tasks."""

from __future__ import annotations

from typing import Literal

from modelarts_emulator.contract.labels import LabelOrName
from modelarts_emulator.contract.sources import DataSource, LabelFormat
from modelarts_emulator.contract.wire import Integer, Limit, Long, Offset, Wire


class FileCopyProgress(Wire, kw_only=True):
    """Progress of copying the files of an import to the dataset's input path."""

    file_num_finished: Long | None = None
    """Files copied so far."""
    file_num_total: Long | None = None
    """Files to copy in all."""
    file_size_finished: Long | None = None
    """Bytes copied so far."""
    file_size_total: Long | None = None
    """Bytes to copy in all."""


class ImportTaskStatusResp(Wire, kw_only=True):
    """State of an import task.

    Reference: ``data_import_task/querying_details_about_a_dataset_import_task``.
    """

    annotated_sample_count: Long | None = None
    """Imported samples that came with labels."""
    create_time: Long | None = None
    """Creation of the task, in ms since the epoch."""
    data_source: DataSource | None = None
    """Source as the request named it."""
    dataset_id: str | None = None
    """Dataset that the samples are imported into."""
    elapsed_time: Long | None = None
    """Run time of the task so far, in s."""
    error_code: str | None = None
    """Code of the error that ended the task, such as ``ModelArts.4362``; absent after success."""
    error_msg: str | None = None
    """Text of the error that ended the task, or the problems that a completed import met."""
    file_statistics: FileCopyProgress | None = None
    """Progress of the file copy."""
    finished_file_count: Long | None = None
    """Files processed so far."""
    finished_file_size: Long | None = None
    """Bytes processed so far."""
    import_path: str | None = None
    """OBS path of the folder or manifest that is imported."""
    import_type: Integer | None = None
    """Source of the import: 0 folder, 1 manifest."""
    imported_sample_count: Long | None = None
    """Samples imported so far."""
    imported_sub_sample_count: Long | None = None
    """Parts of samples (lines of texts, rows of tables) imported so far."""
    processor_task_id: str | None = None
    """Data processing task that started the import; absent here."""
    processor_task_status: Integer | None = None
    """Progress code of that data processing task; absent here."""
    status: str | None = None
    """Progress: ``QUEUING``, ``STARTING``, ``RUNNING``, ``COMPLETED`` or ``FAILED``."""
    task_id: str | None = None
    """Identifier of the import task."""
    total_file_count: Long | None = None
    """Files found in the source."""
    total_file_size: Long | None = None
    """Size of the files found in the source, in bytes."""
    total_sample_count: Long | None = None
    """Samples found in the source."""
    total_sub_sample_count: Long | None = None
    """Parts of samples found in the source."""
    unconfirmed_sample_count: Long | None = None
    """Imported samples whose labels still have to be confirmed."""
    update_ms: Long | None = None
    """Latest change of the task, in ms since the epoch."""


class ListImportTasksQuery(Wire, kw_only=True):
    """Select a page of a dataset's import tasks.

    Reference: ``data_import_task/querying_the_dataset_import_task_list``.
    """

    limit: Limit = 10
    """Page size, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""


class ListImportTasksResponse(Wire, kw_only=True):
    """A page of a dataset's import tasks, the latest first.

    Reference: ``data_import_task/querying_the_dataset_import_task_list``.
    """

    import_tasks: list[ImportTaskStatusResp] | None = None
    """Tasks on this page."""
    total_count: Integer | None = None
    """Tasks on all pages."""


class ImportTaskRequest(Wire, kw_only=True):
    """Start an import into a dataset.

    Reference: ``data_import_task/creating_an_import_task``.
    """

    annotation_format: Literal["VOC", "COCO"] | None = None
    """Format of the label files of an object detection import; found out from the files if absent."""
    data_source: DataSource | None = None
    """Source of the import, instead of ``import_path``."""
    difficult_only: bool = False
    """Import only samples that are marked as hard examples; false by default."""
    excluded_labels: list[LabelOrName] | None = None
    """Skip samples that have one of these labels; a label without a type matches each type."""
    excluded_tags: list[str] | None = None
    """Names of labels, as in ``excluded_labels``; only mentioned in the API reference's examples."""
    final_annotation: bool = True
    """Whether imported labels are final (default); otherwise they still have to be confirmed."""
    import_annotations: bool = True
    """Whether labels are imported together with the samples; true by default."""
    import_folder: str | None = None
    """Folder below the dataset's input path that files from elsewhere are copied into; tables have none."""
    import_origin: Literal["obs", "dws", "dli", "rds", "mrs", "inference"] = "obs"
    """Kind of source; only ``obs`` (default) can be read."""
    import_path: str | None = None
    """OBS path of a folder or of a manifest file."""
    import_samples: bool = True
    """Whether samples are imported (default); otherwise only labels of samples that exist."""
    import_type: Literal["0", "1", "dir", "manifest"] | None = None
    """Kind of ``import_path``: ``0`` or ``dir`` for a folder (default), ``1`` or ``manifest`` for a manifest file."""
    included_labels: list[LabelOrName] | None = None
    """Import only samples that have one of these labels; a label without a type matches each type."""
    included_tags: list[str] | None = None
    """Names of labels, as in ``included_labels``; only mentioned in the API reference's examples."""
    label_format: LabelFormat | None = None
    """Layout of labels in the text files of a text classification import."""
    with_column_header: bool | None = None
    """Whether the first row of a CSV file holds the column names; found out from the schema if absent."""


class ImportTaskResponse(Wire, kw_only=True):
    """The import task that was started.

    Reference: ``data_import_task/creating_an_import_task``.
    """

    task_id: str | None = None
    """Identifier to ask for the task's state with."""
