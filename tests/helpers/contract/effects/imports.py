"""Members of the body of ImportTask."""

from __future__ import annotations

from typing import Any

from tests.helpers.contract.effects.parts import schema_members, separator_members
from tests.helpers.contract.project import Body, Case, ContractProject, Do
from tests.helpers.pictures import picture

CAT = {"name": "cat"}
TABLE = {"schema": [{"name": "x"}, {"name": "y"}]}


def import_(kind: int = 0, folder: str = "new", **members: Any) -> Do:
    """Import a folder into a dataset without samples; a body's ``import_path`` of None is left out."""

    def do(project: ContractProject, body: Body) -> str:
        dataset_id = project.dataset(kind, "target", **members)
        request = {"import_path": f"/bucket/{folder}/", **body}
        sent = {key: value for key, value in request.items() if value is not None}
        answer = project.send("POST", f"/{dataset_id}/import-tasks", sent)
        return answer + project.seen(dataset_id) + project.files("target")

    return do


def import_known(project: ContractProject, body: Body) -> str:
    """Import into a dataset that has one of the samples already."""
    project.write("target/cat/10.png", picture(colour=(10, 0, 0)))
    return import_()(project, body)


def texts(label_format: Body) -> Body:
    """How lines are read."""
    return {"label_format": label_format} if label_format else {}


def from_table(members: Body) -> Body:
    """A table named as a source."""
    return {"import_path": None, "data_source": {"data_path": "/bucket/table/", "with_column_header": True, **members}}


def from_source(**members: Any) -> Body:
    """A directory named as a source."""
    return {"import_path": None, "data_source": {"data_path": "/bucket/new/", **members}}


DO, _TABLE, _TEXT = import_(), import_(400, "table", **TABLE), import_(100, "text")
EFFECTS: dict[str, dict[str, Case]] = {
    "ImportTask": {
        "annotation_format": Case(import_(1, "boxes"), {"annotation_format": "VOC"}, {"annotation_format": "COCO"}),
        "data_source": Case(DO, {"import_path": None}, from_source()),
        "data_source.data_path": Case(DO, from_source(), from_source(data_path="/bucket/boxes/")),
        "data_source.data_type": Case(DO, from_source(), from_source(data_type=2)),
        **schema_members("data_source", _TABLE, from_table),
        "difficult_only": Case(import_(1, "boxes"), {}, {"difficult_only": True}),
        "excluded_labels": Case(DO, {}, {"excluded_labels": [CAT]}),
        "excluded_labels[].name": Case(DO, {"excluded_labels": [CAT]}, {"excluded_labels": [{"name": "dog"}]}),
        "excluded_labels[].type": Case(
            DO, {"excluded_labels": [{**CAT, "type": 0}]}, {"excluded_labels": [{**CAT, "type": 1}]}
        ),
        "final_annotation": Case(DO, {}, {"final_annotation": False}),
        "import_annotations": Case(DO, {}, {"import_annotations": False}),
        "import_folder": Case(DO, {}, {"import_folder": "sub"}),
        "import_origin": Case(DO, {}, {"import_origin": "inference"}),
        "import_path": Case(DO, {}, {"import_path": "/bucket/boxes/"}),
        "import_samples": Case(import_known, {}, {"import_samples": False}),
        "import_type": Case(DO, {}, {"import_type": "1"}),
        "included_labels": Case(DO, {}, {"included_labels": [CAT]}),
        "included_labels[].name": Case(DO, {"included_labels": [CAT]}, {"included_labels": [{"name": "dog"}]}),
        "included_labels[].type": Case(
            DO, {"included_labels": [{**CAT, "type": 0}]}, {"included_labels": [{**CAT, "type": 1}]}
        ),
        "label_format": Case(_TEXT, {}, texts({"text_sample_separator": ";"})),
        **separator_members("label_format", _TEXT, texts),
        "with_column_header": Case(_TABLE, {"with_column_header": False}, {"with_column_header": True}),
    },
}
