"""Waiting until idle: the work that has ended then, and the open work that is listed at the timeout."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture

HOLD = {"mode": "hold"}


def test_wait_idle_returns_after_files_have_become_samples(api: Api, control: Control, bucket: Path) -> None:
    dataset_id = api.create()
    for number in range(1, 6):
        (bucket / f"in/{number}.png").write_bytes(picture())
        answer = control.call("POST", "wait-idle")
        assert answer["idle"] is True
        assert 0 <= answer["waited_ms"] < 10_000
        assert api.samples(dataset_id)["sample_count"] == number
    (bucket / "in/1.png").unlink()
    control.call("POST", "wait-idle")
    assert api.samples(dataset_id)["sample_count"] == 4


def test_wait_idle_returns_after_tasks_have_ended(api: Api, control: Control, pictures: Path) -> None:
    dataset_id = api.create()
    control.call("POST", "wait-idle")
    version_id = api.call("POST", f"/{dataset_id}/versions", 201, json={})["version_id"]
    control.call("POST", "wait-idle")
    assert api.call("GET", f"/{dataset_id}/versions/{version_id}")["status"] == 1


def test_wait_idle_in_manual_mode_does_not_wait_for_changes(settings: Settings, bucket: Path) -> None:
    with Emulator(replace(settings, sync="manual")) as emu:
        api, control = Api(emu.url), Control(emu.url)
        dataset_id = api.dataset()
        (bucket / "in/1.png").write_bytes(picture())
        control.call("POST", "wait-idle")
        assert api.samples(dataset_id)["sample_count"] == 0
        api.session.close()
        control.session.close()


def test_wait_idle_for_a_project_ignores_others(emu: Emulator, api: Api, control: Control, bucket: Path) -> None:
    held = api.dataset()
    control.call("PUT", "transitions?project_id=project", json={"publish": HOLD})
    api.call("POST", f"/{held}/versions", 201, json={})
    other = Api(emu.url, "other")
    for folder in ("in2", "out2"):
        (bucket / folder).mkdir()
    source = [{"data_type": 0, "data_path": "/bucket/in2/"}]
    dataset_id = other.dataset(data_sources=source, work_path="/bucket/out2/")
    for number in range(1, 4):
        (bucket / f"in2/{number}.png").write_bytes(picture())
        assert control.call("POST", "wait-idle?project_id=other")["waited_ms"] < 10_000
        assert other.samples(dataset_id)["sample_count"] == number
    [task] = control.call("POST", "wait-idle?project_id=project&timeout_ms=50", 504)["open"]["tasks"]
    assert task["dataset_id"] == held
    control.call("PUT", "transitions?project_id=other", json={"publish": HOLD})
    other.call("POST", f"/{dataset_id}/versions", 201, json={})
    body = control.call("POST", "wait-idle?project_id=other&timeout_ms=50", 504)
    assert [task["dataset_id"] for task in body["open"]["tasks"]] == [dataset_id]
    assert held not in body["error_msg"]
    other.session.close()


@pytest.mark.parametrize("timeout_ms", [0, 200])
def test_wait_idle_at_its_timeout_lists_held_tasks(api: Api, control: Control, pictures: Path, timeout_ms: int) -> None:
    dataset_id = api.dataset()
    control.call("PUT", "transitions", json={"publish": HOLD})
    api.call("POST", f"/{dataset_id}/versions", 201, json={})
    start = time.monotonic()
    body = control.call("POST", f"wait-idle?timeout_ms={timeout_ms}", 504)
    assert timeout_ms / 1000 <= time.monotonic() - start < 10
    assert set(body) == {"error_code", "error_msg", "open"}
    assert body["error_code"] == "Emulator.0504"
    assert dataset_id in body["error_msg"]
    assert body["open"]["pending_events"] >= 0
    [task] = body["open"]["tasks"]
    assert task.pop("held_before", "RUNNING") == "RUNNING"  # it may not have come so far at once
    assert task == {"kind": "publish", "dataset_id": dataset_id}
    control.call("PUT", "transitions", json={})
    control.call("POST", "wait-idle")


def test_wait_idle_ends_when_the_emulator_stops(emu: Emulator, api: Api, control: Control, pictures: Path) -> None:
    dataset_id = api.dataset()
    control.call("PUT", "transitions", json={"publish": HOLD})
    api.call("POST", f"/{dataset_id}/versions", 201, json={})
    waiting = threading.Thread(target=lambda: control.send("POST", "wait-idle?timeout_ms=600000"))
    waiting.start()
    emu.runtime.release_waits()
    waiting.join(20)
    assert not waiting.is_alive()


@pytest.mark.parametrize("query", ["timeout_ms=-1", "timeout_ms=600001", "timeout_ms=soon", "timeout=5"])
def test_wait_idle_with_an_invalid_timeout_is_refused(control: Control, query: str) -> None:
    assert "timeout" in control.refused("POST", f"wait-idle?{query}")
