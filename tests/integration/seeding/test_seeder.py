"""A seeding that is interrupted."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import Any

import pytest

from modelarts_emulator.contract.wire import DatasetType
from modelarts_emulator.demo.helpers import plan_dataset
from modelarts_emulator.seeding.object_upload import HttpUploader
from modelarts_emulator.seeding.seeder import Seeder
from modelarts_emulator.server import Emulator
from modelarts_emulator.util.http_client import Client
from tests.helpers.pictures import picture


def test_seeder_interrupted_deletes_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{number}.png": picture() for number in range(3)}
    plan = plan_dataset("pets", DatasetType.IMAGE_CLASSIFICATION, files, description="", labels=["cat"])
    answers = HTTPConnection.getresponse
    seen = []

    def interrupted(connection: HTTPConnection) -> Any:
        # After the dataset has been made, and before anybody has heard of how it is.
        seen.append(connection)
        answer = answers(connection)
        if answer.status == 201 and len(seen) > 1:
            monkeypatch.setattr(HTTPConnection, "getresponse", next_is_cut)
        return answer

    def next_is_cut(connection: HTTPConnection) -> Any:
        monkeypatch.setattr(HTTPConnection, "getresponse", answers)
        raise KeyboardInterrupt

    with Emulator() as emu, Client(emu.url) as client:
        seeder = Seeder(client, "demo", HttpUploader(client))
        client.call("GET", "/v2/demo/datasets")
        monkeypatch.setattr(HTTPConnection, "getresponse", interrupted)
        with pytest.raises(KeyboardInterrupt):
            seeder.seed(plan)
        assert client.call("GET", "/v2/demo/datasets")["total_number"] == 0
        assert seeder.seed(plan).samples == 3
