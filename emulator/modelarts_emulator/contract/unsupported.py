"""What of the contract has no effect here, and on which evidence operations stand. The rest follows from the types.

A parameter is named as in a warning: ``email``, ``samples[].source``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

import msgspec

_TEAM = "there are no team labelling tasks"
_OWN = "the service's own bookkeeping, which a client cannot set"
_ONLY_OBS = "only OBS can be read"
_AS_IT_IS = "a file is stored as it is"
_BY_DATASET = "the type of the sample's dataset counts"
_OWN_SIZE = "the picture's own size counts"
_NEW_NAME = "a new label has the name it is given"
_FOUND = "a label is found by its name and type"
_CHOSEN = "labels are chosen by their names"
_NO_TABLES = "only table datasets have {}, and they cannot be exported"

WITHOUT_EFFECT: dict[str, dict[str, str]] = {
    "ListStats": {"email": _TEAM},
    "GetDatasetMetrics": {"workforce_task_id": _TEAM},
    "ListSamples": {"email": _TEAM},
    "DescribeSample": {"sample_state": "a sample is described whatever its state", "worker_id": _TEAM},
    "UpdateSamples": {
        "email": _TEAM,
        "samples[].sample_type": _BY_DATASET,
        "samples[].source": "a sample's object cannot be replaced",
        "samples[].metadata.@modelarts:size": _OWN_SIZE,
    },
    "UploadSamplesJson": {
        "samples[].sample_type": _BY_DATASET,
        "samples[].data_source.data_type": _ONLY_OBS,
        "samples[].data_source.source_info": _ONLY_OBS,
        "samples[].data_source.schema_maps": _AS_IT_IS,
        "samples[].data_source.with_column_header": _AS_IT_IS,
        "samples[].metadata.@modelarts:size": _OWN_SIZE,
    },
    "CreateDataset": {
        "data_sources[].source_info": _ONLY_OBS,
        "labels[].property.@modelarts:rename_to": _NEW_NAME,
        "workforce_information.data_sync_type": _TEAM,
        "workforce_information.workforces_config.agency": _TEAM,
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
            for member in ("attributes", "property", "type")
        },
    },
    "ExportTask": {
        "dataset_id": "the dataset of the path counts",
        "dataset_type": "the dataset's own type counts",
        "status": _OWN,
        "task_id": _OWN,
        "version_format": _NO_TABLES.format("formats"),
        "with_column_header": _NO_TABLES.format("columns"),
        "export_params.clear_difficult": "stands in the reference's examples alone, unexplained",
        "export_params.export_dataset_version_format": _NO_TABLES.format("formats"),
    },
}
"""Operation -> member -> why it has none. A member stands for all that is nested in it."""

DOCUMENTED, CLIENT_VERIFIED, ASSUMED = "documented", "client-verified", "assumed"
# Operations that a published client calls in the tests; the others stand on the documents alone.
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
    """What an operation's behaviour rests on."""
    return CLIENT_VERIFIED if operation in _CLIENTS_CALL else DOCUMENTED


NoEffectFinder = Callable[[Any], list[str]]


def no_effect_finder(operation: str, kind: type[msgspec.Struct] | None) -> NoEffectFinder | None:
    """What tells which of a request's members have no effect; None where all that it can have do."""
    reasons = WITHOUT_EFFECT.get(operation, {})
    known = _defaults(cast(Hashable, kind)) if kind is not None else {}
    paths = [path for path in reasons if path.partition(".")[0].removesuffix("[]") in known]
    if not paths:
        return None
    tree = _tree(paths)

    def find(request: Any) -> list[str]:
        found: dict[str, None] = {}
        _collect(request, tree, found)
        return [f"{path} has no effect: {reasons[path]}" for path in found]

    return find


class _Member(NamedTuple):
    """A member to look at; ``path`` is its own where it is listed, else what is ``below`` it is."""

    name: str
    is_list: bool
    path: str | None
    below: tuple[_Member, ...]


def _tree(paths: Sequence[str], depth: int = 0) -> tuple[_Member, ...]:
    """Paths as a tree, so that a long list is gone through once."""
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
            # Nothing, zero and false ask for nothing, unless something is the default.
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
