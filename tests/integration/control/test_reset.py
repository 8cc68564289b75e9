"""Everything is gone after a reset, or all of one project: and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

HOLD = {"mode": "hold"}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


class ResetSite:
    """An emulator with datasets, objects and control settings."""

    def __init__(self, emu: Emulator) -> None:
        self.emu, self.control = emu, Control(emu.url)
        self.apis = {name: Api(emu.url, name) for name in ("red", "blue")}

    def put(self, path: str, data: bytes = b"", status: int = 200, **headers: str) -> None:
        answer = requests.put(self.emu.url + path, data=data, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text

    def get(self, path: str) -> requests.Response:
        return requests.get(self.emu.url + path, timeout=30)

    def bucket(self, name: str = "own") -> None:
        self.put(f"/{name}", **{"x-obs-date": "now"})
        self.put(f"/{name}/in/a.png", picture())

    def dataset(self, project: str = "red", bucket: str = "own", **members: Any) -> str:
        sources = [{"data_type": 0, "data_path": f"/{bucket}/in/"}]
        return self.apis[project].dataset(
            dataset_name=f"of-{project}", data_sources=sources, work_path=f"/{bucket}/out-{project}/", **members
        )

    def close(self) -> None:
        for client in (self.control, *self.apis.values()):
            client.session.close()


@pytest.fixture
def site(own_settings: Settings) -> Iterator[ResetSite]:
    with Emulator(own_settings) as emu:
        made = ResetSite(emu)
        yield made
        made.close()


def test_reset_removes_everything(site: ResetSite) -> None:
    control, root = site.control, site.emu.runtime.root
    site.bucket()
    dataset_id = site.dataset()
    site.apis["red"].publish(dataset_id)
    upload = requests.post(f"{site.emu.url}/own/big?uploads", timeout=30)
    assert upload.status_code == 200
    control.call("POST", "faults", 201, json={"status": 500, "path": "/nowhere"})
    control.call("PUT", "transitions", json={"sync": HOLD})
    control.call("PUT", "clock", json={"freeze": True})
    control.call("PUT", "ids", json={"seed": 1})

    assert control.call("POST", "reset") == {"datasets": 1, "buckets": 1}

    assert site.apis["red"].call("GET")["total_number"] == 0
    site.apis["red"].refused("GET", f"/{dataset_id}")
    assert site.get("/own/in/a.png").status_code == 404
    assert not files(root / "obs")
    assert not (root / "uploads").exists() or not files(root / "uploads")
    assert control.call("GET", "faults")["faults"] == []
    assert control.call("GET", "transitions")["transitions"]["sync"] == {"mode": "immediate"}
    assert control.call("GET", "clock")["frozen"] is False
    assert not site.emu.runtime.ids.is_seeded
    paths = [each["url"] for each in control.call("GET", "requests")["requests"]]
    assert len(paths) == 3  # those since


def test_reset_allows_the_same_calls_again(site: ResetSite) -> None:
    for _ in range(3):
        site.bucket()
        dataset_id = site.dataset()
        assert site.apis["red"].samples(dataset_id)["sample_count"] == 1
        site.put("/own/in/b.png", picture())
        poll(lambda dataset_id=dataset_id: site.apis["red"].samples(dataset_id)["sample_count"] == 2, "followed")
        assert site.control.call("POST", "reset") == {"datasets": 1, "buckets": 1}
    assert site.control.call("POST", "reset") == {"datasets": 0, "buckets": 0}


def test_reset_outlives_a_restart(tmp_path: Path) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data", durability="process")
    with Emulator(settings) as emu:
        site = ResetSite(emu)
        site.bucket()
        site.dataset()
        site.control.call("POST", "reset")
        site.bucket("new")
        kept = site.dataset("blue", "new")
        site.close()
    with Emulator(settings) as emu:
        site = ResetSite(emu)
        assert site.apis["red"].call("GET")["total_number"] == 0
        assert site.apis["blue"].samples(kept)["sample_count"] == 1
        site.close()


def test_reset_of_a_project_keeps_others(site: ResetSite) -> None:
    control = site.control
    site.bucket()
    red, blue = site.dataset("red"), site.dataset("blue")
    for project in ("red", "blue"):
        control.call("POST", "faults", 201, json={"project_id": project, "status": 503, "nth": 1000})
        control.call("PUT", f"transitions?project_id={project}", json={"publish": HOLD})
    control.call("PUT", "clock", json={"freeze": True})
    output = site.emu.runtime.root / "obs/own"
    details = site.apis["blue"].call("GET", f"/{blue}")
    listed = {each["number"] for each in control.call("GET", "requests?project_id=blue")["requests"]}

    assert control.call("POST", "reset?project_id=red") == {"datasets": 1, "buckets": 0}

    site.apis["red"].refused("GET", f"/{red}")
    assert site.apis["red"].call("GET")["total_number"] == 0
    assert site.apis["blue"].call("GET", f"/{blue}") == details
    assert site.apis["blue"].samples(blue)["sample_count"] == 1
    assert [each["fault"]["project_id"] for each in control.call("GET", "faults")["faults"]] == ["blue"]
    for project, rule in (("red", {"mode": "immediate"}), ("blue", HOLD)):
        shown = control.call("GET", f"transitions?project_id={project}")["transitions"]
        assert shown["publish"] == rule
    assert control.call("GET", "clock")["frozen"] is True
    assert not (output / "out-red").exists()
    assert (output / "out-blue").is_dir()
    assert (output / "in/a.png").is_file()
    assert listed < {each["number"] for each in control.call("GET", "requests?project_id=blue")["requests"]}


def test_reset_keeps_the_files_of_mounted_folders(
    emu: Emulator, api: Api, control: Control, pictures: Path, settings: Settings
) -> None:
    (pictures / "own.txt").write_text("mine")
    before = files(pictures)
    dataset_id = api.dataset()
    api.publish(dataset_id)
    assert files(pictures) > before
    assert control.call("POST", "reset") == {"datasets": 1, "buckets": 0}
    assert files(pictures) == before
    assert (pictures / "in").is_dir()
    assert api.dataset()


def test_reset_without_objects_keeps_buckets(site: ResetSite) -> None:
    site.bucket()
    site.apis["red"].publish(site.dataset())
    before = files(site.emu.runtime.root / "obs")
    assert site.control.call("POST", "reset?objects=false") == {"datasets": 1, "buckets": 0}
    assert files(site.emu.runtime.root / "obs") == before
    assert site.get("/own/in/a.png").content == picture()


@pytest.mark.parametrize("kind", ["publish", "sync"])
def test_reset_ends_held_tasks_before_they_write(site: ResetSite, kind: str) -> None:
    site.bucket()
    dataset_id = site.dataset()
    site.control.call("PUT", "transitions", json={kind: HOLD})
    path, status = {"publish": ("versions", 201), "sync": ("sync-data", 200)}[kind]
    site.apis["red"].call("POST", f"/{dataset_id}/{path}", status, json={})
    poll(lambda: site.control.call("GET", "transitions")["held"], "held")
    site.control.call("POST", "reset?objects=false")
    assert site.emu.runtime.tasks.open == 0
    assert site.control.call("GET", "transitions")["held"] == []
    assert not [path for path in files(site.emu.runtime.root / "obs") if path.endswith(".manifest")]


def test_reset_while_clients_write_leaves_nothing(site: ResetSite) -> None:
    """Requests see the state before or after the reset, never a mixture."""
    ends = threading.Event()
    wrong: list[tuple[int, str]] = []

    def work(name: str) -> None:
        with requests.Session() as session:
            while not ends.is_set():
                body = {"dataset_name": name, "work_path": "/own/out/", "work_path_type": 0, "data_sources": []}
                body["data_sources"] = [{"data_path": "/own/in/"}]
                for method, path, given in (
                    ("PUT", f"/own/in/{name}.png", {"data": picture()}),
                    ("POST", f"/v2/{name}/datasets", {"json": body}),
                    ("GET", f"/v2/{name}/datasets", {}),
                ):
                    answer = session.request(method, site.emu.url + path, timeout=30, **given)
                    if answer.status_code >= 500:
                        wrong.append((answer.status_code, answer.text))

    site.bucket()
    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for _ in range(8):
        site.control.call("POST", "reset")
        site.put("/own", **{"x-obs-date": "now"})
        site.put("/own/in/a.png", picture())
    ends.set()
    for thread in threads:
        thread.join(60)
    assert not wrong
    site.control.call("POST", "reset")
    assert not files(site.emu.runtime.root / "obs")
    assert site.emu.runtime.store.entries() == []
    site.bucket()
    assert site.apis["red"].samples(site.dataset())["sample_count"] == 1


@pytest.mark.parametrize("query", ["project=red", "objects=maybe", "project_id=red&all=true"])
def test_reset_with_an_unknown_parameter_removes_nothing(site: ResetSite, query: str) -> None:
    site.bucket()
    site.dataset()
    site.control.refused("POST", f"reset?{query}")
    assert site.apis["red"].call("GET")["total_number"] == 1


def test_reset_in_manual_mode_forgets_pending_changes(settings: Settings, bucket: Path) -> None:
    with Emulator(replace(settings, sync="manual")) as emu:
        site = ResetSite(emu)
        site.dataset(bucket="bucket")
        (bucket / "in/a.png").write_bytes(picture())
        poll(lambda: emu.runtime.synchronizer.pending, "noted")
        site.control.call("POST", "reset")
        assert not emu.runtime.synchronizer.pending
        site.close()
