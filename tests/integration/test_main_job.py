"""The main job, end to end: digits dropped in while the server runs become a labelled, published dataset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.places import FIXTURES
from tests.helpers.polling import poll

pytestmark = pytest.mark.slow

DIGITS = FIXTURES / "digits"


def test_main_job_publishes_1797_digits(settings: Settings, bucket: Path) -> None:
    with Emulator(settings) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset()
        shutil.copytree(DIGITS, bucket / "in", dirs_exist_ok=True)
        poll(lambda: api.call("GET", f"/{dataset_id}")["total_sample_count"] == 1797, "all digits seen")
        wanted: dict[str, str] = {}
        for page in range(2):
            samples = api.samples(dataset_id, f"?limit=100&offset={page}")["samples"]
            labels = {s["sample_id"]: s["sample_dir"].rstrip("/").rpartition("/")[2] for s in samples}
            assert api.label(dataset_id, {i: [{"name": name}] for i, name in labels.items()})["success"] is True
            wanted |= labels
        assert len(wanted) == 200
        version = api.publish(dataset_id)
        assert (version["total_sample_count"], version["annotated_sample_count"]) == (1797, 200)
        api.session.close()
    manifest = bucket / version["manifest_path"].removeprefix("/bucket/")
    lines = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]
    assert len(lines) == 1797
    assert {line["id"]: line["annotation"][0]["name"] for line in lines if "annotation" in line} == wanted
    with Emulator(settings) as emu:
        api = Api(emu.url)
        details = api.call("GET", f"/{dataset_id}")
        assert (details["total_sample_count"], details["annotated_sample_count"]) == (1797, 200)
        assert details["current_version_id"] == version["version_id"]
        labelled = [api.samples(dataset_id, f"?limit=100&offset={page}&sample_state=ALL") for page in range(2)]
        found = {s["sample_id"]: s["labels"][0]["name"] for page in labelled for s in page["samples"]}
        assert found == wanted
        api.session.close()
