"""What a long run keeps in memory and on disk is bounded, and health says how much it is."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from modelarts_emulator.service import dataset_service
from modelarts_emulator.system.directory_lock import DirectoryLock
from modelarts_emulator.system.temporary_folder import TemporaryFolder
from modelarts_emulator.util.lru import Lru
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.process import running


@contextmanager
def started(settings: Settings, **changed: Any) -> Iterator[tuple[Api, Control]]:
    with Emulator(replace(settings, **changed)) as emulator:
        api, control = Api(emulator.url), Control(emulator.url)
        yield api, control
        api.session.close()
        control.session.close()


def test_request_log_of_large_requests_is_bounded_by_bytes(settings: Settings) -> None:
    with started(settings, request_log_bytes=1 << 20) as (api, control):
        large = {f"X-Large-{number}": "x" * 7_000 for number in range(20)}
        for _ in range(30):
            api.session.get(f"{api.base}?limit=1", headers=large, timeout=10)
        health = control.call("GET", "health")
        assert 0 < health["request_log_bytes"] <= 1 << 20
        found = control.call("GET", "requests")["requests"]
        assert 3 <= len(found) == health["logged_requests"] <= 8
        assert found[-1]["operation"] == "ListDatasets"
        control.call("DELETE", "requests", 204)
        assert control.call("GET", "health")["request_log_bytes"] < 20_000


def test_exports_above_the_limit_are_refused_until_others_have_ended(settings: Settings, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    with started(settings, max_open_tasks=3) as (api, control):
        dataset_id = api.dataset()
        control.call("PATCH", "transitions", json={"export": {"mode": "hold"}})
        path = f"/{dataset_id}/export-tasks"
        for number in range(3):
            api.call("POST", path, json={"path": f"/bucket/exported-{number}/"})
        answer = requests.post(api.base + path, json={"path": "/bucket/exported-3/"}, timeout=10)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "3 tasks of the kind export are open" in answer.json()["error_msg"]
        assert api.publish(dataset_id)["status"] == 1  # other kinds of task go on
        assert control.call("GET", "health")["open_tasks"] == 3
        control.call("PATCH", "transitions", json={"export": {"mode": "immediate"}})
        control.call("POST", "wait-idle")
        assert api.call("GET", path)["total_count"] == 3
        api.call("POST", path, json={"path": "/bucket/exported-3/"})
        control.call("POST", "wait-idle")


def test_deleted_samples_without_a_file_are_forgotten_above_the_limit(settings: Settings, bucket: Path) -> None:
    for number in range(3):
        (bucket / f"in/kept-{number}.png").write_bytes(picture())
    with started(settings, max_deleted_samples=10) as (api, control):
        dataset_id = api.dataset()
        path = f"/{dataset_id}/data-annotations/samples"
        api.call("POST", f"{path}/delete", json={"samples": list(api.ids(dataset_id).values())})
        data = base64.b64encode(picture()).decode()
        for turn in range(6):
            samples = [{"name": f"{turn}-{number}.png", "data": data} for number in range(5)]
            assert api.call("POST", path, json={"samples": samples})["success"]
            ids = list(api.ids(dataset_id).values())
            api.call("POST", f"{path}/delete", json={"samples": ids, "delete_source": True})
            assert control.call("GET", "health")["deleted_samples"] <= 13
        api.call("POST", f"/{dataset_id}/sync-data")
        control.call("POST", "wait-idle")
        # The files of these three are there: their tombstones are never forgotten.
        assert sorted(each.name for each in (bucket / "in").iterdir()) == [f"kept-{number}.png" for number in range(3)]
        assert api.samples(dataset_id)["sample_count"] == 0
        assert 3 <= api.call("GET", f"/{dataset_id}")["deleted_sample_count"] <= 13
    with started(settings) as (api, control):
        assert api.samples(dataset_id)["sample_count"] == 0


def test_cached_answers_with_outdated_urls_are_dropped(
    settings: Settings, bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    cache: Lru[Any] = Lru(4)
    monkeypatch.setattr(dataset_service, "Lru", lambda size: cache)
    with started(settings) as (api, control):
        dataset_id = api.dataset()
        sources = set()
        for _ in range(3):
            control.call("PUT", "clock", json={"advance_ms": 2 * 3600 * 1000})
            sources.add(api.samples(dataset_id)["samples"][0]["source"])
            assert len(cache._values) == 1
        assert len(sources) == 3


@pytest.mark.slow
def test_temporary_folder_of_a_killed_emulator_is_removed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    own = temporary / "modelarts-emulator-of-mine"  # a data directory of a user, which is not running
    own.mkdir()
    DirectoryLock(own).release()
    options, variables = ("--port", "0", "--memory"), {"TMPDIR": str(temporary), "TEMP": str(temporary)}
    with running(*options, cwd=tmp_path, **variables) as alive:
        (kept,) = set(temporary.iterdir()) - {own}
        with running(*options, cwd=tmp_path, **variables) as process:
            (killed,) = set(temporary.iterdir()) - {own, kept}
            process.kill()
        assert killed.exists()
        with running(*options, cwd=tmp_path, **variables) as process:
            assert not killed.exists()
            assert {own, kept} < set(temporary.iterdir())
            process.terminate()
            assert process.wait(30) == 0
        assert requests.get(f"{alive.url}/_emulator/ready", timeout=10).status_code == 200
        assert set(temporary.iterdir()) == {own, kept}
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    TemporaryFolder().remove()
    assert set(temporary.iterdir()) == {own}
