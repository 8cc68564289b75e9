"""Logins: the domain of a user, temporary keys, agencies, and the list of users."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.iam.accounts import User, derived_id
from modelarts_emulator.server import Emulator


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    users = (User("alice", password="pw-a"), User("bob", password="pw-b"))
    with Emulator(Settings(port=0, data_dir=None, auth="strict", users=users)) as emu:
        yield emu.url


def log_in(url: str, domain: Any = None, headers: dict[str, str] | None = None, **identity: Any) -> requests.Response:
    user = {"name": "alice", "password": "pw-a", **({"domain": domain} if domain else {})}
    given = {"methods": ["password"], "password": {"user": user}, **identity}
    body = {"auth": {"identity": given, "scope": {"project": {"name": "mine"}}}}
    return requests.post(f"{url}/v3/auth/tokens", json=body, headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("domain", "status"),
    [
        (None, 201),
        ({"name": "local"}, 201),
        ({"id": derived_id("domain", "local")}, 201),
        ({"name": "other"}, 401),
        ({"id": "0123"}, 401),
    ],
)
def test_login_to_a_wrong_domain_is_refused_in_strict_mode(strict: str, domain: Any, status: int) -> None:
    assert log_in(strict, domain).status_code == status


def test_login_to_any_domain_is_accepted_in_open_mode(emu: Emulator) -> None:
    answer = log_in(emu.url, {"name": "other"})
    assert answer.json()["token"]["user"]["domain"]["name"] == "other"


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/v2/mine/datasets", "X-Security-Token"),
        ("/bucket/key", "x-obs-security-token"),
        ("/bucket/key", "x-amz-security-token"),
    ],
)
def test_made_up_security_token_is_refused_in_strict_mode(strict: str, path: str, header: str) -> None:
    token = log_in(strict).headers["X-Subject-Token"]
    project = log_in(strict).json()["token"]["project"]["id"]
    path = path.replace("mine", project)
    expected = 200 if path.startswith("/v2") else 404
    assert requests.get(strict + path, headers={"X-Auth-Token": token}, timeout=10).status_code == expected
    answer = requests.get(strict + path, headers={"X-Auth-Token": token, header: "made-up"}, timeout=10)
    assert answer.status_code == 403


ROLE = {"domain_name": "customer", "agency_name": "labelling"}


def test_assume_role_needs_a_token_and_an_agency(strict: str) -> None:
    identity: dict[str, Any] = {"methods": ["assume_role"], "password": None, "assume_role": ROLE}
    assert log_in(strict, **identity).status_code == 401
    token = {"X-Auth-Token": log_in(strict).headers["X-Subject-Token"]}
    answer = log_in(strict, headers=token, **identity)
    assert (answer.status_code, answer.json()["token"]["user"]["name"]) == (201, "alice")
    assert answer.json()["token"]["methods"] == ["assume_role"]
    identity["assume_role"] = {"domain_name": "customer"}
    assert log_in(strict, headers=token, **identity).status_code == 400


def test_users_are_listed_by_name(strict: str, emu: Emulator) -> None:
    token = {"X-Auth-Token": log_in(strict).headers["X-Subject-Token"]}

    def names(url: str, query: str = "") -> list[str]:
        answer = requests.get(f"{url}/v3/users{query}", headers=token, timeout=10)
        assert answer.status_code == 200
        return [user["name"] for user in answer.json()["users"]]

    assert names(strict) == ["alice", "bob"]
    assert names(strict, "?name=bob") == ["bob"]
    assert names(strict, "?name=stranger") == []
    assert names(emu.url, "?name=anyone") == ["anyone"]
    assert requests.get(f"{strict}/v3/users", timeout=10).status_code == 401
    (user,) = requests.get(f"{strict}/v3/users?name=bob", headers=token, timeout=10).json()["users"]
    assert user["id"] == User("bob").id
