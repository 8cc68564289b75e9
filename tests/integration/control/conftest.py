"""A client of the control API, beside the one of the dataset API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.control import Control
from tests.helpers.pictures import picture


@pytest.fixture
def control(emu: Emulator) -> Iterator[Control]:
    client = Control(emu.url)
    yield client
    client.session.close()


@pytest.fixture(params=["memory", "disk"])
def own_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Without a mounted folder, in memory and on disk."""
    return Settings(port=0, data_dir=tmp_path / "data" if request.param == "disk" else None, durability="process")


@pytest.fixture
def pictures(bucket: Path) -> Path:
    """Three pictures in the input of the mounted bucket."""
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture())
    return bucket
