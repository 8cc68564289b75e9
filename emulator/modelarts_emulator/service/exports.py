"""Data export: copy samples with their labels to a directory, or make a new dataset of them."""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.datasets import CreateDatasetRequest
from modelarts_emulator.contract.errors import (
    EXPORT_NOT_FOUND,
    INVALID_EXPORT_PARAMETER,
    INVALID_EXPORT_PATH,
    PARAMETER_INVALID,
    UNSUPPORTED_TYPE,
    ApiError,
)
from modelarts_emulator.contract.exports import ExportParams, ExportTaskRequest
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetName, ExportStatus, SampleState, VersionFormat
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.publishing.export_job import TILE, ExportJob
from modelarts_emulator.publishing.version_lookup import require_version
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.samples.search import matcher
from modelarts_emulator.samples.train_eval_split import parse_ratio
from modelarts_emulator.service.datasets import DatasetManagement
from modelarts_emulator.service.versions import VersionManagement
from modelarts_emulator.store import DatasetRecord, TaskRecord


class ExportManagement:
    """Start exports and report them."""

    def __init__(self, runtime: Runtime, datasets: DatasetManagement, versions: VersionManagement) -> None:
        self._runtime, self._datasets, self._versions = runtime, datasets, versions

    def start(self, project_id: str, dataset_id: str, request: ExportTaskRequest) -> TaskRecord:
        """Start an export in the background and return its task.

        Raises: DATASET_NOT_FOUND, VERSION_NOT_FOUND, UNSUPPORTED_TYPE, INVALID_EXPORT_PATH, INVALID_EXPORT_PARAMETER,
        DATASET_EXISTS, PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND, PARAMETER_INVALID, SWITCHING.
        """
        runtime = self._runtime
        record = runtime.require_dataset(project_id, dataset_id)
        if not DATASET_TYPES[record.type].exports:
            raise ApiError(UNSUPPORTED_TYPE, f"a dataset of type {int(record.type)} cannot be exported")
        path = self._checked_path(record, request.path)
        params = self._checked_params(record, request, path)
        with runtime.store.reading(record.id) as dataset:
            if request.version_id:
                require_version(dataset, request.version_id)
        now = runtime.clock.now_ms()
        task = TaskRecord(
            id=runtime.ids.entity(),
            kind="export",
            status=ExportStatus.INIT.value,
            create_time=now,
            update_time=now,
            version_id=request.version_id,
            request=msgspec.to_builtins(
                msgspec.structs.replace(
                    request,
                    path=str(path),
                    export_params=None,
                    export_format=request.export_format or TILE,
                    version_format=request.version_format or VersionFormat.DEFAULT,
                )
            ),
            export_params=params,
        )
        ExportJob(
            runtime,
            record,
            task,
            create_dataset=lambda place: self._create_dataset(record, params, place),
            publish=self._versions.publish_now,
        ).start()
        return task

    def tasks(
        self, project_id: str, dataset_id: str, *, export_type: int | None, offset: int, limit: int
    ) -> tuple[int, list[TaskRecord]]:
        """Return the number of export tasks of a type, and a page of them, newest first; ``offset`` counts tasks.

        ``export_type`` None is every type. Raises DATASET_NOT_FOUND.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            tasks = [
                task
                for task in reversed(dataset.tasks)
                if task.kind == "export" and export_type in (None, task.request.get("export_type"))
            ]
        return len(tasks), tasks[offset : offset + limit]

    def task(self, project_id: str, dataset_id: str, task_id: str) -> TaskRecord:
        """Return an export task. Raises: DATASET_NOT_FOUND, EXPORT_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            task = dataset.task(task_id)
        if task is None or task.kind != "export":
            raise ApiError(EXPORT_NOT_FOUND, task_id[:80])
        return task

    def _checked_path(self, record: DatasetRecord, text: str | None) -> ObsPath:
        if not text:
            raise ApiError(INVALID_EXPORT_PATH, "path: the directory to export to is missing")
        path = ObsPath.directory(text)
        if not self._runtime.tree.has_bucket(path.bucket):
            self._runtime.tree.require_directory(path)  # raises the error of a missing bucket
        for directory in input_directories(record):
            # Exported files would become samples of the dataset, or overwrite some.
            if directory.contains(path):
                raise ApiError(
                    INVALID_EXPORT_PATH, f"path: must not be the dataset's input path {directory} nor below it"
                )
        return path

    def _checked_params(self, record: DatasetRecord, request: ExportTaskRequest, path: ObsPath) -> ExportParams:
        """Return the parameters with their defaults, as they are stored and answered."""
        params = request.export_params or ExportParams()
        for condition in params.search_conditions or ():
            matcher(condition, self._runtime.clock.now_ms())
        ratio = str(params.train_sample_ratio if params.train_sample_ratio not in (None, "") else "1.00")
        parse_ratio("train_sample_ratio", ratio, INVALID_EXPORT_PARAMETER)
        if request.source_type_header.removesuffix("://") not in ("obs", "s3"):
            raise ApiError(INVALID_EXPORT_PARAMETER, "source_type_header: must be obs:// or s3://")
        if params.export_dest == "NEW_DATASET":
            self._require_creatable(record, params, path)
        return msgspec.structs.replace(
            params,
            export_dest=params.export_dest or "DIR",
            clear_difficult=bool(params.clear_difficult),
            clear_hard_property=params.clear_hard_property is not False,
            ratio_sample_usage=bool(params.ratio_sample_usage),
            sample_state=params.sample_state or SampleState.ANY,
            train_sample_ratio=ratio,
        )

    def _require_creatable(self, record: DatasetRecord, params: ExportParams, path: ObsPath) -> None:
        """Raise ApiError if the new dataset of the export could not be created."""
        name, work_path = params.export_new_dataset_name, params.export_new_dataset_work_path
        if not name or not work_path:
            raise ApiError(
                INVALID_EXPORT_PARAMETER, "NEW_DATASET needs export_new_dataset_name and export_new_dataset_work_path"
            )
        try:
            msgspec.convert(name, DatasetName)
        except msgspec.ValidationError as error:
            raise ApiError(PARAMETER_INVALID, f"export_new_dataset_name: {error}") from None
        self._datasets.require_free_name(record.project_id, name)
        self._datasets.checked_work_path(work_path, [DataSource(data_path=str(path))])

    def _create_dataset(self, record: DatasetRecord, params: ExportParams, path: ObsPath) -> DatasetRecord:
        """Create the new dataset of an export over the exported files; nothing is read yet."""
        with self._runtime.store.reading(record.id) as dataset:
            labels = dataset.labels
        request = CreateDatasetRequest(
            dataset_name=str(params.export_new_dataset_name),
            dataset_type=record.type,
            data_sources=[DataSource(data_path=str(path), data_type=0)],
            work_path=str(params.export_new_dataset_work_path),
            work_path_type=0,
            labels=labels,
            import_annotations=False,
        )
        return self._datasets.create_empty(record.project_id, request)
