"""Input without effect adds a warning, or is refused with ``--strict``; errors have a reason header."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings, read_settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture


def warnings(api: Api, method: str, path: str, **arguments: Any) -> str | None:
    answer = api.session.request(method, api.base + path, timeout=10, **arguments)
    assert answer.status_code < 300, answer.text
    return answer.headers.get("X-Emulator-Warnings")


@pytest.fixture
def dataset_id(api: Api, bucket: Path) -> str:
    (bucket / "in/a.png").write_bytes(picture())
    return api.dataset()


def test_request_without_unknown_input_has_no_warning(api: Api, dataset_id: str) -> None:
    assert warnings(api, "GET", f"/{dataset_id}/data-annotations/samples?limit=1&sample_state=NONE") is None
    body = {"labels": [{"name": "a", "type": 0, "property": {"own": "1", "@modelarts:color": "#ffffff"}}]}
    assert warnings(api, "POST", f"/{dataset_id}/data-annotations/labels", json=body) is None
    sample_id = api.ids(dataset_id)["a.png"]
    labels = {"samples": [{"sample_id": sample_id, "labels": [{"name": "a", "property": {"own": 1}}]}]}
    assert warnings(api, "PUT", f"/{dataset_id}/data-annotations/samples", json=labels) is None


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        (
            "GET",
            "?colour=1&limit=1&size=2",
            None,
            "query parameter colour is not known; query parameter size is not known",
        ),
        ("GET", "?dataset_version=v1", None, "dataset_version has no effect: all datasets are of one generation"),
        ("GET", "/{id}/sync-data/status?x=1", None, "query parameter x is not known"),
        (
            "POST",
            "/{id}/data-annotations/labels",
            {"labels": [{"name": "b", "colour": "red"}], "more": {}},
            "member labels[0].colour is not known; member more is not known",
        ),
        ("PUT", "/{id}", {"description": "x", "ä\n": 1}, "member \\xe4\\n is not known"),
        (
            "PUT",
            "/{id}/data-annotations/samples",
            {"samples": [{"sample_id": "x", "source": "y"}]},
            "samples[].source has no effect",
        ),
        (
            "GET",
            '/{id}/data-annotations/samples?search_conditions={"colour":"red"}',
            None,
            "search_conditions.colour is not known",
        ),
    ],
)
def test_request_with_input_without_effect_has_a_warning(
    api: Api, dataset_id: str, method: str, path: str, body: Any, told: str
) -> None:
    assert told.replace("\\n", " ") in (warnings(api, method, path.replace("{id}", dataset_id), json=body) or "")


def test_warning_is_cut_to_the_maximum_length(api: Api, dataset_id: str) -> None:
    query = "&".join(f"{'x' * 90}{n}=1" for n in range(50))
    assert len(warnings(api, "GET", f"/{dataset_id}/data-annotations/samples?{query}") or "") <= 1000


@pytest.fixture
def strict(settings: Settings, tmp_path: Path) -> Iterator[Api]:
    with Emulator(replace(settings, strict_input=True)) as emu:
        client = Api(emu.url)
        yield client
        client.session.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "?colour=1", None),
        ("GET", "?dataset_version=v1", None),
        ("GET", '/{id}/data-annotations/samples?search_conditions={"colour":"red"}', None),
        ("POST", "/{id}/data-annotations/labels", {"labels": [{"name": "b", "colour": "red"}]}),
        ("PUT", "/{id}", {"description": "new", "colour": 1}),
    ],
)
def test_strict_input_refuses_unknown_input_and_changes_nothing(
    strict: Api, bucket: Path, method: str, path: str, body: Any
) -> None:
    dataset_id = strict.dataset()
    answer = strict.session.request(method, strict.base + path.replace("{id}", dataset_id), json=body, timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "ModelArts.4396")
    assert "colour" in answer.json()["error_msg"] or "dataset_version" in answer.json()["error_msg"]
    details = strict.call("GET", f"/{dataset_id}")
    assert (details.get("description", ""), details["labels"]) == ("", [])


def test_strict_flag_sets_strict_input() -> None:
    assert read_settings(["--strict"], {}).strict_input
    assert not read_settings([], {}).strict_input


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (
            "/nothing",
            "DATASET_NOT_FOUND: Dataset does not exist: nothing (see api-ref/source/data_management/dataset_man",
        ),
        ("?limit=1000", "PARAMETER_INVALID: Parameter is invalid: limit: Expected"),
        ("/a/b/c", "NOT_FOUND: The resource"),
        ("/n%C3%A4h", "DATASET_NOT_FOUND: Dataset does not exist: n\\xe4h"),
    ],
)
def test_error_has_a_reason_header(api: Api, path: str, reason: str) -> None:
    answer = requests.get(api.base + path, timeout=10)
    assert answer.headers["X-Emulator-Reason"].startswith(reason)
    assert "(see api-ref/source/" in answer.headers["X-Emulator-Reason"]
