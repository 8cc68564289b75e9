"""A full disk: tasks fail as soon as that can be stored, nothing half stays, and start and stop name the path."""

from __future__ import annotations

import base64
import logging
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.mounts import SmallDisk
from tests.helpers.pictures import picture
from tests.helpers.polling import poll
from tests.helpers.process import COMMANDS, environment

pytestmark = pytest.mark.slow

TASKS = {
    "publish": ("versions", 201, {}),
    "import": ("import-tasks", 200, {"import_path": "/bucket/source/"}),
    "export": ("export-tasks", 200, {"path": "/bucket/out/", "export_type": 0}),
}


def settings(disk: SmallDisk) -> Settings:
    return Settings(port=0, data_dir=disk.folder / "data", buckets={"bucket": disk.folder / "bucket"})


def fill_bucket(disk: SmallDisk) -> Path:
    bucket = disk.folder / "bucket"
    for name in ("in", "out", "source"):
        (bucket / name).mkdir(parents=True)
    for number in range(4):
        (bucket / f"in/{number}.png").write_bytes(picture())
        (bucket / f"source/s{number}.png").write_bytes(picture(20, 20))
    return bucket


def outcome(api: Api, dataset_id: str, kind: str, answer: Any) -> str:
    """The status of the task that ``answer`` has started."""
    if kind == "publish":
        return str(api.call("GET", f"/{dataset_id}/versions/{answer['version_id']}")["status"])
    return str(api.call("GET", f"/{dataset_id}/{TASKS[kind][0]}/{answer['task_id']}")["status"])


def objects(bucket: Path) -> list[str]:
    return sorted(path.relative_to(bucket).as_posix() for path in bucket.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", TASKS)
def test_task_on_a_full_disk_fails_as_soon_as_that_can_be_stored(small_disk: SmallDisk, kind: str) -> None:
    bucket = fill_bucket(small_disk)
    failed = "4" if kind == "publish" else "FAILED"
    with Emulator(settings(small_disk)) as emulator:
        api, control = Api(emulator.url), Control(emulator.url)
        dataset_id = api.dataset()
        before = objects(bucket)
        control.call("PUT", "transitions", json={kind: {"mode": "hold"}})
        path, status, body = TASKS[kind]
        answer = api.call("POST", f"/{dataset_id}/{path}", status, json=body)
        poll(lambda: control.call("GET", "transitions")["held"])
        small_disk.fill()
        control.call("PUT", "transitions", json={kind: {"mode": "immediate"}})
        # The task is not forgotten: it is open until its failure is stored.
        is_idle = control.send("POST", "wait-idle?timeout_ms=1000").status_code == 200
        assert not is_idle or outcome(api, dataset_id, kind, answer) == failed
        small_disk.free()
        poll(lambda: outcome(api, dataset_id, kind, answer) == failed)
        control.call("POST", "wait-idle")
        assert objects(bucket) == before
        assert api.ready(dataset_id)
        # The same works now.
        again = api.call("POST", f"/{dataset_id}/{path}", status, json=body)
        control.call("POST", "wait-idle")
        assert outcome(api, dataset_id, kind, again) in ("1", "COMPLETED", "SUCCESSED")
        api.session.close()


def test_upload_on_a_full_disk_leaves_no_file(small_disk: SmallDisk) -> None:
    bucket = fill_bucket(small_disk)
    with Emulator(settings(small_disk)) as emulator:
        api = Api(emulator.url)
        dataset_id = api.dataset()
        before = objects(bucket)
        small_disk.fill()
        data = base64.b64encode(picture()).decode()
        body = {"samples": [{"name": f"u{number}.png", "data": data} for number in range(3)]}
        path = f"{api.base}/{dataset_id}/data-annotations/samples"
        answer = api.session.post(path, json=body, timeout=30)
        assert answer.status_code == 500 or answer.json()["success"] is False
        assert objects(bucket) == before
        small_disk.free()
        assert api.session.post(path, json=body, timeout=30).json()["success"] is True
        assert len(api.ids(dataset_id)) == 7
        api.session.close()


def test_start_and_stop_on_a_full_disk_name_the_path(small_disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    fill_bucket(small_disk)
    with Emulator(settings(small_disk)) as emulator:
        api, control = Api(emulator.url), Control(emulator.url)
        dataset_id = api.dataset()
        control.call("PUT", "transitions", json={"import": {"mode": "hold"}})
        task = api.call("POST", f"/{dataset_id}/import-tasks", json=TASKS["import"][2])["task_id"]
        poll(lambda: control.call("GET", "transitions")["held"])
        api.session.close()
        small_disk.fill()
        with caplog.at_level(logging.WARNING):
            emulator.stop()
    data_dir = small_disk.folder / "data"
    assert f"{data_dir}/datasets/{dataset_id}/" in caplog.text
    assert f"{data_dir}/index.json" in caplog.text
    command = [*COMMANDS[0], "--port", "0", "--data-dir", str(data_dir)]
    bucket = f"bucket={small_disk.folder / 'bucket'}"
    done = subprocess.run(
        [*command, "--bucket", bucket], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert str(data_dir) in done.stderr.splitlines()[-1]
    assert "No space left on device" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    small_disk.free()
    with Emulator(settings(small_disk)) as emulator:
        api = Api(emulator.url)
        assert outcome(api, dataset_id, "import", {"task_id": task}) == "FAILED"
        api.session.close()


def test_upload_to_a_full_disk_is_answered_with_507(small_disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    fill_bucket(small_disk)
    with Emulator(settings(small_disk)) as emulator:
        small_disk.fill()
        caplog.clear()
        answer = requests.put(f"{emulator.url}/bucket/in/large.bin", data=bytes(1_500_000), timeout=20)
        assert answer.status_code == 507
        assert len([each for each in caplog.records if "cannot be kept" in each.getMessage()]) == 1
        small_disk.free()
        assert requests.put(f"{emulator.url}/bucket/in/small.bin", data=b"a", timeout=20).status_code == 200
    assert "in/large.bin" not in objects(small_disk.folder / "bucket")
