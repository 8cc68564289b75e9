"""Members of the bodies of UploadSamplesJson, UpdateSamples and DeleteSamples."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from tests.helpers.contract.effects.parts import (
    metadata_members,
    sample_label_members,
    schema_members,
    separator_members,
)
from tests.helpers.contract.project import Body, Case, ContractProject, Do
from tests.helpers.pictures import picture

FOLDERS = {0: "in", 1: "boxes", 100: "text", 101: "text", 102: "text", 202: "sound", 400: "table"}
CAT = {"name": "cat"}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


PNG, WAV, GBK = (_base64(data) for data in (picture(colour=(50, 0, 0)), b"sound", "数据".encode("gbk")))
DAMAGED = _base64(b"not a picture")
CSV = _base64(b"a,b\n1,2\n")
TXT = _base64(b"four;five/six\n")
NAMES = {0: "up.png", 1: "up.png", 202: "up.wav"}
DATA = {0: PNG, 1: PNG, 202: WAV}


@cache
def upload(kind: int = 0) -> Do:
    """Upload one file into a dataset without any."""

    def do(project: ContractProject, body: Body) -> str:
        dataset_id = project.dataset(kind, "target")
        top = {key: body[key] for key in ("final_annotation", "label_format", "samples") if key in body}
        sample = {key: value for key, value in body.items() if key not in top}
        request = {"samples": [{"name": NAMES.get(kind, "up.txt"), **sample}], **top}
        answer = project.send("POST", f"/{dataset_id}/data-annotations/samples", request)
        return answer + project.seen(dataset_id) + project.files("target")

    return do


@cache
def update(kind: int = 0) -> Do:
    """Label one sample, and publish."""

    def do(project: ContractProject, body: Body) -> str:
        dataset_id = project.dataset(kind, FOLDERS[kind])
        ids = project.ids(dataset_id)
        item = {"sample_id": ids[0], **body}
        if "sample_id" in body:
            item["sample_id"] = ids[1]
        answer = project.send("PUT", f"/{dataset_id}/data-annotations/samples", {"samples": [item][: len(body)]})
        project.api.publish(dataset_id, remove_sample_usage=False)
        return answer + project.seen(dataset_id) + project.files("out")

    return do


def update_all(project: ContractProject, body: Body) -> str:
    """Label one sample; ``body`` has the members beside ``samples``."""
    dataset_id = project.dataset()
    request = {"samples": [{"sample_id": project.ids(dataset_id)[0], "labels": [CAT]}], **body}
    return project.send("PUT", f"/{dataset_id}/data-annotations/samples", request) + project.seen(dataset_id)


def delete(project: ContractProject, body: Body) -> str:
    """Delete one sample of two."""
    for number in range(2):
        project.write(f"target/{number}.png", picture(colour=(number, 0, 0)))
    dataset_id = project.dataset(0, "target")
    ids = project.ids(dataset_id)
    request = {"samples": [ids[0]], **body}
    if "samples" in body:
        request["samples"] = [ids[1]]
    answer = project.send("POST", f"/{dataset_id}/data-annotations/samples/delete", request)
    return answer + project.seen(dataset_id) + project.files("target")


@cache
def uploaded_label(kind: int) -> Do:
    """Return a function that uploads a labelled file."""

    def labelled(project: ContractProject, body: Body) -> str:
        return upload(kind)(project, {"data": DATA.get(kind, TXT), **body})

    return labelled


def upload_rows(project: ContractProject, body: Body) -> str:
    """Upload a table into a dataset of two columns without rows."""
    dataset_id = project.dataset(400, "target", schema=[{"name": "x"}, {"name": "y"}])
    request = {"samples": [{"name": "up.csv", "data": CSV, **body}]}
    answer = project.send("POST", f"/{dataset_id}/data-annotations/samples", request)
    return answer + project.seen(dataset_id)


def uploaded_rows(members: Body) -> Body:
    """Return how the columns of an uploaded table are read."""
    return {"data_source": {"with_column_header": True, **members}}


def uploaded_text(label_format: Body) -> Body:
    """A text file with label information."""
    return {"data": TXT, **({"label_format": label_format} if label_format else {})}


def given(**members: Any) -> Body:
    """A picture with more about it."""
    return {"data": PNG, **members}


_AT = "samples[]"
EFFECTS: dict[str, dict[str, Case]] = {
    "UploadSamplesJson": {
        "final_annotation": Case(upload(), given(labels=[CAT]), given(labels=[CAT], final_annotation=False)),
        "label_format": Case(upload(100), uploaded_text({}), uploaded_text({"text_sample_separator": ";"})),
        **separator_members("label_format", upload(100), uploaded_text),
        "samples": Case(upload(), given(samples=[]), given()),
        f"{_AT}.data": Case(upload(), {}, given()),
        f"{_AT}.data_source": Case(upload(), {}, {"data_source": {"data_path": "/bucket/in/1.png"}}),
        f"{_AT}.data_source.data_path": Case(
            upload(),
            {"data_source": {"data_path": "/bucket/in/1.png"}},
            {"data_source": {"data_path": "/bucket/in/none.png"}},
        ),
        **schema_members(f"{_AT}.data_source", upload_rows, uploaded_rows),
        f"{_AT}.encoding": Case(upload(100), {"data": GBK}, {"data": GBK, "encoding": "GBK"}),
        f"{_AT}.labels": Case(upload(), given(), given(labels=[CAT])),
        **sample_label_members(f"{_AT}.labels[]", uploaded_label, lambda labels: labels),
        f"{_AT}.metadata": Case(upload(), given(), given(metadata={"own": "1"})),
        **metadata_members(f"{_AT}.metadata", upload(), lambda metadata: given(**metadata)),
        f"{_AT}.metadata.@modelarts:size": Case(
            upload(), {"data": DAMAGED}, {"data": DAMAGED, "metadata": {"@modelarts:size": [8, 6, 3]}}
        ),
        f"{_AT}.name": Case(upload(), given(), given(name="other.png")),
        f"{_AT}.sample_type": Case(upload(), given(), given(sample_type=6)),
    },
    "UpdateSamples": {
        "email": Case(update_all, {}, {"email": "a@b"}),
        "samples": Case(update(), {}, {"labels": [CAT]}),
        f"{_AT}.labels": Case(update(), {"labels": []}, {"labels": [CAT]}),
        **sample_label_members(f"{_AT}.labels[]", update, lambda labels: labels),
        f"{_AT}.metadata": Case(update(), {"labels": []}, {"metadata": {"own": "1"}}),
        **metadata_members(f"{_AT}.metadata", update(), lambda metadata: metadata),
        f"{_AT}.sample_id": Case(update(), {"labels": [CAT]}, {"labels": [CAT], "sample_id": "the second"}),
        f"{_AT}.sample_usage": Case(update(), {"labels": [CAT]}, {"labels": [CAT], "sample_usage": "TEST"}),
        f"{_AT}.worker_id": Case(update(), {"labels": []}, {"worker_id": "w"}),
    },
    "DeleteSamples": {
        "samples": Case(delete, {}, {"samples": "the second"}),
        "delete_source": Case(delete, {}, {"delete_source": True}),
    },
}
