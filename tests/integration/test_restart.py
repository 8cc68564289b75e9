"""Tasks that were running when the emulator was killed: FAILED with a reason, and nothing half-written is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.abilities import needs_unnamed_files
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.places import ROOT
from tests.helpers.polling import poll
from tests.helpers.teams import Team

pytestmark = pytest.mark.slow

# Kills itself in the middle of a task: when a method has been called so many times, by default one that writes objects.
DYING = """
import os, signal, sys
from pathlib import Path
import requests
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.server import Emulator
from modelarts_emulator.jobs.pool import TaskPool
from modelarts_emulator.store import DatasetWriter

root, path, body, place, limit = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
owners = {owner.__name__: owner for owner in (ObjectTree, TaskPool, DatasetWriter)}
owner, name = owners[place.split(".")[0]], place.split(".")[1]
settings = Settings(port=0, data_dir=root / "data", buckets={"bucket": root / "bucket"}, durability="process")
method, called = getattr(owner, name), []

def dying(self, *arguments, **members):
    called.append(method(self, *arguments, **members))
    if len(called) >= limit:
        os.kill(os.getpid(), signal.SIGKILL)
    return called[-1]

with Emulator(settings) as emu:
    setattr(owner, name, dying)
    headers = {"Content-Type": "application/json"}
    url = f"{emu.url}/v2/project/datasets{path}"
    requests.request(sys.argv[6], url, data=body, headers=headers, timeout=10).raise_for_status()
    emu.runtime.wait_idle(30)
"""


@pytest.fixture
def settings(tmp_path: Path, bucket: Path) -> Settings:
    return Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, durability="process")


def prepared(settings: Settings, bucket: Path, *, unlabelled: int = 0) -> str:
    for number in range(12):
        (bucket / f"in/{number}.png").write_bytes(picture(colour=(number, 0, 0)))
        (bucket / "else/cat").mkdir(parents=True, exist_ok=True)
        (bucket / f"else/cat/more-{number}.png").write_bytes(picture(colour=(0, number, 0)))
    with Emulator(settings) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset(dataset_type=1)
        box = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [5, 5]]}
        ids = list(api.ids(dataset_id).values())[unlabelled:]
        api.label(dataset_id, {identity: [{"name": "x", "property": box}] for identity in ids})
        api.session.close()
    return dataset_id


def killed(
    tmp_path: Path, path: str, body: str, limit: int, place: str = "ObjectTree.write", method: str = "POST"
) -> None:
    root = ROOT
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), path, body, place, str(limit), method],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "emulator")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def after(settings: Settings, dataset_id: str, path: str) -> tuple[Any, Any]:
    with Emulator(settings) as emu:
        api = Api(emu.url)
        details = api.ready(dataset_id)
        answer = api.call("GET", f"/{dataset_id}{path}")
        total = api.samples(dataset_id)["sample_count"]
        assert details["total_sample_count"] == total
        assert not details["exist_running_task"]
        api.session.close()
    return details, answer


def test_restart_interrupted_export_is_rolled_back(tmp_path: Path, bucket: Path, settings: Settings) -> None:
    dataset_id = prepared(settings, bucket)
    (bucket / "exported").mkdir()
    (bucket / "exported/0.xml").write_text("of the user")
    killed(tmp_path, f"/{dataset_id}/export-tasks", '{"path": "/bucket/exported/", "export_type": 2}', 9)
    assert len(list((bucket / "exported").iterdir())) > 3
    _, answer = after(settings, dataset_id, "/export-tasks")
    (task,) = answer["export_tasks"]
    assert (task["status"], task["error_code"]) == ("FAILED", "ModelArts.4392")
    assert "interrupted" in task["error_msg"]
    assert [path.name for path in (bucket / "exported").iterdir()] == ["0.xml"]
    assert not list(bucket.rglob(".~*"))


def test_restart_interrupted_publication_is_an_error_without_files(
    tmp_path: Path, bucket: Path, settings: Settings
) -> None:
    dataset_id = prepared(settings, bucket)
    killed(tmp_path, f"/{dataset_id}/versions", "{}", 5)
    assert list(bucket.rglob("*.xml"))
    details, answer = after(settings, dataset_id, "/versions")
    (version,) = answer["versions"]
    assert version["status"] == 4
    assert "interrupted" in version["message"]
    assert "current_version_id" not in details
    assert not list(bucket.rglob("*.xml"))
    assert not list(bucket.rglob("*.manifest"))


def test_restart_publication_without_stored_end_is_rolled_back(
    tmp_path: Path, bucket: Path, settings: Settings
) -> None:
    dataset_id = prepared(settings, bucket)
    killed(tmp_path, f"/{dataset_id}/versions", "{}", 1, "TaskPool.mark_finished")
    assert list(bucket.rglob("*.manifest"))
    versions = tmp_path / f"data/datasets/{dataset_id}/versions"
    (kept,) = versions.iterdir()
    kept.with_name(f"{kept.name}.tmp").write_text("cut short")
    _, answer = after(settings, dataset_id, "/versions")
    assert [version["status"] for version in answer["versions"]] == [4]
    assert not [path for path in (bucket / "out").rglob("*") if path.is_file()]
    assert not list(versions.iterdir())


def test_restart_finished_task_is_kept_when_another_was_interrupted(
    tmp_path: Path, bucket: Path, settings: Settings
) -> None:
    dataset_id = prepared(settings, bucket)
    with Emulator(settings) as emu:
        api = Api(emu.url)
        version = api.publish(dataset_id)
        api.session.close()
    manifest = bucket / version["manifest_path"].removeprefix("/bucket/")
    # As if the emulator had ended just when it had told its end.
    (bucket / f"out/dataset-457f-{dataset_id}/task/.~written-{version['version_id']}").write_text(
        f"{version['manifest_path']}\n"
    )
    killed(tmp_path, f"/{dataset_id}/versions", "{}", 5)
    after(settings, dataset_id, "/versions")
    assert manifest.exists()
    assert list(bucket.rglob("*.manifest")) == [manifest]
    assert not list(bucket.rglob(".~*"))


def test_restart_dataset_of_an_interrupted_export_is_deleted(tmp_path: Path, bucket: Path, settings: Settings) -> None:
    dataset_id = prepared(settings, bucket)
    parameters = {
        "export_dest": "NEW_DATASET",
        "export_new_dataset_name": "new",
        "export_new_dataset_work_path": "/bucket/new/",
    }
    body = json.dumps({"path": "/bucket/exported/", "export_params": parameters})
    killed(tmp_path, f"/{dataset_id}/export-tasks", body, 1, "TaskPool.mark_finished")
    _, answer = after(settings, dataset_id, "/export-tasks")
    assert [task["status"] for task in answer["export_tasks"]] == ["FAILED"]
    assert not list((bucket / "exported").iterdir())
    with Emulator(settings) as emu:
        api = Api(emu.url)
        assert [each["dataset_name"] for each in api.call("GET")["datasets"]] == ["dataset-457f"]
        api.session.close()


@needs_unnamed_files
def test_restart_interrupted_write_leaves_no_file(tmp_path: Path, bucket: Path, settings: Settings) -> None:
    dataset_id = prepared(settings, bucket)
    killed(tmp_path, f"/{dataset_id}/export-tasks", '{"path": "/bucket/exported/"}', 3, "ObjectTree._time_ns")
    assert len(list((bucket / "exported").iterdir())) == 2
    after(settings, dataset_id, "/export-tasks")
    assert not list((bucket / "exported").iterdir())


def test_restart_interrupted_import_has_failed_with_complete_files(
    tmp_path: Path, bucket: Path, settings: Settings
) -> None:
    dataset_id = prepared(settings, bucket)
    killed(tmp_path, f"/{dataset_id}/import-tasks", '{"import_path": "/bucket/else/"}', 5)
    details, answer = after(settings, dataset_id, "/import-tasks")
    (task,) = answer["import_tasks"]
    assert (task["status"], task["error_code"]) == ("FAILED", "ModelArts.4392")
    copied = [path for path in (bucket / "in/cat").iterdir() if not path.name.startswith(".")]
    assert details["total_sample_count"] == 12 + len(copied)
    for path in copied:
        assert path.read_bytes() == (bucket / "else/cat" / path.name).read_bytes()


def test_restart_interrupted_tasks_can_be_started_again(tmp_path: Path, bucket: Path, settings: Settings) -> None:
    dataset_id = prepared(settings, bucket)
    killed(tmp_path, f"/{dataset_id}/versions", "{}", 5)
    with Emulator(settings) as emu:
        api = Api(emu.url)
        poll(lambda: api.call("GET", f"/{dataset_id}")["status"] == 1, "rest")
        assert api.publish(dataset_id)["status"] == 1
        api.session.close()


@pytest.mark.parametrize("place", ["TaskPool.mark_finished", "DatasetWriter.put_sample"])
def test_restart_interrupted_intelligent_task_has_failed_without_proposals(
    tmp_path: Path, bucket: Path, settings: Settings, place: str
) -> None:
    dataset_id = prepared(settings, bucket, unlabelled=5)
    killed(tmp_path, f"/{dataset_id}/tasks", '{"task_type": "pre-label"}', 1, place)
    with Emulator(settings) as emu:
        api = Api(emu.url)
        (task,) = api.call("GET", f"/{dataset_id}/tasks")["tasks"]
        assert (task["status"], task["error_code"]) == (2, "ModelArts.4392")
        assert api.call("GET", f"/{dataset_id}/auto-annotations/samples")["sample_count"] == 0
        again = api.call("POST", f"/{dataset_id}/tasks", json={"task_type": "pre-label"})["task_id"]
        path = f"/{dataset_id}/tasks/{again}"
        assert poll(lambda: (found := api.call("GET", path))["status"] in (2, 3) and found, "ended")["status"] == 3
        api.session.close()


@pytest.mark.parametrize("limit", [1, 3])
def test_restart_interrupted_allotment_leaves_no_task(
    tmp_path: Path, bucket: Path, settings: Settings, limit: int
) -> None:
    dataset_id = prepared(settings, bucket, unlabelled=5)
    with Emulator(settings) as emu:
        api = Api(emu.url)
        base = api.base.removesuffix("/datasets")
        team_id = api.session.post(f"{base}/workforces", json={"workforce_name": "team"}, timeout=10).json()
        body = {"emails": "a@example.com", "role": 0}
        api.session.post(f"{base}/workforces/{team_id['workforce_id']}/workers", json=body, timeout=10)
        api.session.close()
    body = {"workforces_config": {"workforces": [team_id]}}
    killed(tmp_path, f"/{dataset_id}/workforce-tasks", json.dumps(body), limit, "DatasetWriter.put_assignment")
    with Emulator(settings) as emu:
        api = Api(emu.url)
        assert api.call("GET", f"/{dataset_id}/workforce-tasks")["count"] == 0
        task_id = api.call("POST", f"/{dataset_id}/workforce-tasks", json=body)["task_id"]
        task = api.call("GET", f"/{dataset_id}/workforce-tasks/{task_id}")
        assert task["sample_stats"]["total_sample_count"] == task["sample_stats"]["unannotated_sample_count"] > 0
        api.session.close()


def test_restart_interrupted_acceptance_changes_nothing(tmp_path: Path, bucket: Path, settings: Settings) -> None:
    for number in range(4):
        (bucket / f"in/{number}.png").write_bytes(picture(colour=(number, 0, 0)))
    with Emulator(settings) as emu:
        team = Team(Api(emu.url), bucket, reviewers=0)
        team.create()
        team.label(*team.samples())
        team.accept()
        before = team.stats()
        team.api.session.close()
    path = f"/{team.dataset_id}/workforce-tasks/{team.task_id}/acceptance/status"
    killed(tmp_path, path, '{"action": 0}', 2, "DatasetWriter.put_sample", method="PUT")
    with Emulator(settings) as emu:
        team.api = Api(emu.url)
        assert (team.stats(), team.details()["status"]) == (before, 2)
        assert set(map(tuple, team.dataset_labels().values())) == {()}
        team.end(0)
        assert team.stats() == {"total": 6, "accepted": 6}
        team.api.session.close()
