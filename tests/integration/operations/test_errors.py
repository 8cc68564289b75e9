"""Errors that need a special cause: conflicting tasks, a full disk, missing parts.

Together with the tests of the operations they cause every error of the catalogue over HTTP at least once.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from modelarts_emulator.contract import errors
from modelarts_emulator.contract.wire import VersionStatus
from modelarts_emulator.server import Emulator
from modelarts_emulator.store.journal import Journal
from modelarts_emulator.system.folder import Folder
from tests.helpers.api import Api
from tests.helpers.bucket_files import write
from tests.helpers.imports import ended, start
from tests.helpers.pictures import picture
from tests.helpers.places import ROOT
from tests.helpers.polling import poll

TESTS = ROOT / "tests"
LABEL = {"labels": [{"name": "x"}]}


@pytest.fixture
def dataset_id(api: Api, bucket: Path) -> str:
    (bucket / "in/1.png").write_bytes(picture())
    write(bucket, "else/2.png", picture())
    return api.dataset()


START: dict[str, tuple[str, str, Any]] = {
    "sync": ("POST", "/{id}/sync-data", {}),
    "import": ("POST", "/{id}/import-tasks", {"import_path": "/bucket/else/"}),
    "publish": ("POST", "/{id}/versions", {}),
}


@pytest.mark.parametrize(
    ("running", "code"),
    [
        ("publish", "ModelArts.4343"),
        ("switch", "ModelArts.4349"),
        ("sync", "ModelArts.4355"),
        ("import", "ModelArts.4356"),
    ],
)
@pytest.mark.parametrize("wanted", START)
def test_task_during_a_conflicting_task_is_refused(
    emu: Emulator, api: Api, dataset_id: str, running: str, wanted: str, code: str
) -> None:
    method, path, body = START[wanted]
    with emu.runtime.tasks.claim(dataset_id, running):
        assert api.refused(method, path.format(id=dataset_id), json=body) == code
    assert api.session.request(method, api.base + path.format(id=dataset_id), json=body, timeout=10).status_code < 300


@pytest.mark.parametrize(("running", "code"), [("publish", "ModelArts.4381"), ("switch", "ModelArts.4349")])
def test_labelling_during_publish_or_switch_is_refused(
    emu: Emulator, api: Api, dataset_id: str, running: str, code: str
) -> None:
    calls = [
        ("PUT", "/samples", {"samples": [{"sample_id": "x"}]}),
        ("POST", "/samples", {"samples": [{"name": "x.png"}]}),
        ("POST", "/samples/delete", {"samples": ["x"]}),
        ("POST", "/labels", LABEL),
        ("PUT", "/labels", LABEL),
        ("POST", "/labels/delete", LABEL),
        ("DELETE", "/labels/x", None),
    ]
    with emu.runtime.tasks.claim(dataset_id, running):
        for method, path, body in calls:
            assert api.refused(method, f"/{dataset_id}/data-annotations{path}", json=body) == code
    with emu.runtime.tasks.claim(dataset_id, "switch"):
        assert api.refused("POST", f"/{dataset_id}/export-tasks", json={"path": "/bucket/e/"}) == "ModelArts.4349"


def test_version_being_published_cannot_be_deleted_or_switched_to(emu: Emulator, api: Api, dataset_id: str) -> None:
    version_id = api.publish(dataset_id)["version_id"]
    second = api.publish(dataset_id)["version_id"]
    with emu.runtime.store.writing(dataset_id) as dataset:
        version = dataset.version(version_id)
        assert version is not None
        dataset.put_version(msgspec.structs.replace(version, status=VersionStatus.CREATING))
    assert api.refused("DELETE", f"/{dataset_id}/versions/{version_id}") == "ModelArts.4824"
    assert api.refused("PUT", f"/{dataset_id}", json={"current_version_id": version_id}) == "ModelArts.4824"
    assert api.ready(dataset_id)["current_version_id"] == second


def test_version_with_lost_samples_is_not_found(emu: Emulator, api: Api, dataset_id: str) -> None:
    version_id = api.publish(dataset_id)["version_id"]
    api.publish(dataset_id)
    emu.runtime.store.delete_version(dataset_id, version_id)
    assert api.refused("GET", f"/{dataset_id}/data-annotations/samples?version_id={version_id}") == "ModelArts.4353"
    api.call("PUT", f"/{dataset_id}", json={"current_version_id": version_id})
    assert api.samples(api.ready(dataset_id)["dataset_id"])["sample_count"] == 1


def test_relation_without_its_entities_is_refused(api: Api, bucket: Path) -> None:
    (bucket / "in/a.txt").write_text("one two\n")
    dataset_id = api.dataset(dataset_type=102)
    (sample,) = api.samples(dataset_id)["samples"]
    relation = {"name": "r", "type": 102, "property": {"@modelarts:from": "E1", "@modelarts:to": "E2"}}
    answer = api.label(dataset_id, {sample["sample_id"]: [relation]})
    assert answer["results"][0]["error_code"] == "ModelArts.4414"
    assert not answer["success"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/p/nothing", 404, "ModelArts.0015"),
        ("GET", "/v3.1/x", 404, "ModelArts.0015"),
        ("PATCH", "/v2/p/datasets", 405, "ModelArts.0101"),
        ("PUT", "/v2/p/datasets/x/versions", 405, "ModelArts.0101"),
    ],
)
def test_unknown_call_is_answered_with_an_error(emu: Emulator, method: str, path: str, status: int, code: str) -> None:
    answer = requests.request(method, emu.url + path, timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_body_that_is_too_large_is_refused_by_its_length(
    emu: Emulator, api: Api, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelarts_emulator.api.dispatch.MAX_BODY_BYTES", 100)
    body = {"labels": [{"name": "x" * 200}]}
    assert api.refused("POST", f"/{dataset_id}/data-annotations/labels", 413, json=body) == "ModelArts.0101"


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, target: Any, name: str) -> Iterator[None]:
    def refuse(*arguments: Any, **members: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(target, name, refuse)
        yield


def test_full_disk_fails_requests_and_tasks(
    emu: Emulator, api: Api, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/{dataset_id}/data-annotations/labels"
    with full_disk(monkeypatch, emu.runtime.store, "writing"):
        assert api.refused("POST", path, 500, json=LABEL) == "ModelArts.0010"
    assert api.call("GET", path) == {"labels": [], "total_number": 0}
    with full_disk(monkeypatch, emu.runtime.synchronizer, "synchronize"):
        api.call("POST", f"/{dataset_id}/sync-data", json={})
        status = poll(
            lambda: (s := api.call("GET", f"/{dataset_id}/sync-data/status"))["status"] == "FAILED" and s, "failed"
        )
    assert status["error_code"] == "ModelArts.4360"
    with full_disk(monkeypatch, emu.runtime.tree, "copy"):
        task = api.call("POST", f"/{dataset_id}/export-tasks", json={"path": "/bucket/e/"})["task_id"]
        place = f"/{dataset_id}/export-tasks/{task}"
        failed = poll(lambda: (t := api.call("GET", place))["status"] == "FAILED" and t, "failed")
        assert failed["error_code"] == "ModelArts.4710"
        imported = ended(api, dataset_id, start(api, dataset_id, "/bucket/else/"))
        assert (imported["status"], imported["error_code"]) == ("FAILED", "ModelArts.4362")
    with full_disk(monkeypatch, emu.runtime.tree, "write"):
        version = api.publish(dataset_id)
        assert version["status"] == 4
        assert errors.PUBLISH_FAILED.message in version["message"]
    assert api.publish(dataset_id)["status"] == 1


@pytest.mark.parametrize("kind", ["sync", "import", "export", "publish", "switch"])
def test_task_with_an_unexpected_error_fails_and_is_logged(
    emu: Emulator,
    api: Api,
    dataset_id: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    """A bug of the emulator leaves a traceback in the log, and no client waits for ever."""
    version_id = api.publish(dataset_id)["version_id"]
    api.publish(dataset_id)
    runtime, place = emu.runtime, f"/{dataset_id}"

    def stumble(*arguments: Any, **members: Any) -> Any:
        raise RuntimeError("we have stumbled")

    monkeypatch.setattr(runtime.transitions, "enter", stumble)
    if kind == "sync":
        api.call("POST", f"{place}/sync-data", json={})
        ended = poll(lambda: (s := api.call("GET", f"{place}/sync-data/status"))["status"] == "FAILED" and s, "failed")
        assert "unexpected" in ended["error_msg"]
    elif kind == "publish":
        version = api.publish(dataset_id)
        assert (version["status"], "unexpected" in version["message"]) == (4, True)
    elif kind == "switch":
        api.call("PUT", place, json={"current_version_id": version_id})
        assert api.ready(dataset_id)["current_version_id"] != version_id
    else:
        body = {"path": "/bucket/e/"} if kind == "export" else {"import_path": "/bucket/else/", "import_type": "dir"}
        task = api.call("POST", f"{place}/{kind}-tasks", json=body)["task_id"]
        path = f"{place}/{kind}-tasks/{task}"
        ended = poll(lambda: (t := api.call("GET", path))["status"] == "FAILED" and t, "failed")
        assert "unexpected" in ended["error_msg"]
    monkeypatch.undo()
    assert runtime.tasks.wait_idle(20)
    assert "we have stumbled" in caplog.text
    assert api.publish(dataset_id)["status"] == 1


def test_upload_to_a_full_disk_is_refused(api: Api, dataset_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
    with full_disk(monkeypatch, Folder, "new_file"):
        answer = api.call(
            "POST", f"/{dataset_id}/data-annotations/samples", json={"samples": [{"name": "n.png", "data": data}]}
        )
    assert answer["results"][0]["error_code"] == "ModelArts.4314"
    assert api.samples(dataset_id)["sample_count"] == 1


def test_every_error_of_the_catalogue_has_a_test() -> None:
    text = "".join(path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))
    rows = {name: row for name, row in vars(errors).items() if isinstance(row, errors.Error)}
    assert not {
        name for name, row in rows.items() if not re.search(rf"{row.code.replace('.', '[.]')}\b|\b{name}\b", text)
    }


@pytest.mark.parametrize(
    "body", [b"\xff", b'{"dataset_name":"\xff"}', b'{"\xff":1}', b'{"data_sources":[{"data_path":"/b/\xc3"}]}']
)
def test_body_not_in_utf_8_is_a_parameter_error(api: Api, body: bytes) -> None:
    assert api.refused("POST", "", data=body) == "ModelArts.0104"


def test_query_not_in_utf_8_is_refused(api: Api) -> None:
    assert api.refused("GET", "?dataset_name=%ff") == "ModelArts.4396"


def test_operation_without_a_free_descriptor_can_be_repeated(
    api: Api, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    (sample_id,) = api.ids(dataset_id).values()
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "append", refuse)
        body = {"samples": [{"sample_id": sample_id, "labels": [{"name": "x"}]}]}
        answer = requests.put(f"{api.base}/{dataset_id}/data-annotations/samples", json=body, timeout=10)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert api.label(dataset_id, {sample_id: [{"name": "x"}]})["success"] is True
