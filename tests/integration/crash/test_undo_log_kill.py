"""A kill after a task has ended, and before its undo log is removed: the next start removes the log, and only it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.killing import run_until_killed
from tests.helpers.pictures import picture

pytestmark = pytest.mark.slow

PUBLISH = """
api, control = Api(url), Control(url)
dataset_id = api.dataset()
arm()
api.publish(dataset_id)
"""


def test_undo_log_of_an_ended_task_is_removed_at_the_next_start(tmp_path: Path, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    where = "modelarts_emulator.jobs.undo_log:OutputTransaction.__exit__"
    run_until_killed(PUBLISH, tmp_path / "data", bucket, where=where)
    assert len(list(bucket.glob("out/*/task/.~written-*"))) == 1
    with Emulator(Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket})) as emulator:
        api = Api(emulator.url)
        (dataset,) = api.call("GET")["datasets"]
        (version,) = api.call("GET", f"/{dataset['dataset_id']}/versions")["versions"]
        assert version["status"] == 1
        assert (bucket / version["manifest_path"].removeprefix("/bucket/")).is_file()
        api.session.close()
    assert list(bucket.glob("out/*/task/.~written-*")) == []
