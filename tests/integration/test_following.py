"""The dataset follows its folder: real files, created, changed, moved and deleted under the watcher."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.abilities import needs_leases
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll


def names(api: Api, dataset_id: str) -> set[str]:
    return {sample["sample_name"] for sample in api.samples(dataset_id)["samples"]}


def test_sync_every_change_of_the_folder_is_applied(api: Api, bucket: Path, tmp_path: Path) -> None:
    folder = bucket / "in"
    dataset_id = api.dataset()
    (folder / "a.png").write_bytes(picture())
    poll(lambda: names(api, dataset_id) == {"a.png"}, "created")
    sample_id = api.ids(dataset_id)["a.png"]
    api.label(dataset_id, {sample_id: [{"name": "x"}]})
    (folder / "a.png").write_bytes(picture(64, 48))
    changed = poll(
        lambda: (s := api.samples(dataset_id)["samples"][0])["metadata"]["@modelarts:size"] == [64, 48, 3] and s,
        "overwritten",
    )
    assert (changed["sample_id"], changed["labels"][0]["name"]) == (sample_id, "x")
    (folder / "a.png").rename(folder / "b.png")
    poll(lambda: names(api, dataset_id) == {"b.png"}, "renamed")
    (tmp_path / "c.png").write_bytes(picture())
    (tmp_path / "c.png").rename(folder / "c.png")
    poll(lambda: names(api, dataset_id) == {"b.png", "c.png"}, "moved in")
    (folder / "b.png").rename(tmp_path / "b.png")
    poll(lambda: names(api, dataset_id) == {"c.png"}, "moved out")
    (tmp_path / "new").mkdir()
    (tmp_path / "new/d.png").write_bytes(picture())
    (tmp_path / "new").rename(folder / "new")
    poll(lambda: names(api, dataset_id) == {"c.png", "d.png"}, "directory moved in")
    (folder / "new/e.png").write_bytes(picture())
    poll(lambda: "e.png" in names(api, dataset_id), "file in the moved directory")
    shutil.rmtree(folder / "new")
    poll(lambda: names(api, dataset_id) == {"c.png"}, "directory deleted")
    shutil.rmtree(folder)
    poll(lambda: names(api, dataset_id) == set(), "input path deleted")
    folder.mkdir()
    (folder / "f.png").write_bytes(picture())
    poll(lambda: names(api, dataset_id) == {"f.png"}, "input path made again")


def test_sync_only_changed_files_are_read(emu: Emulator, api: Api, bucket: Path) -> None:
    dataset_id = api.dataset()
    emu.runtime.watcher.stop()
    folder = bucket / "in"
    for name in ("a.png", "b.png", "new/c.png", "new/d.png", "newer/e.png", ".hidden/f.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture())

    def look(*inner: str) -> set[str]:
        emu.runtime.synchronizer.synchronize(dataset_id, paths=[str(folder / each) for each in inner])
        return names(api, dataset_id)

    assert look() == set()
    assert look("a.png", ".hidden", ".hidden/f.png", "nothing") == {"a.png"}
    assert look("new") == {"a.png", "c.png", "d.png"}
    shutil.rmtree(folder / "new")
    (folder / "a.png").unlink()
    assert look("new/c.png") == {"a.png", "d.png"}
    assert look("new") == {"a.png"}
    (folder / "link").symlink_to(folder / "newer")
    assert look("link") == {"b.png", "e.png"}  # links: everything is looked at, the one file by both its names
    assert api.samples(dataset_id)["sample_count"] == 3
    (folder / "newer/g.png").write_bytes(picture())
    assert look("newer/g.png") == {"b.png", "e.png", "g.png"}
    assert api.samples(dataset_id)["sample_count"] == 5


@pytest.mark.slow
def test_sync_many_changes_dataset_matches_folder(api: Api, bucket: Path) -> None:
    folder = bucket / "in"
    dataset_id = api.dataset()
    chance = Random(7)
    data = picture()
    for _ in range(40):
        for _ in range(chance.randrange(1, 12)):
            _change_something(chance, folder, data)
        there = {str(path.relative_to(bucket)) for path in folder.rglob("*.png") if path.name[0] != "."}
        poll(
            lambda there=there: (
                {s["source"].split("?")[0].split("/bucket/")[1] for s in all_of(api, dataset_id)} == there
            )
        )


def _change_something(chance: Random, folder: Path, data: bytes) -> None:
    places = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    files = [path for path in folder.rglob("*.png") if path.is_file()]
    place, name = chance.choice(places), f"{chance.randrange(30)}"
    what = chance.randrange(6)
    if what <= 1 or not files:
        (place / f"{name}.png").write_bytes(data)
    elif what == 2:
        chance.choice(files).unlink()
    elif what == 3:
        chance.choice(files).rename(place / f"{name}.png")
    elif what == 4 and len(places) < 12:
        (place / name).mkdir(exist_ok=True)
    elif len(places) > 1:
        moved = chance.choice(places[1:])
        target = chance.choice([each for each in places if moved not in (each, *each.parents)])
        if what == 5 and not (target / f"m{name}").exists():
            moved.rename(target / f"m{name}")
        else:
            shutil.rmtree(moved)


def all_of(api: Api, dataset_id: str) -> list[Any]:
    return list(api.samples(dataset_id, "?limit=100")["samples"])


@needs_leases
def test_sync_file_being_written_waits_for_its_end(api: Api, bucket: Path) -> None:
    dataset_id = api.dataset()
    data = picture(300, 200)
    with (bucket / "in/slow.png").open("wb", buffering=0) as file:
        file.write(data[: len(data) // 2])
        (bucket / "in/other.png").write_bytes(picture())
        poll(lambda: "other.png" in names(api, dataset_id))
        assert names(api, dataset_id) == {"other.png"}
        file.write(data[len(data) // 2 :])
    poll(lambda: "slow.png" in names(api, dataset_id))
    sizes = {s["sample_name"]: s["metadata"]["@modelarts:size"] for s in api.samples(dataset_id)["samples"]}
    assert sizes["slow.png"] == [300, 200, 3]


def test_sync_files_in_the_work_path_are_not_samples(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    inner = api.dataset(work_path="/bucket/out/")
    api.publish(inner, export_images=True)
    above = api.dataset(
        dataset_name="above", data_sources=[{"data_path": "/bucket/out/"}], work_path="/bucket/elsewhere/"
    )
    assert api.samples(above)["sample_count"] == 0


def test_sync_manual_applies_changes_on_request_only(settings: Settings, bucket: Path) -> None:
    with Emulator(replace(settings, sync="manual")) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset()
        (bucket / "in/a.png").write_bytes(picture())
        health = f"{emu.url}/_emulator/health"
        poll(lambda: api.session.get(health, timeout=10).json()["noted_datasets"] == 1, "noted")
        assert api.samples(dataset_id)["sample_count"] == 0
        api.call("POST", f"/{dataset_id}/sync-data")
        status = poll(lambda: (s := api.call("GET", f"/{dataset_id}/sync-data/status"))["status"] == "COMPLETED" and s)
        assert (status["add_sample_count"], status["total_sample_count"]) == (1, 1)
        assert api.samples(dataset_id)["sample_count"] == 1
        assert api.session.get(health, timeout=10).json()["noted_datasets"] == 0
        api.session.close()


def test_sync_new_dataset_has_existing_files(api: Api) -> None:
    dataset_id = api.dataset()
    assert api.call("GET", f"/{dataset_id}/sync-data/status")["status"] == "COMPLETED"
    assert api.refused("GET", "/nope/sync-data/status") == "ModelArts.4352"
    assert api.refused("POST", "/nope/sync-data") == "ModelArts.4352"


@pytest.mark.parametrize("durability", ["full", "process"])
def test_sync_after_restart_includes_changes_made_before(settings: Settings, bucket: Path, durability: str) -> None:
    settings = replace(settings, durability=durability)
    for name in ("kept.png", "gone.png"):
        (bucket / "in" / name).write_bytes(picture())
    with Emulator(settings) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset(labels=[{"name": "x"}])
        ids = api.ids(dataset_id)
        api.label(dataset_id, {ids["kept.png"]: [{"name": "x"}]})
        version = api.publish(dataset_id)
        kept = api.call("GET", f"/{dataset_id}/data-annotations/samples/{ids['kept.png']}")
        signed = kept["source"].removeprefix(emu.url)
        api.session.close()
    (bucket / "in/gone.png").unlink()
    (bucket / "in/fresh.png").write_bytes(picture())
    with Emulator(settings) as emu:
        api = Api(emu.url)
        assert api.ids(dataset_id).keys() == {"kept.png", "fresh.png"}
        kept = api.call("GET", f"/{dataset_id}/data-annotations/samples/{ids['kept.png']}")
        assert kept["labels"][0]["name"] == "x"
        assert api.samples(dataset_id, f"?version_id={version['version_id']}")["sample_count"] == 2
        # a signed URL outlives the restart
        assert api.session.get(emu.url + signed, timeout=10).content == picture()
        api.session.close()


def test_sync_missing_bucket_keeps_the_dataset(
    settings: Settings, bucket: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    with Emulator(settings) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset()
        api.session.close()
    with Emulator(replace(settings, buckets={})) as emu:
        api = Api(emu.url)
        assert names(api, dataset_id) == {"a.png"}
        assert "Cannot read the input of dataset" in caplog.text
        emu.create_bucket("bucket")
        (emu.path("bucket/in")).mkdir()
        (emu.path("bucket/in/b.png")).write_bytes(picture())
        poll(lambda: names(api, dataset_id) == {"b.png"}, "the new bucket is followed")
        api.session.close()
    (bucket / "elsewhere").symlink_to("/")
    (bucket / "in").rename(bucket / "kept")
    (bucket / "in").symlink_to("/usr")
    with Emulator(settings) as emu:
        api = Api(emu.url)
        assert names(api, dataset_id) == {"b.png"}
        assert "Cannot watch the input of dataset" in caplog.text
        api.session.close()


def test_sync_folder_outside_the_buckets_is_not_read(api: Api, bucket: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a.png").write_bytes(picture())
    (bucket / "in/link").symlink_to(tmp_path / "secret")
    (bucket / "in/file.png").symlink_to(tmp_path / "secret/a.png")
    (bucket / "in/loop").symlink_to(bucket / "in")
    (bucket / "outside").symlink_to(tmp_path / "secret")
    dataset_id = api.dataset()
    assert api.samples(dataset_id)["sample_count"] == 0
    body = {
        "dataset_name": "x",
        "work_path": "/bucket/out/",
        "work_path_type": 0,
        "data_sources": [{"data_path": "/bucket/outside/"}],
    }
    assert api.refused("POST", json=body) == "ModelArts.4313"
