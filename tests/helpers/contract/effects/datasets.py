"""Members of the bodies of CreateDataset and UpdateDataset."""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.contract.effects.parts import ENTITIES, label_members, schema_members, separator_members
from tests.helpers.contract.project import NAME, Body, Case, ContractProject

TEAM, OTHER = "<team>", "<b@example.com>"
"""Stand for the id of a team with three labelers and a manager, and for that of a labeler."""
CAT = {"name": "cat"}
WORKER = {"email": "a@example.com"}
FORCE = {"workforce_id": TEAM, "workers": [WORKER]}


def create(project: ContractProject, body: Body) -> str:
    """Create a dataset; return its details or the error."""
    request = {
        "dataset_name": NAME,
        "data_sources": [{"data_path": "/bucket/in/"}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        **body,
    }
    if request.get("workforce_information"):
        text = json.dumps(request)
        for name, known in project.team().items():
            text = text.replace(f"<{name}>", known)
        request = json.loads(text)
    answer = json.loads(project.send("POST", "", request))
    return project.seen(project.made(answer["dataset_id"])) if "dataset_id" in answer else str(answer)


def update(project: ContractProject, body: Body) -> str:
    """Change a triplet dataset that has a label and two versions."""
    dataset_id = project.dataset(102, "text", labels=ENTITIES)
    first = project.api.publish(dataset_id)["version_id"]
    project.api.call("POST", f"/{dataset_id}/data-annotations/labels", json={"labels": [{"name": "later"}]})
    project.api.publish(dataset_id)
    if "current_version_id" in body:
        body = {"current_version_id": first}
    return project.send("PUT", f"/{dataset_id}", body) + project.seen(dataset_id)


def triplets() -> Body:
    """A dataset of triplets."""
    return {**texts(), "dataset_type": 102}


def texts(**label_format: Any) -> Body:
    """A dataset of texts."""
    return {
        "dataset_type": 100,
        "data_sources": [{"data_path": "/bucket/text/"}],
        **({"label_format": label_format} if label_format else {}),
    }


def table(members: Body) -> Body:
    """A table whose columns have other names than the file's header."""
    source = {"data_path": "/bucket/table/", "with_column_header": True, **members}
    return {"dataset_type": 400, "schema": [{"name": "x"}, {"name": "y"}], "data_sources": [source]}


def column(**members: Any) -> Body:
    """Return a table schema with more details of one column."""
    return {**table({}), "schema": [{"name": "x", **members}, {"name": "y"}]}


def team(**members: Any) -> Body:
    """Team labelling."""
    return {"workforce_information": {"task_name": "team", **members}}


def force(**members: Any) -> Body:
    """One team."""
    return team(workforces_config={"workforces": [{**FORCE, **members}]})


def worker(**members: Any) -> Body:
    """One member of a team."""
    return force(workers=[{**WORKER, **members}])


_SOURCE, _TEAM = "data_sources[]", "workforce_information"
_FORCE = f"{_TEAM}.workforces_config.workforces[]"

EFFECTS: dict[str, dict[str, Case]] = {
    "CreateDataset": {
        "data_format": Case(create, table({}), {**table({}), "data_format": "CarbonData"}),
        "data_sources": Case(create, {}, {"data_sources": [{"data_path": "/bucket/new/"}]}),
        f"{_SOURCE}.data_path": Case(create, {}, {"data_sources": [{"data_path": "/bucket/new/"}]}),
        f"{_SOURCE}.data_type": Case(create, {}, {"data_sources": [{"data_path": "/bucket/in/", "data_type": 2}]}),
        **schema_members(_SOURCE, create, table),
        "dataset_name": Case(create, {}, {"dataset_name": "two"}),
        "dataset_type": Case(create, {}, {"dataset_type": 900}),
        "description": Case(create, {}, {"description": "words"}),
        "import_annotations": Case(create, {"import_annotations": False}, {"import_annotations": True}),
        "import_data": Case(create, table({}), {**table({}), "import_data": True}),
        "label_format": Case(create, texts(), texts(text_sample_separator=";")),
        **separator_members("label_format", create, lambda members: texts(**members)),
        "labels": Case(create, {}, {"labels": [CAT]}),
        **label_members(
            "labels[]", create, lambda label: texts() | {"dataset_type": 102, "labels": [*ENTITIES, label]}
        ),
        "managed": Case(create, {}, {"managed": True}),
        "schema": Case(create, {**table({}), "schema": None}, table({})),
        **{
            f"schema[].{member}": Case(create, table({}), column(**{member: value}))
            for member, value in (("description", "words"), ("schema_id", 7), ("type", "INT"), ("name", "z"))
        },
        "work_path": Case(create, {}, {"work_path": "/bucket/elsewhere/"}),
        "work_path_type": Case(create, {}, {"work_path_type": 1}),
        "workspace_id": Case(create, {}, {"workspace_id": "other"}),
        _TEAM: Case(create, {}, team()),
        **{
            f"{_TEAM}.{member}": Case(create, team(), team(**{member: value}))
            for member, value in (
                ("task_name", "other"),
                ("repetition", 2),
                ("data_sync_type", 3),
                ("synchronize_auto_labeling_data", True),
                ("synchronize_data", True),
                ("workforces_config", {"workforces": [FORCE]}),
            )
        },
        f"{_TEAM}.workforces_config.workforces": Case(create, team(), force()),
        f"{_TEAM}.workforces_config.agency": Case(create, team(), team(workforces_config={"agency": "m@example.com"})),
        **{
            f"{_FORCE}.{member}": Case(create, force(), force(**{member: value}))
            for member, value in (("workers", []), ("workforce_id", "v"))
        },
        f"{_FORCE}.workers[].worker_id": Case(create, worker(), force(workers=[{"worker_id": OTHER}])),
        **{
            f"{_FORCE}.workers[].{member}": Case(create, worker(), worker(**{member: value}))
            for member, value in (("email", "b@example.com"),)
        },
    },
    "UpdateDataset": {
        "add_labels": Case(update, {}, {"add_labels": [CAT]}),
        **label_members("add_labels[]", update, lambda label: {"add_labels": [label]}),
        "current_version_id": Case(update, {}, {"current_version_id": "first"}),
        "dataset_name": Case(update, {}, {"dataset_name": "renamed"}),
        "delete_labels": Case(update, {}, {"delete_labels": [{"name": "old"}]}),
        "delete_labels[].name": Case(
            update, {"delete_labels": [{"name": "old"}]}, {"delete_labels": [{"name": "later"}]}
        ),
        "delete_labels[].type": Case(
            update, {"delete_labels": [{"name": "old"}]}, {"delete_labels": [{"name": "old", "type": 102}]}
        ),
        "description": Case(update, {}, {"description": "words"}),
        "update_labels": Case(update, {}, {"update_labels": [{"name": "old", "property": {"own": "1"}}]}),
        **label_members("update_labels[]", update, lambda label: {"update_labels": [label]}, name="old"),
        "update_labels[].property.@modelarts:rename_to": Case(
            update,
            {"update_labels": [{"name": "old"}]},
            {"update_labels": [{"name": "old", "property": {"@modelarts:rename_to": "renamed"}}]},
        ),
    },
}
