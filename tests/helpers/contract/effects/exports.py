"""Members of the body of ExportTask."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.helpers.contract.project import BOX, Body, Case, ContractProject, Do

NEW = {
    "export_dest": "NEW_DATASET",
    "export_new_dataset_name": "new",
    "export_new_dataset_work_path": "/bucket/out/",
}
# Subjects of search conditions.
METADATA = {
    "@modelarts:hard": 1,
    "@modelarts:hard_coefficient": 0.7,
    "own": "x",
    "@modelarts:kvp": "90",
    "@modelarts:frame_in_video": 3,
    "@modelarts:time_in_video": "1.5",
    "@modelarts:slice_thickness": "2",
    "@modelarts:study_date": "20200101",
}


@cache
def export(kind: int = 0) -> Do:
    """Export a dataset with two labelled samples; a version of it has been published with others."""

    def do(project: ContractProject, body: Body) -> str:
        dataset_id = project.dataset(kind, "boxes" if kind == 1 else "in")
        ids = project.ids(dataset_id)
        property_ = BOX if kind == 1 else {"own": "x"}
        cat, dog = ({"name": name, "property": property_} for name in ("cat", "dog"))
        items = [
            {"sample_id": ids[0], "labels": [{**cat, "score": 0.5}, dog], "metadata": METADATA},
            {"sample_id": ids[1], "labels": [cat], "sample_usage": "TEST"},
        ]
        project.api.call("PUT", f"/{dataset_id}/data-annotations/samples", json={"samples": items})
        version_id = project.api.publish(dataset_id)["version_id"]
        project.api.label(dataset_id, {ids[-1]: [cat]})
        request = {"path": "/bucket/target/", **body}
        if "version_id" in body:
            request["version_id"] = version_id
        if "samples" in (body.get("export_params") or {}):
            request["export_params"] = {"samples": [ids[0]]}
        answer = json.loads(project.send("POST", f"/{dataset_id}/export-tasks", request)).get("error_msg", "")
        project.rest(dataset_id)
        for each in project.api.call("GET", "?limit=100")["datasets"]:
            if each["data_sources"][0]["data_path"] == "/bucket/target/":
                answer += project.seen(project.made(each["dataset_id"]))
        return answer + project.seen(dataset_id) + project.files("target")

    return do


def params(**members: Any) -> Body:
    """Parameters of an export."""
    return {"export_params": members}


def search(**members: Any) -> Body:
    """One search condition."""
    return params(search_conditions=[members])


def labelled(*labels: Body, **members: Any) -> Body:
    """A search for labels."""
    return search(label_list={"labels": list(labels), **members})


_DO, _AT = export(), "export_params.search_conditions[]"
_SOME_PROPERTIES = {"own": ["x"], "none": ["y"]}
# Each condition matches some samples, but not all.
_CONDITIONS: dict[str, Any] = {
    "coefficient": "0.6-0.8",
    "frame_in_video": 3,
    "hard": "1",
    "import_origin": "6",
    "kvp": "90",
    "label_list": {"labels": [{"name": "dog"}]},
    "labeler": "nobody",
    "metadata": {"props": {"own": ["x"]}},
    "parent_sample_id": "nobody",
    "sample_dir": "/bucket/in/deep/",
    "sample_name": "0.png",
    "sample_time": "20000101-20000102",
    "score": "0.4-0.6",
    "slice_thickness": "2",
    "study_date": "20200101",
    "time_in_video": "1.5",
}
EFFECTS: dict[str, dict[str, Case]] = {
    "ExportTask": {
        "annotation_format": Case(export(1), {}, {"annotation_format": "COCO"}),
        "export_format": Case(_DO, {}, {"export_format": 1}),
        "export_params": Case(_DO, {}, params(samples=["the first"])),
        "export_type": Case(_DO, {}, {"export_type": 0}),
        "path": Case(_DO, {}, {"path": "/bucket/own/"}),
        "sample_state": Case(_DO, {}, {"sample_state": "NONE"}),
        "source_type_header": Case(_DO, {}, {"source_type_header": "s3://"}),
        "version_id": Case(_DO, {}, {"version_id": "the first"}),
        "export_params.clear_hard_property": Case(_DO, params(), params(clear_hard_property=False)),
        "export_params.export_dest": Case(_DO, params(**{**NEW, "export_dest": "DIR"}), params(**NEW)),
        "export_params.export_new_dataset_name": Case(
            _DO, params(**NEW), params(**{**NEW, "export_new_dataset_name": "newer"})
        ),
        "export_params.export_new_dataset_work_path": Case(
            _DO, params(**NEW), params(**{**NEW, "export_new_dataset_work_path": "/bucket/own/"})
        ),
        "export_params.export_dataset_version_name": Case(
            _DO, params(**NEW), params(**NEW, export_dataset_version_name="own")
        ),
        "export_params.ratio_sample_usage": Case(_DO, params(), params(ratio_sample_usage=True)),
        "export_params.train_sample_ratio": Case(
            _DO,
            params(ratio_sample_usage=True),
            params(ratio_sample_usage=True, train_sample_ratio="0.5"),
        ),
        "export_params.sample_state": Case(_DO, params(), params(sample_state="NONE")),
        "export_params.samples": Case(_DO, params(), params(samples=["the first"])),
        "export_params.search_conditions": Case(_DO, params(), search(sample_name="0.png")),
        **{f"{_AT}.{name}": Case(_DO, search(), search(**{name: value})) for name, value in _CONDITIONS.items()},
        f"{_AT}.metadata.props": Case(_DO, search(), search(metadata={"props": {"own": ["x"]}})),
        f"{_AT}.metadata.op": Case(
            _DO,
            search(metadata={"props": _SOME_PROPERTIES, "op": "AND"}),
            search(metadata={"props": _SOME_PROPERTIES, "op": "OR"}),
        ),
        f"{_AT}.label_list.labels": Case(_DO, labelled(), labelled({"name": "dog"})),
        f"{_AT}.label_list.op": Case(
            _DO,
            labelled({"name": "dog"}, {"name": "none"}, op="AND"),
            labelled({"name": "dog"}, {"name": "none"}, op="OR"),
        ),
        f"{_AT}.label_list.labels[].name": Case(_DO, labelled({}), labelled({"name": "dog"})),
        f"{_AT}.label_list.labels[].type": Case(_DO, labelled({}), labelled({"type": 1})),
        f"{_AT}.label_list.labels[].property": Case(_DO, labelled({}), labelled({"property": {"none": ["x"]}})),
        f"{_AT}.label_list.labels[].op": Case(
            _DO,
            labelled({"property": _SOME_PROPERTIES, "op": "AND"}),
            labelled({"property": _SOME_PROPERTIES, "op": "OR"}),
        ),
    },
}
