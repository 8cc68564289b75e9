"""Every request and its task walk a directory of the object tree once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture
from tests.helpers.polling import poll


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return the list of walked directories, which grows with each walk."""
    walked: list[str] = []
    walk, walk_at = ObjectTree.walk, ObjectTree.walk_at

    def counted(self: ObjectTree, directory: ObsPath, **members: Any) -> Any:
        walked.append(str(directory))
        return walk(self, directory, **members)

    def counted_at(self: ObjectTree, directory: ObsPath, inner: Any, **members: Any) -> Any:
        walked.append(f"part of {directory}")
        return walk_at(self, directory, inner, **members)

    monkeypatch.setattr(ObjectTree, "walk", counted)
    monkeypatch.setattr(ObjectTree, "walk_at", counted_at)
    yield walked


def idle(emu: Emulator) -> None:
    assert emu.runtime.wait_idle(30)


def test_create_over_a_folder_with_labels_walks_it_once(
    emu: Emulator, api: Api, bucket: Path, walks: list[str]
) -> None:
    for name in ("cats/1.png", "dogs/2.png", "3.png"):
        (bucket / "in" / name).parent.mkdir(exist_ok=True)
        (bucket / "in" / name).write_bytes(picture())
    idle(emu)
    walks.clear()
    dataset_id = api.dataset(dataset_type=0, import_annotations=True)
    idle(emu)
    assert walks == ["/bucket/in/"]
    samples = api.samples(dataset_id)["samples"]
    labels = {each["sample_name"]: [label["name"] for label in each["labels"]] for each in samples}
    assert labels == {"1.png": ["cats"], "2.png": ["dogs"], "3.png": []}


def test_create_over_a_folder_without_labels_walks_it_once(
    emu: Emulator, api: Api, bucket: Path, walks: list[str]
) -> None:
    (bucket / "in/1.png").write_bytes(picture())
    idle(emu)
    walks.clear()
    dataset_id = api.dataset()
    idle(emu)
    assert walks == ["/bucket/in/"]
    assert api.samples(dataset_id)["sample_count"] == 1


@pytest.mark.parametrize("dataset_type", [900, 101, 200])
def test_create_of_a_type_without_first_import_walks_the_input_once(
    emu: Emulator, api: Api, bucket: Path, walks: list[str], dataset_type: int
) -> None:
    for name in ("1.wav", "1.csv", "1.txt"):
        (bucket / "in" / name).write_bytes(b"a,b\n1,2\n")
    idle(emu)
    walks.clear()
    api.dataset(dataset_type=dataset_type)
    idle(emu)
    assert walks == ["/bucket/in/"]


def test_create_of_a_table_walks_its_source_once(emu: Emulator, api: Api, bucket: Path, walks: list[str]) -> None:
    (bucket / "in/1.csv").write_bytes(b"a,b\n1,2\n")
    idle(emu)
    walks.clear()
    dataset_id = api.dataset(dataset_type=400)
    idle(emu)
    assert walks.count("/bucket/in/") == 1
    assert api.samples(dataset_id)["sample_count"] == 1


def test_create_reports_a_file_that_comes_after_the_walk(emu: Emulator, api: Api, bucket: Path) -> None:
    (bucket / "in/1.png").write_bytes(picture())
    dataset_id = api.dataset()
    (bucket / "in/2.png").write_bytes(picture())
    poll(lambda: api.samples(dataset_id)["sample_count"] == 2, "the second file")


@pytest.mark.parametrize(
    ("dataset_type", "files"),
    [
        (0, {"cats/1.png": picture(), "dogs/2.png": picture()}),
        (100, {"1.txt": b"a\tx\nb\ty\n"}),
        (400, {"1.csv": b"1,2\n3,4\n"}),
    ],
    ids=["files", "lines", "rows"],
)
def test_import_walks_its_source_once(
    emu: Emulator, api: Api, bucket: Path, walks: list[str], dataset_type: int, files: dict[str, bytes]
) -> None:
    dataset_id = api.dataset(dataset_type=dataset_type)
    for name, data in files.items():
        path = bucket / "source" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    idle(emu)
    walks.clear()
    task_id = api.call(
        "POST", f"/{dataset_id}/import-tasks", json={"import_path": "/bucket/source/", "import_type": "dir"}
    )["task_id"]
    task = poll(
        lambda: (t := api.call("GET", f"/{dataset_id}/import-tasks/{task_id}"))["status"] == "COMPLETED" and t, "done"
    )
    idle(emu)
    assert task["imported_sample_count"] == 2
    assert [each for each in walks if each == "/bucket/source/"] == ["/bucket/source/"]


def test_synchronization_walks_the_input_once(emu: Emulator, api: Api, bucket: Path, walks: list[str]) -> None:
    (bucket / "in/1.png").write_bytes(picture())
    dataset_id = api.dataset()
    idle(emu)
    walks.clear()
    api.call("POST", f"/{dataset_id}/sync-data", json={})
    poll(lambda: api.call("GET", f"/{dataset_id}/sync-data/status")["status"] == "COMPLETED", "done")
    idle(emu)
    assert walks == ["/bucket/in/"]
