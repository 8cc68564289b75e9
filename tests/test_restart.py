"""Tasks that were running when the emulator was killed: FAILED with a reason, and nothing half-written is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.config import Settings
from emulator.server import Emulator
from tests.support import Api, picture, poll

# Kills itself in the middle of a task: after so many objects have been written.
DYING = """
import os, signal, sys
from pathlib import Path
import requests
from emulator.config import Settings
from emulator.obs.tree import ObjectTree
from emulator.server import Emulator

root, path, body, limit = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
settings = Settings(port=0, data_dir=root / "data", buckets={"bucket": root / "bucket"}, durability="process")
write, written = ObjectTree.write, []

def dying_write(self, *arguments, **members):
    written.append(write(self, *arguments, **members))
    if len(written) >= limit:
        os.kill(os.getpid(), signal.SIGKILL)
    return written[-1]

with Emulator(settings) as emu:
    ObjectTree.write = dying_write
    headers = {"Content-Type": "application/json"}
    requests.post(f"{emu.url}/v2/project/datasets{path}", data=body, headers=headers, timeout=10).raise_for_status()
    emu.runtime.wait_idle(30)
"""


@pytest.fixture
def settings(tmp_path: Path, bucket: Path) -> Settings:
    return Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, durability="process")


def prepared(settings: Settings, bucket: Path) -> str:
    for number in range(12):
        (bucket / f"in/{number}.png").write_bytes(picture(colour=(number, 0, 0)))
        (bucket / "else/cat").mkdir(parents=True, exist_ok=True)
        (bucket / f"else/cat/more-{number}.png").write_bytes(picture(colour=(0, number, 0)))
    with Emulator(settings) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset(dataset_type=1)
        box = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [5, 5]]}
        api.label(dataset_id, {identity: [{"name": "x", "property": box}] for identity in api.ids(dataset_id).values()})
        api.session.close()
    return dataset_id


def killed(tmp_path: Path, path: str, body: str, limit: int) -> None:
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(tmp_path), path, body, str(limit)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
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


def test_an_interrupted_export_is_taken_back(tmp_path: Path, bucket: Path, settings: Settings) -> None:
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


def test_an_interrupted_publication_is_an_error_without_files(tmp_path: Path, bucket: Path, settings: Settings) -> None:
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


def test_an_interrupted_import_has_failed_and_every_file_is_whole(
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


def test_tasks_can_be_started_again_afterwards(tmp_path: Path, bucket: Path, settings: Settings) -> None:
    dataset_id = prepared(settings, bucket)
    killed(tmp_path, f"/{dataset_id}/versions", "{}", 5)
    with Emulator(settings) as emu:
        api = Api(emu.url)
        poll(lambda: api.call("GET", f"/{dataset_id}")["status"] == 1, "rest")
        assert api.publish(dataset_id)["status"] == 1
        api.session.close()
