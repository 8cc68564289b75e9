"""Requests and answers of the operations on datasets."""

from __future__ import annotations

from typing import Any, Literal

from modelarts_emulator.contract.labels import Label, LabelStats
from modelarts_emulator.contract.samples import HardDetail
from modelarts_emulator.contract.sources import DataSource, LabelFormat
from modelarts_emulator.contract.versions import DatasetVersion
from modelarts_emulator.contract.wire import (
    ChangedDescription,
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

COLUMN_TYPES = frozenset(
    {"STRING", "SHORT", "INT", "LONG", "DOUBLE", "FLOAT", "BYTE", "DATE", "TIMESTAMP", "BOOL", "BOOLEAN"}
)


class Field(Wire, kw_only=True):
    """A column of a table dataset."""

    description: str | None = None
    """Free text about the column."""
    name: str | None = None
    """Column name."""
    schema_id: Integer | None = None
    """Number of the column, from 1."""
    type: str | None = None
    """Data type: ``STRING``, ``SHORT``, ``INT``, ``LONG``, ``DOUBLE``, ``FLOAT``, ``BYTE``, ``DATE``, ``TIMESTAMP`` or
    ``BOOLEAN``, in either case."""


class AnnotationFile(Wire, kw_only=True, rename={"file_name": "file_Name"}):
    """A file in the preview of a dataset."""

    create_time: Long | None = None
    """Time at which the file was added, in ms since the epoch."""
    dataset_id: str | None = None
    """Dataset that the file belongs to."""
    depth: Integer | None = None
    """Number of color channels of a picture."""
    file_name: str | None = None
    """Name without its folder. The service spells this member with an upper case N."""
    file_id: str | None = None
    """Identifier of the sample."""
    file_type: str | None = None
    """Kind of data, as a sample type code."""
    height: Integer | None = None
    """Height of a picture, in pixels."""
    size: Long | None = None
    """Size of the file, in bytes."""
    tags: dict[str, str] | None = None
    """Types of the sample's labels as texts, by name of the label."""
    url: str | None = None
    """Signed URL of the file, valid for a limited time."""
    width: Integer | None = None
    """Width of a picture, in pixels."""


class DescDatasetResponse(Wire, kw_only=True):
    """A dataset with its counts, paths, labels and versions.

    Reference: ``dataset_management/querying_details_about_a_dataset``.
    """

    ai_project: str | None = None
    """Name of the AI project; ``default-ai-project``. Only mentioned in the API reference's examples."""
    dataset_version: str | None = None
    """Generation of the dataset API, ``v1``. Only mentioned in the API reference's examples."""
    annotated_sample_count: Integer | None = None
    """Samples with confirmed labels."""
    annotated_sub_sample_count: Integer | None = None
    """Labelled parts of samples, such as frames of videos."""
    content_labeling: bool | None = None
    """Whether speech content can be labelled."""
    create_time: Long | None = None
    """Creation of the dataset, in ms since the epoch."""
    current_version_id: str | None = None
    """Version that the dataset's samples were last published as or switched to."""
    current_version_name: str | None = None
    """Display name of that version."""
    data_format: str | None = None
    """File format of the samples: ``Default`` or ``CarbonData``."""
    data_sources: list[DataSource] | None = None
    """Input paths of the dataset."""
    data_statistics: dict[str, Any] | None = None
    """Numbers of samples by state (``sample_stats``) and of hard examples (``key_sample_stats``)."""
    data_update_time: Long | None = None
    """Latest change of samples or labels, in ms since the epoch."""
    dataset_format: Integer | None = None
    """Layout of the data: 0 files, 1 table."""
    dataset_id: str | None = None
    """Identifier of the dataset."""
    dataset_name: str | None = None
    """Display name, unique in the project and workspace."""
    dataset_tags: list[str] | None = None
    """Kind of data and of labelling, such as ``["Image", "Object detection"]``."""
    dataset_type: DatasetType | None = None
    """Content of the dataset and how it is labelled."""
    dataset_version_count: Integer | None = None
    """Number of published versions."""
    deleted_sample_count: Integer | None = None
    """Samples that were deleted."""
    deletion_stats: dict[str, Integer] | None = None
    """Number of deleted samples by reason; empty, because no operation gives a reason."""
    description: str | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""
    enterprise_project_id: str | None = None
    """Enterprise project; ``0`` for the default one."""
    exist_running_task: bool | None = None
    """Whether a task of the requested kind is running; only computed with ``check_running_task``."""
    exist_workforce_task: bool | None = None
    """Whether there is a team labelling task."""
    feature_supports: list[str] | None = None
    """Codes of supported features; ``0`` for pictures of any size."""
    import_data: bool | None = None
    """Whether the rows of a table are loaded when the dataset is created."""
    import_task_id: str | None = None
    """Import task that was started together with the dataset."""
    inner_annotation_path: str | None = None
    """OBS folder for labels, below ``inner_work_path``."""
    inner_data_path: str | None = None
    """OBS folder for imported data, below ``inner_work_path``."""
    inner_log_path: str | None = None
    """OBS folder for logs, below ``inner_work_path``."""
    inner_task_path: str | None = None
    """OBS folder for tasks, below ``inner_work_path``."""
    inner_temp_path: str | None = None
    """OBS folder for temporary files, below ``inner_work_path``."""
    inner_work_path: str | None = None
    """OBS folder of this dataset's own, below ``work_path``."""
    label_task_count: Integer | None = None
    """Number of labelling tasks."""
    labels: list[Label] | None = None
    """Labels of the dataset, in their display order."""
    loading_sample_count: Integer | None = None
    """Samples that are being loaded."""
    managed: bool | None = None
    """Whether the service owns the data; false by default."""
    next_version_num: Integer | None = None
    """Number in the name of the next version, from 1."""
    running_tasks_id: list[str] | None = None
    """Ids of the running tasks of the requested kind."""
    schema: list[Field] | None = None
    """Columns of a table dataset."""
    status: Integer | None = None
    """State: 0 creating, 1 normal, 2 deleting, 3 deleted, 4 abnormal, 5 synchronizing, 6 publishing, 7 switching
    version, 8 importing."""
    third_path: str | None = None
    """Path of the data at a third party; absent here."""
    total_sample_count: Integer | None = None
    """Samples in the dataset."""
    total_sub_sample_count: Integer | None = None
    """Parts of samples, such as frames of videos."""
    unconfirmed_sample_count: Integer | None = None
    """Samples whose automatic labels still have to be confirmed."""
    update_time: Long | None = None
    """Latest change of the dataset's settings, in ms since the epoch."""
    versions: list[DatasetVersion] | None = None
    """The current version only; ListDatasetVersions has all."""
    work_path: str | None = None
    """OBS folder that the dataset writes its output into."""
    work_path_type: Integer | None = None
    """Kind of work path; 0 for OBS."""
    workforce_descriptor: WorkforceDescriptor | None = None
    """Team labelling task of the dataset."""
    workforce_task_count: Integer | None = None
    """Number of team labelling tasks."""
    workspace_id: str | None = None
    """Workspace; ``0`` for the default one."""


class DatasetAndFilePreview(DescDatasetResponse, kw_only=True):
    """A dataset in a list, with some of its files if the request asks for them.

    Reference: ``dataset_management/response_body_for_querying_the_dataset_list.``.
    """

    data_url: str | None = None
    """URL of the data at a third party; absent here."""
    samples: list[AnnotationFile] | None = None
    """Some files of the dataset; only with ``file_preview``."""
    files: list[AnnotationFile] | None = None
    """As ``samples``, under the name that the API reference's example uses."""


class ListDatasetsQuery(Wire, kw_only=True):
    """Select a page of the project's datasets. All conditions that are given have to match.

    Reference: ``dataset_management/response_body_for_querying_the_dataset_list.``.
    """

    check_running_task: bool = False
    """Whether the answer says if a task is running; false by default."""
    contain_versions: bool | None = None
    """Only datasets with (true) or without (false) published versions."""
    dataset_version: Literal["v1", "v2", "all"] = "v2"
    """Generation of the datasets; accepted without effect."""
    dataset_type: DatasetType | None = None
    """Only datasets of this type."""
    file_preview: bool = False
    """Whether the answer shows some files of each dataset; false by default."""
    limit: Limit = 10
    """Page size, 1 to 100; 10 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    order: Order = Order.DESC
    """Direction of the order; descending by default."""
    running_task_type: RunningTaskType = RunningTaskType.DEPLOY
    """Kind of task for ``check_running_task``; 10 (default) asks for all kinds."""
    search_content: str | None = None
    """Text that the dataset's name contains; upper and lower case do not differ."""
    sort_by: SortBy = SortBy.CREATE_TIME
    """Member to sort by; creation time by default."""
    support_export: bool = False
    """Only datasets whose type can be exported; false by default."""
    train_evaluate_ratio: str | None = None
    """Only datasets with a version whose share of training samples is in this range, such as ``0.5,0.8``."""
    version_format: Literal[0, 1, 2] | None = None
    """Only datasets with a version in this format: 0 Default, 1 CarbonData, 2 CSV."""
    with_labels: bool = False
    """Whether the answer has the labels of each dataset; false by default."""
    workspace_id: str = "0"
    """Only datasets of this workspace; ``0`` by default."""


class ListDatasetsResponse(Wire, kw_only=True, rename={"workspace_id": "workspaceId"}):
    """A page of the project's datasets.

    Reference: ``dataset_management/response_body_for_querying_the_dataset_list.``.
    """

    datasets: list[DatasetAndFilePreview] | None = None
    """Datasets on this page."""
    total_number: Integer | None = None
    """Datasets on all pages."""
    workspace_id: str | None = None
    """Workspace that was asked for."""


class CreateDatasetRequest(Wire, kw_only=True):
    """Create a dataset.

    Reference: ``dataset_management/creating_a_dataset``.
    """

    dataset_name: DatasetName
    """Display name, 1 to 100 letters, digits, ``_`` and ``-``; unique in the project and workspace."""
    work_path: WorkPath
    """OBS folder for the dataset's output, 3 to 700 characters; not the input folder nor below it."""
    work_path_type: Literal[0]
    """Kind of work path; only 0 (OBS)."""
    data_format: Literal["Default", "CarbonData"] | None = None
    """File format of the samples; ``Default`` if absent, ``CarbonData`` only for tables."""
    data_sources: list[DataSource] | None = None
    """Input folders whose files become samples."""
    dataset_type: DatasetType | None = None
    """Content of the dataset and how it is labelled; cannot be changed later."""
    description: Description | None = None
    """Free text, up to 256 characters without ``^!<>=&"'``."""
    import_annotations: bool = True
    """Whether labels in the input folder are imported; true by default."""
    import_data: bool = False
    """Whether the data source of a table is imported, into ``inner_data_path``; false by default."""
    label_format: LabelFormat | None = None
    """Layout of labels in the text files of a text classification dataset."""
    labels: list[Label] | None = None
    """Labels of the new dataset."""
    managed: bool = False
    """Whether the service owns the data; false by default."""
    schema: list[Field] | None = None
    """Columns of a table dataset."""
    workforce_information: WorkforceInformation | None = None
    """Team labelling task to create together with the dataset."""
    workspace_id: str = "0"
    """Workspace of the dataset; ``0`` by default."""

    def __post_init__(self) -> None:
        """Check the members together. Raises ValueError."""
        if self.data_format == "CarbonData" and self.dataset_type is not DatasetType.TABLE:
            raise ValueError("data_format: CarbonData is only for table datasets")
        for column in self.schema or ():
            if column.type is not None and column.type.upper() not in COLUMN_TYPES:
                raise ValueError(f"schema: {column.type[:40]!r} is not a column type")


class CreateDatasetResponse(Wire, kw_only=True):
    """The dataset that was created.

    Reference: ``dataset_management/creating_a_dataset``.
    """

    dataset_id: str | None = None
    """Identifier of the new dataset."""
    error_code: str | None = None
    """Code of an error; absent after success."""
    error_msg: str | None = None
    """Text of an error; absent after success."""
    import_task_id: str | None = None
    """Import task that reads the input folders."""


class DescDatasetQuery(Wire, kw_only=True):
    """Select optional parts of a dataset's details.

    Reference: ``dataset_management/querying_details_about_a_dataset``.
    """

    check_running_task: bool = False
    """Whether the answer says if a task is running; false by default."""
    running_task_type: RunningTaskType = RunningTaskType.DEPLOY
    """Kind of task for ``check_running_task``; 10 (default) asks for all kinds."""


class UpdateDatasetRequest(Wire, kw_only=True):
    """Change a dataset; members that are absent stay as they are.

    Reference: ``dataset_management/modifying_a_dataset``.
    """

    add_labels: list[Label] | None = None
    """Labels to add."""
    add_tags: list[Label] | None = None
    """As ``add_labels``, under the name that the API reference's example uses."""
    current_version_id: str | None = None
    """Version to switch to: its samples and labels replace the current ones."""
    dataset_name: DatasetName | None = None
    """New display name, 1 to 100 letters, digits, ``_`` and ``-``."""
    delete_labels: list[Label] | None = None
    """Labels to delete, found by name and type."""
    description: ChangedDescription | None = None
    """New free text, up to 256 characters without ``^!<>=&"``."""
    update_labels: list[Label] | None = None
    """Labels to change, found by name and type."""


class UpdateDatasetResponse(Wire, kw_only=True):
    """The dataset that was changed.

    Reference: ``dataset_management/modifying_a_dataset``.
    """

    dataset_id: str | None = None
    """Identifier of the dataset."""


class PairOfintAndHardDetail(Wire, kw_only=True):
    """A hard example reason with the number of samples it applies to."""

    key: Integer | None = None
    """Number of samples."""
    value: HardDetail | None = None
    """Code, explanation and advice."""


class ListStatsQuery(Wire, kw_only=True):
    """Select the samples that are counted.

    Reference: ``dataset_management/querying_dataset_statistics``.
    """

    email: str | None = None
    """Count only labels of samples that this person has labelled."""
    locale: Locale = Locale.EN
    """Language of explanations in the answer; English by default."""
    sample_state: SampleState | None = None
    """Count only samples in this state."""


class ListStatsResponse(Wire, kw_only=True):
    """Statistics of a dataset's samples and labels.

    Reference: ``dataset_management/querying_dataset_statistics``.
    """

    data_path: str | None = None
    """OBS folder of the samples: the first input path."""
    data_spliting_enable: bool | None = None
    """Whether publishing can split the samples into training and evaluation. The service spells it with one t."""
    deletion_stats: dict[str, Integer] | None = None
    """Number of deleted samples by reason; empty, because no operation gives a reason."""
    grouped_label_stats: dict[str, list[LabelStats]] | None = None
    """Usage of labels, by label type."""
    hard_detail_stats: dict[str, PairOfintAndHardDetail] | None = None
    """Hard examples by code of the reason."""
    key_sample_stats: dict[str, Integer] | None = None
    """Samples that are hard examples, and others."""
    label_stats: list[LabelStats] | None = None
    """Labels with the number of times each is used."""
    metadata_stats: dict[str, Any] | None = None
    """Samples by metadata member and value."""
    sample_stats: dict[str, Integer] | None = None
    """Samples by state: all, labelled, unlabelled, deleted and to be confirmed."""


class GetDatasetMetricsQuery(Wire, kw_only=True):
    """Select a span of days.

    Reference: ``dataset_management/querying_the_monitoring_data_of_a_dataset``.
    """

    end_time: Long | None = None
    """End of the span, in ms since the epoch; now if absent."""
    start_time: Long | None = None
    """Start of the span, in ms since the epoch; creation of the dataset if absent."""
    workforce_task_id: str | None = None
    """Team labelling task, which must exist; the counts are those of the dataset."""


class GetDatasetMetricsResponse(Wire, kw_only=True):
    """Daily counts of samples.

    Reference: ``dataset_management/querying_the_monitoring_data_of_a_dataset``.
    """

    metrics: dict[str, dict[str, int]] | None = None
    """Counts by name (``total``, ``manual_annotation``, ``un_annotation``, …) and end of day in ms since the epoch."""
