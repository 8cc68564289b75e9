"""Version switches: samples that the version lacks stay out until a requested synchronization."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll


def switch(api: Api, dataset_id: str, version_id: str) -> Any:
    api.call("PUT", f"/{dataset_id}", json={"current_version_id": version_id})
    return api.ready(dataset_id)


def synchronize(api: Api, dataset_id: str) -> None:
    api.call("POST", f"/{dataset_id}/sync-data")
    poll(lambda: api.call("GET", f"/{dataset_id}/sync-data/status")["status"] == "COMPLETED", "synchronized")


def put(bucket: Path, dataset_type: int, name: str) -> None:
    """A picture, or a line of the only text file."""
    if dataset_type == 0:
        (bucket / f"in/{name}").write_bytes(picture())
    else:
        with (bucket / "in/a.txt").open("a") as file:
            file.write(f"{name}\n")


def found(api: Api, dataset_id: str) -> dict[str, str]:
    """Sample ids by name or text."""
    samples = api.samples(dataset_id)["samples"]
    return {
        s["source"].removeprefix("content://") if s["sample_type"] else s["sample_name"]: s["sample_id"]
        for s in samples
    }


@pytest.mark.parametrize("dataset_type", [0, 100])
def test_sync_after_a_switch_restores_samples_that_the_version_lacks(
    settings: Settings, bucket: Path, dataset_type: int
) -> None:
    put(bucket, dataset_type, "one.png")
    put(bucket, dataset_type, "two.png")
    with Emulator(settings) as emu:
        api = Api(emu.url)
        dataset_id = api.dataset(dataset_type=dataset_type)
        ids = found(api, dataset_id)
        api.label(dataset_id, {ids["one.png"]: [{"name": "x"}]})
        first = api.publish(dataset_id)["version_id"]
        put(bucket, dataset_type, "three.png")
        emu.wait_idle()
        three = found(api, dataset_id)["three.png"]
        second = api.publish(dataset_id)["version_id"]
        body = {"samples": [ids["two.png"]]}
        assert api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json=body)["success"]
        details = switch(api, dataset_id, first)
        assert (details["total_sample_count"], details["deleted_sample_count"]) == (2, 0)
        assert found(api, dataset_id) == ids
        api.session.close()
    with Emulator(settings) as emu:
        api = Api(emu.url)
        put(bucket, dataset_type, "four.png")  # and somebody looks at everything
        emu.wait_idle()
        assert sorted(found(api, dataset_id)) == ["four.png", "one.png", "two.png"]
        synchronize(api, dataset_id)
        assert found(api, dataset_id)["three.png"] == three
        assert api.ready(dataset_id)["total_sample_count"] == 4
        details = switch(api, dataset_id, second)
        assert (details["total_sample_count"], details["deleted_sample_count"]) == (3, 0)
        assert found(api, dataset_id) == {**ids, "three.png": three}
        api.session.close()


@pytest.mark.parametrize("dataset_type", [0, 100])
def test_switch_keeps_deleted_samples_deleted(api: Api, bucket: Path, dataset_type: int) -> None:
    put(bucket, dataset_type, "one.png")
    put(bucket, dataset_type, "two.png")
    dataset_id = api.dataset(dataset_type=dataset_type)
    ids = found(api, dataset_id)
    body = {"samples": [ids["two.png"]]}
    assert api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json=body)["success"]
    first = api.publish(dataset_id)["version_id"]
    api.publish(dataset_id)
    assert switch(api, dataset_id, first)["deleted_sample_count"] == 1
    synchronize(api, dataset_id)
    assert list(found(api, dataset_id)) == ["one.png"]
    assert api.ready(dataset_id)["deleted_sample_count"] == 1


def test_sync_after_a_switch_removes_texts_without_a_file(api: Api, bucket: Path) -> None:
    put(bucket, 100, "one")
    dataset_id = api.dataset(dataset_type=100)
    first = api.publish(dataset_id)["version_id"]
    (bucket / "in/a.txt").unlink()
    poll(lambda: found(api, dataset_id) == {}, "the text is gone")
    api.publish(dataset_id)
    switch(api, dataset_id, first)
    assert list(found(api, dataset_id)) == ["one"]
    synchronize(api, dataset_id)
    assert found(api, dataset_id) == {}
