"""Requests made up from the OpenAPI document, against a running server: nothing but documented answers.

``FUZZ_REQUESTS`` is how many there are in all: few by default, so that they are the same ones every time.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import strategies

from emulator.config import Settings
from emulator.control.openapi import document
from emulator.server import Emulator
from tests.support import Api, picture

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "250"))
OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(document()).include(path_regex=r"^/v[23]/").get_all_operations()
]
EXAMPLES = -(-REQUESTS // len(OPERATIONS))
HEADERS = ("x-emulator-warnings", "x-emulator-reason")
KINDS = ((0, "in"), (1, "in"), (101, "text"), (400, "table"))


class Target:
    """A running emulator with datasets in it, whose ids take the place of made-up ones."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def known_ids(self) -> dict[str, list[str]]:
        """Ids that are there now; datasets that the requests have deleted are made anew."""
        datasets = self.api.call("GET", "?limit=100")["datasets"]
        for kind, folder in KINDS:
            if not any(dataset["dataset_type"] == kind for dataset in datasets):
                name = f"d{kind}-{os.urandom(6).hex()}"
                sources = [{"data_path": f"/bucket/{folder}/"}]
                identity = self.api.dataset(dataset_name=name, dataset_type=kind, data_sources=sources)
                datasets.append({"dataset_id": identity, "dataset_type": kind})
        ids = [dataset["dataset_id"] for dataset in datasets]
        samples = [sample["sample_id"] for each in ids for sample in self.api.samples(each)["samples"]]
        return {"project_id": ["project"], "dataset_id": ids, "sample_id": samples}


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
    ids = target.known_ids()

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
        for name in case.path_parameters or {}:
            # Mostly what is there: a made-up id is refused before anything else is looked at.
            if ids.get(name) and data.draw(strategies.integers(0, 9)):
                case.path_parameters[name] = data.draw(strategies.sampled_from(ids[name]))
        answer = case.call(base_url=target.api.url, session=target.api.session, timeout=30)
        assert_documented(answer)

    with caplog.at_level(logging.ERROR, "modelarts-emulator"):
        check()
    assert "Traceback" not in caplog.text
    assert requests.get(f"{target.api.url}/_emulator/health", timeout=10).status_code == 200


def assert_documented(answer: Any) -> None:
    """No crash, an error body for each error, and headers that stay in their bounds."""
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    for name in HEADERS:
        for value in answer.headers.get(name, []):
            assert len(value) < 1200
            assert value.isascii()
            assert value.isprintable()
    if answer.status_code >= 400:
        assert {"error_code", "error_msg"} <= set(answer.json())
