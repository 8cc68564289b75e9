"""Every kind of change at once, killed at random moments: nothing acknowledged is lost, and nothing is half."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest
import requests

from modelarts_emulator.store import doctor
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.crash_load import LOADS, Load
from tests.helpers.pictures import picture
from tests.helpers.process import running

pytestmark = pytest.mark.slow
OBS = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}

# More rounds are for a longer look: CRASH_ROUNDS=75, with --timeout 0. All four tests together are 20 rounds.
ROUNDS = int(os.environ.get("CRASH_ROUNDS", "5"))


@pytest.mark.parametrize("seed", range(4))
def test_kill_under_mixed_load_loses_nothing_and_leaves_nothing_half(tmp_path: Path, bucket: Path, seed: int) -> None:
    chance = random.Random(seed)
    options = ("--port", "0", "--bucket", f"bucket={bucket}", "--log-level", "error")
    loads = [each(bucket) for each in LOADS]
    with running(*options, cwd=tmp_path) as process:
        _connect(loads, process.url)
        for load in loads:
            load.prepare()
        process.kill()
    for turn in range(ROUNDS):
        with running(*options, cwd=tmp_path) as process:
            _connect(loads, process.url)
            _load_and_kill(process, loads, chance.random() * 0.5)
        with running(*options, cwd=tmp_path) as process:
            _connect(loads, process.url)
            Control(process.url).call("POST", "wait-idle")
            for load in loads:
                load.check()
            if turn % 2:
                process.kill()
            else:
                process.terminate()
                assert process.wait(60) == 0
                _require_healthy(tmp_path / "emulator-data", bucket)
    print({load.name: load.steps for load in loads})


def _connect(loads: list[Load], url: str) -> None:
    for load in loads:
        load.api = Api(url)


def _load_and_kill(process: object, loads: list[Load], after_s: float) -> None:
    barrier = threading.Barrier(len(loads) + 1)
    threads = [threading.Thread(target=load.run, args=(barrier,), daemon=True) for load in loads]
    for thread in threads:
        thread.start()
    barrier.wait(60)
    threading.Event().wait(after_s)  # the moment of the kill is to be a random one
    process.kill()  # type: ignore[attr-defined]
    for thread in threads:
        thread.join(60)
    for load in loads:
        load.api.session.close()
        if load.failure is not None:
            raise load.failure


def _require_healthy(data_dir: Path, bucket: Path) -> None:
    """There is nothing to repair after a clean stop, except objects that were being written at a kill."""
    problems = doctor.examine(data_dir, {"bucket": bucket}).problems
    faults = [each for each in problems if each.kind in ("damaged", "torn", "missing", "gone", "leftover")]
    assert [each for each in faults if "/.~" not in each.path] == []


def test_kill_during_restores_leaves_the_state_before_or_after(tmp_path: Path, bucket: Path) -> None:
    """The datasets, their labels and the objects are those of the snapshot, or all of them are those before."""
    chance = random.Random(18)
    options = ("--port", "0", "--bucket", f"bucket={bucket}", "--log-level", "error")
    (bucket / "in/0.png").write_bytes(picture())
    with running(*options, cwd=tmp_path) as process:
        restores = _Restores(process.url)
        restores.fill("old")
        assert requests.put(f"{process.url}/_emulator/snapshots/old", timeout=60).status_code == 200
        restores.fill("new")
        process.kill()
    for _ in range(ROUNDS):
        with running(*options, cwd=tmp_path) as process:
            thread = threading.Thread(target=restores.run, args=(process.url,), daemon=True)
            thread.start()
            restores.begun.wait(30)
            threading.Event().wait(chance.random() * 0.15)
            process.kill()
            thread.join(60)
        with running(*options, cwd=tmp_path) as process:
            Control(process.url).call("POST", "wait-idle")
            assert Control(process.url).call("GET", "health")["restoring"] is None
            restores.check(process.url)


class _Restores:
    """A client that restores a snapshot and then changes everything again, until the emulator is killed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.begun = threading.Event()
        self.promised = "new"
        self.in_flight: str | None = None

    def fill(self, label: str) -> None:
        """Give everything a name: a dataset, its labels, a bucket and an object. In this order, one after another."""
        api = Api(self.url)
        datasets = {each["dataset_name"]: each["dataset_id"] for each in api.call("GET", "?limit=100")["datasets"]}
        for name, dataset_id in datasets.items():
            if name != "shared":
                api.call("DELETE", f"/{dataset_id}", 204)
        dataset_id = datasets.get("shared") or api.dataset(dataset_name="shared")
        api.label(dataset_id, {each: [{"name": label}] for each in api.ids(dataset_id).values()})
        api.dataset(dataset_name=label)
        requests.put(f"{self.url}/own", headers=OBS, timeout=30)
        requests.put(f"{self.url}/own/object", data=label, headers=OBS, timeout=30)
        api.session.close()

    def run(self, url: str) -> None:
        self.url = url
        self.begun.clear()
        try:
            while True:
                self.begun.set()
                self.in_flight = "old"
                answer = requests.post(f"{url}/_emulator/snapshots/old", timeout=60)
                assert answer.status_code == 200, answer.text
                self.promised, self.in_flight = "old", "new"
                self.fill("new")
                self.promised, self.in_flight = "new", None
        except (requests.RequestException, AssertionError):
            pass

    def check(self, url: str) -> None:
        """While everything is changed again, each part is old or new; otherwise all parts are one of them."""
        self.url = url
        api = Api(url)
        datasets = {each["dataset_name"]: each["dataset_id"] for each in api.call("GET", "?limit=100")["datasets"]}
        assert "shared" in datasets
        (sample,) = api.samples(datasets["shared"])["samples"]
        parts = {
            *(datasets.keys() - {"shared"}),
            *(each["name"] for each in sample["labels"]),
            requests.get(f"{url}/own/object", headers=OBS, timeout=30).text,
        }
        if self.in_flight == "new":
            assert parts <= {"old", "new"}
            self.fill("new")
            self.promised = "new"
        else:
            assert parts == {self.promised} or parts == {self.in_flight}, (parts, self.promised, self.in_flight)
            self.promised = parts.pop()
        self.in_flight = None
        api.session.close()
