"""Data import: bring samples and labels from a directory or a manifest into a dataset."""

from __future__ import annotations

from typing import Any

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import NO_VALID_FILE, PATH_NOT_FOUND, ApiError
from modelarts_emulator.contract.imports import ImportTaskRequest
from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.formats import directory_layouts
from modelarts_emulator.ingest.import_job import ImportJob
from modelarts_emulator.ingest.import_plan import ImportPlan, import_plan
from modelarts_emulator.ingest.input_copies import InputCopier
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.ingest.sync_labels import brings_labels, has_label_files
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.store import DatasetRecord, TaskRecord

DIRECTORY, MANIFEST = 0, 1
"""The values of ``import_type`` in answers."""


class ImportManagement:
    """Start imports and report them."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(self, project_id: str, dataset_id: str, request: ImportTaskRequest, user: str) -> str:
        """Start an import in the background and return the task's id; ``user`` is the ``annotated_by`` of its labels.

        Raises: DATASET_NOT_FOUND, NO_VALID_FILE, PATH_NOT_FOUND, PATH_INVALID, PATH_IS_BUCKET, BUCKET_NOT_FOUND,
        PARAMETER_INVALID and the error of a conflicting task: IMPORT_RUNNING, PUBLISHING, SWITCHING, SYNC_RUNNING.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        plan = import_plan(request, record, user)
        InputCopier(self._runtime.tree, input_directories(record), plan.folder)  # raises if the folder is not usable
        listing = self._require_source(record, plan)
        return ImportJob(self._runtime, record, plan, listing, _shown_request(request, plan)).start()

    def start_first(self, record: DatasetRecord, listing: Listing, user: str) -> str | None:
        """Import the labels of a new dataset's input, if there are any, or its table; return the task's id, or None.

        ``listing`` is the listing of the directories to import from; only its beginning is read here.
        """
        if not self._has_labels(record, listing):
            return None
        source = record.data_sources[0]
        plan = ImportPlan(
            source=listing.directories[0],
            is_manifest=False,
            user=user,
            annotations=record.type is not DatasetType.TABLE,
            options=directory_layouts.DirectoryOptions(
                label_format=record.label_format,
                with_column_header=source.with_column_header,
                schema=record.schema,
                schema_maps=source.schema_maps or (),
            ),
        )
        request = {"import_path": plan.source.uri(), "import_type": DIRECTORY}
        return ImportJob(self._runtime, record, plan, listing, request, is_first=True).start()

    def tasks(self, project_id: str, dataset_id: str, *, offset: int, limit: int) -> tuple[int, list[TaskRecord]]:
        """Return the number of import tasks, and a page of them, newest first; ``offset`` counts tasks.

        Raises DATASET_NOT_FOUND.
        """
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            tasks = [task for task in reversed(dataset.tasks) if task.kind == "import"]
        return len(tasks), tasks[offset : offset + limit]

    def task(self, project_id: str, dataset_id: str, task_id: str) -> TaskRecord | None:
        """Return an import task; None if there is none with this id. Raises DATASET_NOT_FOUND."""
        record = self._runtime.require_dataset(project_id, dataset_id)
        with self._runtime.store.reading(record.id) as dataset:
            task = dataset.task(task_id)
        return task if task is not None and task.kind == "import" else None

    def may_have_labels(self, record: DatasetRecord) -> bool:
        """Return whether creating this dataset imports labels, if its input has any."""
        if record.type is DatasetType.TABLE:
            return record.import_data and bool(record.data_sources)
        return brings_labels(record)

    def _has_labels(self, record: DatasetRecord, listing: Listing) -> bool:
        """Return whether the first objects of the input directories include labels, or are too many to check."""
        if not self.may_have_labels(record):
            return False
        return record.type is DatasetType.TABLE or has_label_files(record, listing)

    def _require_source(self, record: DatasetRecord, plan: ImportPlan) -> Listing | None:
        """Return the listing of the source directory, of which the beginning is read; None for a manifest.

        Raises: PATH_NOT_FOUND, NO_VALID_FILE if there is nothing to import.
        """
        if plan.is_manifest:
            if self._runtime.tree.stat(plan.source) is None:
                raise ApiError(PATH_NOT_FOUND, f"{plan.source}: no such manifest")
            return None
        listing = self._runtime.synchronizer.list_directories([plan.source])
        traits = DATASET_TYPES[record.type]
        (directory,) = listing.directories
        if not any(traits.holds(entry.path) for entry in listing.entries(directory)):
            extensions = ", ".join(traits.extensions) or "file"
            raise ApiError(NO_VALID_FILE, f"{plan.source} contains no {extensions}")
        return listing


def _shown_request(request: ImportTaskRequest, plan: ImportPlan) -> dict[str, Any]:
    """Return the members of the request that the task answers with."""
    shown: dict[str, Any] = {
        "import_path": plan.source.uri(),
        "import_type": MANIFEST if plan.is_manifest else DIRECTORY,
    }
    if request.data_source is not None:
        shown["data_source"] = msgspec.to_builtins(request.data_source)
    return shown
