"""Dataset management: create, list, describe, modify and delete datasets.

Reference: ``api-ref/source/data_management/dataset_management/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.datasets import (
    AnnotationFile,
    CreateDatasetRequest,
    CreateDatasetResponse,
    DatasetAndFilePreview,
    DescDatasetQuery,
    DescDatasetResponse,
    ListDatasetsQuery,
    ListDatasetsResponse,
    UpdateDatasetRequest,
    UpdateDatasetResponse,
)
from modelarts_emulator.contract.errors import (
    DATASET_EXISTS,
    NO_TABLE_SCHEMA,
    PARAMETER_INVALID,
    PATH_INVALID,
    WORK_PATH_TOO_LONG,
    ApiError,
)
from modelarts_emulator.contract.sources import DataSource
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, Order, RunningTaskType, SortBy, VersionFormat
from modelarts_emulator.contract.workforce import WorkforceDescriptor, WorkforceInformation
from modelarts_emulator.obs.paths import MAX_KEY_BYTES, ObsPath
from modelarts_emulator.operations.imports import start_initial_import
from modelarts_emulator.operations.labels import add_label, complete, delete_label, entities_first, update_label
from modelarts_emulator.operations.request_context import RequestContext
from modelarts_emulator.operations.samples import image_size, signed_source
from modelarts_emulator.operations.search import ratio_range
from modelarts_emulator.operations.synchronization import start_sync
from modelarts_emulator.operations.task_rules import KINDS_OF_TASK, require_annotation_allowed
from modelarts_emulator.operations.versions import VERSION_FORMATS, describe_version, switch_version
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetReader, DatasetRecord, DatasetWriter, IndexEntry, Selection
from modelarts_emulator.store.daily_counts import DAY_MS

PREVIEWS = 4
OUTPUTS = ("annotation", "data", "logs", "temp", "task")
# The longest name below a dataset's output: what a version writes must still fit into a key.
_LONGEST_BELOW = len("/annotation//annotation/.manifest") + 2 * 32 + 255


def create_dataset(runtime: Runtime, context: RequestContext, request: CreateDatasetRequest) -> CreateDatasetResponse:
    """Create a dataset and read its input path in the background: status 0, then 5 or 8, then 1.

    An import starts where there is label information to bring along; its id is in the answer. Raises DATASET_EXISTS,
    BUCKET_NOT_FOUND, PATH_NOT_FOUND, PATH_INVALID, PATH_IS_BUCKET, WORK_PATH_TOO_LONG, LABEL_EXISTS, SHORTCUT_EXISTS,
    LABEL_INCOMPATIBLE, NO_TABLE_SCHEMA, PARAMETER_INVALID.
    """
    record = new_dataset(runtime, context, request)
    runtime.watch(record)
    import_task_id = start_initial_import(runtime, context, record)
    if import_task_id is None:
        start_sync(runtime, record, DatasetStatus.CREATING)
    return CreateDatasetResponse(dataset_id=record.id, import_task_id=import_task_id)


def new_dataset(runtime: Runtime, context: RequestContext, request: CreateDatasetRequest) -> DatasetRecord:
    """Write a dataset down with its labels and make its output directories; nothing is read yet.

    Raises as ``create_dataset``.
    """
    dataset_type = request.dataset_type if request.dataset_type is not None else DatasetType.IMAGE_CLASSIFICATION
    record = _new_record(runtime, context, request, dataset_type)
    labels = [complete(label, dataset_type) for label in request.labels or ()]
    with runtime.name_lock:
        require_free_name(runtime, context.project_id, request.dataset_name)
        runtime.store.create(record)
    try:
        with runtime.store.writing(record.id) as dataset:
            for number in entities_first(labels):
                add_label(dataset, labels[number])
        for output in OUTPUTS:
            runtime.tree.make_directory(ObsPath.directory(f"{record.inner_work_path}{output}"))
    except BaseException:
        runtime.store.delete(record.id)
        raise
    return record


def list_datasets(runtime: Runtime, context: RequestContext, query: ListDatasetsQuery) -> ListDatasetsResponse:
    """Datasets of the project, filtered, sorted and paged; ``offset`` counts pages."""
    matches = [entry for entry in runtime.store.entries(context.project_id) if _matches(runtime, entry, query)]
    # Of the same time, as while the clock stands still, the order is that of their creation.
    matches.sort(key=_by_name if query.sort_by is SortBy.DATASET_NAME else _by_time)
    if query.order is Order.DESC:
        matches.reverse()
    start = query.offset * query.limit
    page = matches[start : start + query.limit]
    return ListDatasetsResponse(
        total_number=len(matches),
        datasets=[_listed(runtime, context, entry, query) for entry in page],
    )


def desc_dataset(runtime: Runtime, context: RequestContext, query: DescDatasetQuery) -> DescDatasetResponse:
    """Everything about a dataset. Raises DATASET_NOT_FOUND."""
    runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(context.dataset_id) as dataset:
        members = _described(runtime, IndexEntry(dataset.record, dataset.counts))
        members |= _running(runtime, dataset.record, query.running_task_type) if query.check_running_task else {}
        versions = [describe_version(dataset.record, version) for version in dataset.versions]
        return DescDatasetResponse(**members, labels=dataset.labels, versions=versions or None)


def update_dataset(runtime: Runtime, context: RequestContext, request: UpdateDatasetRequest) -> UpdateDatasetResponse:
    """Change name, description and labels (deleted, then added, then updated), or switch to a version.

    All of it or nothing. Raises DATASET_NOT_FOUND, DATASET_EXISTS, LABEL_NOT_FOUND, LABEL_EXISTS, SHORTCUT_EXISTS,
    LABEL_INCOMPATIBLE, VERSION_NOT_FOUND, PUBLISHING, PUBLISHING_ANNOTATION, SWITCHING.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    if request.delete_labels or request.add_labels or request.add_tags or request.update_labels:
        require_annotation_allowed(runtime, record)

    def change(dataset: DatasetWriter) -> None:
        _change(runtime, dataset, request)

    with runtime.name_lock:
        if request.dataset_name is not None and request.dataset_name != record.name:
            require_free_name(runtime, context.project_id, request.dataset_name)
        if request.current_version_id is not None:
            with runtime.store.reading(record.id) as dataset:
                context.version(dataset, request.current_version_id)
        if request.current_version_id in (None, record.current_version_id):
            with runtime.store.writing(record.id) as dataset:
                change(dataset)
        else:
            switch_version(runtime, record, str(request.current_version_id), change)
    return UpdateDatasetResponse(dataset_id=record.id)


def _change(runtime: Runtime, dataset: DatasetWriter, request: UpdateDatasetRequest) -> None:
    _update_labels(dataset, request)
    current = dataset.record
    dataset.put_record(
        msgspec.structs.replace(
            current,
            name=current.name if request.dataset_name is None else request.dataset_name,
            description=current.description if request.description is None else request.description,
            update_time=runtime.clock.now_ms(),
        )
    )


def delete_dataset(runtime: Runtime, context: RequestContext) -> None:
    """Delete a dataset; its source files and its published versions' files stay. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    runtime.unwatch(record.id)
    runtime.store.delete(record.id)


def _new_record(
    runtime: Runtime, context: RequestContext, request: CreateDatasetRequest, dataset_type: DatasetType
) -> DatasetRecord:
    sources = _checked_sources(runtime, request.data_sources or ())
    work_path = checked_work_path(runtime, request.work_path, sources)
    is_headless = any(source.with_column_header is False for source in sources)
    if dataset_type is DatasetType.TABLE and not request.schema and is_headless:
        raise ApiError(NO_TABLE_SCHEMA, "schema: needed where the files have no column header")
    now = runtime.clock.now_ms()
    dataset_id = runtime.ids.entity()
    return DatasetRecord(
        id=dataset_id,
        project_id=context.project_id,
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
        import_annotations=request.import_annotations,
        workforce=_checked_workforce(runtime, request.workforce_information),
    )


def _checked_workforce(runtime: Runtime, workforce: WorkforceInformation | None) -> WorkforceInformation | None:
    """Team labelling information as it is kept; its task gets an id."""
    if workforce is None or workforce.task_id:
        return workforce
    return msgspec.structs.replace(workforce, task_id=runtime.ids.entity())


def _checked_sources(runtime: Runtime, sources: Sequence[DataSource]) -> list[DataSource]:
    checked = []
    for source in sources:
        if source.data_type:
            raise ApiError(PARAMETER_INVALID, "data_sources: only OBS (data_type 0) can be read by this emulator")
        if not source.data_path:
            raise ApiError(PARAMETER_INVALID, "data_sources: data_path is missing")
        path = ObsPath.directory(source.data_path)
        runtime.tree.require_directory(path)
        checked.append(msgspec.structs.replace(source, data_path=str(path), data_type=0))
    return checked


def checked_work_path(runtime: Runtime, text: str, sources: Sequence[DataSource]) -> ObsPath:
    """A work path that can be used beside these sources. Raises PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND,
    WORK_PATH_TOO_LONG.
    """
    work_path = ObsPath.directory(text)
    if not runtime.tree.has_bucket(work_path.bucket):
        runtime.tree.require_directory(work_path)  # says which error it is
    for source in sources:
        if ObsPath.directory(str(source.data_path)).contains(work_path):
            raise ApiError(PATH_INVALID, f"work_path: must not be the input path {source.data_path} nor below it")
    if len(work_path.key.encode()) + 120 + _LONGEST_BELOW > MAX_KEY_BYTES:
        raise ApiError(WORK_PATH_TOO_LONG, text[:80])
    return work_path


def require_free_name(runtime: Runtime, project_id: str, name: str) -> None:
    """Raise DATASET_EXISTS where a dataset of the project has this name."""
    if any(entry.record.name == name for entry in runtime.store.entries(project_id)):
        raise ApiError(DATASET_EXISTS, name)


def _update_labels(dataset: DatasetWriter, request: UpdateDatasetRequest) -> None:
    # A Terraform update sends old and new labels together, and they may overlap: the order matters.
    for label in request.delete_labels or ():
        delete_label(dataset, label)
    added = (*(request.add_labels or ()), *(request.add_tags or ()))
    for number in entities_first(added):
        add_label(dataset, added[number])
    for label in request.update_labels or ():
        update_label(dataset, label)


def _by_time(entry: IndexEntry) -> int:
    return entry.record.create_time


def _by_name(entry: IndexEntry) -> tuple[str, str]:
    return entry.record.name, entry.record.id


def _matches(runtime: Runtime, entry: IndexEntry, query: ListDatasetsQuery) -> bool:
    record = entry.record
    return (
        record.workspace_id == query.workspace_id
        and (query.dataset_type is None or record.type == query.dataset_type)
        and (not query.search_content or query.search_content.lower() in record.name.lower())
        and (query.contain_versions is None or bool(record.version_count) == query.contain_versions)
        and (not query.support_export or DATASET_TYPES[record.type].exports)
        and _has_version(runtime, record, query)
    )


def _has_version(runtime: Runtime, record: DatasetRecord, query: ListDatasetsQuery) -> bool:
    """Whether a version of the wanted format and split ratio exists, where one is asked for."""
    if query.version_format is None and not query.train_evaluate_ratio:
        return True
    if not record.version_count:
        return False
    ratios = ratio_range(query.train_evaluate_ratio)
    wanted = None if query.version_format is None else VERSION_FORMATS[query.version_format]
    with runtime.store.reading(record.id) as dataset:
        return any(
            (wanted is None or version.version_format is wanted)
            and ratios[0] <= Decimal(version.train_evaluate_sample_ratio) <= ratios[1]
            for version in dataset.versions
        )


def _listed(
    runtime: Runtime, context: RequestContext, entry: IndexEntry, query: ListDatasetsQuery
) -> DatasetAndFilePreview:
    members = _described(runtime, entry)
    if query.check_running_task:
        members |= _running(runtime, entry.record, query.running_task_type)
    if query.with_labels or query.contain_versions or query.file_preview:
        with runtime.store.reading(entry.record.id) as dataset:
            if query.with_labels:
                members["labels"] = dataset.labels
            if query.contain_versions:
                members["versions"] = [describe_version(dataset.record, version) for version in dataset.versions]
            if query.file_preview:
                members["samples"] = members["files"] = _previews(runtime, context, dataset)
    return DatasetAndFilePreview(**members)


def _previews(runtime: Runtime, context: RequestContext, dataset: DatasetReader) -> list[AnnotationFile]:
    _, samples = dataset.page(Selection(), offset=0, limit=PREVIEWS)
    return [
        AnnotationFile(
            create_time=sample.time,
            dataset_id=dataset.record.id,
            file_id=sample.id,
            file_name=sample.path.rpartition("/")[2],
            file_type=sample.path.rpartition(".")[2].lower(),
            size=sample.size,
            url=signed_source(runtime, context, sample),
            **image_size(sample),  # type: ignore[arg-type]
        )
        for sample in samples
    ]


def _running(runtime: Runtime, record: DatasetRecord, task_type: RunningTaskType) -> dict[str, Any]:
    """``exist_running_task`` and ``running_tasks_id``. DEPLOY, the default, asks for tasks of any kind."""
    kinds = runtime.tasks.running(record.id)
    if task_type is not RunningTaskType.DEPLOY:
        kinds &= KINDS_OF_TASK.get(task_type, set())
    ids: list[str] = []
    if kinds:
        with runtime.store.reading(record.id) as dataset:
            ended = ("COMPLETED", "FAILED", "SUCCESSED")
            ids = [task.id for task in dataset.tasks if task.kind in kinds and task.status not in ended]
    return {"exist_running_task": bool(kinds), "running_tasks_id": ids}


def _described(runtime: Runtime, entry: IndexEntry) -> dict[str, Any]:
    """The members that a dataset has in a list and in its details."""
    record, counts = entry
    inner = record.inner_work_path
    return {
        "dataset_id": record.id,
        "dataset_name": record.name,
        "dataset_type": record.type,
        "data_format": record.data_format,
        "dataset_format": 1 if record.type is DatasetType.TABLE else 0,
        "description": record.description,
        "status": record.status,
        "create_time": record.create_time,
        "update_time": record.update_time,
        "data_update_time": record.data_update_time,
        "data_sources": record.data_sources,
        "schema": record.schema or None,
        "total_sample_count": counts.total,
        "annotated_sample_count": counts.annotated,
        "unconfirmed_sample_count": counts.unconfirmed,
        "deleted_sample_count": counts.deleted,
        "total_sub_sample_count": _frames(runtime, record),
        "annotated_sub_sample_count": 0,
        "loading_sample_count": 0,
        "current_version_id": record.current_version_id,
        "current_version_name": record.current_version_name,
        "dataset_version_count": record.version_count,
        "next_version_num": record.next_version_num,
        "work_path": record.work_path,
        "work_path_type": record.work_path_type,
        "inner_work_path": inner,
        "inner_annotation_path": f"{inner}annotation/",
        "inner_data_path": f"{inner}data/",
        "inner_log_path": f"{inner}logs/",
        "inner_temp_path": f"{inner}temp/",
        "inner_task_path": f"{inner}task/",
        "workspace_id": record.workspace_id,
        "enterprise_project_id": "0",
        "ai_project": "default-ai-project",
        "dataset_version": "v1",
        "managed": record.managed,
        "import_data": record.import_data,
        "import_task_id": record.import_task_id,
        "content_labeling": True,
        "label_task_count": 1 if DATASET_TYPES[record.type].labels else 0,
        "workforce_task_count": 0 if record.workforce is None else 1,
        "exist_workforce_task": record.workforce is not None,
        "exist_running_task": False,
        "running_tasks_id": [],
        "feature_supports": ["0"],
        "workforce_descriptor": _team(record.workforce),
    }


def _frames(runtime: Runtime, record: DatasetRecord) -> int:
    """How many frames of videos are samples."""
    if record.type is not DatasetType.VIDEO:
        return 0
    with runtime.store.reading(record.id) as dataset:
        return sum(1 for _ in dataset.select(Selection(predicate=lambda sample: sample.parent is not None)))


def _team(workforce: WorkforceInformation | None) -> WorkforceDescriptor | None:
    """Team labelling as it was asked for; absent where there is none, since clients disagree on its type."""
    if workforce is None:
        return None
    teams = (workforce.workforces_config.workforces if workforce.workforces_config else None) or []
    return WorkforceDescriptor(
        current_task_id=workforce.task_id,
        current_task_name=workforce.task_name,
        repetition=workforce.repetition,
        reject_num=0,
        is_synchronize_auto_labeling_data=workforce.synchronize_auto_labeling_data,
        is_synchronize_data=workforce.synchronize_data,
        workers=teams[0].workers if teams else None,
        workforce_id=teams[0].workforce_id if teams else None,
        workforce_name=teams[0].workforce_name if teams else None,
    )
