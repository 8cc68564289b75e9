"""Access to the control API: the key is required where one is configured, and pages of other sites are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.control import access
from modelarts_emulator.control.endpoints import ENDPOINTS
from modelarts_emulator.iam.accounts import parse_access_key, parse_user
from modelarts_emulator.server import Emulator
from tests.helpers import signing
from tests.helpers.api import Api

CONTROL = [endpoint for endpoint in ENDPOINTS if endpoint.handler is not None]
READABLE = ["health", "ready", "coverage", "openapi.json", "docs", "ui"]
"""Paths that are public; they reveal only the number of datasets."""
NAMES = [f"{endpoint.method} {endpoint.path}" for endpoint in CONTROL]


def path_of(path: str) -> str:
    return path.replace("{name}", "one").replace("{fault_id}", "fault-1")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    settings = Settings(
        port=0,
        data_dir=tmp_path_factory.mktemp("strict") / "data",
        auth="strict",
        users=(parse_user("alice:pw-a:red"),),
        access_keys=(parse_access_key("AKA:sk-a:alice"),),
        durability="process",
    )
    with Emulator(settings) as emu:
        yield emu


@pytest.fixture(scope="module")
def token(strict: Emulator) -> str:
    user = {"name": "alice", "password": "pw-a", "domain": {"name": "local"}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": {"project": {"name": "red"}}}}
    answer = requests.post(f"{strict.url}/v3/auth/tokens", json=body, timeout=10)
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Subject-Token"]


def key_of(emu: Emulator) -> str:
    return (emu.runtime.root / "control-key").read_text().strip()


@pytest.mark.parametrize("endpoint", CONTROL, ids=NAMES)
def test_control_api_with_a_token_but_no_key_is_refused(strict: Emulator, token: str, endpoint: object) -> None:
    method, path = endpoint.method, path_of(endpoint.path)  # type: ignore[attr-defined]
    project = requests.get(f"{strict.url}/v3/auth/projects", headers={"X-Auth-Token": token}, timeout=10)
    assert project.status_code == 200  # the token is good
    attempts = [
        {"X-Auth-Token": token},
        {"X-Auth-Token": token, "X-Subject-Token": token, "X-Emulator-Key": ""},
        {"X-Auth-Token": token, "X-Emulator-Key": token},
        {"Authorization": f"Bearer {key_of(strict)}"},
        {"X-Emulator-Key": key_of(strict)[:-1]},
        {"X-Emulator-Key": key_of(strict).upper() + "ä"},
        {},
    ]
    for headers in attempts:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        answer = requests.request(method, strict.url + path, headers=sent, timeout=10)
        assert answer.status_code == 401, headers
        assert answer.json()["error_code"] == "Emulator.0401"
        assert key_of(strict) not in answer.text
    signed = signing.sdk(requests.Request(method, strict.url + path))
    with requests.Session() as session:
        assert session.send(session.prepare_request(signed), timeout=10).status_code == 401


def test_control_api_with_the_key_alone_is_open(strict: Emulator) -> None:
    headers = {"X-Emulator-Key": key_of(strict)}
    assert requests.get(f"{strict.url}/_emulator/faults", headers=headers, timeout=10).json() == {"faults": []}
    answer = requests.post(f"{strict.url}/_emulator/reset", headers=headers, timeout=10)
    assert answer.status_code == 200


def test_control_key_does_not_open_the_dataset_api(strict: Emulator) -> None:
    for header in ("X-Emulator-Key", "X-Auth-Token"):
        answer = requests.get(f"{strict.url}/v2/red/datasets", headers={header: key_of(strict)}, timeout=10)
        assert answer.status_code == 401


@pytest.mark.parametrize("path", READABLE)
def test_documents_without_a_key_are_open(strict: Emulator, path: str) -> None:
    assert requests.get(f"{strict.url}/_emulator/{path}", timeout=10).status_code == 200


def test_endpoints_are_either_protected_or_public() -> None:
    own = {endpoint.path for endpoint in ENDPOINTS if endpoint.path.startswith("/_emulator/")}
    assert own - {endpoint.path for endpoint in CONTROL} == {f"/_emulator/{path}" for path in READABLE}


def test_generated_key_is_kept_for_the_owner_alone(tmp_path: Path) -> None:
    settings = Settings(port=0, data_dir=tmp_path, auth="strict", users=(parse_user("a:b"),))
    first = access.ControlAccess(settings).key
    assert first
    assert (tmp_path / "control-key").stat().st_mode & 0o777 == 0o600
    assert access.ControlAccess(settings).key == first


def test_empty_key_file_gets_a_new_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "control-key").touch()
    settings = Settings(port=0, data_dir=tmp_path, auth="strict", users=(parse_user("a:b"),))
    key = access.ControlAccess(settings).key
    assert key
    assert (tmp_path / "control-key").read_text().strip() == key
    assert "control-key was empty" in caplog.text


def test_key_without_data_directory_is_printed_once_and_not_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = Settings(port=0, data_dir=None, auth="strict", users=(parse_user("a:b"),))
    key = access.ControlAccess(settings, tmp_path).key
    assert key
    assert capsys.readouterr().err.count(key) == 1
    assert key not in caplog.text


def test_key_is_not_printed_into_a_file_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(port=0, data_dir=None, auth="strict", users=(parse_user("a:b"),))
    (tmp_path / "log").touch(0o644)
    with (tmp_path / "log").open("w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        key = access.ControlAccess(settings, tmp_path).key
    assert key == (tmp_path / "control-key").read_text().strip()
    assert key not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"two words here\n", b"short\n", b"\x00" * 4000])
def test_damaged_key_file_gets_a_new_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "control-key").write_bytes(content)
    (tmp_path / "control-key").chmod(0o600)
    settings = Settings(port=0, data_dir=tmp_path, auth="strict", users=(parse_user("a:b"),))
    key = access.ControlAccess(settings).key
    assert key
    assert (tmp_path / "control-key").read_text() == f"{key}\n"


def test_key_file_that_others_can_read_gets_a_new_key(tmp_path: Path) -> None:
    (tmp_path / "control-key").write_text("correct-horse-battery\n")
    (tmp_path / "control-key").chmod(0o644)
    settings = Settings(port=0, data_dir=tmp_path, auth="strict", users=(parse_user("a:b"),))
    assert access.ControlAccess(settings).key != "correct-horse-battery"
    assert (tmp_path / "control-key").stat().st_mode & 0o777 == 0o600


def test_key_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("correct-horse-battery\n")
    (tmp_path / "control-key").symlink_to("elsewhere")
    settings = Settings(port=0, data_dir=tmp_path, auth="strict", users=(parse_user("a:b"),))
    with pytest.raises(OSError, match="control-key"):
        access.ControlAccess(settings)
    assert (tmp_path / "elsewhere").read_text() == "correct-horse-battery\n"


def test_configured_key_protects_an_open_emulator() -> None:
    with Emulator(Settings(port=0, data_dir=None, control_key="correct-horse")) as emu:
        for headers, status in (({}, 401), ({"X-Emulator-Key": "correct-horse"}, 200)):
            answer = requests.get(f"{emu.url}/_emulator/faults", headers=headers, timeout=10)
            assert answer.status_code == status
        assert requests.get(f"{emu.url}/v2/p/datasets", timeout=10).status_code == 200


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(access.hmac, "compare_digest", compare)
    with Emulator(Settings(port=0, data_dir=None, control_key="correct-horse")) as emu:
        requests.get(f"{emu.url}/_emulator/faults", headers={"X-Emulator-Key": "battery"}, timeout=10)
    assert compared == [(b"battery", b"correct-horse")]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.io"])
def test_changes_from_a_page_of_another_site_are_refused(emu: Emulator, api: Api, origin: str) -> None:
    dataset_id = api.dataset()
    for endpoint in CONTROL:
        if endpoint.method != "GET":
            url = emu.url + path_of(endpoint.path)
            answer = requests.request(endpoint.method, url, headers={"Origin": origin}, timeout=10)
            assert answer.status_code == 403, endpoint.path
    assert api.call("GET", f"/{dataset_id}")["status"] == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_origin_is_checked_on_every_listening_address(host: str) -> None:
    with Emulator(Settings(port=0, data_dir=None, host=host, cors=("https://ours.example",))) as emu:
        url = f"http://127.0.0.1:{emu.url.rpartition(':')[2]}"
        statuses = {
            origin: requests.post(f"{url}/_emulator/reset", headers={"Origin": origin}, timeout=10).status_code
            for origin in ("https://ours.example", url, "https://evil.example")
        }
    assert statuses == {"https://ours.example": 200, url: 200, "https://evil.example": 403}
