"""Members of bodies that are listed as being without effect: each is given a value, and nothing changes."""

from __future__ import annotations

from typing import Any

from tests.helpers.contract.effects import datasets, exports, imports, labels, samples
from tests.helpers.contract.effects.parts import ATTRIBUTE
from tests.helpers.contract.project import Body, Case, Do

OLD = {"name": "old", "type": 103}
RENAMED = {"property": {"@modelarts:rename_to": "renamed"}}
INFO = {"source_info": {"cluster_id": "c", "user_password": "p"}}
PROPERTY = {"property": {"@modelarts:color": "#123456"}}
ATTRIBUTES = {"attributes": [ATTRIBUTE]}
SIZE = {"metadata": {"@modelarts:size": [1, 1, 1]}}
ORIGIN = {"metadata": {"@modelarts:import_origin": 4}}


def _label(do: Do, key: str, label: Body, **more: Any) -> Case:
    """Return a label with more members; an empty property is the default of a new label."""
    return Case(do, {key: [{"property": {}, **label}]}, {key: [{"property": {}, **label, **more}]})


def _uploaded(**members: Any) -> Case:
    source = {"data_path": "/bucket/in/1.png"}
    return Case(samples.upload(), {"data_source": source}, {"data_source": {**source, **members}})


_EXPORT = exports.export()
_NEW = {"name": "new"}
_TEAMS = "workforce_information.workforces_config.workforces[]"
WITHOUT: dict[str, dict[str, Case]] = {
    "UpdateSamples": {
        "samples[].sample_type": Case(samples.update(), {"labels": []}, {"labels": [], "sample_type": 6}),
        "samples[].source": Case(samples.update(), {"labels": []}, {"labels": [], "source": "/bucket/in/2.png"}),
        "samples[].metadata.@modelarts:size": Case(samples.update(), {"labels": []}, {"labels": [], **SIZE}),
        "samples[].metadata.@modelarts:import_origin": Case(samples.update(), {"labels": []}, {"labels": [], **ORIGIN}),
    },
    "UploadSamplesJson": {
        "samples[].data_source.data_type": _uploaded(data_type=2),
        "samples[].data_source.source_info": _uploaded(**INFO),
        "samples[].metadata.@modelarts:import_origin": Case(samples.upload(), samples.given(), samples.given(**ORIGIN)),
    },
    "CreateDataset": {
        "data_sources[].source_info": Case(
            datasets.create, {}, {"data_sources": [{"data_path": "/bucket/in/", **INFO}]}
        ),
        "labels[].property.@modelarts:rename_to": _label(datasets.create, "labels", _NEW, **RENAMED),
        "workforce_information.task_id": Case(datasets.create, datasets.team(), datasets.team(task_id="own")),
        f"{_TEAMS}.workforce_name": Case(datasets.create, datasets.force(), datasets.force(workforce_name="name")),
        **{
            f"{_TEAMS}.workers[].{member}": Case(datasets.create, datasets.worker(), datasets.worker(**{member: value}))
            for member, value in (
                ("create_time", 5),
                ("description", "words"),
                ("role", 1),
                ("status", 2),
                ("update_time", 6),
                ("workforce_id", "w"),
            )
        },
    },
    "UpdateDataset": {
        "add_labels[].property.@modelarts:rename_to": _label(datasets.update, "add_labels", _NEW, **RENAMED),
        "delete_labels[].attributes": _label(datasets.update, "delete_labels", OLD, **ATTRIBUTES),
        "delete_labels[].property": _label(datasets.update, "delete_labels", OLD, **PROPERTY),
    },
    "CreateLabels": {"labels[].property.@modelarts:rename_to": _label(labels.create, "labels", _NEW, **RENAMED)},
    "DeleteLabels": {
        "labels[].attributes": _label(labels.delete, "labels", OLD, **ATTRIBUTES),
        "labels[].property": _label(labels.delete, "labels", OLD, **PROPERTY),
    },
    "ImportTask": {
        "data_source.source_info": Case(imports.DO, imports.from_source(), imports.from_source(**INFO)),
        **{
            f"{which}_labels[].{member}": _label(imports.DO, f"{which}_labels", imports.CAT, **value)
            for which in ("excluded", "included")
            for member, value in (("attributes", ATTRIBUTES), ("property", PROPERTY))
        },
    },
    "ExportTask": {
        **{
            member: Case(_EXPORT, {}, {member: value})
            for member, value in (
                ("dataset_id", "another"),
                ("dataset_type", 1),
                ("status", 3),
                ("task_id", "own"),
                ("version_format", "CSV"),
                ("with_column_header", False),
            )
        },
        "export_params.clear_difficult": Case(
            exports.export(1), exports.params(), exports.params(clear_difficult=True)
        ),
        "export_params.export_dataset_version_format": Case(
            _EXPORT,
            exports.params(**exports.NEW, export_dataset_version_name="own"),
            exports.params(**exports.NEW, export_dataset_version_name="own", export_dataset_version_format="CSV"),
        ),
    },
}
