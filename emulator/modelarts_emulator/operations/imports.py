"""Data import: samples and annotations come from a directory or a manifest.

Reference: ``api-ref/source/data_management/data_import_task/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import IMPORT_FAILED, NO_VALID_FILE, PARAMETER_INVALID, PATH_NOT_FOUND, ApiError
from modelarts_emulator.contract.imports import (
    FileCopyProgress,
    ImportTaskRequest,
    ImportTaskResponse,
    ImportTaskStatusResp,
    ListImportTasksQuery,
    ListImportTasksResponse,
)
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, TaskStatus
from modelarts_emulator.formats import directory_layouts
from modelarts_emulator.ingest.import_files import FileImport, Import, ImportOrder, ImportProgress
from modelarts_emulator.ingest.import_lines import RowImport, TextImport
from modelarts_emulator.ingest.input_copies import InputCopier
from modelarts_emulator.jobs.pool import Claim
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.task_rules import claim, ending
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.store import DatasetRecord, TaskRecord

DIRECTORY, MANIFEST = 0, 1
ORIGINS = {"obs": 0, "dws": 1, "dli": 2, "rds": 3, "mrs": 4, "inference": 6}
_IMPORTS: dict[str, type[Import]] = {"file": FileImport, "line": TextImport, "row": RowImport}
# Which datasets bring label information along when they are created.
_INITIAL = (DatasetType.IMAGE_CLASSIFICATION, DatasetType.OBJECT_DETECTION, DatasetType.TEXT_CLASSIFICATION)
# How many names are looked at before an import is started anyway, to see whether there is anything in it.
_LOOKED_AT = 10_000


def list_import_tasks(
    runtime: Runtime, context: RequestContext, query: ListImportTasksQuery
) -> ListImportTasksResponse:
    """Import tasks, newest first, paged; ``offset`` counts pages. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        tasks = [task for task in reversed(dataset.tasks) if task.kind == "import"]
    start = query.offset * query.limit
    return ListImportTasksResponse(
        total_count=len(tasks),
        import_tasks=[_described(record, task) for task in tasks[start : start + query.limit]],
    )


def import_task(runtime: Runtime, context: RequestContext, request: ImportTaskRequest) -> ImportTaskResponse:
    """Start an import in the background: ``QUEUING``, ``STARTING``, ``RUNNING``, then ``COMPLETED`` or ``FAILED``.

    Raises DATASET_NOT_FOUND, NO_VALID_FILE, PATH_NOT_FOUND, PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND,
    PARAMETER_INVALID and the error of a task in its way: IMPORT_RUNNING, PUBLISHING, SWITCHING, SYNC_RUNNING.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    wanted = _wanted(runtime, context, record, request)
    with claim(runtime, record, "import") as right:
        return ImportTaskResponse(task_id=_start(runtime, right, record, wanted, _echoed(request, wanted)))


def describe_import_task(runtime: Runtime, context: RequestContext) -> ImportTaskStatusResp:
    """One import task; NOT_EXIST where there is none of this id. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        task = dataset.task(context.task_id)
    if task is None or task.kind != "import":
        status = TaskStatus.NOT_EXIST.value
        return ImportTaskStatusResp(status=status, dataset_id=record.id, task_id=context.task_id)
    return _described(record, task)


def start_initial_import(runtime: Runtime, context: RequestContext, record: DatasetRecord) -> str | None:
    """Bring along the label information of a new dataset's input, where there is any. Returns the task's id."""
    if not _brings_labels(runtime, record):
        return None
    directory = input_directories(record)[0]
    wanted = ImportOrder(
        source=directory,
        is_manifest=False,
        user=context.user,
        annotations=record.type is not DatasetType.TABLE,
        options=directory_layouts.DirectoryOptions(label_format=record.label_format, schema=record.schema),
    )
    request = {"import_path": directory.uri(), "import_type": DIRECTORY}
    with claim(runtime, record, "import") as right:
        return _start(runtime, right, record, wanted, request, is_initial=True)


def _brings_labels(runtime: Runtime, record: DatasetRecord) -> bool:
    """Whether the input directories hold label information, as far as the first names tell."""
    if record.type is DatasetType.TABLE:
        return record.import_data
    if not (record.import_annotations and record.type in _INITIAL and record.data_sources):
        return False
    for directory in input_directories(record):
        prefix = directory.object_name
        names = [entry.path[len(prefix) :] for entry in islice(runtime.tree.walk(directory), _LOOKED_AT)]
        if len(names) == _LOOKED_AT or directory_layouts.has_annotations(record.type, names):
            return True
    return False


def _wanted(
    runtime: Runtime, context: RequestContext, record: DatasetRecord, request: ImportTaskRequest
) -> ImportOrder:
    """What the request asks for, checked."""
    source = request.data_source
    if source is not None and source.data_type:
        raise ApiError(PARAMETER_INVALID, "data_source: only OBS (data_type 0) can be read by this emulator")
    text = request.import_path or (source.data_path if source else None)
    if not text:
        raise ApiError(PARAMETER_INVALID, "import_path: where to import from is missing")
    is_manifest = _is_manifest(request, text)
    path = ObsPath.parse(text) if is_manifest else ObsPath.directory(text)
    header = source.with_column_header if source and source.with_column_header is not None else None
    if header is None:
        # By default there is none; but what a manifest names may be a version's, which usually has one.
        header = request.with_column_header if is_manifest else bool(request.with_column_header)
    wanted = ImportOrder(
        source=path,
        is_manifest=is_manifest,
        user=context.user,
        annotations=request.import_annotations,
        samples=request.import_samples,
        included=_names(request.included_labels, request.included_tags),
        excluded=_names(request.excluded_labels, request.excluded_tags),
        difficult_only=request.difficult_only,
        final=request.final_annotation,
        folder=request.import_folder or "",
        origin=ORIGINS[request.import_origin],
        options=directory_layouts.DirectoryOptions(
            annotation_format=request.annotation_format,
            label_format=request.label_format or record.label_format,
            with_column_header=header,
            schema=record.schema,
            schema_maps=(source.schema_maps if source else None) or (),
        ),
    )
    InputCopier(runtime.tree, input_directories(record), wanted.folder)  # says whether the folder can be used
    _require_something(runtime, record, wanted)
    return wanted


def _is_manifest(request: ImportTaskRequest, text: str) -> bool:
    if request.import_type is None:
        return text.endswith(".manifest")
    return request.import_type in ("manifest", "1")


def _names(labels: Iterable[Label] | None, names: Iterable[str] | None) -> frozenset[str]:
    return frozenset([str(label.name) for label in labels or ()] + list(names or ()))


def _require_something(runtime: Runtime, record: DatasetRecord, wanted: ImportOrder) -> None:
    """Raise where there is nothing that could be imported."""
    if wanted.is_manifest:
        if runtime.tree.stat(wanted.source) is None:
            raise ApiError(PATH_NOT_FOUND, f"{wanted.source}: no such manifest")
        return
    kind = DATASET_TYPES[record.type]
    if not any(kind.holds(entry.path) for entry in runtime.tree.walk(wanted.source)):
        what = ", ".join(kind.extensions) or "file"
        raise ApiError(NO_VALID_FILE, f"{wanted.source} holds no {what}")


def _echoed(request: ImportTaskRequest, wanted: ImportOrder) -> dict[str, Any]:
    """What of the request a task answers with."""
    echoed: dict[str, Any] = {
        "import_path": wanted.source.uri(),
        "import_type": MANIFEST if wanted.is_manifest else DIRECTORY,
    }
    if request.data_source is not None:
        echoed["data_source"] = msgspec.to_builtins(request.data_source)
    return echoed


def _start(
    runtime: Runtime,
    right: Claim,
    record: DatasetRecord,
    wanted: ImportOrder,
    request: dict[str, Any],
    *,
    is_initial: bool = False,
) -> str:
    """Note the task, set the dataset's status while it runs, and run it. Returns its id."""
    now = runtime.clock.now_ms()
    task = TaskRecord(
        id=runtime.ids.import_task(record.id),
        kind="import",
        status=TaskStatus.QUEUING.value,
        create_time=now,
        update_time=now,
        request=request,
    )
    with runtime.store.writing(record.id) as dataset:
        dataset.put_task(task)
        current = dataset.record
        status = DatasetStatus.CREATING if is_initial else DatasetStatus.IMPORTING
        dataset.put_record(msgspec.structs.replace(current, status=status, import_task_id=task.id))
    right.run(lambda: _run(runtime, record.id, task, wanted, is_initial))
    return task.id


def _run(runtime: Runtime, dataset_id: str, task: TaskRecord, wanted: ImportOrder, is_initial: bool) -> None:
    done = latest = ImportProgress()

    def note(tally: ImportProgress) -> None:
        nonlocal latest
        latest = done.plus(tally)
        _note(runtime, dataset_id, task, TaskStatus.RUNNING, latest)

    def failed(error: ApiError) -> None:
        _note(runtime, dataset_id, task, TaskStatus.FAILED, latest, error)

    with ending(failed, IMPORT_FAILED):
        runtime.transitions.enter("import", dataset_id, TaskStatus.STARTING.value)
        _note(runtime, dataset_id, task, TaskStatus.STARTING, latest)
        runtime.transitions.enter("import", dataset_id, TaskStatus.RUNNING.value)
        _note(runtime, dataset_id, task, TaskStatus.RUNNING, latest)
        if is_initial:
            runtime.reconcile(dataset_id)
        record = runtime.store.entry(dataset_id).record
        sources = input_directories(record) if is_initial else [wanted.source]
        for source in sources:
            each = replace(wanted, source=source)
            done = latest = done.plus(_IMPORTS[DATASET_TYPES[record.type].unit](runtime, record, each, note).run())
        runtime.transitions.enter("import", dataset_id, TaskStatus.COMPLETED.value)
        told = latest.told()
        nothing = told and not latest.imported_sample_count
        status = TaskStatus.FAILED if nothing else TaskStatus.COMPLETED
        _note(runtime, dataset_id, task, status, latest, ApiError(IMPORT_FAILED, told) if told else None)


def _note(
    runtime: Runtime,
    dataset_id: str,
    task: TaskRecord,
    status: TaskStatus,
    tally: ImportProgress,
    error: ApiError | None = None,
) -> None:
    """Write down how far the task is; at its end the dataset comes to rest."""
    now = runtime.clock.now_ms()
    ended = status in (TaskStatus.COMPLETED, TaskStatus.FAILED)
    with runtime.store.writing(dataset_id) as dataset:
        dataset.put_task(
            msgspec.structs.replace(
                task,
                status=status.value,
                update_time=now,
                counts=tally.counts(),
                error_code=error.error.code if error else None,
                error_msg=error.message if error else None,
            )
        )
        record = dataset.record
        if ended:
            runtime.tasks.mark_finished(dataset_id, "import")
            dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.NORMAL, data_update_time=now))
        elif record.status != DatasetStatus.IMPORTING:
            dataset.put_record(msgspec.structs.replace(record, status=DatasetStatus.IMPORTING))


def _described(record: DatasetRecord, task: TaskRecord) -> ImportTaskStatusResp:
    counts: dict[str, Any] = {name: count for name, count in task.counts.items() if name != "problem_count"}
    source = task.request.get("data_source")
    return ImportTaskStatusResp(
        status=task.status,
        task_id=task.id,
        dataset_id=record.id,
        import_path=task.request["import_path"],
        import_type=task.request["import_type"],
        data_source=msgspec.convert(source, DataSource) if source else None,
        create_time=task.create_time,
        update_ms=task.update_time,
        elapsed_time=(task.update_time - task.create_time) // 1000,
        error_code=task.error_code,
        error_msg=task.error_msg,
        file_statistics=FileCopyProgress(
            file_num_finished=counts.get("finished_file_count", 0),
            file_num_total=counts.get("total_file_count", 0),
            file_size_finished=counts.get("finished_file_size", 0),
            file_size_total=counts.get("total_file_size", 0),
        ),
        **counts,
    )
