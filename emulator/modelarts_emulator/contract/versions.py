"""Requests and answers of the operations on versions."""

from __future__ import annotations

from typing import Any, Literal

from modelarts_emulator.contract.labels import LabelStats
from modelarts_emulator.contract.wire import (
    Integer,
    Long,
    Offset,
    SampleState,
    VersionDescription,
    VersionFormat,
    VersionLimit,
    VersionName,
    VersionStatus,
    Wire,
)


class DatasetVersion(Wire, kw_only=True):
    """A published version of a dataset: its samples and labels at one moment.

    Reference: ``dataset_version_management/querying_details_about_a_dataset_version``.
    """

    add_sample_count: Integer | None = None
    """Samples added since the previous version."""
    analysis_cache_path: str | None = None
    """OBS folder for intermediate results of a data analysis; absent here."""
    analysis_status: Literal[0, 1, 2, 3] | None = None
    """State of the data analysis: 0 initialized, 1 running, 2 completed, 3 failed; absent here."""
    analysis_task_id: str | None = None
    """Data analysis task of the version; absent here."""
    annotated_sample_count: Integer | None = None
    """Labelled samples in this version."""
    annotated_sub_sample_count: Integer | None = None
    """Labelled parts of samples, such as frames."""
    clear_hard_property: bool | None = None
    """Whether hard example marks were left out; true by default."""
    code: str | None = None
    """Progress code of a version that rotates and crops pictures; absent here."""
    create_time: Long | None = None
    """Publication, in ms since the epoch."""
    crop: bool | None = None
    """Whether pictures were cropped; false, since nothing is cropped here."""
    crop_path: str | None = None
    """OBS folder of the cropped pictures."""
    crop_rotate_cache_path: str | None = None
    """OBS folder for intermediate pictures of rotating and cropping."""
    data_analysis: dict[str, Any] | None = None
    """Results of the data analysis, by name; absent here."""
    data_path: str | None = None
    """OBS folder of the exported samples."""
    data_statistics: dict[str, Any] | None = None
    """Numbers of samples by state (``sample_stats``)."""
    data_validate: bool | None = None
    """Whether the samples were validated before they were published."""
    deleted_sample_count: Integer | None = None
    """Samples deleted since the previous version."""
    deletion_stats: dict[str, Integer] | None = None
    """Number of deleted samples by reason; empty, because no operation gives a reason."""
    description: str | None = None
    """Free text, up to 256 characters without ``!<>=&"'``."""
    export_images: bool | None = None
    """Whether pictures were copied into the version's folder; false by default."""
    extract_serial_number: bool | None = None
    """Whether serial numbers were parsed from the pictures; false by default."""
    include_dataset_data: bool | None = None
    """Whether the version holds copies of the samples' files."""
    is_current: bool | None = None
    """Whether this is the dataset's current version."""
    label_stats: list[LabelStats] | None = None
    """Labels of the version, with the number of times each is used."""
    label_type: str | None = None
    """Labels per sample: ``single``, ``multi`` or ``unlabeled``."""
    manifest_cache_input_path: str | None = None
    """OBS path of the manifest that was the input of publishing."""
    manifest_path: str | None = None
    """OBS path of the version's manifest file."""
    message: str | None = None
    """Error text of a version in state 4."""
    modified_sample_count: Integer | None = None
    """Samples changed since the previous version."""
    previous_annotated_sample_count: Integer | None = None
    """Labelled samples in the previous version."""
    previous_total_sample_count: Integer | None = None
    """Samples in the previous version."""
    previous_version_id: str | None = None
    """Version published before this one."""
    processor_task_id: str | None = None
    """Data processing task that made the version; absent here."""
    processor_task_status: Integer | None = None
    """State of that task: 0 initialized, 1 running, 2 completed, 3 failed, 4 stopped, 5 timed out, 6 deletion
    failed, 7 stop failed."""
    remove_sample_usage: bool | None = None
    """Whether an earlier training and evaluation split was discarded; true by default."""
    rotate: bool | None = None
    """Whether pictures were rotated; false, since nothing is rotated here."""
    rotate_path: str | None = None
    """OBS folder of the rotated pictures."""
    sample_state: SampleState | None = None
    """State that all samples of the version have; absent if they differ."""
    start_processor_task: bool | None = None
    """Whether publishing starts a data analysis; absent here."""
    status: VersionStatus | None = None
    """State of the version; 1 once it can be used."""
    tags: list[str] | None = None
    """Kind of data and of labelling, such as ``["Image", "Object detection"]``."""
    task_type: Integer | None = None
    """Kind of team labelling task behind the version; absent here."""
    total_sample_count: Integer | None = None
    """Samples in this version."""
    total_sub_sample_count: Integer | None = None
    """Parts of samples, such as frames."""
    train_evaluate_sample_ratio: str | None = None
    """Share of training samples, ``0`` to ``1`` as decimal text; ``1.00`` by default."""
    update_time: Long | None = None
    """Latest change, in ms since the epoch."""
    version_format: VersionFormat | None = None
    """File format of the published samples."""
    version_id: str | None = None
    """Identifier of the version."""
    version_name: str | None = None
    """Display name, unique in the dataset, such as ``V001``."""
    with_column_header: bool | None = None
    """Whether the first row of a published table holds the column names."""


class ListDatasetVersionsQuery(Wire, kw_only=True):
    """Select versions of a dataset.

    Reference: ``dataset_version_management/querying_the_dataset_version_list``.
    """

    limit: VersionLimit = 1000
    """Page size, 1 to 1,000; 1,000 by default."""
    offset: Offset = 0
    """Number of the page, from 0."""
    status: VersionStatus | None = None
    """Only versions in this state."""
    train_evaluate_ratio: str | None = None
    """Only versions whose share of training samples is in this range, such as ``0.5,0.8``; both ends count."""
    version_format: Literal[0, 1, 2] | None = None
    """Only versions in this format: 0 Default, 1 CarbonData, 2 CSV."""


class ListDatasetVersionsResponse(Wire, kw_only=True):
    """A page of the versions of a dataset, the latest first.

    Reference: ``dataset_version_management/querying_the_dataset_version_list``.
    """

    total_number: Integer | None = None
    """Matching versions on all pages."""
    versions: list[DatasetVersion] | None = None
    """Versions on this page."""


class CreateDatasetVersionRequest(Wire, kw_only=True):
    """Publish the current samples and labels as a version.

    Reference: ``dataset_version_management/creating_a_dataset_labeling_version``.
    """

    clear_hard_property: bool = True
    """Leave hard example marks out of the version; true by default."""
    description: VersionDescription | None = None
    """Free text, up to 256 characters without ``!<>=&"'``."""
    export_images: bool = False
    """Copy pictures into the version's folder; false by default."""
    remove_sample_usage: bool = True
    """Discard an earlier training and evaluation split; true by default."""
    train_evaluate_sample_ratio: str = "1.00"
    """Share of training samples, ``0`` to ``1`` as decimal text; ``1.00`` (default) does not split."""
    version_format: VersionFormat | None = None
    """File format of the published samples; ``Default`` if absent."""
    version_name: VersionName | None = None
    """Display name, 1 to 32 letters, digits, ``_`` and ``-``; ``V001`` and so on if absent."""
    with_column_header: bool = True
    """Write the column names into the first row of a published table; true by default."""


class CreateDatasetVersionResponse(Wire, kw_only=True):
    """The version that is being published.

    Reference: ``dataset_version_management/creating_a_dataset_labeling_version``.
    """

    version_id: str | None = None
    """Identifier to ask for the version's state with."""
