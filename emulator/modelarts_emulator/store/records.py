"""The records of the store: one struct per table.

Records are stored as JSON objects that TinyDB can read. Labels, data sources and export parameters are stored as the
types of the API. All times are in milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.contract.datasets import Field
from modelarts_emulator.contract.exports import ExportParams
from modelarts_emulator.contract.labels import Label, LabelStats
from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.sources import DataSource, LabelFormat, SchemaMap
from modelarts_emulator.contract.wire import (
    DatasetStatus,
    DatasetType,
    SampleStatus,
    SampleType,
    Usage,
    VersionFormat,
    VersionStatus,
)
from modelarts_emulator.contract.workforce import WorkforceInformation
from modelarts_emulator.obs.paths import ObjectKey
from modelarts_emulator.store.team_records import TeamTaskRecord


class Record(msgspec.Struct, omit_defaults=True):
    """Base of all stored records; fields with default values are not written."""


class SampleRecord(Record, kw_only=True, gc=False, rename={"switched_out": "aside"}):
    """A sample, or a tombstone of one."""

    id: str
    path: ObjectKey
    """``bucket/key`` of the object. The samples of a text or table file share its path."""
    type: SampleType
    time: int
    """Time of creation."""
    size: int = 0
    """Size of the object in bytes."""
    signature: tuple[int, int] | None = None
    """Size in bytes and modification time in nanoseconds of the object: if they differ, it has changed."""
    shape: tuple[int, int, int] | None = None
    """Width, height and number of channels of a picture; None if its header cannot be read."""
    text: str | None = None
    """The line of a text sample."""
    cells: list[str | None] | None = None
    """The row of a table sample; None for a value that does not fit its column."""
    labels: list[SampleLabel] = []
    status: SampleStatus = SampleStatus.UN_ANNOTATION
    annotated_by: str | None = None
    annotated_time: int | None = None
    metadata: dict[str, Any] = {}
    usage: Usage | None = None
    worker_id: str | None = None
    parent: str | None = None
    """Sample id of the video that a frame comes from."""
    deleted: bool = False
    """Whether this is a tombstone: the sample was deleted through the API and must not come back while ``signature``
    describes its object. The signature is None if the object was deleted too."""
    switched_out: bool = False
    """Whether this is a tombstone of a version switch, not of a deletion: the next synchronization restores it."""

    def tombstone(self, *, switched_out: bool = False) -> SampleRecord:
        """Return the tombstone that replaces a removed sample, so that its object does not bring the sample back."""
        return SampleRecord(
            id=self.id,
            path=self.path,
            type=self.type,
            time=self.time,
            signature=self.signature,
            deleted=True,
            switched_out=switched_out,
        )


class TaskRecord(Record, kw_only=True):
    """A background task of a dataset."""

    id: str
    kind: str
    """``sync``, ``import``, ``export``, ``publish``, ``switch`` or ``inference``."""
    status: str
    create_time: int
    update_time: int
    error_code: str | None = None
    error_msg: str | None = None
    version_id: str | None = None
    request: dict[str, Any] = {}
    """The request body that started the task."""
    counts: dict[str, int] = {}
    """Progress, by the field names of the task's response (``total_sample_count``, ``finished_file_count``, …)."""
    export_params: ExportParams | None = None


class VersionRecord(Record, kw_only=True):
    """A published version. Its samples are stored in a file of their own and do not change."""

    version_id: str
    version_name: str
    version_format: VersionFormat = VersionFormat.DEFAULT
    status: VersionStatus = VersionStatus.CREATING
    create_time: int
    update_time: int
    description: str = ""
    previous_version_id: str | None = None
    previous_total_sample_count: int = 0
    previous_annotated_sample_count: int = 0
    total_sample_count: int = 0
    annotated_sample_count: int = 0
    add_sample_count: int = 0
    deleted_sample_count: int = 0
    modified_sample_count: int = 0
    manifest_path: str = ""
    data_path: str = ""
    label_stats: list[LabelStats] = []
    labels: list[Label] = []
    """The dataset's labels at publication, restored by a version switch."""
    label_type: str | None = None
    train_evaluate_sample_ratio: str = "1.00"
    clear_hard_property: bool = True
    remove_sample_usage: bool = True
    export_images: bool = False
    with_column_header: bool = True
    message: str | None = None


class DatasetRecord(Record, kw_only=True):
    """The metadata of a dataset. Labels, samples, versions, tasks and files have tables of their own."""

    id: str
    project_id: str
    name: str
    type: DatasetType
    create_time: int
    update_time: int
    data_update_time: int
    status: DatasetStatus = DatasetStatus.CREATING
    description: str = ""
    data_format: str = "Default"
    data_sources: list[DataSource] = []
    work_path: str
    inner_work_path: str
    """``<work_path><name at creation>-<id>/``; it stays the same when the dataset is renamed."""
    work_path_type: int = 0
    workspace_id: str = "0"
    schema: list[Field] = []
    label_format: LabelFormat | None = None
    managed: bool = False
    import_data: bool = False
    reads_own_data: bool = False
    """Whether the samples are in ``<inner_work_path>data/`` and the data sources are only imported from, as of a table.
    False for tables of version 0.1, whose rows are in their data sources."""
    import_annotations: bool = True
    import_task_id: str | None = None
    open_exports: int = 0
    """Number of exports and intelligent tasks that have not ended. They do not change the status of the dataset."""
    counted_day: int | None = None
    """The day of the last change, as the number of days since the epoch in UTC."""
    history: dict[str, tuple[int, int, int]] = {}
    """Numbers of samples (all, labelled, to be confirmed) at the end of a day, by day. See ``daily_counts``."""
    current_version_id: str | None = None
    current_version_name: str | None = None
    version_count: int = 0
    next_version_num: int = 1
    workforce: WorkforceInformation | None = None
    team_tasks: list[TeamTaskRecord] = []
    """Team labelling tasks, in order of creation. Kept here so that lists over all datasets need not load any."""
    message: str | None = None


class ReadOptions(Record, kw_only=True):
    """Options for reading a text or table file."""

    label_format: LabelFormat | None = None
    """Separators of text and labels in a line; None for the documented defaults."""
    with_column_header: bool | None = None
    """Whether the first row names the columns; None if the request did not state it."""
    schema_maps: list[SchemaMap] = []
    """The file's columns by the names that the dataset uses."""


class FileRecord(Record, kw_only=True, rename={"read_options": "reading"}):
    """A text or table file whose lines or rows are samples."""

    path: ObjectKey
    """``bucket/key``."""
    signature: tuple[int, int] | None = None
    """Size in bytes and modification time in nanoseconds when it was read; None before."""
    read_options: ReadOptions | None = None
    """Options for reading the file, if they differ from those of the dataset."""
    problem_count: int = 0
    """Number of lines or rows that are not usable."""
    problem: str | None = None
    """The first of them, as messages name it."""


class PendingFile(Record, kw_only=True):
    """A file that a change of the dataset is about to create, or has still to remove.

    The record is journalled before the file is created, and dropped together with the change that needs the file: if it
    is found at a start, the change was not made, and the file is removed. With ``remove`` it is journalled together
    with the deletion, and dropped once the file is gone.
    """

    path: ObjectKey
    """``bucket/key``."""
    time: int
    """Modification time of the file that is created, or the time of the deletion."""
    remove: bool = False


class Counts(msgspec.Struct, kw_only=True, frozen=True):
    """Numbers of samples of a dataset."""

    total: int = 0
    """All samples, without tombstones."""
    annotated: int = 0
    """Samples with confirmed labels."""
    unconfirmed: int = 0
    """Samples with automatic labels that are to be confirmed."""
    deleted: int = 0
    """Tombstones of deleted samples."""
    hard: int = 0
    """Samples marked as hard examples."""
