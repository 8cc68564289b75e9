"""With a seed the same calls give the same ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

from modelarts_emulator.server import Emulator
from tests.helpers.api import Api
from tests.helpers.control import Control
from tests.helpers.pictures import picture


def story(emu: Emulator, api: Api, control: Control, *, logins: int = 0) -> list[Any]:
    """Ids of everything that gets one, and the tokens at the end."""
    dataset_id = api.dataset()
    found: list[Any] = [dataset_id, sorted(api.ids(dataset_id).values())]
    tokens = [log_in(emu.url) for _ in range(logins)]
    upload = requests.post(f"{emu.url}/bucket/big?uploads", timeout=10)
    found += [node.text for node in ElementTree.fromstring(upload.content).iter() if node.tag.endswith("UploadId")]
    found.append(api.publish(dataset_id)["version_id"])
    body = {"import_path": "/bucket/more/", "import_type": "dir"}
    found.append(api.call("POST", f"/{dataset_id}/import-tasks", json=body)["task_id"])
    control.call("POST", "wait-idle")
    export = {"path": "/bucket/exported/", "export_type": 2}
    found.append(api.call("POST", f"/{dataset_id}/export-tasks", json=export)["task_id"])
    control.call("POST", "wait-idle")
    return [*found, *tokens]


def log_in(url: str) -> str:
    user = {"name": "me", "password": "secret", "domain": {"name": "local"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    return requests.post(f"{url}/v3/auth/tokens", json=body, timeout=10).headers["X-Subject-Token"]


@pytest.fixture
def place(pictures: Path) -> Path:
    (pictures / "more").mkdir()
    (pictures / "more/other.png").write_bytes(picture())
    return pictures


@pytest.mark.parametrize("seed", [7, "seven"])
def test_same_calls_after_the_same_seed_give_the_same_ids(
    emu: Emulator, api: Api, control: Control, place: Path, seed: int | str
) -> None:
    stories = []
    for _ in range(2):
        control.call("POST", "reset")
        (place / "in/other.png").unlink(missing_ok=True)
        assert control.call("PUT", "ids", json={"seed": seed}) == {"seed": seed}
        stories.append(story(emu, api, control))
    assert stories[0] == stories[1]
    assert len(stories[0]) == 6


def test_ids_differ_without_a_seed_and_with_another(emu: Emulator, api: Api, control: Control, place: Path) -> None:
    made = set()
    for seed in (1, 2, "1 ", None, None):
        control.call("POST", "reset")
        control.call("PUT", "ids", json={"seed": seed})
        made.add(api.dataset())
    assert len(made) == 5


def test_tokens_do_not_follow_the_seed(emu: Emulator, api: Api, control: Control, place: Path) -> None:
    stories = []
    for logins in (1, 3):
        control.call("POST", "reset")
        (place / "in/other.png").unlink(missing_ok=True)
        control.call("PUT", "ids", json={"seed": 1})
        stories.append(story(emu, api, control, logins=logins))
    assert stories[0][:6] == stories[1][:6]
    assert not {*stories[0][6:]} & {*stories[1][6:]}


def test_same_seed_again_skips_ids_in_use(emu: Emulator, api: Api, control: Control, place: Path) -> None:
    """Without a reset between them."""
    made: list[Any] = []
    for number in range(4):
        control.call("PUT", "ids", json={"seed": 1})
        made.append(api.dataset(dataset_name=f"d{number}", work_path=f"/bucket/{number}/"))
        upload = requests.post(f"{emu.url}/bucket/big?uploads", timeout=10)
        assert upload.status_code == 200
        made.append(upload.text)
        made.append(api.publish(made[-2])["version_id"])
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("body", [{}, {"seed": 1.5}, {"seed": [1]}, {"seeds": 1}, 7])
def test_invalid_seed_is_refused(control: Control, body: Any) -> None:
    control.refused("PUT", "ids", json=body)
