"""What the store keeps: one struct a table.

Records are persisted as JSON objects, so that stock TinyDB can read them. Wire types that are kept as they came
(labels, data sources, export parameters) are used as they are. Times are milliseconds since the epoch.
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


class Record(msgspec.Struct, omit_defaults=True):
    """Base of everything that is persisted; a member at its default is not written."""


class SampleRecord(Record, kw_only=True, gc=False):
    """One sample. ``path`` is ``bucket/key`` of its object; text lines and table rows share their file's path.

    ``signature`` is what tells that the object has changed: its size and its modification time in nanoseconds.
    """

    id: str
    path: str
    type: SampleType
    time: int
    size: int = 0
    signature: tuple[int, int] | None = None
    shape: tuple[int, int, int] | None = None
    """Width, height and depth of a picture; absent where it cannot be read."""
    text: str | None = None
    """The line of a text sample."""
    cells: list[str] | None = None
    """The row of a table sample."""
    labels: list[SampleLabel] = []
    status: SampleStatus = SampleStatus.UN_ANNOTATION
    annotated_by: str | None = None
    annotated_time: int | None = None
    metadata: dict[str, Any] = {}
    usage: Usage | None = None
    worker_id: str | None = None
    parent: str | None = None
    """Sample id of the video a frame was taken from."""
    deleted: bool = False
    """A tombstone: deleted through the API while ``signature`` still describes the object, or None if that went too."""
    aside: bool = False
    """A tombstone that is no deletion: a switch of versions has taken it out, until the next synchronization."""

    def tombstone(self, *, aside: bool = False) -> SampleRecord:
        """What stays of it when it is taken out, so that its object does not bring it back."""
        return SampleRecord(
            id=self.id,
            path=self.path,
            type=self.type,
            time=self.time,
            signature=self.signature,
            deleted=True,
            aside=aside,
        )


class TaskRecord(Record, kw_only=True):
    """A background task of a dataset. ``kind`` is ``sync``, ``import``, ``export``, ``publish`` or ``switch``."""

    id: str
    kind: str
    status: str
    create_time: int
    update_time: int
    error_code: str | None = None
    error_msg: str | None = None
    version_id: str | None = None
    request: dict[str, Any] = {}
    """The request body that started it, as wire members."""
    counts: dict[str, int] = {}
    """Progress, under the names of the task's answer (``total_sample_count``, ``finished_file_count``, …)."""
    export_params: ExportParams | None = None


class VersionRecord(Record, kw_only=True):
    """A published version. Its samples lie in a snapshot of their own, unchanged by later work."""

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
    """The dataset's labels at publication, for a later switch back."""
    label_type: str | None = None
    train_evaluate_sample_ratio: str = "1.00"
    clear_hard_property: bool = True
    remove_sample_usage: bool = True
    export_images: bool = False
    with_column_header: bool = True
    message: str | None = None


class DatasetRecord(Record, kw_only=True):
    """A dataset's own metadata; labels, samples, versions and tasks have tables of their own."""

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
    """``<work_path><name at creation>-<id>/``; renaming the dataset moves nothing."""
    work_path_type: int = 0
    workspace_id: str = "0"
    schema: list[Field] = []
    label_format: LabelFormat | None = None
    managed: bool = False
    import_data: bool = False
    import_annotations: bool = True
    import_task_id: str | None = None
    open_exports: int = 0
    """Export tasks that have not ended; they leave the dataset's status as it is."""
    counted_day: int | None = None
    """The last day, since the epoch in UTC, that changed anything."""
    history: dict[str, tuple[int, int, int]] = {}
    """Samples in all, labelled and to be confirmed, at the end of a day after which something has changed."""
    current_version_id: str | None = None
    current_version_name: str | None = None
    version_count: int = 0
    next_version_num: int = 1
    workforce: WorkforceInformation | None = None
    message: str | None = None


class ReadOptions(Record, kw_only=True):
    """How a text or table file is read."""

    label_format: LabelFormat | None = None
    """How a line is told from its labels; None for the documented defaults."""
    with_column_header: bool | None = None
    """Whether the first row names the columns; None where nobody has said."""
    schema_maps: list[SchemaMap] = []
    """Columns of the file by the names that the dataset has for them."""


class FileRecord(Record, kw_only=True):
    """A text or table file that has been read; ``path`` is ``bucket/key``, ``signature`` as for a sample."""

    path: str
    signature: tuple[int, int] | None = None
    """Absent until it has been read."""
    reading: ReadOptions | None = None
    """How it is read, where that is not the dataset's own way."""


class Counts(msgspec.Struct, kw_only=True, frozen=True):
    """Counts of a dataset's samples. ``total`` has no tombstones in it; ``deleted`` counts those."""

    total: int = 0
    annotated: int = 0
    unconfirmed: int = 0
    deleted: int = 0
    hard: int = 0
