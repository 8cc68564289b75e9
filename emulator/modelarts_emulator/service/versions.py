"""Version management: publish, list, delete and switch versions of a dataset."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from modelarts_emulator.contract.errors import PARAMETER_INVALID, UNSUPPORTED_TYPE, VERSION_NOT_NORMAL, ApiError
from modelarts_emulator.contract.versions import CreateDatasetVersionRequest
from modelarts_emulator.contract.wire import DatasetType, VersionFormat, VersionName, VersionStatus
from modelarts_emulator.publishing.publish_job import PublishJob
from modelarts_emulator.publishing.version_lookup import require_version
from modelarts_emulator.publishing.version_switch import VersionSwitch
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.train_eval_split import parse_ratio
from modelarts_emulator.store import DatasetRecord, DatasetWriter, VersionRecord


class VersionManagement:
    """Publish, list, delete and switch versions."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def all(self, project_id: str, dataset_id: str) -> tuple[DatasetRecord, list[VersionRecord]]:
        """Return the dataset and its versions, newest first. Raises DATASET_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            return dataset.record, list(reversed(dataset.versions))

    def one(self, project_id: str, dataset_id: str, version_id: str) -> tuple[DatasetRecord, VersionRecord]:
        """Return the dataset and one of its versions. Raises: DATASET_NOT_FOUND, VERSION_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            return dataset.record, require_version(dataset, version_id)

    def publish(self, project_id: str, dataset_id: str, request: CreateDatasetVersionRequest) -> str:
        """Start publishing the dataset as it is now, in the background; return the id of the version.

        Raises: DATASET_NOT_FOUND, VERSION_EXISTS, SPLIT_RULES, UNSUPPORTED_TYPE, PARAMETER_INVALID and the error of a
        conflicting task: PUBLISHING, SWITCHING, IMPORT_RUNNING, SYNC_RUNNING.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        version_format = request.version_format or VersionFormat.DEFAULT
        if version_format is not VersionFormat.DEFAULT and record.type is not DatasetType.TABLE:
            raise ApiError(UNSUPPORTED_TYPE, f"version_format {version_format.value} is for table datasets")
        ratio = parse_ratio("train_evaluate_sample_ratio", request.train_evaluate_sample_ratio)
        return PublishJob(self._runtime, record, request, ratio).start()

    def publish_now(self, record: DatasetRecord, name: str) -> None:
        """Publish a version of this name before returning. Raises as :meth:`publish`."""
        try:
            request = CreateDatasetVersionRequest(version_name=msgspec.convert(name, VersionName))
        except msgspec.ValidationError as error:
            raise ApiError(PARAMETER_INVALID, f"version name: {error}") from None
        PublishJob(self._runtime, record, request, Decimal(1)).start(now=True)

    def delete(self, project_id: str, dataset_id: str, version_id: str) -> None:
        """Delete a version; its files stay. Raises: DATASET_NOT_FOUND, VERSION_NOT_FOUND, VERSION_NOT_NORMAL."""
        store = self._runtime.store
        record = self._runtime.require_dataset(project_id, dataset_id)
        with store.writing(record.id) as dataset:
            version = require_version(dataset, version_id)
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
        store.delete_version(record.id, version_id)

    def switch(self, record: DatasetRecord, version_id: str, change: Callable[[DatasetWriter], None]) -> None:
        """Start making samples and labels those of a version, in the background; the dataset's status is 7 until then.

        ``change`` is applied in the transaction that starts the switch, or not at all.
        Raises: UNSUPPORTED_TYPE for a table, VERSION_NOT_NORMAL, and the error of a conflicting task.
        """
        if record.type is DatasetType.TABLE:
            raise ApiError(UNSUPPORTED_TYPE, "the version of a table dataset cannot be changed")
        VersionSwitch(self._runtime, record, version_id).start(change)
