"""Members of the body of CreateDatasetVersion."""

from __future__ import annotations

from functools import cache

from tests.helpers.contract.project import Body, Case, ContractProject, Do

TABLE = {"schema": [{"name": "x"}, {"name": "y"}]}


@cache
def publish(kind: int = 0) -> Do:
    """Publish labelled pictures, or a table."""

    def do(project: ContractProject, body: Body) -> str:
        dataset_id = project.dataset(kind, "table" if kind == 400 else "in", **(TABLE if kind == 400 else {}))
        if kind == 0:
            about = {"labels": [{"name": "cat"}], "metadata": {"@modelarts:hard": 1}, "sample_usage": "TEST"}
            items = [{"sample_id": identity, **about} for identity in project.ids(dataset_id)]
            project.api.call("PUT", f"/{dataset_id}/data-annotations/samples", json={"samples": items})
        answer = project.send("POST", f"/{dataset_id}/versions", body)
        return answer + project.seen(dataset_id) + project.files("out")

    return do


EFFECTS: dict[str, dict[str, Case]] = {
    "CreateDatasetVersion": {
        "clear_hard_property": Case(publish(), {}, {"clear_hard_property": False}),
        "description": Case(publish(), {}, {"description": "words"}),
        "export_images": Case(publish(), {}, {"export_images": True}),
        "remove_sample_usage": Case(publish(), {}, {"remove_sample_usage": False}),
        "train_evaluate_sample_ratio": Case(publish(), {}, {"train_evaluate_sample_ratio": "0.5"}),
        "version_format": Case(publish(400), {}, {"version_format": "CSV"}),
        "version_name": Case(publish(), {}, {"version_name": "own"}),
        "with_column_header": Case(publish(400), {}, {"with_column_header": False}),
    },
}
