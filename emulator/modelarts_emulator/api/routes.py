"""The routes of the data-management API, one row per operation.

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
    intelligent_tasks,
    labels,
    samples,
    synchronization,
    team_samples,
    team_tasks,
    teams,
    versions,
)

_PAGES = "api-ref/source/data_management/"
_NEWER_PAGES = "api-ref/source/historical_apis/data_management_old_version/"
_DATASETS = "/v2/{project_id}/datasets"
_DATASET = _DATASETS + "/{dataset_id}"
_ANNOTATIONS = _DATASET + "/data-annotations"
_TASKS = _DATASET + "/tasks"
_PROPOSALS = _DATASET + "/auto-annotations/samples"
_TEAMS = "/v2/{project_id}/workforces"
_TEAM = _TEAMS + "/{workforce_id}"
_WORKER = _TEAM + "/workers/{worker_id}"
_TEAM_TASKS = _DATASET + "/workforce-tasks"
_TEAM_TASK = _TEAM_TASKS + "/{workforce_task_id}"


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
        return (_PAGES if "/" in self.page else _NEWER_PAGES) + self.page + ".rst"

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
    "Labeling Teams": [
        Route("ListWorkforces", "GET", _TEAMS, teams.list_workforces, "querying_the_labeling_team_list"),
        Route("CreateWorkforce", "POST", _TEAMS, teams.create_workforce, "creating_a_labeling_team", 201),
        Route("DescWorkforce", "GET", _TEAM, teams.desc_workforce, "querying_details_about_a_labeling_team"),
        Route("UpdateWorkforce", "PUT", _TEAM, teams.update_workforce, "updating_a_labeling_team"),
        Route("DeleteWorkforce", "DELETE", _TEAM, teams.delete_workforce, "deleting_a_labeling_team", 204),
    ],
    "Team Members": [
        Route(
            "ListAllWorkers",
            "GET",
            _TEAMS + "/workers",
            teams.list_all_workers,
            "querying_the_list_of_all_labeling_team_members",
        ),
        Route(
            "ListWorkers", "GET", _TEAM + "/workers", teams.list_workers, "querying_the_list_of_labeling_team_members"
        ),
        Route("CreateWorker", "POST", _TEAM + "/workers", teams.create_worker, "creating_a_labeling_team_member", 201),
        Route(
            "BatchDeleteWorkers",
            "POST",
            _TEAM + "/workers/batch-delete",
            teams.batch_delete_workers,
            "deleting_labeling_team_members_in_batches",
        ),
        Route("DescWorker", "GET", _WORKER, teams.desc_worker, "querying_details_about_labeling_team_members"),
        Route("UpdateWorker", "PUT", _WORKER, teams.update_worker, "updating_a_labeling_team_member"),
        Route("DeleteWorker", "DELETE", _WORKER, teams.delete_worker, "deleting_a_labeling_team_member", 204),
        Route(
            "SendEmails",
            "POST",
            _TEAM_TASK + "/notify",
            team_tasks.send_emails,
            "sending_an_email_to_a_labeling_team_member",
        ),
    ],
    "Team Labeling Tasks": [
        Route(
            "ListWorkforceTasks",
            "GET",
            _TEAM_TASKS,
            team_tasks.list_workforce_tasks,
            "querying_the_team_labeling_task_list_of_a_dataset",
        ),
        Route(
            "CreateWorkforceTask",
            "POST",
            _TEAM_TASKS,
            team_tasks.create_workforce_task,
            "creating_a_team_labeling_task",
        ),
        Route(
            "DescWorkforceTask",
            "GET",
            _TEAM_TASK,
            team_tasks.desc_workforce_task,
            "querying_details_about_a_team_labeling_task",
        ),
        Route(
            "StartWorkforceTask", "POST", _TEAM_TASK, team_tasks.start_workforce_task, "starting_a_team_labeling_task"
        ),
        Route(
            "UpdateWorkforceTask", "PUT", _TEAM_TASK, team_tasks.update_workforce_task, "updating_a_team_labeling_task"
        ),
        Route(
            "DeleteWorkforceTask",
            "DELETE",
            _TEAM_TASK,
            team_tasks.delete_workforce_task,
            "deleting_a_team_labeling_task",
            204,
        ),
        Route(
            "ListWorkforceTaskStats",
            "GET",
            _TEAM_TASK + "/data-annotations/stats",
            team_tasks.list_workforce_task_stats,
            "querying_details_about_team_labeling_task_statistics",
        ),
        Route(
            "GetWorkforceTaskMetrics",
            "GET",
            _TEAM_TASK + "/metrics",
            team_tasks.get_workforce_task_metrics,
            "querying_details_about_the_progress_of_a_team_labeling_task_member",
        ),
        Route(
            "ListWorkerTasks",
            "GET",
            _TEAMS + "/worker-tasks",
            team_tasks.list_worker_tasks,
            "querying_the_team_labeling_task_list_by_a_team_member",
        ),
    ],
    "Team Samples and Review": [
        Route(
            "ListWorkforceTaskSamples",
            "GET",
            _TEAM_TASK + "/data-annotations/samples",
            team_samples.list_workforce_task_samples,
            "obtaining_a_sample_list_of_a_team_labeling_task_by_page",
        ),
        Route(
            "DescribeWorkforceTaskSample",
            "GET",
            _TEAM_TASK + "/data-annotations/samples/{sample_id}",
            team_samples.describe_workforce_task_sample,
            "obtaining_details_about_a_team_labeling_sample",
        ),
        Route(
            "UpdateWorkforceTaskSamples",
            "PUT",
            _TEAM_TASK + "/data-annotations/samples",
            team_samples.update_workforce_task_samples,
            "updating_labels_of_team_labeling_samples_in_batches",
        ),
        Route(
            "ReviewSamples",
            "POST",
            _TEAM_TASK + "/data-annotations/review",
            team_samples.review_samples,
            "reviewing_team_labeling_results",
        ),
    ],
    "Acceptance": [
        Route(
            "StartWorkforceSamplingTask",
            "POST",
            _TEAM_TASK + "/acceptance",
            team_samples.start_workforce_sampling_task,
            "creating_a_team_labeling_acceptance_task",
        ),
        Route(
            "GetWorkforceSamplingTask",
            "GET",
            _TEAM_TASK + "/acceptance/report",
            team_samples.get_workforce_sampling_task,
            "querying_the_report_of_a_team_labeling_acceptance_task",
        ),
        Route(
            "UpdateWorkforceSamplingTask",
            "PUT",
            _TEAM_TASK + "/acceptance/status",
            team_samples.update_workforce_sampling_task,
            "updating_status_of_a_team_labeling_acceptance_task",
        ),
        Route(
            "AcceptSamples",
            "POST",
            _TEAM_TASK + "/acceptance/batch-comment",
            team_samples.accept_samples,
            "submitting_sample_review_comments_of_an_acceptance_task",
        ),
    ],
    "Intelligent Tasks": [
        Route("ListTasks", "GET", _TASKS, intelligent_tasks.list_tasks, "obtaining_an_auto_labeling_task_list_by_page"),
        Route("CreateTask", "POST", _TASKS, intelligent_tasks.create_task, "starting_intelligent_tasks"),
        Route(
            "AutoAnnotationProgress",
            "GET",
            _TASKS + "/{task_id}",
            intelligent_tasks.auto_annotation_progress,
            "obtaining_details_about_an_auto_labeling_task",
        ),
        Route(
            "StopAutoAnnotation",
            "POST",
            _TASKS + "/{task_id}/stop",
            intelligent_tasks.stop_auto_annotation,
            "stopping_an_intelligent_task",
            204,
        ),
        Route(
            "ListAutoAnnotationSamples",
            "GET",
            _PROPOSALS,
            intelligent_tasks.list_auto_annotation_samples,
            "obtaining_an_auto_labeling_sample_list",
        ),
        Route(
            "DescribeAutoAnnotationSample",
            "GET",
            _PROPOSALS + "/{sample_id}",
            intelligent_tasks.describe_auto_annotation_sample,
            "querying_details_about_an_auto_labeling_sample",
        ),
    ],
}
