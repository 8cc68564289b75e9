"""A project has one name: the one in URLs, in logins and in the settings of users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from modelarts_emulator import Emulator, User
from modelarts_emulator.iam.accounts import AccountProject


def log_in(url: str, name: str, user: str = "ada", password: str = "secret") -> dict[str, Any]:
    """Return the project and the ModelArts URL of a login to a project by name."""
    identity = {"methods": ["password"], "password": {"user": {"name": user, "password": password, "domain": {}}}}
    body = {"auth": {"identity": identity, "scope": {"project": {"name": name, "domain": {"name": "local"}}}}}
    answer = requests.post(f"{url}/v3/auth/tokens", json=body, timeout=10)
    answer.raise_for_status()
    token = answer.json()["token"]
    (service,) = (each for each in token["catalog"] if each["type"] == "modelartsv2")
    return {
        "id": token["project"]["id"],
        "url": service["endpoints"][0]["url"],
        "headers": {"X-Auth-Token": answer.headers["X-Subject-Token"]},
    }


@pytest.mark.parametrize("mode", ["open", "strict"])
def test_path_and_login_by_name_lead_to_the_same_datasets(mode: str) -> None:
    users = [User("ada", password="secret", project=AccountProject.named("my-project"))]
    strict: dict[str, Any] = {"auth": "strict", "users": users, "control_key": "of-the-test"}
    with Emulator(**strict if mode == "strict" else {}) as emulator:
        emulator.create_bucket("bucket")
        emulator.path("bucket/out").mkdir()
        found = log_in(emulator.url, "my-project")
        assert found["id"] == "my-project" and found["url"].endswith("/v2/my-project")
        new = {"dataset_name": "pets", "dataset_type": 0, "work_path": "/bucket/out/", "work_path_type": 0}
        headers = found["headers"]
        requests.post(f"{found['url']}/datasets", json=new, headers=headers, timeout=10).raise_for_status()
        listed = requests.get(f"{emulator.url}/v2/my-project/datasets", headers=headers, timeout=10).json()
        assert [each["dataset_name"] for each in listed["datasets"]] == ["pets"]


def test_datasets_under_a_hashed_id_stay_with_the_name(tmp_path: Path) -> None:
    hashed = AccountProject.hashed("my-project").id
    with Emulator(data_dir=tmp_path / "data") as emulator:
        emulator.create_bucket("bucket")
        emulator.path("bucket/out").mkdir()
        # As after a login by name in version 0.1.0.
        new = {"dataset_name": "old", "dataset_type": 0, "work_path": "/bucket/out/", "work_path_type": 0}
        assert emulator.client().post(f"/v2/{hashed}/datasets", json=new).status_code == 201
    with Emulator(data_dir=tmp_path / "data") as emulator:
        assert log_in(emulator.url, "my-project")["id"] == hashed
        assert log_in(emulator.url, "other-project")["id"] == "other-project"
