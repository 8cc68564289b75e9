"""A dataset deleted concurrently, after a request has found it: the request answers that it does not exist."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.runtime import Runtime
from modelarts_emulator.server import Emulator
from modelarts_emulator.store import DatasetRecord
from tests.helpers.api import Api
from tests.helpers.pictures import picture


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"description": "new"}),
        ("DELETE", "", None),
        ("GET", "/data-annotations/samples", None),
        ("GET", "/data-annotations/stats", None),
        ("PUT", "/data-annotations/samples", {"samples": [{"sample_id": "x"}]}),
        ("POST", "/data-annotations/samples/delete", {"samples": ["x"]}),
        ("POST", "/data-annotations/labels", {"labels": [{"name": "cat"}]}),
        ("POST", "/sync-data", None),
        ("GET", "/sync-data/status", None),
        ("POST", "/versions", {}),
        ("GET", "/versions", None),
        ("POST", "/import-tasks", {"import_path": "/bucket/in/"}),
        ("POST", "/export-tasks", {"path": "/bucket/exported/"}),
        ("GET", "/metrics", None),
    ],
)
def test_request_for_a_dataset_deleted_concurrently_is_not_found(
    emu: Emulator, api: Api, bucket: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset()
    found = Runtime.require_dataset

    def and_gone(runtime: Runtime, project_id: str, wanted: str) -> DatasetRecord:
        record = found(runtime, project_id, wanted)
        runtime.unwatch(wanted)
        runtime.store.delete(wanted)
        return record

    monkeypatch.setattr(Runtime, "require_dataset", and_gone)
    assert api.refused(method, f"/{dataset_id}{path}", json=body) == "ModelArts.4352"
    assert emu.runtime.tasks.wait_idle(10)
