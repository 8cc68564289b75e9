"""The catalogue is the reference's error table, and each row that a client can provoke is provoked over HTTP."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract import errors
from modelarts_emulator.contract.errors import NAMES, Error
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.contract.deviations import ERRORS
from tests.helpers.pictures import picture
from tests.helpers.places import ROOT
from tests.helpers.polling import poll

ROWS = {name: row for row, name in NAMES.items()}
TABLE = {row["code"]: row for row in json.loads((ROOT / "tests/helpers/contract/errors.json").read_text("utf-8"))}
PNG = base64.b64encode(picture()).decode()
TOKEN = "X-Subject-Token"
_USER = {"name": "me", "password": "secret", "domain": {"name": "local"}}
LOG_IN = {
    "identity": {"methods": ["password"], "password": {"user": _USER}},
    "scope": {"project": {"name": "mine"}},
}
BOX = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [90, 90]]}

GRAY_VALUE = "@modelarts:mask_gray_value"
GRAY = {"property": {GRAY_VALUE: 7}}


class RefusalProject:
    """An emulator with datasets of pictures and triplets, and a strict one without users."""

    def __init__(self, emu: Emulator, strict: Emulator, bucket: Path) -> None:
        self.emu, self.strict, self.bucket = emu, strict, bucket
        self.api = Api(emu.url)
        (bucket / "in/0.png").write_bytes(picture())
        (bucket / "text/a.txt").write_text("one two\n")
        self.pictures = self.api.dataset(dataset_name="pictures", labels=[{"name": "a"}, {"name": "b"}])
        source = [{"data_path": "/bucket/text/"}]
        self.texts = self.api.dataset(dataset_name="texts", dataset_type=102, data_sources=source)
        self.api.call("POST", f"/{self.texts}/data-annotations/labels", json={"labels": TRIPLET})
        (bucket / "masks").mkdir(exist_ok=True)
        masks = {
            "dataset_type": 3,
            "data_sources": [{"data_path": "/bucket/masks/"}],
            "labels": [{**GRAY, "name": "m"}],
        }
        self.masks = self.api.dataset(dataset_name="masks", **masks)
        table = [{"data_path": "/bucket/table/"}]
        self.table = self.api.dataset(dataset_name="table", dataset_type=400, data_sources=table)
        self.token = requests.post(f"{strict.url}/v3/auth/tokens", json={"auth": LOG_IN}, timeout=10).headers[TOKEN]
        self.version = self.api.publish(self.pictures, version_name="taken")["version_id"]

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """Call the API of the project; ``{p}``, ``{t}``, ``{m}``, ``{v}`` are pictures, texts, masks and a version."""
        path = path.replace("{p}", self.pictures).replace("{t}", self.texts).replace("{v}", self.version)
        path = path.replace("{m}", self.masks)
        return self.api.session.request(method, self.api.base + path, json=body, timeout=10, **more)

    def create(self, **members: Any) -> requests.Response:
        """Create a dataset."""
        sources = [{"data_path": "/bucket/in/"}]
        body = {"dataset_name": "new", "data_sources": sources, "work_path": "/bucket/out/", "work_path_type": 0}
        return self.call("POST", "", {**body, **members})

    def upload(self, **members: Any) -> requests.Response:
        """Upload one sample."""
        return self.call("POST", "/{p}/data-annotations/samples", {"samples": [{"name": "n.png", **members}]})

    def label(self, dataset: str, *labels: Any) -> requests.Response:
        """Label the one sample of a dataset."""
        path = dataset.replace("{p}", self.pictures).replace("{t}", self.texts)
        (sample_id,) = self.api.ids(path).values()
        item = {"sample_id": sample_id, "labels": list(labels)}
        return self.call("PUT", f"/{dataset}/data-annotations/samples", {"samples": [item]})

    def labels(self, dataset: str, *labels: Any, method: str = "POST", path: str = "") -> requests.Response:
        """Create, change or delete labels of a dataset."""
        return self.call(method, f"/{dataset}/data-annotations/labels{path}", {"labels": list(labels)})

    def export(self, **members: Any) -> requests.Response:
        """Export the pictures."""
        return self.call("POST", "/{p}/export-tasks", {"path": "/bucket/exported/", **members})

    def import_(self, path: str) -> requests.Response:
        """Import into the pictures."""
        return self.call("POST", "/{p}/import-tasks", {"import_path": path})

    def while_(self, kind: str, method: str, path: str, body: Any) -> requests.Response:
        """Call while a task of the pictures is running."""
        with self.emu.runtime.tasks.claim(self.pictures, kind):
            return self.call(method, path, body)

    def refused(self, **headers: str) -> requests.Response:
        """Call the strict emulator."""
        return requests.get(f"{self.strict.url}/v2/project/datasets", headers=headers, timeout=10)

    def task(self, path: str, body: Any) -> Any:
        """Return the error of a failed task on the pictures."""
        task_id = self.call("POST", f"/{{p}}/{path}", body).json()["task_id"]
        ended = ("FAILED", "SUCCESSED", "COMPLETED")
        where = f"/{self.pictures}/{path}/{task_id}"
        return poll(lambda: (task := self.api.call("GET", where))["status"] in ended and task, "the task's end")

    def with_a_broken_manifest(self) -> Any:
        """Import a manifest that says nothing."""
        (self.bucket / "broken.manifest").write_text("{\n")
        return self.task("import-tasks", {"import_path": "/bucket/broken.manifest"})

    def with_too_large_a_file(self) -> requests.Response:
        """Upload a picture that is larger than one may be."""
        return self.upload(data=base64.b64encode(b"\0" * (25 * 1024 * 1024 + 1)).decode())

    def publish_where_a_file_is(self, name: str) -> str:
        """Publish where the place for the version's files is taken; the version's id."""
        details = self.api.call("GET", f"/{self.pictures}")
        folder = self.bucket / details["inner_annotation_path"].removeprefix("/bucket/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"in the way")
        return str(self.api.publish(self.pictures, version_name=name)["version_id"])

    def version_that_failed(self) -> Any:
        """Return the message of a version that could not be published."""
        version_id = self.publish_where_a_file_is("failed")
        return {"error_msg": self.api.call("GET", f"/{self.pictures}/versions/{version_id}")["message"]}

    def switch_to_what_failed(self) -> requests.Response:
        """Switch to a version that could not be published."""
        return self.call("PUT", "/{p}", {"current_version_id": self.publish_where_a_file_is("unusable")})


TRIPLET = [
    {"name": "entity", "type": 103, "property": {"@modelarts:shortcut": "E"}},
    {"name": "relation", "type": 102, "property": {"@modelarts:from_type": "entity", "@modelarts:to_type": "entity"}},
]
RELATION = {"name": "relation", "type": 102, "property": {"@modelarts:from": "E1", "@modelarts:to": "E2"}}
_SYNC, _IMPORT = ("POST", "/{p}/sync-data", {}), ("POST", "/{p}/import-tasks", {"import_path": "/bucket/in/"})
_LABELS = ("POST", "/{p}/data-annotations/labels", {"labels": [{"name": "c"}]})

PROVOKED: dict[str, Callable[[RefusalProject], Any]] = {
    "NOT_FOUND": lambda w: w.call("GET", "/{p}/nothing/of/this/name"),
    "METHOD_NOT_ALLOWED": lambda w: w.call("PATCH", "/{p}"),
    "PARAMETER_ERROR": lambda w: w.call("POST", "", data=b"{", headers={"Content-Type": "application/json"}),
    "PARAMETER_INVALID": lambda w: w.create(dataset_name="no blanks"),
    "INVALID_TOKEN": lambda w: w.refused(**{"X-Auth-Token": "nobody's"}),
    "INVALID_SIGNATURE": lambda w: w.refused(Authorization="SDK-HMAC-SHA256 Access=no, SignedHeaders=, Signature=1"),
    "PROJECT_MISMATCH": lambda w: w.refused(**{"X-Auth-Token": w.token}),
    "FORBIDDEN": lambda w: w.call("GET", "", headers={"Host": "rebound.example"}),
    "PATH_IS_BUCKET": lambda w: w.create(work_path="/bucket/"),
    "BUCKET_NOT_FOUND": lambda w: w.create(work_path="/nowhere/out/"),
    "PATH_NOT_FOUND": lambda w: w.create(data_sources=[{"data_path": "/bucket/nothing/"}]),
    "PATH_INVALID": lambda w: w.create(work_path="/bucket/../out/"),
    "NO_VALID_FILE": lambda w: w.import_("/bucket/table/"),
    "FILE_NOT_FOUND": lambda w: w.upload(data_source={"data_path": "/bucket/in/missing.png"}),
    "WORK_PATH_TOO_LONG": lambda w: w.create(work_path=f"/bucket/{'x' * 230}/{'y' * 230}/{'z' * 200}/"),
    "FILE_TOO_LARGE": RefusalProject.with_too_large_a_file,
    "DATASET_EXISTS": lambda w: w.create(dataset_name="pictures"),
    "DATASET_NOT_FOUND": lambda w: w.call("GET", "/nothing"),
    "UNSUPPORTED_TYPE": lambda w: w.call("POST", "/{t}/export-tasks", {"path": "/bucket/exported/"}),
    "TYPE_MISMATCH": lambda w: w.upload(name="n.txt", data=PNG),
    "NO_TABLE_SCHEMA": lambda w: w.create(
        dataset_type=400, data_sources=[{"data_path": "/bucket/table/", "with_column_header": False}]
    ),
    "PUBLISHING": lambda w: w.while_("publish", *_IMPORT),
    "SWITCHING": lambda w: w.while_("switch", *_IMPORT),
    "SYNC_RUNNING": lambda w: w.while_("sync", *_IMPORT),
    "IMPORT_RUNNING": lambda w: w.while_("import", *_SYNC),
    "PUBLISHING_ANNOTATION": lambda w: w.while_("publish", *_LABELS),
    "IMPORT_FAILED": RefusalProject.with_a_broken_manifest,
    "INVALID_EXPORT_PATH": lambda w: w.export(path="/bucket/in/"),
    "EXPORT_NOT_FOUND": lambda w: w.call("GET", "/{p}/export-tasks/nothing"),
    "INVALID_EXPORT_PARAMETER": lambda w: w.export(export_params={"export_dest": "NEW_DATASET"}),
    "LABEL_NOT_FOUND": lambda w: w.labels("{p}", {"name": "nothing"}, method="PUT"),
    "LABEL_EXISTS": lambda w: w.labels("{p}", {"name": "a"}),
    "SHORTCUT_EXISTS": lambda w: w.labels("{t}", {"name": "c", "property": {"@modelarts:shortcut": "E"}}),
    "LABEL_INCOMPATIBLE": lambda w: w.label("{p}", {"name": "a", "type": 1, "property": BOX}),
    "TRIPLET_ENTITY_NOT_FOUND": lambda w: w.label("{t}", RELATION),
    "MASK_GRAY_VALUE_EXISTS": lambda w: w.labels("{m}", {**GRAY, "name": "n"}),
    "MASK_GRAY_VALUE_DIFFERS": lambda w: w.labels("{m}", {"name": "m", "property": {GRAY_VALUE: 8}}, method="PUT"),
    "ENTITY_IN_USE": lambda w: w.labels("{t}", {"name": "entity", "type": 103}, path="/delete"),
    "SAMPLE_NOT_FOUND": lambda w: w.call("GET", "/{p}/data-annotations/samples/nothing"),
    "UPLOAD_FAILED": lambda w: w.upload(data="no base64"),
    "SAMPLE_EXISTS": lambda w: w.upload(name="0.png", data=PNG),
    "SIZE_UNKNOWN": lambda w: w.upload(data=base64.b64encode(b"no picture").decode()),
    "VERSION_NOT_FOUND": lambda w: w.call("GET", "/{p}/versions/nothing"),
    "VERSION_EXISTS": lambda w: w.call("POST", "/{p}/versions", {"version_name": "taken"}),
    "SPLIT_RULES": lambda w: w.call("POST", "/{p}/versions", {"train_evaluate_sample_ratio": "0.5"}),
    "PUBLISH_FAILED": RefusalProject.version_that_failed,
    "VERSION_NOT_NORMAL": RefusalProject.switch_to_what_failed,
}
# Errors that need a failing disk, a restart, or half a gigabyte.
ELSEWHERE = {
    "TOO_LARGE": "tests/operations/test_errors.py",
    "UNAVAILABLE": "tests/operations/test_errors.py",
    "INTERNAL_ERROR": "tests/operations/test_errors.py",
    "OBS_ERROR": "tests/operations/test_errors.py",
    "SYNC_FAILED": "tests/operations/test_errors.py",
    "EXPORT_FILE_ERROR": "tests/operations/test_errors.py",
    "TASK_FAILED": "tests/test_restart.py",
    "AUTO_LABEL_EXISTS": "tests/integration/operations/test_intelligent_tasks.py",
    "CLUSTERS_INVALID": "tests/integration/operations/test_intelligent_tasks.py",
    "INTELLIGENT_TASK_NOT_FOUND": "tests/integration/operations/test_intelligent_tasks.py",
    "NOT_ONLY_BOXES": "tests/integration/operations/test_intelligent_tasks.py",
    "NO_LABELS": "tests/integration/operations/test_intelligent_tasks.py",
    "NO_UNLABELLED_FILES": "tests/integration/operations/test_intelligent_tasks.py",
    "PRE_LABEL_EXISTS": "tests/integration/operations/test_intelligent_tasks.py",
    "TASK_STOPPED": "tests/integration/operations/test_intelligent_tasks.py",
    "TOO_FEW_IMAGES": "tests/integration/operations/test_intelligent_tasks.py",
    "ACCEPTANCE_NOT_FOUND": "tests/integration/operations/test_team_tasks.py",
    "MANAGER_COUNT": "tests/integration/operations/test_team_tasks.py",
    "NOTHING_TO_ACCEPT": "tests/integration/operations/test_team_tasks.py",
    "QUOTA_EXCEEDED": "tests/integration/operations/test_team_tasks.py",
    "TEAM_EXISTS": "tests/integration/operations/test_team_tasks.py",
    "TEAM_NOT_FOUND": "tests/integration/operations/test_team_tasks.py",
    "TEAM_TASK_CHECKING": "tests/integration/operations/test_team_tasks.py",
    "TEAM_TASK_EXISTS": "tests/integration/operations/test_team_tasks.py",
    "TEAM_TASK_NOT_FOUND": "tests/integration/operations/test_team_tasks.py",
    "TEAM_TASK_UNFINISHED": "tests/integration/operations/test_team_tasks.py",
    "TOO_FEW_LABELERS": "tests/integration/operations/test_team_tasks.py",
    "WORKER_EXISTS": "tests/integration/operations/test_team_tasks.py",
    "WORKER_FORBIDDEN": "tests/integration/operations/test_team_tasks.py",
    "WORKER_HAS_TASK": "tests/integration/operations/test_team_tasks.py",
    "WORKER_NOT_FOUND": "tests/integration/operations/test_team_tasks.py",
}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RefusalProject]:
    root = tmp_path_factory.mktemp("errors")
    for name in ("in", "text", "table", "out"):
        (root / "bucket" / name).mkdir(parents=True)
    (root / "bucket/table/a.csv").write_text("a,b\n1,2\n")
    settings = Settings(port=0, data_dir=root / "data", buckets={"bucket": root / "bucket"}, durability="process")
    user = User("me", password="secret")
    with Emulator(settings) as emu, Emulator(Settings(port=0, data_dir=None, auth="strict", users=(user,))) as strict:
        refusing = RefusalProject(emu, strict, root / "bucket")
        yield refusing
        refusing.api.session.close()


@pytest.mark.parametrize("name", ROWS)
def test_row_is_that_of_the_error_table(name: str) -> None:
    row: Error = ROWS[name]
    told = TABLE.get(row.code)
    is_same = told is not None and (told["status"], told["message"]) == (row.status, row.message)
    assert is_same != (name in ERRORS), told


@pytest.mark.parametrize("name", PROVOKED)
def test_error_is_provoked_by_its_cause(refusing: RefusalProject, name: str) -> None:
    row = ROWS[name]
    answer = PROVOKED[name](refusing)
    if isinstance(answer, dict):  # the final state of a task
        assert row.message in answer["error_msg"]
        return
    body = answer.json()
    if answer.status_code == 200:  # of a batch, whose items fail alone
        assert body["success"] is False
        (body,) = [result for result in body["results"] if not result["success"]]
    else:
        assert answer.status_code == row.status
        assert answer.headers["X-Emulator-Reason"].startswith(f"{name}: ")
    assert body["error_code"] == row.code
    assert body["error_msg"].startswith(row.message.rstrip("."))


def test_rows_of_the_catalogue_are_all_provoked() -> None:
    assert sorted([*PROVOKED, *ELSEWHERE]) == sorted(ROWS)
    assert set(ROWS.values()) == {row for row in vars(errors).values() if isinstance(row, Error)}


def test_unexpected_exception_is_logged_and_answered_as_internal_error(
    refusing: RefusalProject, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*arguments: Any, **named: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(refusing.emu.runtime.store, "page", crash)
    with caplog.at_level(logging.ERROR):
        answer = refusing.call("GET", "")
    row = ROWS["INTERNAL_ERROR"]
    assert (answer.status_code, answer.json()) == (row.status, {"error_code": row.code, "error_msg": row.message})
    assert answer.headers["X-Emulator-Reason"].startswith("INTERNAL_ERROR")
    assert "GET /v2/project/datasets: unexpected error" in caplog.text
    assert "a defect" in caplog.text
