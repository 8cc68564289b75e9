"""Publishing: versions of a dataset, each with its manifest and its own unchanging samples.

Reference: ``api-ref/source/data_management/dataset_version_management/``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import (
    PARAMETER_INVALID,
    SPLIT_RULES,
    TASK_FAILED,
    UNSUPPORTED_TYPE,
    VERSION_EXISTS,
    VERSION_NOT_NORMAL,
    ApiError,
    Error,
)
from modelarts_emulator.contract.versions import (
    CreateDatasetVersionRequest,
    CreateDatasetVersionResponse,
    DatasetVersion,
    ListDatasetVersionsQuery,
    ListDatasetVersionsResponse,
)
from modelarts_emulator.contract.wire import DatasetStatus, DatasetType, VersionFormat, VersionName, VersionStatus
from modelarts_emulator.operations.request_context import RequestContext, version_samples
from modelarts_emulator.operations.search import ratio_range
from modelarts_emulator.operations.task_rules import claim, ending
from modelarts_emulator.publishing.publish_job import publish
from modelarts_emulator.publishing.version_switch import restore_samples
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetReader, DatasetRecord, DatasetWriter, Selection, VersionRecord

log = logging.getLogger(__name__)

VERSION_FORMATS = {0: VersionFormat.DEFAULT, 1: VersionFormat.CARBON_DATA, 2: VersionFormat.CSV}


def list_versions(
    runtime: Runtime, context: RequestContext, query: ListDatasetVersionsQuery
) -> ListDatasetVersionsResponse:
    """Versions, newest first, filtered by status, format and split ratio. Raises DATASET_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    low, high = ratio_range(query.train_evaluate_ratio)
    wanted = None if query.version_format is None else VERSION_FORMATS[query.version_format]
    with runtime.store.reading(record.id) as dataset:
        versions = [
            version
            for version in reversed(dataset.versions)
            if (query.status is None or version.status == query.status)
            and (wanted is None or version.version_format is wanted)
            and low <= Decimal(version.train_evaluate_sample_ratio) <= high
        ]
        described = [describe_version(dataset.record, version) for version in versions]
    return ListDatasetVersionsResponse(total_number=len(described), versions=described)


def describe_dataset_version(runtime: Runtime, context: RequestContext) -> DatasetVersion:
    """One version with its label statistics. Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.reading(record.id) as dataset:
        version = context.version(dataset, context.version_id)
        described = describe_version(dataset.record, version)
    return msgspec.structs.replace(described, label_stats=version.label_stats, label_type=version.label_type)


def create_version(
    runtime: Runtime, context: RequestContext, request: CreateDatasetVersionRequest
) -> CreateDatasetVersionResponse:
    """Publish the dataset as it is now, in the background: status 0, then 1.

    Raises DATASET_NOT_FOUND, VERSION_EXISTS, SPLIT_RULES, UNSUPPORTED_TYPE, PARAMETER_INVALID and the error of a task
    in its way: PUBLISHING, SWITCHING, IMPORT_RUNNING, SYNC_RUNNING.
    """
    record = runtime.dataset(context.project_id, context.dataset_id)
    version_format = request.version_format or VersionFormat.DEFAULT
    if version_format is not VersionFormat.DEFAULT and record.type is not DatasetType.TABLE:
        raise ApiError(UNSUPPORTED_TYPE, f"version_format {version_format.value} is for table datasets")
    ratio = read_ratio("train_evaluate_sample_ratio", request.train_evaluate_sample_ratio)
    with claim(runtime, record, "publish") as right:
        version = _begin(runtime, record, request, version_format, ratio)
        right.run(lambda: publish(runtime, record.id, version, ratio))
    return CreateDatasetVersionResponse(version_id=version.version_id)


def publish_now(runtime: Runtime, record: DatasetRecord, name: str) -> None:
    """Publish a version of this name before returning. Raises as ``create_version``."""
    try:
        request = CreateDatasetVersionRequest(version_name=msgspec.convert(name, VersionName))
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, f"version name: {error}") from None
    with claim(runtime, record, "publish"):
        version = _begin(runtime, record, request, VersionFormat.DEFAULT, Decimal(1))
        publish(runtime, record.id, version, Decimal(1))


def _begin(
    runtime: Runtime,
    record: DatasetRecord,
    request: CreateDatasetVersionRequest,
    version_format: VersionFormat,
    ratio: Decimal,
) -> VersionRecord:
    """Write the version down as being created."""
    with runtime.store.reading(record.id) as dataset:
        _require_splittable(dataset, ratio)
    now = runtime.clock.now_ms()
    with runtime.store.writing(record.id) as dataset:
        version = _new_version(runtime.ids.entity(), dataset, request, version_format, now)
        dataset.put_version(version)
        dataset.put_record(
            msgspec.structs.replace(
                dataset.record,
                status=DatasetStatus.PUBLISHING,
                next_version_num=dataset.record.next_version_num + 1,
                version_count=dataset.record.version_count + 1,
            )
        )
    return version


def delete_version(runtime: Runtime, context: RequestContext) -> None:
    """Delete a version's record; its files stay. Raises DATASET_NOT_FOUND, VERSION_NOT_FOUND."""
    record = runtime.dataset(context.project_id, context.dataset_id)
    with runtime.store.writing(record.id) as dataset:
        version = context.version(dataset, context.version_id)
        if version.status == VersionStatus.CREATING:
            raise ApiError(VERSION_NOT_NORMAL, version.version_name)
        dataset.remove_version(version.version_id)
        current = dataset.record
        is_current = current.current_version_id == version.version_id
        dataset.put_record(
            msgspec.structs.replace(
                current,
                version_count=current.version_count - 1,
                current_version_id=None if is_current else current.current_version_id,
                current_version_name=None if is_current else current.current_version_name,
            )
        )
    runtime.store.delete_version(record.id, context.version_id)


def switch_version(
    runtime: Runtime, record: DatasetRecord, version_id: str, change: Callable[[DatasetWriter], None]
) -> None:
    """Make samples, labels and annotations those of a version, in the background; status 7 while it runs.

    ``change`` is what else was asked for: it is done together with the status, or not at all.
    Raises VERSION_NOT_NORMAL and the error of a task in its way.
    """
    with claim(runtime, record, "switch") as right:
        with runtime.store.writing(record.id) as dataset:
            version = dataset.version(version_id)
            if version is None or version.status != VersionStatus.RUNNING:
                raise ApiError(VERSION_NOT_NORMAL, version_id)
            change(dataset)
            dataset.put_record(msgspec.structs.replace(dataset.record, status=DatasetStatus.SWITCHING))
        right.run(lambda: _run_switch(runtime, record.id, version))


def describe_version(record: DatasetRecord, version: VersionRecord) -> DatasetVersion:
    """A version as it stands in a list."""
    return DatasetVersion(
        version_id=version.version_id,
        version_name=version.version_name,
        version_format=version.version_format,
        status=version.status,
        description=version.description,
        create_time=version.create_time,
        update_time=version.update_time,
        previous_version_id=version.previous_version_id,
        previous_total_sample_count=version.previous_total_sample_count,
        previous_annotated_sample_count=version.previous_annotated_sample_count,
        total_sample_count=version.total_sample_count,
        annotated_sample_count=version.annotated_sample_count,
        total_sub_sample_count=0,
        annotated_sub_sample_count=0,
        add_sample_count=version.add_sample_count,
        deleted_sample_count=version.deleted_sample_count,
        modified_sample_count=version.modified_sample_count,
        manifest_path=version.manifest_path,
        data_path=version.data_path,
        is_current=version.version_id == record.current_version_id,
        train_evaluate_sample_ratio=version.train_evaluate_sample_ratio,
        clear_hard_property=version.clear_hard_property,
        remove_sample_usage=version.remove_sample_usage,
        export_images=version.export_images,
        with_column_header=version.with_column_header,
        extract_serial_number=False,
        include_dataset_data=version.export_images,
        crop=False,
        rotate=False,
        data_validate=True,
        task_type=int(record.type),
        message=version.message,
    )


def read_ratio(member: str, text: str, refusal: Error = PARAMETER_INVALID) -> Decimal:
    """The share of samples that are for training, above 0 and up to 1. Raises the refusal."""
    try:
        ratio = Decimal(text)
    except InvalidOperation:
        ratio = Decimal("NaN")
    if not (ratio.is_finite() and 0 < ratio <= 1):
        raise ApiError(refusal, f"{member}: {text!r} is not above 0 and up to 1")
    return ratio


def _require_splittable(dataset: DatasetReader, ratio: Decimal) -> None:
    """A split needs two labelled samples of every label that is used, one for each side."""
    if ratio == 1 or not DATASET_TYPES[dataset.record.type].splits:
        return
    stats = dataset.label_stats()
    scarce = [name for (name, _), (_, samples) in stats.items() if samples < 2]
    if scarce or not stats:
        which = f"label {scarce[0]} has only one labelled sample" if scarce else "no sample is labelled"
        raise ApiError(SPLIT_RULES, which)


def _new_version(
    version_id: str,
    dataset: DatasetWriter,
    request: CreateDatasetVersionRequest,
    version_format: VersionFormat,
    now: int,
) -> VersionRecord:
    taken = {version.version_name for version in dataset.versions}
    if request.version_name in taken:
        raise ApiError(VERSION_EXISTS, str(request.version_name))
    number = dataset.record.next_version_num
    while request.version_name is None and f"V{number:03d}" in taken:
        number += 1
    name = request.version_name or f"V{number:03d}"
    folder = f"{dataset.record.inner_work_path}annotation/{name}/"
    previous = dataset.version(dataset.record.current_version_id or "")
    return VersionRecord(
        version_id=version_id,
        version_name=name,
        version_format=version_format,
        create_time=now,
        update_time=now,
        description=request.description or "",
        previous_version_id=previous.version_id if previous else None,
        previous_total_sample_count=previous.total_sample_count if previous else 0,
        previous_annotated_sample_count=previous.annotated_sample_count if previous else 0,
        manifest_path=f"{folder}{name}.manifest",
        data_path=f"{folder}data/",
        labels=dataset.labels,
        train_evaluate_sample_ratio=request.train_evaluate_sample_ratio,
        clear_hard_property=request.clear_hard_property,
        remove_sample_usage=request.remove_sample_usage,
        export_images=request.export_images,
        with_column_header=request.with_column_header,
    )


def _run_switch(runtime: Runtime, dataset_id: str, version: VersionRecord) -> None:
    """Switch; what goes wrong leaves the dataset as it was, at rest, with a message."""

    def failed(error: ApiError) -> None:
        why = error.message
        log.error("Dataset %s could not be switched to version %s: %s", dataset_id, version.version_name, why)
        with runtime.store.writing(dataset_id) as dataset:
            runtime.tasks.mark_finished(dataset_id, "switch")
            dataset.put_record(msgspec.structs.replace(dataset.record, status=DatasetStatus.NORMAL, message=why))

    with ending(failed, TASK_FAILED):
        runtime.transitions.enter("switch", dataset_id, DatasetStatus.NORMAL.name)
        _switch(runtime, dataset_id, version)


def _switch(runtime: Runtime, dataset_id: str, version: VersionRecord) -> None:
    with (
        version_samples(runtime, dataset_id, version.version_id) as samples,
        runtime.store.writing(dataset_id) as dataset,
    ):
        restore_samples(dataset, samples.select(Selection()))
        dataset.replace_labels(version.labels)
        runtime.tasks.mark_finished(dataset_id, "switch")
        dataset.put_record(
            msgspec.structs.replace(
                dataset.record,
                status=DatasetStatus.NORMAL,
                current_version_id=version.version_id,
                current_version_name=version.version_name,
                update_time=runtime.clock.now_ms(),
            )
        )
