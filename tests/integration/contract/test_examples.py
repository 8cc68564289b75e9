"""Every example request of the reference, sent to a prepared dataset; every answer compared with the contract."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.contract.answers import OPERATIONS, faults, members
from tests.helpers.contract.deviations import FAULTS, MISSING, WARNINGS
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

EXAMPLES = [
    pytest.param(operation, number, id=f"{operation['operation']}-{number}")
    for operation in OPERATIONS.values()
    for number in range(len(operation["examples"]["requests"]))
]
BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [5, 5]]}


class ExampleProject:
    """A project as the examples take it for granted: buckets with files, a dataset with labels, versions and tasks."""

    def __init__(self, api: Api, root: Path) -> None:
        self.api = api
        for name in (
            "classify/input/catDog4",
            "classify/input/cat-dog",
            "detect/input/cat-dog",
            "daoLu_images/cat-dog",
        ):
            folder = root / name
            folder.mkdir(parents=True)
            for number in range(12):
                (folder / f"picture-{number}.jpg").write_bytes(picture(colour=(number, 0, 0), kind="JPEG"))
        (root / "table/input").mkdir(parents=True)
        (root / "table/input/iris.csv").write_text("150,4,setosa,versicolor,virginica\n5.1,3.5,1.4,0.2,0\n")
        for name in ("classify/output", "detect/output", "table/output"):
            (root / name).mkdir(parents=True)
        self.dataset_id = self._dataset(0, "classify/input/catDog4", "dataset-f9e8")
        self.detection_id = self._dataset(1, "detect/input/cat-dog", "detection")
        colour = {"@modelarts:color": "#3399ff"}
        labels = [{"name": name, "property": colour} for name in ("Cat", "strawberry", "草莓")]
        for identity in (self.dataset_id, self.detection_id):
            api.call("POST", f"/{identity}/data-annotations/labels", json={"labels": labels})
        self.samples = list(api.ids(self.dataset_id).values())
        api.label(self.dataset_id, {identity: [{"name": "Cat", "score": 0.5}] for identity in self.samples[:4]})
        api.label(
            self.detection_id,
            {i: [{"name": "Dog", "property": BOX}] for i in list(api.ids(self.detection_id).values())[:2]},
        )
        self.versions = [api.publish(self.dataset_id)["version_id"] for _ in range(3)]
        self.manifest = api.call("GET", f"/{self.dataset_id}/versions/{self.versions[1]}")["manifest_path"]
        self.import_id = self._task(
            "import", {"import_path": "s3://test-obs/daoLu_images/cat-dog/", "import_type": "dir"}
        )
        self.export_id = self._task(
            "export", {"path": "/test-obs/daoChu/", "export_type": 3, "export_params": {"export_dest": "DIR"}}
        )
        api.call("POST", f"/{self.dataset_id}/sync-data", json={})
        poll(lambda: api.call("GET", f"/{self.dataset_id}/sync-data/status")["status"] == "COMPLETED", "synchronized")

    def _dataset(self, kind: int, folder: str, name: str) -> str:
        return self.api.dataset(
            dataset_name=name,
            dataset_type=kind,
            data_sources=[{"data_type": 0, "data_path": f"/test-obs/{folder}/"}],
            work_path=f"/test-obs/{folder.partition('/')[0]}/output/",
        )

    def _task(self, kind: str, body: Any) -> str:
        path = f"/{self.dataset_id}/{kind}-tasks"
        identity = str(self.api.call("POST", path, json=body)["task_id"])
        ended = ("COMPLETED", "SUCCESSED")
        poll(lambda: self.api.call("GET", f"{path}/{identity}")["status"] in ended, f"the {kind}'s end")
        return identity

    def path(self, operation: Any, query: str) -> str:
        """The example's path with ids that are there."""
        is_label = "/data-annotations/labels" in operation["path"] or operation["operation"] == "ListStats"
        filled = {
            "project_id": "project",
            "dataset_id": self.detection_id if is_label else self.dataset_id,
            "resource_id": self.dataset_id,
            "sample_id": self.samples[0],
            "version_id": self.versions[1],
            "task_id": self.export_id if "export-tasks" in operation["path"] else self.import_id,
            "label_name": quote("草莓"),
        }
        return str(re.sub(r"{(\w+)}", lambda found: filled[found[1]], operation["path"])) + (
            f"?{query}" if query else ""
        )

    def body(self, body: Any) -> Any:
        """The example's body with ids, paths and pictures that are there."""
        if isinstance(body, list):
            return [self.body(item) for item in body]
        if not isinstance(body, dict):
            return self.samples[5] if isinstance(body, str) and re.fullmatch("[0-9a-f]{32}", body) else body
        replaced = {name: self.body(item) for name, item in body.items()}
        if str(body.get("import_path", "")).endswith(".manifest"):
            replaced["import_path"] = self.manifest
        if "data" in body:
            replaced["data"] = base64.b64encode(picture(kind="JPEG")).decode()
        return replaced


@contextmanager
def prepared(root: Path) -> Iterator[ExampleProject]:
    (root / "test-obs").mkdir()
    settings = Settings(port=0, data_dir=root / "data", buckets={"test-obs": root / "test-obs"}, durability="process")
    with Emulator(settings) as emu:
        api = Api(emu.url)
        api.session.trust_env = False
        try:
            yield ExampleProject(api, root / "test-obs")
        finally:
            api.session.close()


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExampleProject]:
    """A documented for all that only asks."""
    with prepared(tmp_path_factory.mktemp("examples")) as documented:
        yield documented


@pytest.fixture
def documented(request: pytest.FixtureRequest, operation: Any, tmp_path: Path) -> Iterator[ExampleProject]:
    if operation["method"] == "GET":
        yield request.getfixturevalue("unchanged")
        return
    with prepared(tmp_path) as documented:
        yield documented


@pytest.mark.parametrize(("operation", "number"), EXAMPLES)
def test_example_is_answered_as_the_contract_says(documented: ExampleProject, operation: Any, number: int) -> None:
    example = operation["examples"]["requests"][number]["body"]
    query = urlsplit(example.partition(" ")[2]).query if isinstance(example, str) else ""
    answers = operation["examples"]["responses"]
    status = int(answers[0]["status"]) if answers else 200
    poll(
        lambda: (
            not documented.api.call("GET", f"/{documented.dataset_id}?check_running_task=true")["exist_running_task"]
        ),
        "rest",
    )
    answer = documented.api.session.request(
        operation["method"],
        documented.api.url + documented.path(operation, query),
        json=None if isinstance(example, str) else documented.body(example),
        timeout=10,
    )
    assert answer.status_code == status, answer.text
    warnings = answer.headers.get("X-Emulator-Warnings", "").split("; ")
    assert [warning for warning in warnings if warning and not _is_listed(warning, WARNINGS)] == []
    body = answer.json() if answer.content else {}
    wanted = set(members(answers[0]["body"])) if answers else set()
    found = list(faults(operation["operation"], status, body, wanted))
    assert [fault for fault in found if not _is_listed(fault, FAULTS)] == []
    missing = {f"{operation['operation']}.{path}" for path in wanted - set(members(body))}
    assert sorted(path for path in missing if not _is_listed(path, MISSING)) == []


def _is_listed(text: str, deviations: dict[str, str]) -> bool:
    return any(re.search(pattern, text) for pattern in deviations)
