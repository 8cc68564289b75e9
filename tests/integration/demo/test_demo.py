"""The demonstration data: created once, from the images of a checkout or from generated ones, and complete."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator import demo
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.demo import digits
from modelarts_emulator.formats import voc
from modelarts_emulator.iam.accounts import parse_user
from modelarts_emulator.seeding.object_upload import TreeUploader
from modelarts_emulator.server import Emulator
from modelarts_emulator.util.http_client import Client
from tests.helpers.api import Api

pytestmark = pytest.mark.slow

# type, samples, labelled, versions
EXPECTED = {
    "digits": (0, 1797, 120, 2),
    "scenes": (1, 12, 12, 1),
    "shapes": (1, 8, 6, 0),
    "reviews": (100, 16, 12, 1),
    "people": (101, 8, 6, 0),
    "inventions": (102, 4, 3, 0),
    "sounds": (200, 12, 9, 1),
    "weather": (400, 60, 0, 1),
}


def described(api: Api) -> dict[str, Any]:
    """Return id, type, samples, labelled samples and versions of each dataset, by name."""
    members = ("dataset_id", "dataset_type", "total_sample_count", "annotated_sample_count", "dataset_version_count")
    found = api.call("GET", "?limit=100")["datasets"]
    return {row["dataset_name"]: tuple(row[member] for member in members) for row in found}


def seeded(emu: Emulator) -> list[str]:
    with Client(emu.url) as client:
        return demo.seed(client, TreeUploader(emu.runtime.tree))


def test_seed_twice_creates_datasets_once(settings: Settings) -> None:
    seen = []
    for _ in range(2):
        with Emulator(settings) as emu:
            commands = seeded(emu)
            api = Api(emu.url, demo.PROJECT)
            seen.append(described(api))
            api.session.close()
            answers = [json.loads(subprocess.check_output(["sh", "-c", each], timeout=30)) for each in commands]
            assert answers[0]["total_number"] == len(EXPECTED)
            assert [each["sample_count"] for each in answers[1:]] == [1, 12]
    assert seen[0] == seen[1]
    assert {name: row[1:] for name, row in seen[0].items()} == EXPECTED


@pytest.fixture(scope="module")
def shown() -> Any:
    with Emulator() as emu:
        seeded(emu)
        api = Api(emu.url, demo.PROJECT)
        api.emulator = emu  # type: ignore[attr-defined]
        api.datasets = {name: row[0] for name, row in described(api).items()}  # type: ignore[attr-defined]
        yield api
        api.session.close()


def labelled(shown: Any, name: str, query: str = "") -> list[dict[str, Any]]:
    query = f"?limit=100&sample_state=ALL{query}"
    found: list[dict[str, Any]] = shown.samples(shown.datasets[name], query)["samples"]
    return found


def test_scenes_have_the_boxes_of_the_voc_files(shown: Any) -> None:
    for sample in labelled(shown, "scenes"):
        file = (demo.FIXTURES / "scenes" / sample["sample_name"]).with_suffix(".xml")
        wanted = voc.read(file.read_bytes()).labels
        assert [(label["name"], label["property"]) for label in sample["labels"]] == [
            (label.name, label.property) for label in wanted
        ]


def test_shapes_have_every_shape(shown: Any) -> None:
    for sample in labelled(shown, "shapes"):
        shapes = {label["property"]["@modelarts:shape"] for label in sample["labels"]}
        assert shapes == {"bndbox", "polygon", "circle", "line", "dashed", "point", "polyline"}


def test_texts_have_entities_and_relations(shown: Any) -> None:
    found = {
        sample["source"][10:][label["property"]["@modelarts:start_index"] : label["property"]["@modelarts:end_index"]]
        for sample in labelled(shown, "people")
        for label in sample["labels"]
    }
    assert {"Ada Lovelace", "Göttingen", "1969"} <= found
    for sample in labelled(shown, "inventions"):
        assert sorted(label["type"] for label in sample["labels"]) == [102, 103, 103]


def test_sounds_and_tables_can_be_downloaded(shown: Any) -> None:
    for sample in labelled(shown, "sounds"):
        assert requests.get(sample["source"], timeout=10).content.startswith(b"RIFF")
    rows = shown.samples(shown.datasets["weather"])["samples"]
    assert len(rows) == 60 and all(len(row["sample_data"]) == 5 for row in rows)
    details = shown.call("GET", f"/{shown.datasets['weather']}")
    assert [column["name"] for column in details["schema"]] == ["day", "temperature", "humidity", "rain", "sky"]


def test_labels_have_colours_and_shortcuts(shown: Any) -> None:
    found = shown.call("GET", f"/{shown.datasets['digits']}")["labels"]
    properties = [label["property"] for label in found]
    assert len({each["@modelarts:color"] for each in properties}) == 10
    assert sorted(each["@modelarts:shortcut"] for each in properties) == list("0123456789")


def test_digits_have_two_versions_and_hard_examples(shown: Any) -> None:
    versions = shown.call("GET", f"/{shown.datasets['digits']}/versions")["versions"]
    counts = {each["version_name"]: each["annotated_sample_count"] for each in versions}
    assert counts == {"V001": digits.LABELLED, "V002": digits.LABELLED + digits.MORE}
    manifest = next(each["manifest_path"] for each in versions if each["version_name"] == "V001")
    lines = [json.loads(line) for line in shown.emulator.path(manifest).read_text("utf-8").splitlines()]
    annotated = [line for line in lines if "annotation" in line]
    assert len(annotated) == digits.LABELLED
    for line in annotated:
        assert [label["name"] for label in line["annotation"]] == [line["source"].split("/")[-2]]
    hard = [sample for sample in labelled(shown, "digits") if sample["metadata"].get("@modelarts:hard")]
    assert hard and all(sample["hard_details"] for sample in hard)


def test_seed_without_a_checkout_generates_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert str(demo.FIXTURES) in demo.image_source()
    # An installed package finds any folder called fixtures there, but not the other files of a checkout.
    (tmp_path / "fixtures/digits").mkdir(parents=True)
    monkeypatch.setattr(demo, "FIXTURES", tmp_path / "fixtures")
    monkeypatch.setattr(demo, "_CHECKOUT", tmp_path)
    assert "generated digits and scenes" in demo.image_source()
    with Emulator() as emu:
        seeded(emu)
        api = Api(emu.url, demo.PROJECT)
        found = described(api)
        api.session.close()
    generated = {"digits": (0, 10 * digits.PER_DIGIT, 120, 2), "scenes": (1, 12, 12, 1)}
    assert {name: row[1:] for name, row in found.items()} == {**EXPECTED, **generated}


def test_seed_in_strict_mode_logs_in_as_a_user() -> None:
    user = parse_user("ada:secret:red")
    settings = Settings(port=0, data_dir=None, auth="strict", users=(user,), control_key="of-the-test")
    with Emulator(settings) as emu:
        with Client(emu.url) as client:
            commands = demo.seed(client, TreeUploader(emu.runtime.tree), user)
        token = {"user": {"name": "ada", "password": "secret", "domain": {"name": "local"}}}
        scope = {"project": {"name": "red", "domain": {"name": "local"}}}
        body = {"auth": {"identity": {"methods": ["password"], "password": token}, "scope": scope}}
        answer = requests.post(f"{emu.url}/v3/auth/tokens", json=body, timeout=10)
        command = f"TOKEN={answer.headers['X-Subject-Token']}; {commands[0]}"
        assert json.loads(subprocess.check_output(["sh", "-c", command], timeout=30))["total_number"] == len(EXPECTED)
