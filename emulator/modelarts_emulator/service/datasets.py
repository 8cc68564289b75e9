"""Dataset management: create, list, change and delete datasets, and count their samples."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.datasets import CreateDatasetRequest, UpdateDatasetRequest
from modelarts_emulator.contract.errors import (
    DATASET_EXISTS,
    NO_TABLE_SCHEMA,
    PARAMETER_INVALID,
    PATH_INVALID,
    WORK_PATH_TOO_LONG,
    ApiError,
)
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetType, RunningTaskType, SampleStatus, VersionFormat, VersionStatus
from modelarts_emulator.jobs.task_conflicts import (
    INTELLIGENT_TASKS,
    KINDS_OF_RUNNING_TASK_TYPE,
    require_labelling_allowed,
)
from modelarts_emulator.jobs.task_run import ENDED_STATUSES
from modelarts_emulator.obs.paths import MAX_KEY_BYTES, ObsPath
from modelarts_emulator.publishing.publish_job import split_obstacle
from modelarts_emulator.publishing.version_lookup import require_version
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.dataset_labels import (
    LabelCounts,
    add_labels,
    complete,
    delete_labels,
    update_label,
)
from modelarts_emulator.samples.factory import input_directories, source_directories
from modelarts_emulator.samples.hard_examples import HARD, HARD_REASONS, REASONS
from modelarts_emulator.samples.search import all_of, in_team_group, labelled_by
from modelarts_emulator.service.imports import ImportManagement
from modelarts_emulator.service.synchronization import SynchronizationManagement
from modelarts_emulator.service.team_tasks import TeamTaskManagement
from modelarts_emulator.service.versions import VersionManagement
from modelarts_emulator.store import (
    Counts,
    DatasetReader,
    DatasetRecord,
    DatasetWriter,
    EntryPage,
    IndexEntry,
    SampleRecord,
    Selection,
    VersionRecord,
)
from modelarts_emulator.store.daily_counts import DAY_MS, counts_of_day
from modelarts_emulator.store.team_records import WorkState

MAX_METRICS_DAYS = 3_660
_OUTPUT_FOLDERS = ("annotation", "data", "logs", "temp", "task")
_LONGEST_BELOW = len("/annotation//annotation/.manifest") + 2 * 32 + 255
"""The length of the longest key below a dataset's work path: what a version writes must fit into a key."""
_LONGEST_DATASET_FOLDER = 120
_WATCH_TIMEOUT_S = 0.25
"""The time that a create request waits until its input is watched; later the watcher compares it once more."""


class DatasetDetails(NamedTuple):
    """A dataset with its counts, labels and versions."""

    entry: IndexEntry
    labels: list[Label]
    versions: list[VersionRecord]


class DayCounts(NamedTuple):
    """The sample counts of a day at ``time``, in ms since the epoch: its last one, or now for the current day."""

    time: int
    total: int
    annotated: int
    unconfirmed: int


class DatasetStatistics(NamedTuple):
    """The counts of a dataset by state, by label, and by hard-example reason (empty without hard examples)."""

    dataset_type: DatasetType
    counts: Counts
    labels: list[Label]
    label_counts: LabelCounts
    hard_reasons: dict[int, int]
    is_splittable: bool
    """Whether publishing can split the labelled samples into training and evaluation."""
    data_path: str


class DatasetManagement:
    """Create, list, change and delete datasets."""

    def __init__(
        self,
        runtime: Runtime,
        synchronization: SynchronizationManagement,
        imports: ImportManagement,
        versions: VersionManagement,
        team_tasks: TeamTaskManagement,
    ) -> None:
        self._runtime = runtime
        self._name_lock = threading.Lock()
        """Held while a dataset gets its name, so that two datasets cannot get the same one."""
        self._synchronization, self._imports, self._versions = synchronization, imports, versions
        self._team_tasks = team_tasks

    # Create, change, delete

    def create(self, project_id: str, request: CreateDatasetRequest, user: str) -> tuple[str, str | None]:
        """Create a dataset and read its input in the background; return its id, and that of an import, if one starts.

        The input directories are walked once: here as far as needed to see whether there are labels to import, and by
        the task for the rest. ``user`` is the ``annotated_by`` of imported labels. Raises: DATASET_EXISTS,
        BUCKET_NOT_FOUND, PATH_NOT_FOUND, PATH_INVALID, PATH_IS_BUCKET, WORK_PATH_TOO_LONG, LABEL_EXISTS,
        SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, NO_TABLE_SCHEMA, PARAMETER_INVALID.
        """
        runtime = self._runtime
        record = self.create_empty(project_id, request)
        may_have_labels = self._imports.may_have_labels(record)
        # The walk must begin after the directories are watched, or changes between the two would be missed.
        runtime.watch(record, compare=False)
        if may_have_labels:
            runtime.wait_watched(record.id, _WATCH_TIMEOUT_S)
        imports_sources = record.reads_own_data and may_have_labels
        directories = source_directories(record) if imports_sources else input_directories(record)
        listing = runtime.synchronizer.list_directories(directories, keep=may_have_labels)
        import_task_id = self._imports.start_first(record, listing, user)
        if import_task_id is None:
            self._synchronization.start_first(record, listing)
        return record.id, import_task_id

    def create_empty(self, project_id: str, request: CreateDatasetRequest) -> DatasetRecord:
        """Create a dataset with its labels and output directories; its input is not read. Raises as :meth:`create`."""
        runtime = self._runtime
        dataset_type = request.dataset_type if request.dataset_type is not None else DatasetType.IMAGE_CLASSIFICATION
        record = self._new_record(project_id, request, dataset_type)
        labels = [complete(label, dataset_type) for label in request.labels or ()]
        with self._name_lock:
            self.require_free_name(project_id, request.dataset_name)
            runtime.store.create(record)
        try:
            with runtime.store.writing(record.id) as dataset:
                add_labels(dataset, labels)
            for folder in _OUTPUT_FOLDERS:
                runtime.tree.make_directory(ObsPath.directory(f"{record.inner_work_path}{folder}"))
        except BaseException:
            runtime.store.delete(record.id)
            raise
        return record

    def update(self, project_id: str, dataset_id: str, request: UpdateDatasetRequest) -> None:
        """Change name, description and labels (deleted, then added, then updated), or switch to a version.

        All of it or nothing. Raises: DATASET_NOT_FOUND, DATASET_EXISTS, LABEL_NOT_FOUND, LABEL_EXISTS,
        SHORTCUT_EXISTS, LABEL_INCOMPATIBLE, VERSION_NOT_FOUND, UNSUPPORTED_TYPE, PUBLISHING, PUBLISHING_ANNOTATION,
        SWITCHING.
        """
        runtime = self._runtime
        record = runtime.require_dataset(project_id, dataset_id)
        if request.delete_labels or request.add_labels or request.add_tags or request.update_labels:
            require_labelling_allowed(runtime.tasks, record.id)

        def change(dataset: DatasetWriter) -> None:
            _update_labels(dataset, request)
            dataset.put_record(_updated_record(dataset.record, request, runtime.clock.now_ms()))

        with self._name_lock:
            if request.dataset_name is not None and request.dataset_name != record.name:
                self.require_free_name(project_id, request.dataset_name)
            if request.current_version_id is not None:
                with runtime.store.reading(record.id) as reader:
                    require_version(reader, request.current_version_id)
            if request.current_version_id in (None, record.current_version_id):
                with runtime.store.writing(record.id) as dataset:
                    change(dataset)
            else:
                self._versions.switch(record, str(request.current_version_id), change)

    def delete(self, project_id: str, dataset_id: str) -> None:
        """Delete a dataset; its source files and the files of its versions stay. Raises DATASET_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        self._runtime.delete_dataset(record.id)

    def require_free_name(self, project_id: str, name: str) -> None:
        """Raise DATASET_EXISTS if a dataset of the project has this name."""
        if self._runtime.store.has_name(project_id, name):
            raise ApiError(DATASET_EXISTS, name)

    def checked_work_path(self, text: str, sources: Sequence[DataSource]) -> ObsPath:
        """Return a work path that can be used with these data sources.

        Raises: PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND, WORK_PATH_TOO_LONG.
        """
        work_path = ObsPath.directory(text)
        if not self._runtime.tree.has_bucket(work_path.bucket):
            self._runtime.tree.require_directory(work_path)  # raises the error of a missing bucket
        for source in sources:
            if ObsPath.directory(str(source.data_path)).contains(work_path):
                raise ApiError(PATH_INVALID, f"work_path: must not be the input path {source.data_path} nor below it")
        if len(work_path.key.encode()) + _LONGEST_DATASET_FOLDER + _LONGEST_BELOW > MAX_KEY_BYTES:
            raise ApiError(WORK_PATH_TOO_LONG, text[:80])
        return work_path

    # Read

    def page(
        self, project_id: str, workspace_id: str, start: int, count: int, *, newest_first: bool
    ) -> EntryPage | None:
        """Return datasets of a workspace by their creation; None if only all entries show their order."""
        return self._runtime.store.page(project_id, workspace_id, start, count, newest_first=newest_first)

    def entries(self, project_id: str) -> list[IndexEntry]:
        """Return metadata and counts of all datasets of a project."""
        return self._runtime.store.entries(project_id)

    def details(self, project_id: str, dataset_id: str) -> DatasetDetails:
        """Return a dataset with its counts, labels and versions. Raises DATASET_NOT_FOUND."""
        self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(dataset_id) as dataset:
            return DatasetDetails(IndexEntry(dataset.record, dataset.counts), dataset.labels, dataset.versions)

    def labels(self, dataset_id: str) -> list[Label]:
        """Return the labels of a dataset."""
        with self._runtime.store.reading(dataset_id) as dataset:
            return dataset.labels

    def versions(self, dataset_id: str) -> list[VersionRecord]:
        """Return the versions of a dataset, oldest first."""
        with self._runtime.store.reading(dataset_id) as dataset:
            return dataset.versions

    def first_samples(self, dataset_id: str, count: int) -> list[SampleRecord]:
        """Return the newest samples of a dataset, for a preview."""
        with self._runtime.store.reading(dataset_id) as dataset:
            return dataset.page(Selection(), offset=0, limit=count)[1]

    def count_rejected(self, record: DatasetRecord) -> int:
        """Return how many samples of the newest team labelling task are rejected."""
        if not record.team_tasks:
            return 0
        with self._runtime.store.reading(record.id) as dataset:
            return dataset.count_assignments(record.team_tasks[-1].id, WorkState.REJECTED.value)

    def count_frames(self, record: DatasetRecord) -> int:
        """Return how many samples are frames of videos."""
        if record.type is not DatasetType.VIDEO:
            return 0
        with self._runtime.store.reading(record.id) as dataset:
            return sum(1 for _ in dataset.select(Selection(predicate=lambda sample: sample.parent is not None)))

    def running_tasks(self, record: DatasetRecord, task_type: RunningTaskType) -> tuple[bool, list[str]]:
        """Return whether tasks of a type are running, and their ids; publishing has the id of its version.

        DEPLOY, the default of the API, means tasks of any type.
        """
        kinds = self._runtime.tasks.running(record.id)
        if task_type is not RunningTaskType.DEPLOY:
            kinds &= KINDS_OF_RUNNING_TASK_TYPE.get(task_type, set())
        if not kinds:
            return False, []
        with self._runtime.store.reading(record.id) as dataset:
            tasks = [task for task in dataset.tasks if task.kind in kinds and task.status not in ENDED_STATUSES]
            versions = [each.version_id for each in dataset.versions if each.status is VersionStatus.CREATING]
        intelligent = INTELLIGENT_TASKS.get(task_type)
        if intelligent is not None:
            tasks = [task for task in tasks if task.request.get("task_type") == intelligent]
        ids = [task.id for task in tasks] + (versions if "publish" in kinds else [])
        return intelligent is None or bool(tasks), ids

    def statistics(
        self,
        project_id: str,
        dataset_id: str,
        statuses: frozenset[SampleStatus] | None = None,
        labeler: str | None = None,
        team_group: str | None = None,
    ) -> DatasetStatistics:
        """Return the counts of a dataset.

        The label counts are of samples in these ``statuses`` only, or in this group of a team task, and of those that
        ``labeler`` has labelled.

        Raises DATASET_NOT_FOUND.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            counts = dataset.counts
            tests = [] if labeler is None else [labelled_by(labeler)]
            tests += [] if team_group is None else [in_team_group(dataset, team_group)]
            return DatasetStatistics(
                dataset_type=record.type,
                counts=counts,
                labels=dataset.labels,
                label_counts=_label_counts(dataset, Selection(statuses=statuses, predicate=all_of(tests)))
                if statuses is not None or tests
                else dataset.label_stats(),
                hard_reasons=_hard_reasons(dataset) if counts.hard else {},
                is_splittable=DATASET_TYPES[record.type].splits and not split_obstacle(dataset),
                data_path=next((source.data_path or "" for source in record.data_sources), ""),
            )

    def daily_counts(
        self, project_id: str, dataset_id: str, start_ms: int | None, end_ms: int | None
    ) -> list[DayCounts]:
        """Return the counts of each day (UTC) from ``start_ms`` to ``end_ms``, at most the last ten years of them.

        Raises: DATASET_NOT_FOUND, PARAMETER_INVALID if the start is after the end.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        now = self._runtime.clock.now_ms()
        if start_ms is not None and end_ms is not None and start_ms > end_ms:
            raise ApiError(PARAMETER_INVALID, "start_time: is after end_time")
        start = max(record.create_time, start_ms or 0)
        end = min(now, end_ms if end_ms is not None else now)
        with self._runtime.store.reading(record.id) as dataset:
            return list(_days(dataset, start, end, now))

    # Inside

    def _new_record(self, project_id: str, request: CreateDatasetRequest, dataset_type: DatasetType) -> DatasetRecord:
        runtime = self._runtime
        sources = self._checked_sources(request.data_sources or ())
        work_path = self.checked_work_path(request.work_path, sources)
        is_headless = any(source.with_column_header is False for source in sources)
        if dataset_type is DatasetType.TABLE and not request.schema and is_headless:
            raise ApiError(NO_TABLE_SCHEMA, "schema: needed because the files have no column header")
        now = runtime.clock.now_ms()
        dataset_id = runtime.ids.entity()
        return DatasetRecord(
            id=dataset_id,
            project_id=project_id,
            name=request.dataset_name,
            type=dataset_type,
            create_time=now,
            update_time=now,
            data_update_time=now,
            counted_day=now // DAY_MS,
            description=request.description or "",
            data_format=request.data_format or VersionFormat.DEFAULT.value,
            data_sources=sources,
            work_path=str(work_path),
            inner_work_path=f"{work_path}{request.dataset_name}-{dataset_id}/",
            work_path_type=request.work_path_type,
            workspace_id=request.workspace_id,
            schema=request.schema or [],
            label_format=request.label_format,
            managed=request.managed,
            import_data=request.import_data,
            reads_own_data=dataset_type is DatasetType.TABLE,
            import_annotations=request.import_annotations,
            team_tasks=[]
            if request.workforce_information is None
            else [self._team_tasks.first_task(project_id, dataset_type, request.workforce_information)],
        )

    def _checked_sources(self, sources: Sequence[DataSource]) -> list[DataSource]:
        checked = []
        for source in sources:
            if source.data_type:
                raise ApiError(PARAMETER_INVALID, "data_sources: only OBS (data_type 0) can be read by this emulator")
            if not source.data_path:
                raise ApiError(PARAMETER_INVALID, "data_sources: data_path is missing")
            path = ObsPath.directory(source.data_path)
            self._runtime.tree.require_directory(path)
            checked.append(msgspec.structs.replace(source, data_path=str(path), data_type=0))
        return checked


def _updated_record(record: DatasetRecord, request: UpdateDatasetRequest, now: int) -> DatasetRecord:
    return msgspec.structs.replace(
        record,
        name=record.name if request.dataset_name is None else request.dataset_name,
        description=record.description if request.description is None else request.description,
        update_time=now,
    )


def _update_labels(dataset: DatasetWriter, request: UpdateDatasetRequest) -> None:
    # The order matters: a Terraform update sends old and new labels together, and they may overlap.
    delete_labels(dataset, request.delete_labels or ())
    add_labels(dataset, (*(request.add_labels or ()), *(request.add_tags or ())))
    for label in request.update_labels or ():
        update_label(dataset, label)


def _label_counts(dataset: DatasetReader, selection: Selection) -> LabelCounts:
    labels: Counter[tuple[str, int | None]] = Counter()
    samples: Counter[tuple[str, int | None]] = Counter()
    for sample in dataset.select(selection):
        keys = [(str(label.name), label.type) for label in sample.labels]
        labels.update(keys)
        samples.update(set(keys))
    return {key: (count, samples[key]) for key, count in labels.items()}


def _hard_reasons(dataset: DatasetReader) -> dict[int, int]:
    """Return how many samples are hard for each reason, by its id."""
    reasons: Counter[int] = Counter()
    for sample in dataset.select(Selection(predicate=lambda sample: bool(sample.metadata.get(HARD)))):
        reasons.update(reason for reason in sample.metadata.get(HARD_REASONS) or () if reason in REASONS)
    return dict(sorted(reasons.items()))


def _days(dataset: DatasetReader, start: int, end: int, now: int) -> Iterator[DayCounts]:
    """Return the counts of the days that the time from ``start`` to ``end`` touches."""
    first, last = start // DAY_MS, end // DAY_MS
    counts = dataset.counts
    current = (counts.total, counts.annotated, counts.unconfirmed)
    for day in range(max(first, last - MAX_METRICS_DAYS), last + 1):
        yield DayCounts(min((day + 1) * DAY_MS - 1, now), *counts_of_day(dataset.record.history, day, current))
