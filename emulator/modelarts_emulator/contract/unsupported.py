"""List the parameters that are accepted without effect, and the evidence for each operation.

A parameter is named as in a warning: ``email``, ``samples[].source``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec

_OWN = "set by the service, not by clients"
_ONLY_OBS = "only OBS can be read"
_BY_DATASET = "the type of the sample's dataset is used"
_OWN_SIZE = "the size is read from the picture"
_ORIGIN = "the source of the import is recorded"
_NEW_NAME = "a new label has the name in the request"
_FOUND = "labels are found by name and type"
_CHOSEN = "labels are selected by name and type"
_IN_PATH = "the one in the path is used"
_ALWAYS = "it is answered always"
_NO_TABLES = "only table datasets have {}, and these cannot be exported"


def _members(config: str) -> dict[str, str]:
    """Return the members of teams and workers that only answers fill; a team is found by its id."""
    team = f"{config}.workforces[]"
    idle = {
        f"{team}.workers[].{member}": "a member is found by address or identifier"
        for member in ("create_time", "description", "role", "status", "update_time", "workforce_id")
    }
    return {f"{team}.workforce_name": "a team is found by its identifier", **idle}


WITHOUT_EFFECT: dict[str, dict[str, str]] = {
    "ListDatasets": {"dataset_version": "all datasets are of one generation"},
    "DescribeSample": {
        "sample_state": "a sample is described in every state",
        "worker_id": "the dataset has one set of labels; DescribeWorkforceTaskSample has those of each labeler",
    },
    "CreateTask": {
        f"config.{member}": "no model is trained: the answers come from a script"
        for member in (
            "algorithm_type",
            "ambiguity",
            "annotation_output",
            "collect_rule",
            "collect_sample",
            "confidence_scope",
            "description",
            "engine_name",
            "export_format",
            "export_params",
            "flavor",
            "image_brightness",
            "image_colorfulness",
            "inf_cluster_id",
            "inf_config_list",
            "inf_output",
            "infer_result_output_dir",
            "key_sample_output",
            "log_url",
            "manifest_path",
            "model_id",
            "model_name",
            "model_parameter",
            "model_version",
            "output_dir",
            "parameters",
            "pool_id",
            "req_uri",
            "samples",
            "stop_time",
            "time",
            "train_data_path",
            "train_url",
            "version_format",
            "worker_server_num",
        )
    },
    "UpdateSamples": {
        "samples[].sample_type": _BY_DATASET,
        "samples[].source": "a sample's object cannot be replaced",
        "samples[].metadata.@modelarts:size": _OWN_SIZE,
        "samples[].metadata.@modelarts:import_origin": _ORIGIN,
    },
    "UploadSamplesJson": {
        "samples[].data_source.data_type": _ONLY_OBS,
        "samples[].data_source.source_info": _ONLY_OBS,
        "samples[].metadata.@modelarts:import_origin": _ORIGIN,
    },
    "CreateDataset": {
        "data_sources[].source_info": _ONLY_OBS,
        "labels[].property.@modelarts:rename_to": _NEW_NAME,
        "workforce_information.task_id": "the new task gets an id of its own",
        **_members("workforce_information.workforces_config"),
    },
    "UpdateDataset": {
        "add_labels[].property.@modelarts:rename_to": _NEW_NAME,
        "delete_labels[].attributes": _FOUND,
        "delete_labels[].property": _FOUND,
    },
    "CreateLabels": {"labels[].property.@modelarts:rename_to": _NEW_NAME},
    "DeleteLabels": {"labels[].attributes": _FOUND, "labels[].property": _FOUND},
    "ImportTask": {
        "data_source.source_info": _ONLY_OBS,
        **{
            f"{which}_labels[].{member}": _CHOSEN
            for which in ("excluded", "included")
            for member in ("attributes", "property")
        },
    },
    "CreateWorkforceTask": _members("workforces_config"),
    "StartWorkforceTask": {
        "dataset_id": _IN_PATH,
        "task_id": _IN_PATH,
        "workforces_config.agency": "the manager is chosen when a task is created",
        **_members("workforces_config"),
    },
    "UpdateWorkforceTask": {
        "dataset_id": _IN_PATH,
        "task_id": _IN_PATH,
        "workforces_config.agency": "the manager is chosen when a task is created",
        **_members("workforces_config"),
    },
    "DescWorkforceTask": {"sample_stats": _ALWAYS, "workforce_stats": _ALWAYS},
    "DescribeWorkforceTaskSample": {"sample_state": "a sample is described in every state"},
    "UpdateWorkforceTaskSamples": {
        "samples[].sample_type": _BY_DATASET,
        "samples[].sample_usage": "the usage of a sample belongs to the dataset",
        "samples[].source": "a sample's object cannot be replaced",
        "samples[].metadata.@modelarts:size": _OWN_SIZE,
        "samples[].metadata.@modelarts:import_origin": _ORIGIN,
    },
    "UpdateWorkforceSamplingTask": {"locale": "the answer has no text in a language"},
    "ExportTask": {
        "dataset_id": "the dataset in the path is used",
        "dataset_type": "the dataset's type is used",
        "status": _OWN,
        "task_id": _OWN,
        "version_format": _NO_TABLES.format("formats"),
        "with_column_header": _NO_TABLES.format("columns"),
        "export_params.clear_difficult": "only mentioned in the API reference's examples, without an explanation",
        "export_params.export_dataset_version_format": _NO_TABLES.format("formats"),
    },
}
"""Operation -> parameter -> reason. A parameter includes everything nested in it."""

DOCUMENTED, CLIENT_VERIFIED, ASSUMED = "documented", "client-verified", "assumed"
# Operations that a published client calls in the tests; for the others there are only the documents.
_CLIENTS_CALL = frozenset(
    {
        "ListDatasets",
        "CreateDataset",
        "DeleteDataset",
        "DescDataset",
        "UpdateDataset",
        "ListStats",
        "SyncDataSource",
        "SyncDataSourceState",
        "ListSamples",
        "UploadSamplesJson",
        "DeleteSamples",
        "DescribeSample",
        "ListLabels",
        "CreateLabels",
        "UpdateLabels",
        "DeleteLabels",
        "ListImportTasks",
        "ImportTask",
        "DescImportTask",
        "GetExportTasksStatusOfDataset",
        "ExportTask",
        "GetExportTaskStatusOfDataset",
        "ListDatasetVersions",
        "CreateDatasetVersion",
        "DeleteDatasetVersion",
        "DescribeDatasetVersion",
    }
)


def evidence(operation: str) -> str:
    """Return the evidence for an operation's behavior."""
    return CLIENT_VERIFIED if operation in _CLIENTS_CALL else DOCUMENTED


NoEffectFinder = Callable[[Any], list[str]]


def no_effect_finder(operation: str, kind: type[msgspec.Struct] | None) -> NoEffectFinder | None:
    """Return a function that lists the parameters of a request that have no effect; None if all have one."""
    reasons = WITHOUT_EFFECT.get(operation, {})
    known = _defaults(cast(Hashable, kind)) if kind is not None else {}
    paths = [path for path in reasons if path.partition(".")[0].removesuffix("[]") in known]
    if not paths:
        return None
    tree = _tree(paths)

    def find(request: Any) -> list[str]:
        found: dict[str, None] = {}
        _collect(request, tree, found)
        return [f"{path} has no effect: {reasons[path]}" for path in found] if found else []

    return find


class _Member(NamedTuple):
    """A member to check. It is listed itself if ``path`` is set; otherwise members ``below`` it are."""

    name: str
    is_list: bool
    path: str | None
    below: tuple[_Member, ...]


def _tree(paths: Sequence[str], depth: int = 0) -> tuple[_Member, ...]:
    """Build a tree of paths, so that a long list in a request is scanned once."""
    members: dict[str, list[str]] = {}
    for path in paths:
        members.setdefault(path.split(".")[depth], []).append(path)
    return tuple(
        _Member(name.removesuffix("[]"), name.endswith("[]"), *_leaf(below, depth + 1))
        for name, below in members.items()
    )


def _leaf(paths: Sequence[str], depth: int) -> tuple[str | None, tuple[_Member, ...]]:
    if len(paths) == 1 and len(paths[0].split(".")) == depth:
        return paths[0], ()
    return None, _tree(paths, depth)


def _collect(value: Any, tree: tuple[_Member, ...], found: dict[str, None]) -> None:
    for name, is_list, path, below in tree:
        item = value.get(name) if isinstance(value, dict) else getattr(value, name)
        if item is None:
            continue
        if path is not None:
            default = None if isinstance(value, dict) else _defaults(cast(Hashable, type(value)))[name]
            # Empty values, zero and false request nothing, unless the default is something else.
            if item != default and (item or default is not None):
                found[path] = None
        elif is_list:
            for each in item:
                _collect(each, below, found)
        else:
            _collect(item, below, found)


@cache
def _defaults(kind: Any) -> Mapping[str, Any]:
    return {field.name: field.default for field in msgspec.structs.fields(kind)}
