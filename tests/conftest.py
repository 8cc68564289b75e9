"""Markers by folder, the number of worker processes, and a running emulator with a bucket and a client per test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.places import ROOT

# A busy machine makes examples slowly; that is no fault of what is tested.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

FOLDER_MARKERS = {
    ROOT / "tests/benchmarks": ("slow",),
    ROOT / "tests/browser": ("slow", "browser"),
    ROOT / "tests/clients": ("slow", "clients"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the markers of its folder, before ``-m`` selects."""
    for item in items:
        for folder, names in FOLDER_MARKERS.items():
            if item.path.is_relative_to(folder):
                for name in names:
                    item.add_marker(name)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run without worker processes where starting them takes longer than they save.

    That is one module or one test (``pytest tests/unit/obs/test_paths.py``), or only a list of the tests.
    None leaves ``-n auto`` as it is: one worker per core.
    """
    places = [str(argument).partition("::")[0] for argument in config.args]
    few = len(places) <= 2 and all(place.endswith(".py") for place in places)
    return 0 if few or config.option.collectonly else None


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """Make the folder of the bucket ``bucket``, with empty directories ``in`` and ``out``."""
    folder = tmp_path / "bucket"
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture
def settings(tmp_path: Path, bucket: Path) -> Settings:
    """Return settings with a data directory on disk and the mounted bucket."""
    return Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, durability="process")


@pytest.fixture
def emu(settings: Settings) -> Iterator[Emulator]:
    """Run an emulator for one test."""
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def api(emu: Emulator) -> Iterator[Api]:
    """Return a client of the data-management API of ``emu``."""
    client = Api(emu.url)
    yield client
    client.session.close()
