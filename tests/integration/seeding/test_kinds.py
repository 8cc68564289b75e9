"""Every kind of seed, loaded into a running emulator by the command."""

from __future__ import annotations

import json
import os
import shutil
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.cli.main import main
from modelarts_emulator.seeding import manifest_plan
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.golden_files import MANIFESTS
from tests.helpers.pictures import picture
from tests.helpers.places import FIXTURES

Seed = Callable[..., Any]


@pytest.fixture
def emu() -> Any:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def api(emu: Emulator) -> Any:
    client = Api(emu.url, "demo")
    yield client
    client.session.close()


@pytest.fixture
def seed(emu: Emulator, capsys: pytest.CaptureFixture[str]) -> Seed:
    def run(*paths: Path, code: int = 0, **options: str) -> Any:
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        assert main(["seed", "--json", "--url", emu.url, *map(str, paths), *words]) == code
        out, err = capsys.readouterr()
        if code:
            assert out == "" and err.count("\n") == 1 and err.startswith("modelarts-emulator: ")
            return err
        return json.loads(out)["datasets"]

    return run


def files(folder: Path, *names: str, content: bytes | None = None) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture() if content is None else content)
    return folder


def sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(1600))


def labels(api: Api, dataset_id: str) -> dict[str, list[str]]:
    found = api.samples(dataset_id, "?limit=100&sample_state=ALL")["samples"]
    found += api.samples(dataset_id, "?limit=100&sample_state=NONE")["samples"]
    return {
        each["sample_name"] if not each["source"].startswith("content") else each["source"][10:]: sorted(
            label["name"] for label in each["labels"] or ()
        )
        for each in found
    }


def test_seed_folder_per_label_creates_labelled_dataset(seed: Seed, api: Api, tmp_path: Path) -> None:
    folder = files(tmp_path / "my pets!", "cat/a.png", "cat/b.png", "dog/c.png", ".hidden/d.png", "cat/.e.png")
    (made,) = seed(folder)
    assert (made["name"], made["is_new"], made["samples"], made["annotated"]) == ("my-pets", True, 3, 3)
    assert labels(api, made["dataset_id"]) == {"a.png": ["cat"], "b.png": ["cat"], "c.png": ["dog"]}
    details = api.call("GET", f"/{made['dataset_id']}")
    assert (details["dataset_type"], details["status"], details.get("description", "")) == (0, 1, "")
    assert details["data_sources"][0]["data_path"] == "/seed/my-pets/"


def coco(folder: Path) -> None:
    files(folder, "images/a.png")
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 32, "height": 24}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 8, 9], "area": 72, "iscrowd": 0}],
    }
    (folder / "annotations").mkdir()
    (folder / "annotations/instances.json").write_text(json.dumps(document))


def yolo(folder: Path) -> None:
    files(folder, "obj_train_data/a.png")
    (folder / "obj.data").write_text("classes = 1\ntrain = train.txt\nnames = obj.names\n")
    (folder / "obj.names").write_text("cat\n")
    (folder / "train.txt").write_text("obj_train_data/a.png\n")
    (folder / "obj_train_data/a.txt").write_text("0 0.5 0.5 0.25 0.25\n")


@pytest.mark.parametrize("make", [coco, yolo])
def test_seed_box_layouts_creates_detection_dataset(
    seed: Seed, api: Api, make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "boxes")
    (made,) = seed(tmp_path / "boxes")
    assert api.call("GET", f"/{made['dataset_id']}")["dataset_type"] == 1
    (sample,) = api.samples(made["dataset_id"], "?sample_state=ALL")["samples"]
    assert sample["labels"][0]["name"] == "cat"
    assert sample["labels"][0]["property"]["@modelarts:shape"] == "bndbox"


@pytest.mark.parametrize("name", MANIFESTS)
def test_seed_type_follows_annotations(name: str) -> None:
    assert manifest_plan.read_manifest(FIXTURES / f"formats/manifest/{name}.manifest", "x").type is MANIFESTS[name]


def test_seed_type_follows_extensions(seed: Seed, api: Api, tmp_path: Path) -> None:
    for name in ("bark/a.wav", "meow/b.wav"):
        sound(tmp_path / "sounds" / name)
    files(tmp_path / "texts", "a.txt", content=b"one line\nanother\n")
    files(tmp_path / "rows", "a.csv", content=b"x,y\n1,2\n3,4\n")
    files(tmp_path / "films", "a.mp4", content=b"\0\0\0\x18ftypmp42")
    files(tmp_path / "things", "a.bin", content=b"anything")
    made = seed(*(tmp_path / name for name in ("sounds", "texts", "rows", "films", "things")))
    kinds = [api.call("GET", f"/{each['dataset_id']}")["dataset_type"] for each in made]
    assert kinds == [200, 100, 400, 600, 900]
    assert [each["samples"] for each in made] == [2, 2, 2, 1, 1]
    assert labels(api, made[0]["dataset_id"]) == {"a.wav": ["bark"], "b.wav": ["meow"]}


def test_seed_manifest_with_files_beside_it(seed: Seed, api: Api, emu: Emulator, tmp_path: Path) -> None:
    files(tmp_path, "pictures/a.png", "pictures/b.png", "c.png")
    note = {"type": "modelarts/image_classification", "annotated-by": "human", "name": "cat"}
    lines = [
        {"source": "obs://elsewhere/some/pictures/a.png", "annotation": [note]},
        {"source": "s3://elsewhere/some/pictures/b.png"},
        {"source": "c.png", "annotation": [{**note, "name": "dog"}]},
    ]
    manifest = tmp_path / "pets.manifest"
    manifest.write_text("".join(f"{json.dumps(line)}\n\n" for line in lines))
    (made,) = seed(manifest)
    assert (made["name"], made["samples"], made["annotated"]) == ("pets", 3, 2)
    assert labels(api, made["dataset_id"]) == {"a.png": ["cat"], "b.png": [], "c.png": ["dog"]}
    assert emu.path("elsewhere/some/pictures/a.png").read_bytes() == picture()


def test_seed_published_manifest_recreates_dataset(seed: Seed, api: Api, emu: Emulator, tmp_path: Path) -> None:
    (first,) = seed(FIXTURES / "scenes")
    version = api.publish(first["dataset_id"])
    shutil.copytree(emu.path("seed"), tmp_path / "seed")
    api.call("DELETE", f"/{first['dataset_id']}", 204)
    (tmp_path / "seed/scenes").rename(tmp_path / "elsewhere")
    manifest = tmp_path / version["manifest_path"].removeprefix("/")
    (made,) = seed(manifest)
    assert (made["samples"], made["annotated"]) == (12, 12)
    assert api.call("GET", f"/{made['dataset_id']}")["dataset_type"] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the manifest is empty"),
        ("{}\n", "line 1: not a JSON object with a string `source`"),
        ('{"source": "a.png"}\n{"source"', "line 2: invalid JSON"),
        ('{"source": "b.png"}\n', "line 1: 'b.png' does not exist beside the manifest"),
        ('{"source": "../secret.png"}\n', "line 1: "),
        ('{"source": "/bkt/../../secret.png"}\n', "line 1: "),
        ('{"source": "obs://bkt/missing.png"}\n', "obs://bkt/missing.png exists neither beside the manifest nor"),
        ('{"source": "a.png", "annotation": 1}\n', "line 1: `annotation` must be a list"),
        ('{"source": "leaves.png"}\n', "line 1: 'leaves.png' does not exist"),
    ],
)
def test_seed_invalid_manifest_creates_nothing(seed: Seed, api: Api, tmp_path: Path, text: str, says: str) -> None:
    files(tmp_path, "secret.png", "folder/a.png")
    (tmp_path / "folder/leaves.png").symlink_to(tmp_path / "secret.png")
    manifest = tmp_path / "folder/wrong.manifest"
    manifest.write_text(text)
    assert says in seed(manifest, code=2 if "neither" not in says else 1)
    assert api.call("GET")["total_number"] == 0


def test_seed_twice_changes_nothing(seed: Seed, api: Api, tmp_path: Path) -> None:
    folder = files(tmp_path / "pets", "cat/a.png")
    (made,) = seed(folder)
    api.label(made["dataset_id"], {api.ids(made["dataset_id"])["a.png"]: [{"name": "mine"}]})
    files(folder, "cat/b.png")
    (again,) = seed(folder)
    assert (again["is_new"], again["dataset_id"]) == (False, made["dataset_id"])
    assert labels(api, made["dataset_id"]) == {"a.png": ["mine"]}


def test_seed_existing_objects_are_kept(seed: Seed, api: Api, emu: Emulator, tmp_path: Path) -> None:
    mine = picture(colour=(1, 2, 3))
    emu.create_bucket("seed")
    files(emu.path("seed/"), "pets/cat/a.png", content=mine)
    seed(files(tmp_path / "pets", "cat/a.png", "cat/b.png"))
    assert emu.path("seed/pets/cat/a.png").read_bytes() == mine
    assert emu.path("seed/pets/cat/b.png").read_bytes() == picture()


def test_seed_after_interruption_recreates_dataset(seed: Seed, api: Api, emu: Emulator, tmp_path: Path) -> None:
    folder = files(tmp_path / "pets", "cat/a.png", "cat/b.png")
    emu.create_bucket("seed")
    (emu.path("seed/") / "pets").mkdir()
    paths = {"data_sources": [{"data_type": 0, "data_path": "/seed/pets/"}], "work_path": "/seed/output/"}
    half = api.create(dataset_name="pets", description="(this dataset is being seeded)", **paths)
    (made,) = seed(folder)
    assert made["is_new"] and made["dataset_id"] != half
    assert [each["dataset_id"] for each in api.call("GET")["datasets"]] == [made["dataset_id"]]


def test_seed_project_option_selects_project(seed: Seed, emu: Emulator, tmp_path: Path) -> None:
    (made,) = seed(files(tmp_path / "pets", "cat/a.png"), project="mine")
    assert made["project_id"] == "mine"
    other = Api(emu.url, "mine")
    assert other.call("GET")["total_number"] == 1
    other.session.close()


@pytest.mark.parametrize(("name", "says"), [("empty", "contains no files"), ("odd.txt", "is not a seed")])
def test_seed_other_file_prints_one_line(seed: Seed, tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd.txt").write_text("odd")
    assert says in seed(tmp_path / name, code=2)


def test_seed_links_out_of_the_folder_are_skipped(seed: Seed, api: Api, emu: Emulator, tmp_path: Path) -> None:
    folder = files(tmp_path / "pets", "cat/a.png")
    files(tmp_path, "secret/s.png")
    (folder / "cat/s.png").symlink_to(tmp_path / "secret/s.png")
    (folder / "all").symlink_to(tmp_path / "secret")
    (made,) = seed(folder)
    assert made["samples"] == 1
    assert not list(emu.path("seed/").rglob("s.png"))


@pytest.mark.parametrize("name", [b"\xff.png", b"a\\b.png", b"a\nb.png"])
def test_seed_invalid_object_name_prints_one_line(seed: Seed, tmp_path: Path, name: bytes) -> None:
    folder = files(tmp_path / "pets", "cat/a.png")
    (folder / os.fsdecode(name)).write_bytes(picture())
    assert "dataset pets: files: " in seed(folder, code=2)


def test_seed_special_names_are_kept(seed: Seed, api: Api, emu: Emulator, tmp_path: Path) -> None:
    odd = ["ä ö.png", "50%25.png", "a?b#c.png", "plus+.png", "日本.png"]
    (made,) = seed(files(tmp_path / "pets", *odd))
    assert {each["sample_name"] for each in api.samples(made["dataset_id"])["samples"]} == set(odd)


def test_seed_unreadable_file_leaves_no_dataset(seed: Seed, api: Api, tmp_path: Path) -> None:
    folder = files(tmp_path / "pets", "cat/a.png")
    (folder / "cat/loop.png").symlink_to(folder / "cat/loop.png")
    (made,) = seed(folder)
    assert made["samples"] == 1


@pytest.mark.parametrize("tree", ["roboflow", "ultralytics", "classes-txt", "vocdevkit", "labelme"])
def test_seed_tree_of_another_tool_creates_detection_dataset_with_its_labels(seed: Seed, api: Api, tree: str) -> None:
    (made,) = seed(FIXTURES / "cases/silent-no-labels" / tree)
    assert api.call("GET", f"/{made['dataset_id']}")["dataset_type"] == 1
    found = labels(api, made["dataset_id"])
    assert found and all(len(names) == 1 for names in found.values())
