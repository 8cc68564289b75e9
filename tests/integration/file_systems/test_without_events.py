"""Folders on a file system that does not report changes: they are polled, and nothing is missed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from modelarts_emulator import Emulator
from tests.helpers.api import Api
from tests.helpers.mounts import Bound
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

INTERVAL_S = 0.2


@pytest.fixture
def emulator(tmp_path: Path, bound: Bound, caplog: pytest.LogCaptureFixture) -> Iterator[Emulator]:
    for name in ("in", "out"):
        (bound.original / name).mkdir()
    caplog.set_level(logging.INFO, "modelarts_emulator")
    settings = {"port": 0, "data_dir": tmp_path / "data", "buckets": {"bucket": bound.mounted}}
    with Emulator(**settings, poll_interval=INTERVAL_S) as emulator:
        yield emulator


@pytest.fixture
def names(emulator: Emulator) -> Callable[[], set[str]]:
    api = Api(emulator.url)
    dataset_id = api.create()

    def names() -> set[str]:
        return {sample["sample_name"] for sample in api.samples(dataset_id)["samples"]}

    return names


def until(names: Callable[[], set[str]], wanted: set[str]) -> None:
    poll(lambda: names() == wanted, f"samples {wanted}")


def test_file_written_behind_the_mount_becomes_a_sample(
    bound: Bound, emulator: Emulator, names: Callable[[], set[str]], caplog: pytest.LogCaptureFixture
) -> None:
    folder = bound.original / "in"
    (folder / "a.png").write_bytes(picture())
    until(names, {"a.png"})
    (folder / "a.png").rename(folder / "b.png")
    until(names, {"b.png"})
    (folder / "b.png").unlink()
    until(names, set())
    health = requests.get(f"{emulator.url}/_emulator/health", timeout=10).json()
    assert health["watcher"] == "inotify+polling"
    assert health["polled_folders"] == {str(bound.mounted / "in"): "fuse"}
    lines = [record.getMessage() for record in caplog.get_records("setup")]
    assert len([line for line in lines if "does not report all changes" in line]) == 1


def test_watch_native_on_such_a_folder_uses_events_only(tmp_path: Path, bound: Bound) -> None:
    (bound.original / "in").mkdir()
    (bound.original / "out").mkdir()
    with Emulator(port=0, data_dir=tmp_path / "data", buckets={"bucket": bound.mounted}, watch="native") as emulator:
        Api(emulator.url).create()
        health = requests.get(f"{emulator.url}/_emulator/health", timeout=10).json()
        assert (health["watcher"], health["polled_folders"]) == ("inotify", {})
