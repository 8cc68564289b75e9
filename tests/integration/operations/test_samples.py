"""Samples over HTTP."""

from __future__ import annotations

import base64
import io
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [10, 12]]}


def upload(api: Api, dataset_id: str, status: int = 200, **sample: Any) -> Any:
    data = sample.pop("data", picture())
    text = base64.b64encode(data).decode() if isinstance(data, bytes) else data
    body = {"samples": [{"name": "new.png", "data": text, **sample}]}
    return api.call("POST", f"/{dataset_id}/data-annotations/samples", status, json=body)


@pytest.fixture
def dataset_id(api: Api, bucket: Path) -> str:
    for number in range(5):
        (bucket / f"in/{number}.png").write_bytes(picture(40 + number, 30))
    return api.dataset()


def test_sample_source_downloads_the_image_and_its_resized_form(api: Api, dataset_id: str, bucket: Path) -> None:
    sample_id = api.ids(dataset_id)["3.png"]
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{sample_id}")
    assert api.session.get(sample["source"], timeout=10).content == (bucket / "in/3.png").read_bytes()
    page = api.samples(dataset_id, "?process_parameter=image/resize,m_lfit,h_15")
    source = next(s["source"] for s in page["samples"] if s["sample_name"] == "3.png")
    assert "x-image-process=image%2Fresize%2Cm_lfit%2Ch_15" in source
    resized = Image.open(io.BytesIO(api.session.get(source, timeout=10).content))
    assert resized.size == (round(43 * 15 / 30), 15)
    health = api.session.get(f"{api.url}/_emulator/health", timeout=10).json()
    assert health["picture_bytes"] == 0 < health["picture_bytes_peak"]


def test_list_samples_pages_do_not_overlap(api: Api, dataset_id: str) -> None:
    pages = [api.samples(dataset_id, f"?limit=2&offset={offset}") for offset in range(4)]
    assert [page["sample_count"] for page in pages] == [5] * 4
    assert [len(page["samples"]) for page in pages] == [2, 2, 1, 0]
    seen = [sample["sample_id"] for page in pages for sample in page["samples"]]
    assert len(set(seen)) == 5
    ascending = api.samples(dataset_id, "?limit=100&order=asc")["samples"]
    assert [sample["sample_id"] for sample in ascending] == seen[::-1]


def test_update_samples_replaces_all_labels_and_creates_unknown_ones(api: Api, dataset_id: str) -> None:
    sample_id = api.ids(dataset_id)["0.png"]
    assert api.label(dataset_id, {sample_id: [{"name": "a"}, {"name": "b"}]}) == {
        "success": True,
        "results": [{"success": True}],
    }
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{sample_id}")
    assert sample["labels"] == [{"name": "a", "property": {}, "type": 0}, {"name": "b", "property": {}, "type": 0}]
    assert sample["sample_status"] == "MANUAL_ANNOTATION"
    assert sample["annotated_by"].startswith("human/")
    labels = api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]
    assert [label["name"] for label in labels] == ["a", "b"]
    api.label(dataset_id, {sample_id: [{"name": "b"}]})
    assert api.samples(dataset_id, "?label_name=a")["sample_count"] == 0
    assert api.samples(dataset_id, "?label_name=b&sample_state=ALL")["sample_count"] == 1
    body = {"samples": [{"sample_id": sample_id}]}
    api.call("PUT", f"/{dataset_id}/data-annotations/samples", json=body)
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{sample_id}")
    assert (sample["labels"], sample["sample_status"]) == ([], "UN_ANNOTATION")
    assert "annotated_by" not in sample


def test_update_samples_with_an_email_labels_as_that_person(api: Api, dataset_id: str) -> None:
    ids = [each["sample_id"] for each in api.samples(dataset_id)["samples"]]
    path = f"/{dataset_id}/data-annotations/samples"
    item = {"sample_id": ids[0], "labels": [{"name": "cat"}]}
    api.call("PUT", path, json={"samples": [item], "email": "a@example.org"})
    api.call("PUT", path, json={"samples": [{**item, "sample_id": ids[1]}]})
    assert api.call("GET", f"{path}/{ids[0]}")["annotated_by"] == "human/a@example.org"
    assert api.call("GET", f"{path}/{ids[1]}")["annotated_by"] != "human/a@example.org"
    found = api.call("GET", f"{path}?email=a@example.org")
    assert (found["sample_count"], found["samples"][0]["sample_id"]) == (1, ids[0])
    terms = api.call("GET", f"/{dataset_id}/data-annotations/search-condition")
    assert "human/a@example.org" in terms["labelers"]


def test_update_samples_refuses_each_sample_by_itself(api: Api, dataset_id: str) -> None:
    sample_id = api.ids(dataset_id)["0.png"]
    answer = api.label(dataset_id, {"0" * 32: [{"name": "a"}], sample_id: [{"name": "b"}], "no hex": []})
    assert answer["success"] is False
    assert [r.get("error_code") for r in answer["results"]] == ["ModelArts.4420", None, "ModelArts.4420"]
    assert api.samples(dataset_id, "?label_name=b")["sample_count"] == 1
    assert [label["name"] for label in api.call("GET", f"/{dataset_id}/data-annotations/labels")["labels"]] == ["b"]


@pytest.mark.parametrize(
    "property_",
    [
        {},
        {"@modelarts:shape": "bndbox"},
        {"@modelarts:shape": "star", "@modelarts:feature": [[0, 0], [1, 1]]},
        {"@modelarts:shape": "bndbox", "@modelarts:feature": [[0, 0]]},
        {"@modelarts:shape": "bndbox", "@modelarts:feature": [[-1, 0], [5, 5]]},
        {"@modelarts:shape": "bndbox", "@modelarts:feature": [[0, 0], [41, 5]]},
        {"@modelarts:shape": "bndbox", "@modelarts:feature": [[5, 5], [1, 1]]},
        {"@modelarts:shape": "polygon", "@modelarts:feature": [[0, 0], [5, 5]]},
        {"@modelarts:shape": "circle", "@modelarts:feature": [[10, 10], [0]]},
        {"@modelarts:shape": "point", "@modelarts:feature": "here"},
        {"@modelarts:shape": "bndbox", "@modelarts:feature": [[True, 0], [5, 5]]},
    ],
)
def test_update_samples_with_an_invalid_box_is_refused(api: Api, bucket: Path, property_: dict[str, Any]) -> None:
    (bucket / "in/0.png").write_bytes(picture(40, 30))
    dataset_id = api.dataset(dataset_type=1)
    sample_id = api.ids(dataset_id)["0.png"]
    answer = api.label(dataset_id, {sample_id: [{"name": "x", "property": property_}]})
    assert answer["results"][0]["error_code"] == "ModelArts.4413"
    assert api.call("GET", f"/{dataset_id}/data-annotations/labels") == {"labels": [], "total_number": 0}


def test_update_samples_stores_every_shape_unchanged(api: Api, bucket: Path) -> None:
    (bucket / "in/0.png").write_bytes(picture(40, 30))
    dataset_id = api.dataset(dataset_type=1)
    sample_id = api.ids(dataset_id)["0.png"]
    features = {
        "bndbox": [[0, 0], [40, 30]],
        "polygon": [[0, 0], [5, 5], [9.5, 1]],
        "circle": [[10, 10], [5]],
        "line": [[0, 0], [5, 5]],
        "dashed": [[0, 0], [5, 5]],
        "point": [[3, 4]],
        "polyline": [[0, 0], [5, 5], [6, 6]],
    }
    labels = [
        {"name": shape, "property": {"@modelarts:shape": shape, "@modelarts:feature": feature, "colour": "red"}}
        for shape, feature in features.items()
    ]
    assert api.label(dataset_id, {sample_id: labels})["success"] is True
    found = api.call("GET", f"/{dataset_id}/data-annotations/samples/{sample_id}")["labels"]
    assert {label["name"]: label["property"]["@modelarts:feature"] for label in found} == features
    assert all(label["property"]["colour"] == "red" for label in found)


def test_upload_of_an_image_stores_a_file_and_a_sample(api: Api, dataset_id: str, bucket: Path) -> None:
    answer = upload(api, dataset_id, name="sub/new.png", labels=[{"name": "fresh"}])
    result = answer["results"][0]
    assert result == {"success": True, "name": "/bucket/in/sub/new.png", "info": result["info"]}
    assert (bucket / "in/sub/new.png").read_bytes() == picture()
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{result['info']}")
    assert sample["metadata"]["@modelarts:size"] == [32, 24, 3]
    assert [label["name"] for label in sample["labels"]] == ["fresh"]
    assert upload(api, dataset_id, name="sub/new.png")["results"][0]["error_code"] == "ModelArts.4422"
    # the watcher finds the same file and must not make a second sample of it
    api.call("POST", f"/{dataset_id}/sync-data")
    api.ready(dataset_id)
    assert api.samples(dataset_id)["sample_count"] == 6
    assert [label["name"] for label in api.samples(dataset_id, "?label_name=fresh")["samples"][0]["labels"]] == [
        "fresh"
    ]


@pytest.mark.parametrize("twice", [False, True], ids=["all names differ", "a name comes twice"])
def test_upload_of_many_images_answers_in_request_order(api: Api, dataset_id: str, bucket: Path, twice: bool) -> None:
    """Each is refused by itself; of two with the same name the first is stored; the list keeps the request order."""
    samples: list[dict[str, Any]] = [
        {"name": f"many/{(number * 7) % 40:02}.png", "data": base64.b64encode(picture(20 + number, 20)).decode()}
        for number in range(40)
    ]
    samples[5]["data"] = "%%%"
    samples[6]["name"] = "many/wrong.exe"
    if twice:
        samples[9]["name"] = samples[8]["name"]
    answer = api.call("POST", f"/{dataset_id}/data-annotations/samples", json={"samples": samples})
    codes = {number: each["error_code"] for number, each in enumerate(answer["results"]) if not each["success"]}
    assert codes == {5: "ModelArts.4421", 6: "ModelArts.4399"} | ({9: "ModelArts.4422"} if twice else {})
    good = [sample["name"] for number, sample in enumerate(samples) if number not in codes]
    assert [each["name"] for each in answer["results"] if each["success"]] == [f"/bucket/in/{name}" for name in good]
    assert (bucket / "in" / good[6]).read_bytes() == base64.b64decode(samples[8]["data"])
    listed = api.samples(dataset_id, "?limit=100")["samples"]
    assert [each["sample_name"] for each in listed if "many/" in each["source"]] == [name[5:] for name in good[::-1]]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("upload")]


@pytest.mark.parametrize(
    ("size", "expected"),
    [([40, 30, 1], [40, 30, 1]), (["40", "30", "3"], [40, 30, 3]), ([40, 30], [40, 30, 3])],
)
def test_upload_of_an_unreadable_picture_with_its_size_is_kept(
    api: Api, dataset_id: str, size: list[object], expected: list[int]
) -> None:
    result = upload(api, dataset_id, name="own.png", data=b"a format of our own", metadata={"@modelarts:size": size})[
        "results"
    ][0]
    assert result["success"] is True
    api.call("POST", f"/{dataset_id}/sync-data")
    found = api.call("GET", f"/{dataset_id}/data-annotations/samples/{result['info']}")
    assert found["metadata"]["@modelarts:size"] == expected


@pytest.mark.parametrize("size", [[0, 30, 3], [40], "40x30", [40, 30, 9], None])
def test_upload_of_an_unreadable_picture_without_a_possible_size_is_refused(
    api: Api, dataset_id: str, size: object
) -> None:
    result = upload(api, dataset_id, name="own.png", data=b"a format of our own", metadata={"@modelarts:size": size})[
        "results"
    ][0]
    assert result["error_code"] in ("ModelArts.4423", "ModelArts.0107"), result


def test_upload_of_a_readable_picture_has_its_own_size(api: Api, dataset_id: str) -> None:
    result = upload(api, dataset_id, name="own.png", data=picture(), metadata={"@modelarts:size": [1, 1, 1]})[
        "results"
    ][0]
    found = api.call("GET", f"/{dataset_id}/data-annotations/samples/{result['info']}")
    assert found["metadata"]["@modelarts:size"] != [1, 1, 1]


@pytest.mark.parametrize(("sample_type", "code"), [(0, None), (9, None), (1, "ModelArts.4399"), (6, "ModelArts.4399")])
def test_upload_of_another_type_of_sample_is_refused(
    api: Api, dataset_id: str, bucket: Path, sample_type: int, code: str | None
) -> None:
    result = upload(api, dataset_id, name="typed.png", data=picture(), sample_type=sample_type)["results"][0]
    assert result.get("error_code") == code
    assert (bucket / "in/typed.png").exists() is (code is None)


def test_upload_of_base64_with_line_breaks_is_accepted(api: Api, dataset_id: str, bucket: Path) -> None:
    for number, end in enumerate(("\n", "\r\n")):
        data = base64.encodebytes(picture()).decode().replace("\n", end)
        assert upload(api, dataset_id, name=f"new{number}.png", data=data)["success"] is True
        assert (bucket / f"in/new{number}.png").read_bytes() == picture()


@pytest.mark.parametrize(
    ("sample", "code"),
    [
        ({"name": "../evil.png"}, "ModelArts.4313"),
        ({"name": "/etc/evil.png"}, "ModelArts.4313"),
        ({"name": "a\0.png"}, "ModelArts.4313"),
        ({"name": "a\\b.png"}, "ModelArts.4313"),
        ({"name": "x" * 300 + ".png"}, "ModelArts.4313"),
        ({"name": ".a.png"}, "ModelArts.4313"),
        ({"name": "~$a/b.png"}, "ModelArts.4313"),
        ({"name": "a.exe"}, "ModelArts.4399"),
        ({"data": b"a text file called png"}, "ModelArts.4423"),
        ({"data": picture()[:20]}, "ModelArts.4423"),
        ({"data": "%%%"}, "ModelArts.4421"),
        ({"data": 5}, "ModelArts.4421"),
        ({"labels": [{"name": ""}]}, "ModelArts.4413"),
    ],
)
def test_upload_that_is_refused_leaves_no_file(
    api: Api, dataset_id: str, bucket: Path, sample: dict[str, Any], code: str
) -> None:
    answer = upload(api, dataset_id, **sample)
    assert (answer["success"], answer["results"][0]["error_code"]) == (False, code)
    assert api.samples(dataset_id)["sample_count"] == 5
    assert len(list((bucket / "in").rglob("*"))) == 5


def test_upload_by_obs_path_copies_the_object(api: Api, dataset_id: str, bucket: Path) -> None:
    (bucket / "elsewhere.png").write_bytes(picture(50, 40))
    source = {"data_path": "obs://bucket/elsewhere.png"}
    body = {"samples": [{"data_source": source}, {"data_source": {"data_path": "/bucket/none.png"}}]}
    answer = api.call("POST", f"/{dataset_id}/data-annotations/samples", json=body)
    assert [r.get("error_code") for r in answer["results"]] == [None, "ModelArts.4345"]
    assert answer["results"][0]["name"] == "/bucket/in/elsewhere.png"
    assert (bucket / "in/elsewhere.png").read_bytes() == picture(50, 40)


def test_upload_of_an_image_of_30_megabytes_is_refused(api: Api, dataset_id: str) -> None:
    answer = upload(api, dataset_id, data=picture() + b"\0" * 30_000_000)
    assert answer["results"][0]["error_code"] == "ModelArts.4419"


def test_deleted_sample_stays_deleted_while_its_file_stays(api: Api, dataset_id: str, bucket: Path) -> None:
    sample_id = api.ids(dataset_id)["2.png"]
    path = f"/{dataset_id}/data-annotations/samples"
    assert api.call("POST", f"{path}/delete", json={"samples": [sample_id]})["success"] is True
    assert (bucket / "in/2.png").exists()
    api.call("POST", f"/{dataset_id}/sync-data")
    api.ready(dataset_id)
    assert api.samples(dataset_id)["sample_count"] == 4
    assert api.refused("GET", f"{path}/{sample_id}") == "ModelArts.4420"
    again = api.call("POST", f"{path}/delete", json={"samples": [sample_id]})
    assert again["results"][0]["error_code"] == "ModelArts.4420"


def test_deleted_sample_returns_when_its_file_changes(api: Api, dataset_id: str, bucket: Path) -> None:
    sample_id = api.ids(dataset_id)["2.png"]
    api.label(dataset_id, {sample_id: [{"name": "old"}]})
    path = f"/{dataset_id}/data-annotations/samples"
    api.call("POST", f"{path}/delete", json={"samples": [sample_id]})
    (bucket / "in/2.png").write_bytes(picture(9, 9))
    poll(lambda: api.samples(dataset_id)["sample_count"] == 5)
    sample = api.call("GET", f"{path}/{sample_id}")
    assert (sample["labels"], sample["metadata"]["@modelarts:size"]) == ([], [9, 9, 3])
    assert api.call("GET", f"/{dataset_id}")["deleted_sample_count"] == 0


def test_delete_sample_with_source_deletes_its_file(api: Api, dataset_id: str, bucket: Path) -> None:
    sample_id = api.ids(dataset_id)["2.png"]
    body = {"samples": [sample_id], "delete_source": True}
    assert api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json=body)["success"] is True
    assert not (bucket / "in/2.png").exists()
    assert api.call("GET", f"/{dataset_id}")["deleted_sample_count"] == 1


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ({"sample_name": "1"}, {"1.png"}),
        ({"sample_dir": "/bucket/in/"}, {f"{n}.png" for n in range(5)}),
        ({"sample_dir": "/bucket/"}, set()),
        ({"label_list": {"labels": [{"name": "a"}]}}, {"0.png", "1.png"}),
        ({"label_list": {"op": "AND", "labels": [{"name": "a"}, {"name": "b"}]}}, {"1.png"}),
        ({"label_list": {"op": "OR", "labels": [{"name": "b"}, {"name": "c"}]}}, {"1.png", "2.png"}),
        ({"hard": "1"}, {"2.png"}),
        ({"coefficient": "0.5-0.9"}, {"2.png"}),
        ({"score": "0.5-1"}, {"0.png"}),
        ({"sample_time": "day"}, {f"{n}.png" for n in range(5)}),
        ({"sample_time": "20200101-20200201"}, set()),
        ([{"sample_name": ".png"}, {"hard": "0"}], {"0.png", "1.png", "3.png", "4.png"}),
    ],
)
def test_list_samples_by_search_conditions_returns_matching_samples(
    api: Api, dataset_id: str, condition: Any, names: set[str]
) -> None:
    ids = api.ids(dataset_id)
    body = {
        "samples": [
            {"sample_id": ids["0.png"], "labels": [{"name": "a", "score": 0.7}]},
            {"sample_id": ids["1.png"], "labels": [{"name": "a"}, {"name": "b"}]},
            {
                "sample_id": ids["2.png"],
                "labels": [{"name": "c"}],
                "metadata": {"@modelarts:hard": 1, "@modelarts:hard_coefficient": 0.8, "@modelarts:hard_reasons": [1]},
            },
        ]
    }
    assert api.call("PUT", f"/{dataset_id}/data-annotations/samples", json=body)["success"] is True
    assert set(api.ids(dataset_id, f"?limit=100&search_conditions={quote(json.dumps(condition))}")) == names


@pytest.mark.parametrize("conditions", ["{", "5", '{"sample_time":"soon"}', '{"score":"x"}', '{"hard":"maybe"}'])
def test_list_samples_with_an_unusable_condition_is_refused(api: Api, dataset_id: str, conditions: str) -> None:
    path = f"/{dataset_id}/data-annotations/samples?search_conditions={quote(conditions)}"
    assert api.refused("GET", path) == "ModelArts.4396"


def test_hard_sample_is_described_with_its_reasons(api: Api, dataset_id: str) -> None:
    sample_id = api.ids(dataset_id)["0.png"]
    metadata = {"@modelarts:hard": 1, "@modelarts:hard_reasons": [0, 1]}
    body = {"samples": [{"sample_id": sample_id, "labels": [{"name": "a"}], "metadata": metadata}]}
    api.call("PUT", f"/{dataset_id}/data-annotations/samples", json=body)
    sample = api.call("GET", f"/{dataset_id}/data-annotations/samples/{sample_id}")
    assert set(sample["hard_details"]) == {"0", "1"}
    stats = api.call("GET", f"/{dataset_id}/data-annotations/stats")
    assert stats["key_sample_stats"] == {"total": 5, "key_sample": 1, "non_key_sample": 4}


def test_text_file_named_jpg_is_a_sample_without_size(api: Api, bucket: Path, caplog: pytest.LogCaptureFixture) -> None:
    (bucket / "in/fake.jpg").write_text("no picture")
    dataset_id = api.dataset()
    sample = api.samples(dataset_id)["samples"][0]
    assert "@modelarts:size" not in sample["metadata"]
    assert "fake.jpg" in caplog.text


def test_list_search_returns_attributes(api: Api, bucket: Path) -> None:
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture())
    dataset_id = api.dataset()
    ids = list(api.ids(dataset_id).values())
    attributes = [{"colour": "red", "size": 3}, {"colour": "blue", "@modelarts:hard": 1, "deep": {"a": 1}}]
    body = {
        "samples": [
            {"sample_id": identity, "labels": [{"name": "cat"}], "metadata": metadata}
            for identity, metadata in zip(ids, attributes, strict=False)
        ]
    }
    api.call("PUT", f"/{dataset_id}/data-annotations/samples", json=body)
    found = api.call("GET", f"/{dataset_id}/data-annotations/search-condition")
    assert [label["name"] for label in found["labels"]] == ["cat"]
    assert found["labelers"] == ["human/local/anonymous"]
    assert {name: sorted(values) for name, values in found["metadata"].items()} == {
        "colour": ["blue", "red"],
        "size": ["3"],
    }
