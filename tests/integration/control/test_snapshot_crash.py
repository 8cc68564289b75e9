"""A restore that is killed is finished at the next start, and a save that is killed loses no snapshot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture

pytestmark = pytest.mark.slow

OBS = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}
# Ends the process, as a kill does, at a step of a snapshot call.
KILLED = """
import os, sys
import requests
from pathlib import Path
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.control.snapshots import library, staged_objects
from modelarts_emulator.obs.metadata import MetadataStore
from modelarts_emulator.server import Emulator
from modelarts_emulator.store import Store

place, step, method = sys.argv[1:]
emulator = Emulator(Settings(port=0, data_dir=Path(place), durability="process")).start()
owner, name = {
    "first delete": (Store, "delete"),
    "first dataset": (Store, "_restore_dataset"),
    "index": (Store, "_write_index"),
    "objects": (staged_objects.StagedObjects, "apply"),
    "metadata": (MetadataStore, "replace"),
    "end": (library.SnapshotLibrary, "end_restore"),
    "renames": (Path, "replace"),
}[step]
unchanged = getattr(owner, name)


def kill(*arguments, **keywords):
    if step != "renames" or arguments[0].name.startswith(".new-"):
        os._exit(9)
    return unchanged(*arguments, **keywords)


setattr(owner, name, kill)
requests.request(method, f"{emulator.url}/_emulator/snapshots/one", timeout=60)
"""


class World:
    """An emulator over a data directory with a dataset, its objects and a snapshot."""

    def __init__(self, data_dir: Path) -> None:
        self.settings = Settings(port=0, data_dir=data_dir, durability="process")

    def fill(self) -> Any:
        """Save a snapshot ``one``, then change everything. Return the state that was saved."""
        with Emulator(self.settings) as emulator:
            api, control = Api(emulator.url), Control(emulator.url)
            requests.put(f"{emulator.url}/own", headers=OBS, timeout=10)
            for name in "ab":
                url = f"{emulator.url}/own/in/{name}.png"
                requests.put(url, data=picture(), headers=OBS, timeout=10)
            for number in range(3):
                sources = [{"data_path": "/own/in/"}]
                dataset_id = api.dataset(dataset_name=f"d{number}", data_sources=sources, work_path="/own/out/")
                api.label(dataset_id, {each: [{"name": "cat"}] for each in api.ids(dataset_id).values()})
                api.publish(dataset_id)
            saved = self.state(emulator)
            control.call("PUT", "snapshots/one")
            api.call("DELETE", f"/{dataset_id}", 204)
            requests.put(f"{emulator.url}/own/in/c.png", data=picture(), headers=OBS, timeout=10)
            requests.put(f"{emulator.url}/another", headers=OBS, timeout=10)
            control.call("POST", "wait-idle")
            return saved

    def state(self, emulator: Emulator) -> Any:
        api = Api(emulator.url)
        datasets = {}
        for dataset in api.call("GET", "?limit=100")["datasets"]:
            samples = api.samples(dataset["dataset_id"], "?limit=100")["samples"]
            datasets[dataset["dataset_name"]] = sorted((each["sample_name"], len(each["labels"])) for each in samples)
        obs = emulator.runtime.root / "obs"
        return datasets, sorted(path.relative_to(obs).as_posix() for path in obs.rglob("*") if path.is_file())

    def kill(self, step: str, method: str) -> None:
        place = str(self.settings.data_dir)
        ended = subprocess.run([sys.executable, "-c", KILLED, place, step, method], check=False, timeout=120)
        assert ended.returncode == 9


@pytest.mark.parametrize("step", ["first delete", "first dataset", "index", "objects", "metadata", "end"])
def test_restore_that_is_killed_is_finished_at_the_next_start(tmp_path: Path, step: str) -> None:
    world = World(tmp_path / "data")
    saved = world.fill()
    world.kill(step, "POST")
    with Emulator(world.settings) as emulator:
        control = Control(emulator.url)
        control.call("POST", "wait-idle")
        assert world.state(emulator) == saved
        assert control.call("GET", "health")["restoring"] is None
        left = [each.name for each in (emulator.runtime.root / "snapshots").iterdir()]
        assert left == ["one"]


def test_save_that_is_killed_between_its_renames_loses_no_snapshot(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    saved = world.fill()
    world.kill("renames", "PUT")
    with Emulator(world.settings) as emulator:
        control = Control(emulator.url)
        control.call("POST", "snapshots/one")
        assert world.state(emulator) == saved


def test_restore_that_cannot_be_finished_is_reported_and_the_emulator_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path / "data")
    world.fill()
    world.kill("objects", "POST")
    (tmp_path / "data/snapshots/one/snapshot.json").unlink()
    with Emulator(world.settings) as emulator:
        assert "cannot be finished" in caplog.text
        assert Control(emulator.url).call("GET", "health")["restoring"] == "one"
