"""A client of the control API, beside the one of the dataset API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.emulator_api import picture


class Control:
    """Calls ``/_emulator/…``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/_emulator/{path}", timeout=30, **arguments)

    def call(self, method: str, path: str, status: int = 200, **arguments: Any) -> Any:
        answer = self.send(method, path, **arguments)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, status: int = 400, **arguments: Any) -> str:
        """What an error says; its body has only the documented members."""
        body = self.call(method, path, status, **arguments)
        assert set(body) == {"error_code", "error_msg"}
        return str(body["error_msg"])


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
