"""A synchronization brings the labels of files in the input path to samples that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api, labels
from tests.helpers.pictures import picture
from tests.helpers.polling import poll

BOX = "<annotation><object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax>"
BOX += "</bndbox></object></annotation>"


def synchronize(api: Api, dataset_id: str) -> Any:
    api.call("POST", f"/{dataset_id}/sync-data")
    path = f"/{dataset_id}/sync-data/status"
    return poll(lambda: (s := api.call("GET", path))["status"] in ("COMPLETED", "FAILED") and s, "synchronized")


@pytest.fixture(params=["auto", "manual"])
def api(settings: Settings, request: pytest.FixtureRequest) -> Any:
    from dataclasses import replace

    with Emulator(replace(settings, sync=request.param)) as emu:
        client = Api(emu.url)
        yield client
        client.session.close()


def test_label_files_that_came_later_label_their_pictures(api: Api, bucket: Path) -> None:
    for name in ("a", "b"):
        (bucket / f"in/{name}.png").write_bytes(picture())
    dataset_id = api.dataset(dataset_type=1, import_annotations=True)
    (bucket / "in/a.xml").write_text(BOX.format(name="cat", left=1))
    (bucket / "in/c.png").write_bytes(picture(colour=(9, 9, 9)))
    (bucket / "in/c.xml").write_text(BOX.format(name="dog", left=1))
    assert synchronize(api, dataset_id)["status"] == "COMPLETED"
    assert labels(api, dataset_id) == {"a.png": ["cat"], "b.png": [], "c.png": ["dog"]}
    found = api.call("GET", f"/{dataset_id}")
    assert [label["name"] for label in found["labels"]] == ["cat", "dog"]
    assert found["annotated_sample_count"] == 2


def test_folders_and_text_files_label_pictures_for_classification(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(import_annotations=True)
    (bucket / "in/fox").mkdir()
    (bucket / "in/fox/b.png").write_bytes(picture(colour=(1, 1, 1)))
    (bucket / "in/a.txt").write_text("cat\n")
    synchronize(api, dataset_id)
    assert labels(api, dataset_id)["b.png"] == ["fox"]
    assert labels(api, dataset_id)["a.png"] == ["cat"]


def test_samples_with_labels_keep_them_and_deleted_ones_stay_deleted(api: Api, bucket: Path) -> None:
    for name in ("a", "b"):
        (bucket / f"in/{name}.png").write_bytes(picture())
    dataset_id = api.dataset(dataset_type=1, import_annotations=True)
    ids = api.ids(dataset_id)
    box = {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 1], [5, 5]]}
    api.label(dataset_id, {ids["a.png"]: [{"name": "own", "property": box}]})
    api.call("POST", f"/{dataset_id}/data-annotations/samples/delete", json={"samples": [ids["b.png"]]})
    for name in ("a", "b"):
        (bucket / f"in/{name}.xml").write_text(BOX.format(name="cat", left=1))
    synchronize(api, dataset_id)
    assert labels(api, dataset_id) == {"a.png": ["own"]}


def test_dataset_created_without_annotations_gets_none(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(dataset_type=1, import_annotations=False)
    (bucket / "in/a.xml").write_text(BOX.format(name="cat", left=1))
    synchronize(api, dataset_id)
    assert labels(api, dataset_id) == {"a.png": []}


def test_unusable_labels_are_named_in_the_message(api: Api, bucket: Path) -> None:
    for name in ("a", "b"):
        (bucket / f"in/{name}.png").write_bytes(picture())
    dataset_id = api.dataset(dataset_type=1, import_annotations=True)
    (bucket / "in/a.xml").write_text("<annotation>")
    (bucket / "in/b.xml").write_text(BOX.format(name="cat", left=1))
    status = synchronize(api, dataset_id)
    assert (status["status"], status["error_code"]) == ("COMPLETED", "ModelArts.4362")
    assert "a.xml" in status["error_msg"]
    assert labels(api, dataset_id) == {"a.png": [], "b.png": ["cat"]}


def test_second_synchronization_changes_nothing(api: Api, bucket: Path) -> None:
    (bucket / "in/a.png").write_bytes(picture())
    dataset_id = api.dataset(dataset_type=1, import_annotations=True)
    (bucket / "in/a.xml").write_text(BOX.format(name="cat", left=1))
    synchronize(api, dataset_id)
    before = api.samples(dataset_id)["samples"][0]["labels"]
    (bucket / "in/a.xml").write_text(BOX.format(name="dog", left=2))
    synchronize(api, dataset_id)
    assert api.samples(dataset_id)["samples"][0]["labels"] == before
