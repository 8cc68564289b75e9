"""Loads of a crash test. Each one repeats one kind of change, and knows what every answer has promised.

After a kill and a start, ``check`` compares the promise with the state: what was acknowledged is there, and what was in
flight is there as a whole or not at all. It then adopts the state, so that the next round begins with it.
"""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import requests

from tests.helpers.api import Api
from tests.helpers.object_calls import begin, call, complete, get, listed, part
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

CAT = [{"name": "cat"}]
PART = b"p" * 102_400


class Load:
    """One client with one kind of change; ``step`` is repeated until the emulator is killed."""

    def __init__(self, bucket: Path) -> None:
        self.bucket = bucket
        self.name = type(self).__name__.lower()
        self.steps = 0
        self.api: Api
        self.failure: BaseException | None = None

    def prepare(self) -> None:
        """Create what the load needs, once."""

    def step(self) -> None:
        """Make one change, and note its promise before the request and after the answer."""
        raise NotImplementedError

    def check(self) -> None:
        """Compare the promises with the state after a start."""
        raise NotImplementedError

    def run(self, enough: threading.Barrier) -> None:
        """Repeat ``step`` until the emulator does not answer any more."""
        try:
            self.step()
            enough.wait(60)
            while True:
                self.step()
        except (requests.RequestException, threading.BrokenBarrierError):
            pass
        except BaseException as error:
            self.failure = error

    def put(self, path: str, **arguments: Any) -> Any:
        return self.api.call("PUT", path, **arguments)

    def dataset(self, **members: Any) -> str:
        folder = f"in-{self.name}"
        (self.bucket / folder).mkdir(exist_ok=True)
        sources = [{"data_type": 0, "data_path": f"/bucket/{folder}/"}]
        return self.api.dataset(dataset_name=self.name, data_sources=sources, **members)

    def samples(self, dataset_id: str) -> dict[str, list[str]]:
        """The labels of all samples by name."""
        found: dict[str, list[str]] = {}
        total, page = 1, 0
        while len(found) < total and page * 100 < total:
            answer = self.api.samples(dataset_id, f"?limit=100&offset={page}&order=asc")
            total, page = answer["sample_count"], page + 1
            found |= {each["sample_name"]: [i["name"] for i in each["labels"]] for each in answer["samples"]}
        return found

    def files(self) -> set[str]:
        return {path.name for path in (self.bucket / f"in-{self.name}").rglob("*") if path.is_file()}


class Labels(Load):
    """Label batches of five samples; a batch is labelled as a whole."""

    def prepare(self) -> None:
        (self.bucket / "in-labels").mkdir()
        for number in range(5):
            (self.bucket / f"in-labels/{number}.png").write_bytes(picture())
        self.dataset_id = self.dataset()
        self.ids = sorted(self.api.ids(self.dataset_id).values())
        self.promised: str | None = None
        self.in_flight: str | None = None

    def step(self) -> None:
        self.steps += 1
        self.in_flight = f"label-{self.steps}"
        self.api.label(self.dataset_id, {each: [{"name": self.in_flight}] for each in self.ids})
        self.promised, self.in_flight = self.in_flight, None

    def check(self) -> None:
        found = {tuple(labels) for labels in self.samples(self.dataset_id).values()}
        allowed = [(each,) if each else () for each in (self.promised, self.in_flight)]
        assert len(found) == 1 and found <= set(allowed), (found, allowed)
        self.promised, self.in_flight = next(iter(found))[0] if next(iter(found)) else None, None


class Files(Load):
    """Upload three labelled files, and delete three of an earlier upload with their files."""

    def prepare(self) -> None:
        self.dataset_id = self.dataset()
        self.there: list[tuple[str, ...]] = []
        self.in_flight: tuple[str, ...] = ()

    def step(self) -> None:
        self.steps += 1
        path = f"/{self.dataset_id}/data-annotations/samples"
        if self.steps % 2 == 0 and self.there:
            names = self.in_flight = self.there.pop(0)
            found = self.ids(names)
            body = {"samples": found, "delete_source": True}
            assert self.api.call("POST", f"{path}/delete", json=body)["success"] is True
        else:
            names = self.in_flight = tuple(f"f{self.steps}-{number}.png" for number in range(3))
            data = base64.b64encode(picture(8 + self.steps % 50, 8)).decode()
            samples = [{"name": name, "data": data, "labels": CAT} for name in names]
            assert self.api.call("POST", path, json={"samples": samples})["success"] is True
            self.there.append(names)
        self.in_flight = ()

    def ids(self, names: tuple[str, ...]) -> list[str]:
        """The ids of the samples with these names."""
        found = {}
        for page in range(1 + (3 * len(self.there) + 3) // 100):
            found |= self.api.ids(self.dataset_id, f"?limit=100&offset={page}&order=asc")
        return [found[name] for name in names]

    def check(self) -> None:
        found, files = self.samples(self.dataset_id), self.files()
        assert all(labels == ["cat"] for labels in found.values()), found
        assert set(found) == files, set(found) ^ files
        promised = {name for names in self.there for name in names}
        assert files - promised in (set(), set(self.in_flight)), (files - promised, self.in_flight)
        assert promised <= files, promised - files
        if self.in_flight and set(self.in_flight) <= files:
            self.there.append(self.in_flight)
        self.in_flight = ()


class Imports(Load):
    """Import folders of five labelled files; a folder is one batch."""

    def prepare(self) -> None:
        self.dataset_id = self.dataset()
        self.completed: set[int] = set()
        self.tasks: dict[str, int] = {}

    def step(self) -> None:
        self.steps += 1
        source = self.bucket / f"source/{self.steps}"
        source.mkdir(parents=True)
        for number in range(5):
            (source / f"i{self.steps}-{number}.png").write_bytes(picture())
            (source / f"i{self.steps}-{number}.txt").write_text("cat\n")
        body = {"import_path": f"/bucket/source/{self.steps}/", "import_annotations": True}
        task = self.api.call("POST", f"/{self.dataset_id}/import-tasks", json=body)["task_id"]
        self.tasks[task] = self.steps
        poll(lambda: self.status(task) in ("COMPLETED", "FAILED"))
        assert self.status(task) == "COMPLETED"
        self.completed.add(self.steps)

    def status(self, task: str) -> str:
        return str(self.api.call("GET", f"/{self.dataset_id}/import-tasks/{task}")["status"])

    def check(self) -> None:
        found = self.samples(self.dataset_id)
        assert set(found) == {name for name in self.files() if name.endswith(".png")}
        assert all(labels == ["cat"] for labels in found.values()), found
        for step in range(1, self.steps + 1):
            names = {f"i{step}-{number}.png" for number in range(5)}
            assert len(names & set(found)) in (5,) if step in self.completed else (0, 5), (step, names & set(found))
        for task, step in self.tasks.items():
            assert self.status(task) in (("COMPLETED",) if step in self.completed else ("COMPLETED", "FAILED"))


class Versions(Load):
    """Publish versions, export, and switch between two versions with other labels."""

    def prepare(self) -> None:
        (self.bucket / "in-versions").mkdir()
        for number in range(4):
            (self.bucket / f"in-versions/{number}.png").write_bytes(picture())
        self.dataset_id = self.dataset()
        ids = self.api.ids(self.dataset_id).values()
        self.labels: dict[str, str] = {}
        for label in ("a", "b"):
            self.api.label(self.dataset_id, {each: [{"name": label}] for each in ids})
            self.labels[self.api.publish(self.dataset_id)["version_id"]] = label
        self.usable = set(self.labels)
        self.started: dict[str, str] = {}
        self.current = "b"
        self.switching_to: str | None = None

    def step(self) -> None:
        self.steps += 1
        if self.steps % 3 == 0:
            body = {"path": "/bucket/out/", "export_type": 0}
            task = self.api.call("POST", f"/{self.dataset_id}/export-tasks", json=body)["task_id"]
            poll(lambda: self.api.call("GET", f"/{self.dataset_id}/export-tasks/{task}")["status"] == "SUCCESSED")
        elif self.steps % 3 == 1:
            version_id = self.api.call("POST", f"/{self.dataset_id}/versions", 201, json={})["version_id"]
            self.started[version_id] = self.current
            poll(lambda: self.version(version_id)["status"] == 1)
            self.labels[version_id] = self.started.pop(version_id)
            self.usable.add(version_id)
            self.api.call("DELETE", f"/{self.dataset_id}/versions/{version_id}", 204)
            self.usable.discard(version_id)
        else:
            version_id, label = next(each for each in self.labels.items() if each[1] != self.current)
            self.switching_to = label
            self.put(f"/{self.dataset_id}", json={"current_version_id": version_id})
            poll(lambda: self.api.call("GET", f"/{self.dataset_id}")["status"] == 1)
            self.current, self.switching_to = label, None

    def version(self, version_id: str) -> Any:
        return self.api.call("GET", f"/{self.dataset_id}/versions/{version_id}")

    def check(self) -> None:
        self.api.ready(self.dataset_id)
        found = {tuple(labels) for labels in self.samples(self.dataset_id).values()}
        assert len(found) == 1 and found <= {(self.current,), (self.switching_to,)}, found
        self.current, self.switching_to = next(iter(found))[0], None
        known = {each["version_id"]: each for each in self.api.call("GET", f"/{self.dataset_id}/versions")["versions"]}
        first_two = list(self.labels)[:2]
        assert set(first_two) <= set(known)
        for version_id, version in known.items():
            assert version["status"] in (1, 4), version
            if version_id in first_two or version["status"] == 1:
                assert version["status"] == 1
                manifest = self.bucket / version["manifest_path"].removeprefix("/bucket/")
                assert len(manifest.read_text().splitlines()) == 4
                assert self.api.samples(self.dataset_id, f"?version_id={version_id}")["sample_count"] == 4
        self.labels = {version_id: self.labels[version_id] for version_id in first_two}
        self.started = {}
        notes = list(self.bucket.glob("out/*/task/.~written-*"))
        assert notes == []


class Datasets(Load):
    """Create, rename and delete datasets."""

    def prepare(self) -> None:
        self.promised: dict[str, str] = {}
        self.created: str | None = None
        self.renamed: tuple[str, str] | None = None
        self.deleted: str | None = None
        (self.bucket / "in-datasets").mkdir()

    def step(self) -> None:
        self.steps += 1
        self.created = f"d-{self.steps}"
        sources = [{"data_type": 0, "data_path": "/bucket/in-datasets/"}]
        dataset_id = self.api.create(dataset_name=self.created, data_sources=sources)
        self.promised[dataset_id] = self.created
        self.created = None
        self.api.ready(dataset_id)
        self.renamed = dataset_id, f"r-{self.steps}"
        self.put(f"/{dataset_id}", json={"dataset_name": self.renamed[1]})
        self.promised[dataset_id] = self.renamed[1]
        self.renamed = None
        if len(self.promised) > 2:
            self.deleted = next(iter(self.promised))
            name = self.promised.pop(self.deleted)
            self.api.call("DELETE", f"/{self.deleted}", 204)
            assert name
            self.deleted = None

    def check(self) -> None:
        datasets = self.api.call("GET", "?limit=100")["datasets"]
        found = {
            each["dataset_id"]: each["dataset_name"] for each in datasets if each["dataset_name"][:2] in ("d-", "r-")
        }
        for dataset_id, name in self.promised.items():
            allowed = {name} | ({self.renamed[1]} if self.renamed and self.renamed[0] == dataset_id else set())
            assert found.get(dataset_id) in allowed, (found, dataset_id, allowed)
        others = {dataset_id: name for dataset_id, name in found.items() if dataset_id not in self.promised}
        for dataset_id, name in others.items():
            assert dataset_id == self.deleted or name == self.created, (dataset_id, name)
        self.promised, self.created, self.renamed, self.deleted = found, None, None, None


class Objects(Load):
    """Write, replace and delete an object, and write another one in two parts."""

    def prepare(self) -> None:
        call(self.api, "PUT", "/own")
        self.content: bytes | None = None
        self.in_flight: tuple[bytes | None, ...] = ()
        self.whole: set[str] = set()
        self.upload: tuple[str, str, list[str]] | None = None
        self.is_completing = False

    def step(self) -> None:
        self.steps += 1
        content = None if self.steps % 5 == 0 else b"%d" % self.steps * 2000
        self.in_flight = (content,)
        if content is None:
            call(self.api, "DELETE", "/own/object")
        else:
            assert call(self.api, "PUT", "/own/object", data=content).status_code == 200
        self.content, self.in_flight = content, ()
        key = f"big-{self.steps}"
        upload = begin(self.api, key)
        etags: list[str] = []
        self.upload = key, upload, etags
        for number in (1, 2):
            etags.append(part(self.api, upload, number, PART, key).headers["ETag"])
        self.is_completing = True
        assert complete(self.api, upload, list(enumerate(etags, 1)), key).status_code == 200
        self.whole.add(key)
        self.upload, self.is_completing = None, False

    def check(self) -> None:
        answer = call(self.api, "GET", "/own/object")
        found = answer.content if answer.status_code == 200 else None
        assert found in (self.content, *self.in_flight)
        self.content, self.in_flight = found, ()
        for key in self.whole:
            assert get(self.api, key).content == PART * 2
        if self.upload is not None:
            self.check_upload(*self.upload)
        self.upload, self.is_completing = None, False

    def check_upload(self, key: str, upload: str, etags: list[str]) -> None:
        """All acknowledged parts are there, or the object is, if completing was in flight."""
        answer = call(self.api, "GET", f"/bucket/{key}?uploadId={upload}")
        if answer.status_code == 404:
            assert self.is_completing
            assert get(self.api, key).content == PART * 2
            return
        there = listed(answer, "Part", "ETag")
        assert there[: len(etags)] == etags
        while len(there) < 2:
            there.append(part(self.api, upload, len(there) + 1, PART, key).headers["ETag"])
        assert complete(self.api, upload, list(enumerate(there, 1)), key).status_code == 200
        self.whole.add(key)


class Snapshots(Load):
    """Save snapshots under two names in turn; the state is busy, so that some are refused."""

    def prepare(self) -> None:
        self.saved: set[str] = set()

    def step(self) -> None:
        self.steps += 1
        name = f"snap-{self.steps % 2}"
        url = f"{self.api.url}/_emulator/snapshots/{name}?objects=false&timeout_ms=300"
        if self.api.session.put(url, timeout=60).status_code == 200:
            self.saved.add(name)

    def check(self) -> None:
        answer = self.api.session.get(f"{self.api.url}/_emulator/snapshots", timeout=30).json()
        assert self.saved <= {each["name"] for each in answer["snapshots"]}


LOADS: list[type[Load]] = [Labels, Files, Imports, Versions, Datasets, Objects, Snapshots]
