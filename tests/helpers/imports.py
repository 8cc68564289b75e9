"""Start import tasks and wait for their end."""

from __future__ import annotations

from typing import Any

from tests.helpers.api import Api
from tests.helpers.polling import poll


def start(api: Api, dataset_id: str, path: str, **members: Any) -> str:
    body = {"import_path": path, **members}
    return str(api.call("POST", f"/{dataset_id}/import-tasks", json=body)["task_id"])


def ended(api: Api, dataset_id: str, task_id: str) -> Any:
    path = f"/{dataset_id}/import-tasks/{task_id}"
    return poll(lambda: (t := api.call("GET", path))["status"] in ("COMPLETED", "FAILED") and t, "the import's end")


def imported(api: Api, dataset_id: str, path: str, **members: Any) -> Any:
    return ended(api, dataset_id, start(api, dataset_id, path, **members))
