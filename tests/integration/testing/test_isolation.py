"""Two hundred tests, each with a dataset of twenty files, alone and side by side, in any order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.inner_pytest import passed, run

pytestmark = pytest.mark.slow

TESTS = """
import pytest

MODES = ["label", "publish", "fault", "hold", "delete", "drop"]

@pytest.mark.parametrize("number", range(200))
def test_one(modelarts, modelarts_dataset, number):
    assert modelarts.call("GET", "/datasets")["total_number"] == 0
    dataset = modelarts_dataset(20, labels={f"{each:04d}.jpg": "cat" for each in range(number % 20)})
    assert dataset.call("GET", "")["annotated_sample_count"] == number % 20
    mode = MODES[number % len(MODES)]
    if mode == "publish":
        assert dataset.publish()["total_sample_count"] == 20
    elif mode == "fault":
        modelarts.fault(status=503)
    elif mode == "hold":
        modelarts.transition("publish", "hold")
        modelarts.transition("sync", "fail")
        dataset.call("POST", "/versions", {})
    elif mode == "delete":
        body = {"samples": [dataset.samples["0000.jpg"]], "delete_source": True}
        dataset.call("POST", "/data-annotations/samples/delete", body)
        assert not modelarts.path("input-1/0000.jpg").exists()
    elif mode == "drop":
        modelarts.put_file("input-1/new.jpg", b"no picture")
        assert len(dataset.refresh()) == 21
    if mode != "fault":
        counts = {"delete": 19, "drop": 21}
        assert dataset.call("GET", "/data-annotations/samples", limit=1)["sample_count"] == counts.get(mode, 20)
"""

# A random order that depends on the seed.
SHUFFLED = """
import os
import random

def pytest_collection_modifyitems(items):
    random.Random(os.environ["SEED"]).shuffle(items)
"""


@pytest.mark.parametrize(("seed", "arguments"), [("1", []), ("2", ["-n", "2"])])
def test_two_hundred_tests_in_random_order_pass(tmp_path: Path, seed: str, arguments: list[str]) -> None:
    (tmp_path / "conftest.py").write_text(SHUFFLED)
    said = passed(tmp_path, TESTS, *arguments, SEED=seed)
    assert re.search(r"200 passed", said)


def test_failing_test_does_not_affect_the_next(tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(
        """
import pytest

def test_failing(modelarts, modelarts_dataset):
    modelarts_dataset(5)
    modelarts.fault(status=500)
    assert False

def test_broken(modelarts_dataset):
    modelarts_dataset(5, name="not a name!")

def test_next(modelarts, modelarts_dataset):
    assert modelarts.call("GET", "/datasets")["total_number"] == 0
    assert len(modelarts_dataset(5).samples) == 5
"""
    )
    done = run(tmp_path, "-p", "no:cacheprovider", "test_inner.py")
    assert "2 failed, 1 passed" in done.stdout
    assert list((tmp_path / "temporary").iterdir()) == []
