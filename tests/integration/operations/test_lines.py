"""Datasets of text lines and table rows: identity of samples when their files change."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.api import Api
from tests.helpers.bucket_files import write, write_manifest
from tests.helpers.imports import ended, imported
from tests.helpers.polling import poll


def texts(api: Api, dataset_id: str) -> dict[str, list[str]]:
    """Labels by text."""
    return {
        sample["source"].removeprefix("content://"): [label["name"] for label in sample["labels"]]
        for sample in api.samples(dataset_id, "?limit=100&order=asc")["samples"]
    }


def follows(api: Api, dataset_id: str, wanted: Any) -> None:
    poll(lambda: texts(api, dataset_id) == wanted, f"{wanted} instead of {texts(api, dataset_id)}")


def test_text_file_becomes_one_sample_for_each_line(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "first line\n\n  second, line  \r\nthird")
    write(bucket, "in/b.csv", "fourth\n")
    write(bucket, "in/a_result.txt", "no\nsample\n")
    write(bucket, "in/c.md", "no sample")
    dataset_id = api.dataset(dataset_type=100)
    assert list(texts(api, dataset_id)) == ["first line", "  second, line  ", "third", "fourth"]
    sample = api.samples(dataset_id, "?order=asc")["samples"][0]
    assert (sample["sample_type"], sample["sample_name"], sample["sample_dir"]) == (1, "a.txt", "/bucket/in/")
    assert sample["sample_size"] == len("first line")
    assert sample["sample_status"] == "UN_ANNOTATION"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_text_file_in_each_encoding_is_read(api: Api, bucket: Path, encoding: str) -> None:
    write(bucket, "in/a.txt", "我喜欢机器学习\r\n数据集\r\n".encode(encoding))
    dataset_id = api.dataset(dataset_type=101)
    assert list(texts(api, dataset_id)) == ["我喜欢机器学习", "数据集"]


def test_line_that_moves_keeps_its_labels(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "one\ntwo\nsame\nsame\n")
    dataset_id = api.dataset(dataset_type=100)
    ids = [sample["sample_id"] for sample in api.samples(dataset_id, "?order=asc")["samples"]]
    assert len(set(ids)) == 4
    api.label(dataset_id, {ids[1]: [{"name": "label"}], ids[3]: [{"name": "second"}]})
    write(bucket, "in/a.txt", "new on top\nsame\nsame\ntwo\n")
    follows(api, dataset_id, {"new on top": [], "same": ["second"], "two": ["label"]})
    found = {sample["sample_id"] for sample in api.samples(dataset_id)["samples"]}
    assert found >= {ids[1], ids[2], ids[3]}
    assert ids[0] not in found
    assert api.call("GET", f"/{dataset_id}")["total_sample_count"] == 4
    (bucket / "in/a.txt").unlink()
    follows(api, dataset_id, {})


def test_restart_keeps_line_ids_and_reads_nothing_again(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "one\ntwo\n")
    dataset_id = api.dataset(dataset_type=100)
    before = api.samples(dataset_id)
    api.call("POST", f"/{dataset_id}/sync-data", json={})
    status = poll(
        lambda: (s := api.call("GET", f"/{dataset_id}/sync-data/status"))["status"] == "COMPLETED" and s, "synchronized"
    )
    assert status["add_sample_count"] == status["deleted_sample_count"] == 0
    assert [s["sample_id"] for s in api.samples(dataset_id)["samples"]] == [s["sample_id"] for s in before["samples"]]


def test_deleted_line_stays_deleted_when_its_file_changes(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "one\ntwo\n")
    dataset_id = api.dataset(dataset_type=100)
    gone = next(s["sample_id"] for s in api.samples(dataset_id)["samples"] if s["source"] == "content://one")
    body = {"samples": [gone], "delete_source": True}
    assert api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json=body)["success"]
    assert (bucket / "in/a.txt").read_text() == "one\ntwo\n"
    write(bucket, "in/a.txt", "one\ntwo\nthree\n")
    follows(api, dataset_id, {"two": [], "three": []})
    assert api.ready(dataset_id)["deleted_sample_count"] == 1
    write(bucket, "in/a.txt", "three\n")
    follows(api, dataset_id, {"three": []})
    assert api.ready(dataset_id)["deleted_sample_count"] == 0
    write(bucket, "in/a.txt", "three\none\n")
    follows(api, dataset_id, {"three": [], "one": []})


def test_line_with_carriage_returns_survives_a_manifest_round_trip(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "one\rtwo\n \rthree\r\n")
    version = api.publish(api.dataset(dataset_type=101))
    (bucket / "in2").mkdir()
    source = [{"data_type": 0, "data_path": "/bucket/in2/"}]
    other = api.dataset(dataset_name="other", dataset_type=101, data_sources=source, work_path="/bucket/out2/")
    assert imported(api, other, version["manifest_path"])["status"] == "COMPLETED"
    assert texts(api, other) == {"one\rtwo": [], " \rthree": []}


def test_create_over_texts_with_separators_imports_their_labels(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "It is good\tpositive,useful\nIt is bad\tnegative\nunlabelled\n")
    answer = api.call(
        "POST",
        "",
        201,
        json={
            "dataset_name": "one",
            "dataset_type": 100,
            "data_sources": [{"data_path": "/bucket/in/"}],
            "work_path": "/bucket/out/",
            "work_path_type": 0,
        },
    )
    assert ended(api, answer["dataset_id"], answer["import_task_id"])["annotated_sample_count"] == 2
    assert texts(api, answer["dataset_id"]) == {
        "It is good": ["positive", "useful"],
        "It is bad": ["negative"],
        "unlabelled": [],
    }


@pytest.mark.parametrize(
    ("label_format", "line"),
    [
        ({}, "good text\tone,two"),
        ({"label_type": "1", "text_sample_separator": ";", "text_label_separator": "/"}, "good text;one/two"),
        ({"text_sample_separator": "\\;", "text_label_separator": "\\."}, "good text;one.two"),
        ({"text_sample_separator": "\\t"}, "good text\tone,two"),
    ],
)
def test_import_of_texts_splits_them_at_the_given_separators(
    api: Api, bucket: Path, label_format: Any, line: str
) -> None:
    write(bucket, "else/a.txt", line + "\nsame\nsame\n")
    dataset_id = api.dataset(dataset_type=100)
    task = imported(api, dataset_id, "/bucket/else/", label_format=label_format)
    assert (task["imported_sample_count"], task["annotated_sample_count"], task["total_file_count"]) == (3, 1, 1)
    assert texts(api, dataset_id) == {"good text": ["one", "two"], "same": []}
    assert api.call("GET", f"/{dataset_id}")["total_sample_count"] == 3
    again = imported(api, dataset_id, "/bucket/else/", label_format=label_format)
    assert again["imported_sample_count"] == 3
    assert api.call("GET", f"/{dataset_id}")["total_sample_count"] == 3
    assert len(list((bucket / "in").iterdir())) == 1


def test_import_of_texts_with_result_files_reads_their_labels(api: Api, bucket: Path) -> None:
    write(bucket, "else/a.txt", "with a\ttab\n\nsecond\nthird\n")
    write(bucket, "else/a_result.txt", "positive\n\nnegative,bad\n")
    dataset_id = api.dataset(dataset_type=100)
    imported(api, dataset_id, "/bucket/else/", label_format={"label_type": "0"})
    assert texts(api, dataset_id) == {"with a\ttab": ["positive"], "second": ["negative", "bad"], "third": []}


def test_import_of_a_text_with_invalid_labels_skips_it(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "known\n")
    dataset_id = api.dataset(dataset_type=101)

    def line(text: str, end: int) -> Any:
        property_ = {"@modelarts:start_index": 0, "@modelarts:end_index": end}
        entity = {"type": "modelarts/text_entity", "name": "x", "property": property_}
        return {"source": f"content://{text}", "annotation": [entity]}

    manifest = write_manifest(bucket, [line("good", 4), line("bad", 4), line("known", 6)])
    task = imported(api, dataset_id, manifest, import_type="manifest")
    assert (task["imported_sample_count"], task["error_msg"].count("is not inside the text")) == (1, 2)
    assert texts(api, dataset_id) == {"known": [], "good": ["x"]}
    assert (bucket / "in/a.txt").read_text() == "known\n"


def test_import_of_texts_with_included_labels_takes_matching_lines(api: Api, bucket: Path) -> None:
    write(bucket, "else/a.txt", "good\tpositive\nbad\tnegative\nneither\n")
    dataset_id = api.dataset(dataset_type=100)
    imported(api, dataset_id, "/bucket/else/", included_labels=[{"name": "positive"}])
    assert texts(api, dataset_id) == {"good": ["positive"]}


def test_import_of_an_input_file_reads_it_with_the_import_options(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "good|positive\nbad|negative\n")
    dataset_id = api.dataset(dataset_type=100)
    assert list(texts(api, dataset_id)) == ["good|positive", "bad|negative"]
    imported(api, dataset_id, "/bucket/in/", label_format={"text_sample_separator": "|"})
    assert texts(api, dataset_id) == {"good": ["positive"], "bad": ["negative"]}
    write(bucket, "in/a.txt", "good|positive\nbad|negative\nnew|positive\n")
    follows(api, dataset_id, {"good": ["positive"], "bad": ["negative"], "new": []})


def rows(api: Api, dataset_id: str) -> list[list[str]]:
    return [sample["sample_data"] for sample in api.samples(dataset_id, "?limit=100&order=asc")["samples"]]


SCHEMA = [{"schema_id": n, "name": name, "type": "STRING"} for n, name in enumerate(("a", "b"), 1)]


@pytest.mark.parametrize(
    ("members", "source", "wanted"),
    [
        ({}, {}, [["1", "2"], ["x", "y"]]),
        ({"schema": SCHEMA}, {}, [["1", "2"], ["x", "y"]]),
        ({"schema": SCHEMA}, {"with_column_header": False}, [["a", "b"], ["1", "2"], ["x", "y"]]),
        ({"schema": SCHEMA}, {"with_column_header": True}, [["1", "2"], ["x", "y"]]),
        (
            {"schema": SCHEMA[::-1]},
            {"with_column_header": True, "schema_maps": [{"src_name": "a", "dest_name": "a"}]},
            [["2", "1"], ["y", "x"]],
        ),
    ],
)
def test_table_file_becomes_one_sample_for_each_row(
    api: Api, bucket: Path, members: Any, source: Any, wanted: Any
) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\nonly one\nx,y\n1,2,3\n")
    sources = [{"data_path": "/bucket/in/", **source}]
    dataset_id = api.dataset(dataset_type=400, data_sources=sources, **members)
    assert rows(api, dataset_id) == wanted
    details = api.call("GET", f"/{dataset_id}")
    assert {field["name"] for field in details["schema"]} == {"a", "b"}
    sample = api.samples(dataset_id)["samples"][0]
    assert (sample["sample_type"], sample["labels"]) == (4, [])


def test_create_over_a_headless_table_without_schema_is_refused(api: Api) -> None:
    body = {
        "dataset_name": "t",
        "dataset_type": 400,
        "data_sources": [{"data_path": "/bucket/in/", "with_column_header": False}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
    }
    assert api.refused("POST", "", json=body) == "ModelArts.4400"


def test_create_over_a_table_with_import_data_imports_it(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\n")
    body = {
        "dataset_name": "t",
        "dataset_type": 400,
        "data_sources": [{"data_path": "/bucket/in/", "with_column_header": True}],
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        "schema": SCHEMA,
        "import_data": True,
    }
    answer = api.call("POST", "", 201, json=body)
    task = ended(api, answer["dataset_id"], answer["import_task_id"])
    assert (task["status"], task["imported_sample_count"]) == ("COMPLETED", 1)
    assert rows(api, answer["dataset_id"]) == [["1", "2"]]


def imported_table(bucket: Path, api: Api, dataset_id: str, name: str = "a.csv") -> Path:
    """Return the file that holds an imported table."""
    return bucket / api.call("GET", f"/{dataset_id}")["inner_data_path"].removeprefix("/bucket/") / name


def test_row_keeps_its_id_when_other_rows_change(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\n3,4\n")
    dataset_id = api.dataset(dataset_type=400)
    before = {tuple(s["sample_data"]): s["sample_id"] for s in api.samples(dataset_id)["samples"]}
    imported_table(bucket, api, dataset_id).write_text("a,b\n0,0\n3,4\n")
    poll(lambda: rows(api, dataset_id) in ([["3", "4"], ["0", "0"]], [["0", "0"], ["3", "4"]]), "the new row")
    after = {tuple(s["sample_data"]): s["sample_id"] for s in api.samples(dataset_id)["samples"]}
    assert after["3", "4"] == before["3", "4"]


def test_create_over_a_table_without_import_data_loads_no_rows(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\n")
    dataset_id = api.dataset(dataset_type=400, import_data=False)
    assert rows(api, dataset_id) == []
    api.call("POST", f"/{dataset_id}/sync-data", json={})
    api.ready(dataset_id)
    assert rows(api, dataset_id) == []
    assert imported(api, dataset_id, "/bucket/in/", import_type="dir", with_column_header=True)["status"] == "COMPLETED"
    assert rows(api, dataset_id) == [["1", "2"]]


def test_imported_table_is_stored_in_the_inner_data_path(api: Api, bucket: Path) -> None:
    write(bucket, "in/sub/a.csv", "a,b\n1,2\n")
    write(bucket, "more/b.csv", "3,4\n")
    dataset_id = api.dataset(dataset_type=400)
    imported(api, dataset_id, "/bucket/more/", import_type="dir", import_folder="ignored")
    folder = imported_table(bucket, api, dataset_id, "")
    assert (folder / "sub/a.csv").read_text() == "a,b\n1,2\n"
    assert (folder / "b.csv").read_text() == "3,4\n"
    (bucket / "in/sub/a.csv").unlink()
    assert rows(api, dataset_id) == [["1", "2"], ["3", "4"]]
    sample = api.samples(dataset_id, "?order=asc")["samples"][0]
    assert sample["sample_dir"] == "/" + (folder / "sub").relative_to(bucket.parent).as_posix() + "/"


def test_version_of_a_table_cannot_be_switched(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\n")
    dataset_id = api.dataset(dataset_type=400)
    first = api.publish(dataset_id)["version_id"]
    second = api.publish(dataset_id)["version_id"]
    body = {"current_version_id": first, "description": "changed"}
    assert api.refused("PUT", f"/{dataset_id}", 501, json=body) == "ModelArts.4383"
    details = api.call("GET", f"/{dataset_id}")
    assert (details["current_version_id"], details["description"], details["status"]) == (second, "", 1)


def test_values_that_do_not_fit_their_columns_become_null(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "n,s,b\n1,x,true\nx,,maybe\n300,y,\n")
    schema = [{"name": "n", "type": "BYTE"}, {"name": "s", "type": "String"}, {"name": "b", "type": "BOOLEAN"}]
    dataset_id = api.dataset(dataset_type=400, schema=schema)
    assert rows(api, dataset_id) == [["1", "x", "true"], [None, "", None], [None, "y", None]]
    version = api.publish(dataset_id)
    folder = bucket / version["data_path"].removeprefix("/bucket/")
    assert (folder / "V001.csv").read_text() == "n,s,b\n1,x,true\n,,\n,y,\n"


def test_table_without_a_mapped_column_is_reported(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\n")
    maps = [{"src_name": "c", "dest_name": "b"}]
    source = {"data_path": "/bucket/in/", "with_column_header": True, "schema_maps": maps}
    dataset_id = api.dataset(dataset_type=400, schema=SCHEMA, data_sources=[source])
    assert rows(api, dataset_id) == []
    (task,) = api.call("GET", f"/{dataset_id}/import-tasks")["import_tasks"]
    assert "a.csv row 1: has no column c" in task["error_msg"]


@pytest.mark.slow
def test_line_that_is_too_long_is_skipped(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "good\n" + "x" * 200_000 + "\nalso good\n")
    with (bucket / "in/sparse.txt").open("wb") as file:
        file.truncate(1 << 30)
    dataset_id = api.dataset(dataset_type=101)
    assert list(texts(api, dataset_id)) == ["good", "also good"]


def upload(
    api: Api, dataset_id: str, data: bytes, name: str = "up.txt", label_format: Any = None, **members: Any
) -> Any:
    sample = {"name": name, "data": base64.b64encode(data).decode(), **members}
    body = {"samples": [sample], **({"label_format": label_format} if label_format else {})}
    return api.call("POST", f"/{dataset_id}/data-annotations/samples", json=body)


def test_upload_of_a_text_file_adds_one_sample_for_each_line(api: Api, bucket: Path) -> None:
    dataset_id = api.dataset(dataset_type=100)
    answer = upload(api, dataset_id, b"good;positive\nplain\n", label_format={"text_sample_separator": ";"})
    assert answer["success"], answer
    assert answer["results"][0]["name"] == "/bucket/in/up.txt"
    assert texts(api, dataset_id) == {"good": ["positive"], "plain": []}
    described = api.call("GET", f"/{dataset_id}/data-annotations/samples/{answer['results'][0]['info']}")
    assert described["source"] == "content://good"
    assert (bucket / "in/up.txt").read_text() == "good;positive\nplain\n"
    assert upload(api, dataset_id, b"x")["results"][0]["error_code"] == "ModelArts.4422"


@pytest.mark.parametrize("encoding", ["GBK", "gb2312"])
def test_upload_in_another_encoding_is_stored_as_utf8(api: Api, bucket: Path, encoding: str) -> None:
    dataset_id = api.dataset(dataset_type=101)
    assert upload(api, dataset_id, "数据集😀".encode("gb18030"), "a.txt", encoding=encoding)["success"]
    assert list(texts(api, dataset_id)) == ["数据集😀"]
    refused = upload(api, dataset_id, "数据集".encode("gbk"), "b.txt")
    assert refused["results"][0]["error_code"] == "ModelArts.4421"
    assert [path.name for path in (bucket / "in").iterdir()] == ["a.txt"]


def test_upload_of_a_table_adds_one_sample_for_each_row(api: Api, bucket: Path) -> None:
    dataset_id = api.dataset(dataset_type=400)
    assert upload(api, dataset_id, b"a,b\n1,2\n", "a.csv")["success"]
    assert rows(api, dataset_id) == [["1", "2"]]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ({"with_column_header": False}, [["b", "a"], ["1", "2"]]),
        ({"with_column_header": True}, [["1", "2"]]),
        (
            {
                "with_column_header": True,
                "schema_maps": [{"src_name": "b", "dest_name": "b"}, {"src_name": "a", "dest_name": "a"}],
            },
            [["2", "1"]],
        ),
    ],
)
def test_upload_of_a_table_follows_its_data_source(api: Api, source: Any, wanted: Any) -> None:
    dataset_id = api.dataset(dataset_type=400, schema=SCHEMA)
    assert upload(api, dataset_id, b"b,a\n1,2\n", "a.csv", data_source=source)["success"]
    assert rows(api, dataset_id) == wanted


def test_upload_of_a_table_without_a_mapped_column_is_refused(api: Api, bucket: Path) -> None:
    dataset_id = api.dataset(dataset_type=400, schema=SCHEMA)
    source = {"with_column_header": True, "schema_maps": [{"src_name": "c", "dest_name": "b"}]}
    answer = upload(api, dataset_id, b"a,b\n1,2\n", "a.csv", data_source=source)
    assert answer["results"][0]["error_code"] == "ModelArts.4421"
    assert list(imported_table(bucket, api, dataset_id, "").iterdir()) == []


UNREADABLE = "neither UTF-8 nor UTF-16 with BOM nor GB18030"


def synchronized(api: Api, dataset_id: str) -> Any:
    api.call("POST", f"/{dataset_id}/sync-data", json={})
    api.ready(dataset_id)
    return api.call("GET", f"/{dataset_id}/sync-data/status")


def test_unusable_lines_are_reported_by_every_synchronization(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "good\ncaf\u00e9 cr\u00e8me\n".encode("latin-1"))
    dataset_id = api.dataset(dataset_type=101)
    for status in (api.call("GET", f"/{dataset_id}/sync-data/status"), synchronized(api, dataset_id)):
        assert status["status"] == "COMPLETED"
        assert status["error_msg"].endswith(f"1 skipped: bucket/in/a.txt line 2: {UNREADABLE}")
    write(bucket, "in/a.txt", "good\nbetter\n")
    follows(api, dataset_id, {"good": [], "better": []})
    assert "error_msg" not in synchronized(api, dataset_id)


def test_import_reports_an_unusable_line_of_its_input_once(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.txt", "good\ncaf\u00e9 cr\u00e8me\n".encode("latin-1"))
    dataset_id = api.dataset(dataset_type=100, import_annotations=True)
    (task,) = api.call("GET", f"/{dataset_id}/import-tasks")["import_tasks"]
    assert task["error_msg"].endswith(f"1 skipped: bucket/in/a.txt line 2: {UNREADABLE}")


@pytest.mark.parametrize(
    ("kind", "name", "data", "why"),
    [
        (100, "a.txt", b"good\n" + b"x" * 102_401 + b"\n", "line 2: longer than 102400 bytes"),
        (100, "a.txt", "good\n".encode("utf-16"), "data is not in UTF-8"),
        (400, "a.csv", b"a,b\n1\n2,3\n", "row 2: has 1 columns instead of 2"),
        (400, "a.csv", b"a,b\n1,\0\n", f"row 2: {UNREADABLE}"),
    ],
)
def test_upload_of_a_file_with_an_unusable_line_is_refused(
    api: Api, bucket: Path, kind: int, name: str, data: bytes, why: str
) -> None:
    dataset_id = api.dataset(dataset_type=kind)
    (result,) = upload(api, dataset_id, data, name)["results"]
    assert (result["error_code"], result["error_msg"].endswith(why)) == ("ModelArts.4421", True), result
    assert api.samples(dataset_id)["sample_count"] == 0
    assert not list(bucket.rglob(name))


def test_table_whose_header_cannot_be_decoded_is_reported(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "caf\u00e9,b\n1,2\n".encode("latin-1"))
    dataset_id = api.dataset(dataset_type=400)
    (task,) = api.call("GET", f"/{dataset_id}/import-tasks")["import_tasks"]
    assert task["status"] == "FAILED"
    assert task["error_msg"].endswith(f"a.csv row 1: {UNREADABLE}")


def test_published_manifest_has_a_line_for_each_sample_whatever_splits_it(api: Api, bucket: Path) -> None:
    contents = ["one\u2028still", "two\x85x", "three\u2029y", "four\x0bz"]
    write(bucket, "in/a.txt", "\n".join(contents))
    version = api.publish(api.dataset(dataset_type=101))
    manifest = (bucket / version["manifest_path"].removeprefix("/bucket/")).read_text("utf-8")
    lines = [json.loads(line) for line in manifest.splitlines()]
    assert [line["source"].removeprefix("content://") for line in lines] == contents


def test_import_of_a_table_without_a_usable_row_copies_nothing(api: Api, bucket: Path) -> None:
    write(bucket, "in/a.csv", "a,b\n1,2\n")
    dataset_id = api.dataset(dataset_type=400)
    write(bucket, "more/b.csv", "1,2,3\n4,5,6\n")
    task = imported(api, dataset_id, "/bucket/more/", import_type="dir")
    assert (task["status"], task["total_sample_count"]) == ("FAILED", 2)
    assert "bucket/more/b.csv row 1: has 3 columns instead of 2" in task["error_msg"]
    assert [path.name for path in imported_table(bucket, api, dataset_id, "").iterdir()] == ["a.csv"]
    assert rows(api, dataset_id) == [["1", "2"]]
