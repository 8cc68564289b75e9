"""Snapshots save and restore the whole state: in memory, on disk, and in another emulator."""

from __future__ import annotations

import errno
import io
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.control.snapshots.staged_objects import StagedObjects
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

pytestmark = pytest.mark.slow

COMPLETE = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>"
OBS = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT"}


class SnapshotSite:
    """An emulator with a bucket of its own, and clients of two projects."""

    def __init__(self, emu: Emulator, bucket: str = "own") -> None:
        self.emu, self.bucket, self.control = emu, bucket, Control(emu.url)
        self.red, self.blue = Api(emu.url, "red"), Api(emu.url, "blue")
        self.session = requests.Session()

    def send(self, method: str, path: str, **arguments: Any) -> requests.Response:
        headers = {**OBS, **arguments.pop("headers", {})}
        return self.session.request(method, self.emu.url + path, headers=headers, timeout=30, **arguments)

    def put(self, key: str, data: bytes = b"", **headers: str) -> None:
        assert self.send("PUT", f"/{self.bucket}/{key}", data=data, headers=headers).status_code == 200

    def fill(self) -> None:
        """Pictures with labels, two versions, an import, an export, an upload under way, and an object with headers."""
        if self.bucket == "own":
            assert self.send("PUT", "/own").status_code == 200
        for number in range(3):
            self.put(f"in/{number}.png", picture(10 + number))
        self.put("more/other.png", picture())
        self.put("notes.txt", b"kept", **{"Content-Type": "text/x-own", "x-obs-meta-owner": "me"})
        dataset_id = self.dataset()
        ids = self.red.ids(dataset_id)
        self.red.label(dataset_id, {ids["0.png"]: [{"name": "cat"}], ids["1.png"]: [{"name": "dog"}]})
        self.red.publish(dataset_id)
        self.red.label(dataset_id, {ids["2.png"]: [{"name": "cat"}]})
        self.red.publish(dataset_id, description="second")
        body = {"import_path": f"/{self.bucket}/more/", "import_type": "dir"}
        self.red.call("POST", f"/{dataset_id}/import-tasks", json=body)
        self.control.call("POST", "wait-idle")
        self.red.call("POST", f"/{dataset_id}/export-tasks", json={"path": f"/{self.bucket}/exported/"})
        self.control.call("POST", "wait-idle")
        self.dataset(self.blue, "second")
        upload = ElementTree.fromstring(self.send("POST", f"/{self.bucket}/big?uploads").content)
        self.upload_id = next(node.text for node in upload.iter() if node.tag.endswith("UploadId"))
        part = f"/{self.bucket}/big?uploadId={self.upload_id}&partNumber=1"
        assert self.send("PUT", part, data=b"part").status_code == 200

    def dataset(self, api: Api | None = None, name: str = "first", **members: Any) -> str:
        sources = [{"data_type": 0, "data_path": f"/{self.bucket}/in/"}]
        return (api or self.red).dataset(
            dataset_name=name, data_sources=sources, work_path=f"/{self.bucket}/out/", **members
        )

    def spoil(self) -> None:
        """Change whatever there is, and add to it."""
        for api in (self.red, self.blue):
            for dataset in api.call("GET")["datasets"]:
                api.call("DELETE", f"/{dataset['dataset_id']}", 204)
        self.put("in/0.png", picture(99))
        self.put("in/new.png", picture())
        self.put("notes.txt", b"changed", **{"Content-Type": "text/plain"})
        self.send("DELETE", f"/{self.bucket}/in/1.png")
        self.send("DELETE", f"/{self.bucket}/big?uploadId={self.upload_id}")
        self.dataset(name="third")
        self.send("PUT", "/another")

    def state(self, *, objects: bool = True) -> dict[str, Any]:
        """All that clients can see."""
        seen: dict[str, Any] = {}
        for api in (self.red, self.blue):
            for dataset in api.call("GET")["datasets"]:
                seen |= self._dataset(api, dataset["dataset_id"])
        if objects:
            seen["buckets"] = sorted(node.text or "" for node in self._xml("/") if node.tag.endswith("}Name"))
            keys = [node.text for node in self._xml(f"/{self.bucket}?list-type=2") if node.tag.endswith("}Key")]
            for key in keys:
                found = self.send("GET", f"/{self.bucket}/{key}")
                known = ("Content-Type", "ETag", "Last-Modified", "x-obs-meta-owner")
                seen[f"object {key}"] = found.content, {name: found.headers.get(name) for name in known}
            parts = self.send("GET", f"/{self.bucket}/big?uploadId={self.upload_id}")
            seen["parts"] = [node.text for node in ElementTree.fromstring(parts.content).iter() if "ETag" in node.tag]
        return seen

    def _dataset(self, api: Api, dataset_id: str) -> dict[str, Any]:
        paths = ["", "/data-annotations/labels", "/versions", "/import-tasks", "/export-tasks", "/sync-data/status"]
        details = {path: api.call("GET", f"/{dataset_id}{path}") for path in paths}
        details["samples"] = self._samples(api, dataset_id)
        for version in details["/versions"]["versions"]:
            query = f"?limit=100&version_id={version['version_id']}"
            details[version["version_name"]] = self._samples(api, dataset_id, query)
        for preview in details[""].pop("annotation_files", ()), details[""].pop("data_sources", ()):
            assert preview is not None
        return {dataset_id: details}

    def _samples(self, api: Api, dataset_id: str, query: str = "?limit=100") -> Any:
        samples = api.samples(dataset_id, query)["samples"]
        for sample in samples:
            assert self.session.get(sample["source"], timeout=30).status_code == 200
            sample["source"] = sample["source"].partition("?")[0].removeprefix(self.emu.url)
        return samples

    def _xml(self, path: str) -> list[ElementTree.Element]:
        return list(ElementTree.fromstring(self.send("GET", path).content).iter())

    def close(self) -> None:
        for client in (self.session, self.control.session, self.red.session, self.blue.session):
            client.close()


@pytest.fixture
def site(own_settings: Settings) -> Iterator[SnapshotSite]:
    with Emulator(own_settings) as emu:
        made = SnapshotSite(emu)
        yield made
        made.close()


@pytest.fixture
def mounted(emu: Emulator) -> Iterator[SnapshotSite]:
    """The bucket is a folder of the user's."""
    made = SnapshotSite(emu, "bucket")
    yield made
    made.close()


def test_restore_brings_back_everything(site: SnapshotSite) -> None:
    site.fill()
    before = site.state()
    saved = site.control.call("PUT", "snapshots/one")
    assert (saved["name"], saved["datasets"], saved["objects"]) == ("one", 2, True)
    assert saved["files"] == len([name for name in before if name.startswith("object ") and name[-1] != "/"])
    for _ in range(2):
        site.spoil()
        assert site.state() != before
        assert site.control.call("POST", "snapshots/one") == saved
        assert site.state() == before
        site.control.call("POST", "wait-idle")
        assert site.state() == before


def test_restored_datasets_work(site: SnapshotSite) -> None:
    site.fill()
    site.control.call("PUT", "snapshots/one")
    site.spoil()
    site.control.call("POST", "snapshots/one")
    [dataset] = site.red.call("GET")["datasets"]
    dataset_id = dataset["dataset_id"]
    site.put("in/late.png", picture())
    poll(lambda: site.red.samples(dataset_id)["sample_count"] == 5, "followed")
    ids = site.red.ids(dataset_id)
    assert site.red.label(dataset_id, {ids["late.png"]: [{"name": "cat"}]})["success"]
    assert site.red.publish(dataset_id)["version_name"] == "V003"
    versions = site.red.call("GET", f"/{dataset_id}/versions")["versions"]
    site.red.call("PUT", f"/{dataset_id}", json={"current_version_id": versions[-1]["version_id"]})
    site.control.call("POST", "wait-idle")
    labels = {each["sample_name"]: len(each.get("labels", ())) for each in site.red.samples(dataset_id)["samples"]}
    assert labels["2.png"] == 0
    assert (
        site.send(
            "POST", f"/own/big?uploadId={site.upload_id}", data=COMPLETE.format(md5(b"part").hexdigest())
        ).status_code
        == 200
    )
    assert site.send("GET", "/own/big").content == b"part"


def test_restore_without_objects_keeps_buckets(site: SnapshotSite) -> None:
    site.fill()
    before = site.state(objects=False)
    saved = site.control.call("PUT", "snapshots/one?objects=false")
    assert (saved["objects"], saved["files"], saved["bytes"]) == (False, 0, 0)
    for dataset in site.blue.call("GET")["datasets"]:
        site.blue.call("DELETE", f"/{dataset['dataset_id']}", 204)
    site.put("kept.txt", b"1")
    site.control.call("POST", "snapshots/one")
    assert site.state(objects=False) == before
    assert site.send("GET", "/own/kept.txt").content == b"1"


def test_snapshots_are_listed_replaced_and_deleted(site: SnapshotSite) -> None:
    control = site.control
    assert control.call("GET", "snapshots") == {"snapshots": []}
    first = control.call("PUT", "snapshots/b")
    site.fill()
    control.call("PUT", "snapshots/a")
    second = control.call("PUT", "snapshots/b")
    assert (first["datasets"], second["datasets"]) == (0, 2)
    assert [each["name"] for each in control.call("GET", "snapshots")["snapshots"]] == ["a", "b"]
    assert control.call("GET", "snapshots/b") == second
    control.call("DELETE", "snapshots/a", 204)
    for method in ("GET", "POST", "DELETE"):
        assert "a" in control.refused(method, "snapshots/a", 404)
    control.refused("GET", "snapshots/a/archive", 404)
    assert control.call("GET", "snapshots")["snapshots"] == [second]
    left = sorted(path.name for path in (site.emu.runtime.root / "snapshots").iterdir())
    assert left == ["b"]


@pytest.mark.parametrize("name", [".hidden", "a b", "ä", "a" * 65, "a\\b", "a%00"])
def test_snapshot_with_an_invalid_name_is_refused(site: SnapshotSite, name: str) -> None:
    for path in (f"snapshots/{name}", f"snapshots/{name}/archive"):
        answer = site.control.send("PUT", path, data=b"")
        assert answer.status_code in (400, 404, 405)
    assert site.control.call("GET", "snapshots") == {"snapshots": []}


def test_save_with_a_held_task_reports_it_and_saves_nothing(site: SnapshotSite) -> None:
    site.fill()
    [dataset] = site.red.call("GET")["datasets"]
    site.control.call("PUT", "transitions", json={"publish": {"mode": "hold"}})
    site.red.call("POST", f"/{dataset['dataset_id']}/versions", 201, json={})
    body = site.control.call("PUT", "snapshots/one?timeout_ms=100", 504)
    assert [task["dataset_id"] for task in body["open"]["tasks"]] == [dataset["dataset_id"]]
    assert site.control.call("GET", "snapshots") == {"snapshots": []}
    assert "timeout_ms" in site.control.refused("PUT", "snapshots/one?timeout_ms=-1")
    site.control.call("PUT", "transitions", json={})
    site.control.call("PUT", "snapshots/one")


def test_restore_ends_held_tasks(site: SnapshotSite) -> None:
    site.fill()
    site.control.call("PUT", "snapshots/one")
    before = site.state()
    [dataset] = site.red.call("GET")["datasets"]
    site.control.call("PUT", "transitions", json={"publish": {"mode": "hold"}, "sync": {"mode": "hold"}})
    site.red.call("POST", f"/{dataset['dataset_id']}/versions", 201, json={})
    [other] = site.blue.call("GET")["datasets"]
    site.blue.call("POST", f"/{other['dataset_id']}/sync-data")
    poll(lambda: len(site.control.call("GET", "transitions")["held"]) == 2, "both are held")
    site.control.call("POST", "snapshots/one")
    site.control.call("PUT", "transitions", json={})
    site.control.call("POST", "wait-idle")
    assert site.state() == before


def test_restored_state_outlives_a_restart(tmp_path: Path) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data", durability="process")
    with Emulator(settings) as emu:
        site = SnapshotSite(emu)
        site.fill()
        before = site.state()
        site.control.call("PUT", "snapshots/one")
        site.spoil()
        site.control.call("POST", "snapshots/one")
        site.close()
        upload_id = site.upload_id
    for _ in range(2):
        with Emulator(settings) as emu:
            site = SnapshotSite(emu)
            site.upload_id = upload_id
            assert site.state() == before
            site.spoil()
            site.control.call("POST", "snapshots/one")
            site.close()


def test_restore_that_fails_in_the_middle_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    settings = Settings(port=0, data_dir=tmp_path / "data", durability="process")
    with Emulator(settings) as emu:
        site = SnapshotSite(emu)
        site.fill()
        before = site.state()
        site.control.call("PUT", "snapshots/one")
        site.spoil()
        with monkeypatch.context() as patched:
            patched.setattr(StagedObjects, "apply", refuse)
            assert "No space left" in site.control.refused("POST", "snapshots/one", 500)
        assert requests.get(f"{emu.url}/_emulator/ready", timeout=10).status_code == 200
        assert site.control.call("GET", "health")["restoring"] == "one"
        site.close()
        upload_id = site.upload_id
    assert "interrupted" not in caplog.text
    with Emulator(settings) as emu:
        assert "snapshot one was interrupted" in caplog.text
        site = SnapshotSite(emu)
        site.upload_id = upload_id
        site.control.call("POST", "wait-idle")
        assert site.control.call("GET", "health")["restoring"] is None
        assert site.state() == before
        site.close()
    caplog.clear()
    with Emulator(settings):
        assert "interrupted" not in caplog.text


def test_archive_is_restored_by_another_emulator(site: SnapshotSite, tmp_path: Path) -> None:
    """As one file, which is the same each time, so that it can be committed."""
    site.fill()
    before = site.state()
    site.control.call("PUT", "snapshots/one")
    downloaded = [site.control.send("GET", "snapshots/one/archive") for _ in range(2)]
    assert downloaded[0].content == downloaded[1].content
    assert downloaded[0].headers["Content-Type"] == "application/zip"
    assert downloaded[0].headers["Content-Disposition"] == 'attachment; filename="one.zip"'
    with zipfile.ZipFile(io.BytesIO(downloaded[0].content)) as archive:
        assert archive.testzip() is None
        assert {"snapshot.json", "objects.json", "buckets/own/notes.txt"} <= set(archive.namelist())
    for number, data_dir in enumerate((None, tmp_path / "other")):
        with Emulator(Settings(port=0, data_dir=data_dir, durability="process")) as emu:
            other = SnapshotSite(emu)
            other.upload_id = site.upload_id
            uploaded = other.control.call("PUT", "snapshots/two/archive", data=downloaded[0].content)
            assert uploaded == {**site.control.call("GET", "snapshots/one"), "name": "two"}
            assert other.control.call("GET", "snapshots")["snapshots"] == [uploaded]
            assert other.red.call("GET")["total_number"] == 0
            other.control.call("POST", "snapshots/two")
            assert other.state() == before, number
            assert other.control.send("GET", "snapshots/two/archive").content == downloaded[0].content
            other.close()


def test_restore_of_a_mounted_folder_keeps_new_files(mounted: SnapshotSite, bucket: Path) -> None:
    mounted.fill()
    before = mounted.state()
    mounted.control.call("PUT", "snapshots/all?mounts=true")
    saved = mounted.control.call("PUT", "snapshots/datasets")
    assert saved["files"] == 0
    mounted.spoil()
    (bucket / "in/mine.png").write_bytes(picture())
    mounted.control.call("POST", "snapshots/all")
    for name in ("0", "1", "2"):
        assert (bucket / f"in/{name}.png").read_bytes() == before[f"object in/{name}.png"][0]
    assert (bucket / "in/mine.png").exists()
    mounted.control.call("POST", "wait-idle")
    [dataset] = mounted.red.call("GET")["datasets"]
    ids = mounted.red.ids(dataset["dataset_id"])
    assert {"0.png", "1.png", "2.png", "mine.png", "new.png"} <= set(ids)
    labels = mounted.red.samples(dataset["dataset_id"])["samples"]
    assert {each["sample_name"] for each in labels if each.get("labels")} == {"0.png", "1.png", "2.png"}
    (bucket / "in/1.png").unlink()
    mounted.control.call("POST", "snapshots/datasets")
    assert "1.png" not in mounted.red.ids(dataset["dataset_id"])


def test_restore_of_a_mounted_folder_brings_back_empty_folders(mounted: SnapshotSite, bucket: Path) -> None:
    assert not [path for path in bucket.iterdir() if path.is_file()]
    (bucket / "in/empty").mkdir(parents=True)
    (bucket / "in/a.png").write_bytes(picture())
    mounted.control.call("PUT", "snapshots/all?mounts=true")
    shutil.rmtree(bucket / "in")
    mounted.control.call("POST", "snapshots/all")
    assert (bucket / "in/a.png").read_bytes() == picture()
    assert (bucket / "in/empty").is_dir()


def test_restore_in_manual_mode_does_not_synchronize(settings: Settings, bucket: Path) -> None:
    with Emulator(replace(settings, sync="manual")) as emu:
        site = SnapshotSite(emu, "bucket")
        site.fill()
        site.control.call("PUT", "snapshots/one")
        [dataset] = site.red.call("GET")["datasets"]
        (bucket / "in/late.png").write_bytes(picture())
        site.control.call("POST", "snapshots/one")
        site.control.call("POST", "wait-idle")
        assert "late.png" not in site.red.ids(dataset["dataset_id"])
        site.red.call("POST", f"/{dataset['dataset_id']}/sync-data")
        site.control.call("POST", "wait-idle")
        assert "late.png" in site.red.ids(dataset["dataset_id"])
        site.close()


def test_restore_while_clients_write_is_exact(site: SnapshotSite) -> None:
    """Each restore is exact, and each request sees the state before or after it."""
    site.fill()
    site.control.call("PUT", "snapshots/one")
    before = site.state()
    [dataset] = site.red.call("GET")["datasets"]
    base, ids = f"{site.red.base}/{dataset['dataset_id']}", list(site.red.ids(dataset["dataset_id"]).values())
    ends, goes_on = threading.Event(), threading.Event()
    goes_on.set()
    wrong: list[Any] = []
    resting = threading.Semaphore(0)

    def work(number: int) -> None:
        with requests.Session() as session:
            count = 0
            while not ends.is_set():
                if not goes_on.is_set():
                    resting.release()
                    goes_on.wait(60)
                count += 1
                body = {"samples": [{"sample_id": ids[number], "labels": [{"name": f"{number}-{count}"}]}]}
                for method, url, given in (
                    ("PUT", f"{base}/data-annotations/samples", {"json": body}),
                    ("PUT", f"{site.emu.url}/own/in/{number}.png", {"data": picture(count % 50 + 1), "headers": OBS}),
                    ("POST", f"{base}/versions", {"json": {}}),
                    ("GET", f"{base}/data-annotations/samples", {}),
                ):
                    answer = session.request(method, url, timeout=60, **given)
                    if answer.status_code >= 500:
                        wrong.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        poll(lambda: len(site.red.call("GET", f"/{dataset['dataset_id']}/versions")["versions"]) > 3, "they write")
        site.control.call("POST", "snapshots/one")
        goes_on.clear()
        for _ in threads:
            assert resting.acquire(timeout=60)
        site.control.call("POST", "snapshots/one")
        site.control.call("POST", "wait-idle")
        assert site.state() == before
        goes_on.set()
    ends.set()
    goes_on.set()
    for thread in threads:
        thread.join(60)
    assert not wrong


def test_save_while_clients_write_is_consistent(site: SnapshotSite) -> None:
    """A snapshot that is saved while clients write contains no half-done change."""
    site.fill()
    [dataset] = site.red.call("GET")["datasets"]
    base = f"{site.red.base}/{dataset['dataset_id']}"
    ends = threading.Event()

    def work(path: str) -> None:
        with requests.Session() as session:
            while not ends.is_set():
                session.post(f"{base}/{path}", json={}, timeout=60)

    threads = [threading.Thread(target=work, args=(path,)) for path in ("versions", "sync-data")]
    for thread in threads:
        thread.start()
    for number in range(4):
        answer = site.control.send("PUT", f"snapshots/s{number}?timeout_ms=20000")
        assert answer.status_code == 200, answer.text
    ends.set()
    for thread in threads:
        thread.join(60)
    for number in range(4):
        site.control.call("POST", f"snapshots/s{number}")
        assert site.red.call("GET", f"/{dataset['dataset_id']}")["status"] == 1
        versions = site.red.call("GET", f"/{dataset['dataset_id']}/versions")["versions"]
        assert {each["status"] for each in versions} == {1}


@pytest.mark.parametrize("name", ["in/c\x01d.png", "in/0.png/below.png"])
def test_restore_of_a_mounted_folder_with_names_that_cannot_be_objects_changes_nothing(
    mounted: SnapshotSite, bucket: Path, name: str
) -> None:
    mounted.fill()
    mounted.control.call("PUT", "snapshots/one?mounts=true")
    folder = mounted.emu.runtime.root / "snapshots/one/buckets/bucket"
    if "below" in name:
        (folder / "in/0.png").unlink()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    mounted.dataset(name="later")
    before = mounted.state(), sorted(bucket.rglob("*"))
    assert "Invalid snapshot" in mounted.control.refused("POST", "snapshots/one")
    assert (mounted.state(), sorted(bucket.rglob("*"))) == before


def test_save_does_not_follow_links_out_of_a_mounted_folder(
    mounted: SnapshotSite, bucket: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (bucket / "link.txt").symlink_to(tmp_path / "secret.txt")
    (bucket / "folder").symlink_to(tmp_path, target_is_directory=True)
    mounted.control.call("PUT", "snapshots/one?mounts=true")
    saved = mounted.emu.runtime.root / "snapshots/one/buckets"
    assert [path for path in saved.rglob("*") if path.is_file() and path.read_bytes() == b"secret"] == []
