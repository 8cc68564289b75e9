"""Requests made up from the OpenAPI document, against a running server: nothing but documented answers.

``FUZZ_REQUESTS`` is how many there are in all: few by default, so that they are the same ones every time.
"""

from __future__ import annotations

import base64
import logging
import os
import random
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.control.pages.openapi import document
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "250"))
OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(document()).include(path_regex=r"^/v[23]/").get_all_operations()
]
EXAMPLES = -(-REQUESTS // len(OPERATIONS))
HEADERS = ("x-emulator-warnings", "x-emulator-reason")
# Values that some members must have for a request to get anywhere.
SENSIBLE: dict[str, list[Any]] = {
    "data_path": ["/bucket/in/", "/bucket/text/", "/bucket/table/", "/bucket/in/0.png"],
    "import_path": ["/bucket/in/", "/bucket/text/", "/bucket/table/", "/bucket/out/"],
    "path": ["/bucket/exported/", "/bucket/in/", "/bucket/out/"],
    "work_path": ["/bucket/out/", "/bucket/in/"],
    "name": ["cat", "dog", "猫", "up.png", "up.txt"],
    "label_name": ["cat", "dog", "猫/%"],
    "data": [base64.b64encode(picture()).decode(), base64.b64encode(b"one\ntwo").decode()],
}
KINDS = ((0, "in"), (1, "in"), (101, "text"), (400, "table"))


class Target:
    """A running emulator with datasets in it, whose ids take the place of made-up ones."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def known(self) -> list[dict[str, list[Any]]]:
        """What there is now, a dataset each, by the names that requests have for it; deleted ones are made anew."""
        there = {dataset["dataset_type"] for dataset in self.api.call("GET", "?limit=100")["datasets"]}
        for kind, folder in KINDS:
            if kind not in there:
                sources = [{"data_path": f"/bucket/{folder}/"}]
                self.api.dataset(dataset_name=f"d{kind}-{os.urandom(6).hex()}", dataset_type=kind, data_sources=sources)
        datasets = self.api.call("GET", "?limit=100")["datasets"]
        return [self._parts(dataset["dataset_id"]) for dataset in datasets]

    def _parts(self, dataset_id: str) -> dict[str, list[Any]]:
        """The ids of everything in a dataset."""
        path = f"/{dataset_id}"
        tasks = [
            *self.api.call("GET", f"{path}/import-tasks")["import_tasks"],
            *self.api.call("GET", f"{path}/export-tasks")["export_tasks"],
        ]
        versions = self.api.call("GET", f"{path}/versions")["versions"]
        return {
            **SENSIBLE,
            "project_id": ["project"],
            "dataset_id": [dataset_id],
            "sample_id": [sample["sample_id"] for sample in self.api.samples(dataset_id)["samples"]],
            "task_id": [task["task_id"] for task in tasks],
            "version_id": [version["version_id"] for version in versions],
        }


def sensible(value: Any, known: dict[str, list[Any]], chance: random.Random) -> Any:
    """A body with what is there in most of the places where something has to be."""
    if isinstance(value, list):
        return [sensible(item, known, chance) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: chance.choice(known[name])
        if known.get(name) and isinstance(member, str) and chance.random() < 0.8
        else sensible(member, known, chance)
        for name, member in value.items()
    }


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    root = tmp_path_factory.mktemp("fuzz")
    for folder in ("in", "text", "table", "out"):
        (root / "bucket" / folder).mkdir(parents=True)
    for number in range(5):
        (root / f"bucket/in/{number}.png").write_bytes(picture())
    (root / "bucket/text/a.txt").write_text("one\ntwo\tlabel\n")
    (root / "bucket/table/a.csv").write_text("a,b\n1,2\n")
    settings = Settings(
        port=0, data_dir=root / "data", buckets={"bucket": root / "bucket"}, durability="process", log_level="error"
    )
    with Emulator(settings) as emu:
        api = Api(emu.url)
        yield Target(api)
        api.session.close()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_made_up_requests_get_documented_answers(
    operation: Any, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    datasets = target.known()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        derandomize=REQUESTS <= 1000,
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(), data=strategies.data())
    def check(case: Any, data: Any) -> None:
        # Mostly what is there: a made-up id is refused before anything else is looked at.
        chance = data.draw(strategies.randoms(use_true_random=False))
        known = chance.choice(datasets)
        for name in case.path_parameters:
            if known.get(name) and chance.random() < 0.9:
                case.path_parameters[name] = chance.choice(known[name])
        case.body = sensible(case.body, known, chance)
        answer = case.call(base_url=target.api.url, session=target.api.session, timeout=30)
        assert_documented(answer)

    with caplog.at_level(logging.ERROR):
        check()
    assert "Traceback" not in caplog.text
    assert requests.get(f"{target.api.url}/_emulator/health", timeout=10).status_code == 200


def assert_documented(answer: Any) -> None:
    """No crash, an error body for each error, and headers that stay in their bounds."""
    # 4354 (quota) is documented with status 500.
    assert answer.status_code < 500 or answer.status_code == 501 or "ModelArts.4354" in answer.text, answer.text
    for name in HEADERS:
        for value in answer.headers.get(name, []):
            assert len(value) < 1200
            assert value.isascii()
            assert value.isprintable()
    if answer.status_code >= 400:
        assert {"error_code", "error_msg"} <= set(answer.json())
