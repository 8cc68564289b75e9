"""Members of the bodies of CreateLabels, UpdateLabels, UpdateLabel and DeleteLabels, and ``?`` their parameters."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import quote

from tests.helpers.contract.effects.parts import RELATION, label_members
from tests.helpers.contract.project import Body, Case, ContractProject, Do
from tests.helpers.pictures import picture

ENDS = {"@modelarts:from_type": "subject", "@modelarts:to_type": "object"}
OLD = [
    {"name": "old", "type": 103},
    {"name": "old", "type": 102, "property": ENDS},
    *({"name": name, "type": 103} for name in ("other", "subject", "object")),
]


@cache
def change(method: str, path: str = "") -> Do:
    """Create, change or delete labels of a triplet dataset that has some."""

    def do(project: ContractProject, body: Body) -> str:
        dataset_id = project.dataset(102, "text", labels=OLD)
        return project.send(method, f"/{dataset_id}/data-annotations/labels{path}", body) + project.seen(dataset_id)

    return do


create, update, delete = change("POST"), change("PUT"), change("POST", "/delete")


def update_named(project: ContractProject, body: Body) -> str:
    """Change the label that the path names. ``type``: which one of this name."""
    label_type = body.get("type", 102)
    property_ = {key: value for key, value in body.items() if key != "type"}
    dataset_id = project.dataset(102, "text", labels=OLD)
    path = f"/{dataset_id}/data-annotations/labels/old"
    return project.send("PUT", path, property_, label_type=label_type) + project.seen(dataset_id)


@cache
def remove(by_name: bool) -> Do:
    """Delete a label of a picture, or several; ``body`` is the query."""

    def do(project: ContractProject, body: Body) -> str:
        project.write("target/0.png", picture())
        dataset_id = project.dataset(0, "target")
        project.api.label(dataset_id, {project.ids(dataset_id)[0]: [{"name": "猫/%"}]})
        path = f"/{dataset_id}/data-annotations/labels"
        if by_name:
            answer = project.send("DELETE", f"{path}/{quote('猫/%', safe='')}", **body)
        else:
            answer = project.send("POST", f"{path}/delete", {"labels": [{"name": "猫/%"}]}, **body)
        return answer + project.seen(dataset_id) + project.files("target")

    return do


def one(label: Body) -> Body:
    """A request about one label."""
    return {"labels": [label]}


def property_(**members: Any) -> Body:
    """Properties of a relation between entities."""
    return {**RELATION, **{f"@modelarts:{key}": value for key, value in members.items()}}


EFFECTS: dict[str, dict[str, Case]] = {
    "CreateLabels": {
        "labels": Case(create, {}, one({"name": "new"})),
        **label_members("labels[]", create, one),
    },
    "UpdateLabels": {
        "labels": Case(update, {}, one({"name": "old", "property": {"own": "1"}})),
        **label_members("labels[]", update, one, name="old"),
        "labels[].property.@modelarts:rename_to": Case(
            update, one({"name": "old"}), one({"name": "old", "property": {"@modelarts:rename_to": "renamed"}})
        ),
    },
    "DeleteLabels": {
        "labels": Case(delete, {}, one({"name": "old"})),
        "labels[].name": Case(delete, one({"name": "old"}), one({"name": "other"})),
        "labels[].type": Case(delete, one({"name": "old"}), one({"name": "old", "type": 102})),
        "?delete_policy": Case(remove(False), {}, {"delete_policy": 1}),
    },
    "DeleteLabelAndSamples": {
        "?delete_source": Case(remove(True), {}, {"delete_source": True}),
        "?label_type": Case(remove(True), {}, {"label_type": 1}),
    },
    "UpdateLabel": {
        **{
            f"@modelarts:{member}": Case(update_named, property_(), property_(**{member: value}))
            for member, value in (
                ("color", "#123456"),
                ("default_shape", "polygon"),
                ("from_type", "other"),
                ("to_type", "old"),
                ("rename_to", "renamed"),
                ("shortcut", "D"),
            )
        },
        "?label_type": Case(update_named, property_(color="#123456"), {**property_(color="#123456"), "type": 103}),
    },
}
