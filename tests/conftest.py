"""A running emulator, a bucket folder, and an HTTP client for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    folder = tmp_path / "bucket"
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture
def settings(tmp_path: Path, bucket: Path) -> Settings:
    return Settings(port=0, data_dir=tmp_path / "data", buckets={"bucket": bucket}, durability="process")


@pytest.fixture
def emu(settings: Settings) -> Iterator[Emulator]:
    with Emulator(settings) as emulator:
        yield emulator


@pytest.fixture
def api(emu: Emulator) -> Iterator[Api]:
    client = Api(emu.url)
    yield client
    client.session.close()
