"""Seed files in YAML and JSON: the datasets that they create, and their errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.cli.main import main
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.seeding import seed_file
from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.pictures import picture

ALL = """
project: mine
datasets:
  - name: pets
    description: cats and dogs
    files: [pictures, extra.png]
    input: /my-bucket/in/
    output: obs://my-bucket/out
    import: false
    labels:
      - cat
      - {name: dog, color: "#112233", shortcut: d}
    samples:
      - file: a.png
        labels: [cat, dog]
        hard: true
      - {file: sub/b.png, labels: [bird]}
    versions:
      - V001
      - {name: V002, description: two, keep_hard: true}
  - name: boxes
    type: object_detection
    files: pictures
    samples:
      - file: a.png
        labels:
          - {name: cat, box: [1, 2, 11, 12]}
          - {name: dog, polygon: [[1, 1], [5, 1], [5, 5]]}
  - name: words
    type: 101
    samples:
      - text: Ada met Charles
        labels: [{name: person, start: 0, end: 3}, {name: person, start: 8, end: 15}]
      - text: Nobody else
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pictures/sub").mkdir(parents=True)
    for name in ("pictures/a.png", "pictures/sub/b.png", "extra.png"):
        (tmp_path / name).write_bytes(picture())
    return tmp_path


def written(folder: Path, text: str, name: str = "seed.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("kind", ["yaml", "json", "folder"])
def test_seed_file_creates_everything_described(folder: Path, kind: str) -> None:
    path = written(folder, ALL)
    if kind == "json":
        import yaml

        path = written(folder, json.dumps(yaml.safe_load(ALL)), "all.json")
    with Emulator() as emu:
        assert main(["seed", "--quiet", "--url", emu.url, str(folder if kind == "folder" else path)]) == 0
        api = Api(emu.url, "mine")
        found = {each["dataset_name"]: each for each in api.call("GET", "?with_labels=true")["datasets"]}
        assert {name: each["dataset_type"] for name, each in found.items()} == {"pets": 0, "boxes": 1, "words": 101}
        check_pets(api, found["pets"]["dataset_id"])
        boxes = {
            label["name"]: label["property"]
            for each in api.samples(found["boxes"]["dataset_id"], "?sample_state=ALL")["samples"]
            for label in each["labels"]
        }
        assert boxes["cat"] == {"@modelarts:shape": "bndbox", "@modelarts:feature": [[1, 2], [11, 12]]}
        assert boxes["dog"]["@modelarts:feature"] == [[1, 1], [5, 1], [5, 5]]
        words = {each["source"]: each["labels"] or [] for each in api.samples(found["words"]["dataset_id"])["samples"]}
        assert [label["property"]["@modelarts:end_index"] for label in words["content://Ada met Charles"]] == [3, 15]
        assert words["content://Nobody else"] == []
        api.session.close()


def check_pets(api: Api, dataset_id: str) -> None:
    details = api.call("GET", f"/{dataset_id}")
    assert (details["description"], details["total_sample_count"]) == ("cats and dogs", 3)
    assert details["data_sources"][0]["data_path"] == "/my-bucket/in/"
    assert details["work_path"] == "/my-bucket/out/"
    colours = {label["name"]: label["property"].get("@modelarts:color") for label in details["labels"]}
    assert colours["dog"] == "#112233" and set(colours) == {"cat", "dog", "bird"}
    versions = api.call("GET", f"/{dataset_id}/versions")["versions"]
    assert {each["version_name"]: each.get("description") or "" for each in versions} == {
        "V001": "",
        "V002": "two",
    }
    samples = {each["sample_name"]: each for each in api.samples(dataset_id, "?sample_state=ALL")["samples"]}
    assert sorted(label["name"] for label in samples["a.png"]["labels"]) == ["cat", "dog"]
    assert samples["b.png"]["labels"][0]["name"] == "bird"


ONE = "datasets:\n  - name: pets\n    files: pictures\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expected `object`, got `null`"),
        ("- a", "Expected `object`, got `array`"),
        ("datasets: []\n", "datasets: Expected `array` of length >= 1"),
        ("datasets:\n  - {}\n", "line 2: datasets[0]: Object missing required field `name`"),
        (ONE + "    typ: 0\n", "line 2: datasets[0]: Object contains unknown field `typ`"),
        (ONE + "    type: pictures\n", "line 4: datasets[0].type: Invalid enum value 'pictures'"),
        (ONE + "    type: 7\n", "datasets[0]: 7 is not a dataset type; types: image_classification"),
        ("datasets:\n  - name: my pets\n    files: pictures\n", "line 2: datasets[0].name: "),
        (ONE + "    input: in/\n", "line 4: datasets[0].input: "),
        (
            ONE + "    samples:\n      - labels: [a]\n",
            "datasets[0].samples[0]: a sample is either a `file` or",
        ),
        (
            ONE + "    samples:\n      - file: a.png\n        labels: [{box: [1]}]\n",
            "line 6: datasets[0].samples[0].",
        ),
        (ONE + "  - name: pets\n", "two datasets have the name 'pets'"),
        ("datasets: [\n", "line 2: invalid YAML: "),
        ("datasets: !!python/object/apply:os.system ['true']\n", "line 1: invalid YAML: "),
        ("a: &a [*a]\ndatasets: *a", "unknown field `a`"),
    ],
)
def test_seed_file_error_names_its_line(folder: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        seed_file.read_seed_file(written(folder, text))
    assert str(caught.value).startswith(str(folder / "seed.yaml"))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1: invalid JSON: "),
        ('{\n"datasets": 1}', "datasets: Expected `array`"),
        ("[" * 100_000, "invalid JSON"),
    ],
)
def test_seed_file_in_json_error_names_member(folder: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        seed_file.read_seed_file(written(folder, text, "seed.json"))
    assert says in str(caught.value)


def _unread(folder: Path) -> None:
    (folder / "seed.yaml").write_bytes(b"\xff\xfe")


def _large(folder: Path) -> None:
    with (folder / "seed.yaml").open("wb") as file:
        file.truncate(seed_file.MAX_BYTES + 1)


@pytest.mark.parametrize(("make", "says"), [(_unread, "UTF-8"), (_large, "at most"), (lambda _: None, "No such file")])
def test_seed_file_unreadable_raises_usage_error(folder: Path, make: Callable[[Path], None], says: str) -> None:
    make(folder)
    with pytest.raises(UsageError, match=says):
        seed_file.read_seed_file(folder / "seed.yaml")


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("datasets:\n  - name: pets\n    files: nothing\n", 2, "dataset pets: files: "),
        ("datasets:\n  - name: pets\n", 2, "dataset pets: `type` is required without files"),
        ("datasets:\n  - name: pets\n    files: [extra.png, ./extra.png]\n", 2, "have the same name"),
        (ONE + "    samples: [{file: z.png, labels: [a]}]\n", 1, "dataset pets: sample 'z.png' does not exist"),
        (ONE + "    samples: [{file: a.png, labels: [{name: a, start: 1}, '']}]\n", 2, "labels[1]"),
        (ONE + "    labels: [a, a]\n", 1, "dataset pets: request failed: "),
        (ONE + "    output: /seed/pets/\n", 1, "dataset pets: "),
        (ONE + "    type: 1\n    samples: [{file: a.png, labels: [cat]}]\n", 1, "sample 'a.png': "),
        (ONE + "    versions: [{train_evaluate_ratio: lots}]\n", 1, "dataset pets: request failed: "),
        (ONE + "    versions: [V1, V1]\n", 1, "dataset pets: request failed: "),
    ],
)
def test_seed_file_failure_leaves_no_dataset(
    folder: Path, text: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Emulator() as emu:
        assert main(["seed", "--url", emu.url, str(written(folder, text))]) == code
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert says in err
        api = Api(emu.url, "demo")
        assert api.call("GET")["total_number"] == 0
        api.session.close()


def test_seed_in_strict_mode_requires_user(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(written(folder, ONE))
    from modelarts_emulator.config.settings import read_settings

    words = ["--memory", "--port", "0", "--auth", "strict", "--user", "ada:secret:red", "--control-key", "of-the-test"]
    with Emulator(read_settings(words, {})) as emu:
        command = ["seed", "--json", "--url", emu.url, path]
        assert main(command) == 1
        assert "--user NAME:PASSWORD" in capsys.readouterr().err
        assert main([*command, "--user", "ada:wrong"]) == 1
        err = capsys.readouterr().err
        assert "ada cannot log in" in err and "wrong" not in err.partition("log in")[0]
        monkeypatch.setenv("MODELARTS_EMULATOR_USER", "ada:secret:red;bob:x")
        assert main(command) == 0
        made: Any = json.loads(capsys.readouterr().out)["datasets"][0]
        assert (made["samples"], made["project_id"]) == (2, "red")
