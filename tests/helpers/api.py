"""Call the data-management API of one project."""

from __future__ import annotations

from typing import Any

import requests

from tests.helpers.polling import poll


class Api:
    """Calls the data-management API of one project."""

    def __init__(self, url: str, project: str = "project") -> None:
        self.url = url
        self.base = f"{url}/v2/{project}/datasets"
        self.session = requests.Session()

    def call(self, method: str, path: str = "", status: int = 200, **arguments: Any) -> Any:
        answer = self.session.request(method, self.base + path, timeout=30, **arguments)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str = "", status: int = 400, **arguments: Any) -> str:
        body = self.call(method, path, status, **arguments)
        assert set(body) == {"error_code", "error_msg"}
        return str(body["error_code"])

    def create(self, **members: Any) -> str:
        body = {
            "dataset_name": "dataset-457f",
            "dataset_type": 0,
            "data_sources": [{"data_type": 0, "data_path": "/bucket/in/"}],
            "work_path": "/bucket/out/",
            "work_path_type": 0,
            "import_annotations": False,
            "import_data": True,  # of tables; no effect on other types
            **members,
        }
        return str(self.call("POST", "", 201, json=body)["dataset_id"])

    def ready(self, dataset_id: str) -> Any:
        """The dataset's details once it is at rest."""
        return poll(lambda: (d := self.call("GET", f"/{dataset_id}"))["status"] == 1 and d, "status 1")

    def dataset(self, **members: Any) -> str:
        dataset_id = self.create(**members)
        self.ready(dataset_id)
        return dataset_id

    def samples(self, dataset_id: str, query: str = "?limit=100") -> Any:
        return self.call("GET", f"/{dataset_id}/data-annotations/samples{query}")

    def ids(self, dataset_id: str, query: str = "?limit=100") -> dict[str, str]:
        """Sample ids by file name."""
        return {sample["sample_name"]: sample["sample_id"] for sample in self.samples(dataset_id, query)["samples"]}

    def label(self, dataset_id: str, labels: dict[str, list[Any]], status: int = 200) -> Any:
        body = {"samples": [{"sample_id": sample_id, "labels": items} for sample_id, items in labels.items()]}
        return self.call("PUT", f"/{dataset_id}/data-annotations/samples", status, json=body)

    def publish(self, dataset_id: str, **members: Any) -> Any:
        version_id = self.call("POST", f"/{dataset_id}/versions", 201, json=members)["version_id"]
        path = f"/{dataset_id}/versions/{version_id}"
        return poll(lambda: (v := self.call("GET", path))["status"] != 0 and v, "published")


def labels(api: Api, dataset_id: str, query: str = "?limit=100") -> dict[str, list[str]]:
    return {s["sample_name"]: [i["name"] for i in s["labels"]] for s in api.samples(dataset_id, query)["samples"]}
