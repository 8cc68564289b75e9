"""The routes of the 31 operations of the data-management API, one row per operation.

The types of an operation's query and body are those of its handler's parameters ``query`` and ``request``.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from modelarts_emulator.operations import (
    datasets,
    exports,
    imports,
    labels,
    samples,
    synchronization,
    versions,
)

_PAGES = "api-ref/source/data_management/"
_DATASETS = "/v2/{project_id}/datasets"
_DATASET = _DATASETS + "/{dataset_id}"
_ANNOTATIONS = _DATASET + "/data-annotations"


class Route(NamedTuple):
    """One operation: its method, path, handler, and the page of the reference that describes it."""

    operation: str
    method: str
    path: str
    handler: Callable[..., msgspec.Struct | None]
    page: str
    status: int = 200

    @property
    def reference(self) -> str:
        """Return the path of the page in the public repository ``opentelekomcloud-docs/modelarts``."""
        return _PAGES + self.page + ".rst"

    @property
    def title(self) -> str:
        """Return a short description, taken from the name of the page."""
        words = self.page.rpartition("/")[2].strip("._").replace("_", " ")
        return words[:1].upper() + words[1:]

    @property
    def response(self) -> type[msgspec.Struct] | None:
        """Return the type of the answer, or None if the answer is empty."""
        hint = typing.get_type_hints(self.handler)["return"]
        return None if hint is type(None) else hint

    @property
    def query(self) -> type[msgspec.Struct] | None:
        """Return the type of the query parameters, or None if the operation has none."""
        return self._parameter("query")

    @property
    def request(self) -> type[msgspec.Struct] | None:
        """Return the type of the request body, or None if the operation has none."""
        return self._parameter("request")

    def _parameter(self, name: str) -> type[msgspec.Struct] | None:
        if name not in inspect.signature(self.handler).parameters:
            return None
        hint: type[msgspec.Struct] = typing.get_type_hints(self.handler)[name]
        return hint


ROUTES: dict[str, list[Route]] = {
    "Dataset Management": [
        Route(
            "ListDatasets",
            "GET",
            _DATASETS,
            datasets.list_datasets,
            "dataset_management/response_body_for_querying_the_dataset_list.",
        ),
        Route(
            "CreateDataset",
            "POST",
            _DATASETS,
            datasets.create_dataset,
            "dataset_management/creating_a_dataset",
            201,
        ),
        Route(
            "DeleteDataset",
            "DELETE",
            _DATASET,
            datasets.delete_dataset,
            "dataset_management/deleting_a_dataset",
            204,
        ),
        Route(
            "DescDataset",
            "GET",
            _DATASET,
            datasets.desc_dataset,
            "dataset_management/querying_details_about_a_dataset",
        ),
        Route(
            "UpdateDataset",
            "PUT",
            _DATASET,
            datasets.update_dataset,
            "dataset_management/modifying_a_dataset",
        ),
        Route(
            "ListStats",
            "GET",
            _ANNOTATIONS + "/stats",
            datasets.list_stats,
            "dataset_management/querying_dataset_statistics",
        ),
        Route(
            "GetDatasetMetrics",
            "GET",
            _DATASET + "/metrics",
            datasets.get_dataset_metrics,
            "dataset_management/querying_the_monitoring_data_of_a_dataset",
        ),
    ],
    "Data Synchronization": [
        Route(
            "SyncDataSource",
            "POST",
            _DATASET + "/sync-data",
            synchronization.sync_data_source,
            "data_synchronization_task/synchronizing_a_dataset",
        ),
        Route(
            "SyncDataSourceState",
            "GET",
            _DATASET + "/sync-data/status",
            synchronization.sync_data_source_state,
            "data_synchronization_task/querying_the_status_of_a_dataset_synchronization_task",
        ),
    ],
    "Labeling Data": [
        Route(
            "ListSamples",
            "GET",
            _ANNOTATIONS + "/samples",
            samples.list_samples,
            "sample_management/querying_the_sample_list",
        ),
        Route(
            "UploadSamplesJson",
            "POST",
            _ANNOTATIONS + "/samples",
            samples.upload_samples,
            "sample_management/adding_samples_in_batches",
        ),
        Route(
            "UpdateSamples",
            "PUT",
            _ANNOTATIONS + "/samples",
            samples.update_samples,
            "manual_labeling/updating_sample_labels_in_batches",
        ),
        Route(
            "DeleteSamples",
            "POST",
            _ANNOTATIONS + "/samples/delete",
            samples.delete_samples,
            "sample_management/deleting_samples_in_batches",
        ),
        Route(
            "DescribeSample",
            "GET",
            _ANNOTATIONS + "/samples/{sample_id}",
            samples.describe_sample,
            "sample_management/querying_details_about_a_sample",
        ),
        Route(
            "ListSearch",
            "GET",
            _ANNOTATIONS + "/search-condition",
            samples.list_search,
            "sample_management/obtaining_sample_search_condition",
        ),
    ],
    "Label Management": [
        Route(
            "ListLabels",
            "GET",
            _ANNOTATIONS + "/labels",
            labels.list_labels,
            "label_management/querying_the_dataset_label_list",
        ),
        Route(
            "CreateLabels",
            "POST",
            _ANNOTATIONS + "/labels",
            labels.create_labels,
            "label_management/creating_a_dataset_label",
        ),
        Route(
            "UpdateLabels",
            "PUT",
            _ANNOTATIONS + "/labels",
            labels.update_labels,
            "label_management/modifying_labels_in_batches",
        ),
        Route(
            "DeleteLabels",
            "POST",
            _ANNOTATIONS + "/labels/delete",
            labels.delete_labels,
            "label_management/deleting_labels_in_batches",
        ),
        Route(
            "DeleteLabelAndSamples",
            "DELETE",
            _ANNOTATIONS + "/labels/{label_name}",
            labels.delete_label_and_samples,
            "label_management/deleting_a_label_and_the_files_that_only_contain_the_label",
            204,
        ),
        Route(
            "UpdateLabel",
            "PUT",
            _ANNOTATIONS + "/labels/{label_name}",
            labels.update_named_label,
            "label_management/updating_a_label_by_label_names",
            204,
        ),
    ],
    "Importing Data": [
        Route(
            "ListImportTasks",
            "GET",
            _DATASET + "/import-tasks",
            imports.list_import_tasks,
            "data_import_task/querying_the_dataset_import_task_list",
        ),
        Route(
            "ImportTask",
            "POST",
            _DATASET + "/import-tasks",
            imports.import_task,
            "data_import_task/creating_an_import_task",
        ),
        Route(
            "DescImportTask",
            "GET",
            _DATASET + "/import-tasks/{task_id}",
            imports.describe_import_task,
            "data_import_task/querying_details_about_a_dataset_import_task",
        ),
    ],
    "Exporting Data": [
        Route(
            "GetExportTasksStatusOfDataset",
            "GET",
            _DATASET + "/export-tasks",
            exports.list_export_tasks,
            "data_export_task/querying_the_dataset_export_task_list",
        ),
        Route(
            "ExportTask",
            "POST",
            _DATASET + "/export-tasks",
            exports.export_task,
            "data_export_task/creating_a_dataset_export_task",
        ),
        Route(
            "GetExportTaskStatusOfDataset",
            "GET",
            # The reference calls the dataset {resource_id} here.
            _DATASET + "/export-tasks/{task_id}",
            exports.describe_export_task,
            "data_export_task/querying_the_status_of_a_dataset_export_task",
        ),
    ],
    "Publishing a Dataset / Managing Dataset Versions": [
        Route(
            "ListDatasetVersions",
            "GET",
            _DATASET + "/versions",
            versions.list_versions,
            "dataset_version_management/querying_the_dataset_version_list",
        ),
        Route(
            "CreateDatasetVersion",
            "POST",
            _DATASET + "/versions",
            versions.create_version,
            "dataset_version_management/creating_a_dataset_labeling_version",
            201,
        ),
        Route(
            "DeleteDatasetVersion",
            "DELETE",
            _DATASET + "/versions/{version_id}",
            versions.delete_version,
            "dataset_version_management/deleting_a_dataset_labeling_version",
            204,
        ),
        Route(
            "DescribeDatasetVersion",
            "GET",
            _DATASET + "/versions/{version_id}",
            versions.describe_dataset_version,
            "dataset_version_management/querying_details_about_a_dataset_version",
        ),
    ],
}
