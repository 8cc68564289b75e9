"""Tokens stay valid over a restart, but not after their user is removed."""

import stat

import pytest
import requests

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.iam.accounts import AccountProject, Accounts, User
from modelarts_emulator.iam.token_file import TokenFile
from modelarts_emulator.iam.tokens import LIFETIME_MS, Tokens
from modelarts_emulator.server import Emulator
from modelarts_emulator.util.ids import Ids
from tests.helpers.clocks import SetClock

RED, BLUE = AccountProject.named("red"), AccountProject.named("blue")
ALICE, BOB = User("alice", password="pw-a", project=RED), User("bob", password="pw-b")


@pytest.fixture
def clock():
    return SetClock(1_000_000)


@pytest.fixture
def restart(tmp_path, clock):
    """Tokens as a process finds them that starts with these users; open with none."""

    def start(*users):
        return Tokens(clock, Ids(), TokenFile(tmp_path / "tokens", Accounts(users, strict=bool(users))))

    return start


def test_token_file_keeps_tokens_over_a_restart(restart):
    first = restart(ALICE, BOB)
    made = [
        first.issue(ALICE, project=RED),
        first.issue(BOB, project=BLUE, methods=("password", "token")),
        first.issue(BOB, domain="local"),
        first.issue(BOB),
    ]
    second = restart(ALICE, BOB)
    assert [second.find(token.id) for token in made] == made
    assert second.find(made[0].id).user is ALICE


def test_token_file_open_mode_restores_any_user(restart):
    token = restart().issue(User("anyone", "acme"), project=BLUE)
    assert restart().find(token.id) == token


def test_token_file_drops_revoked_and_expired_tokens(restart, clock, tmp_path):
    first = restart(BOB)
    revoked, old = first.issue(BOB), first.issue(BOB)
    first.revoke(revoked.id)
    clock.ms += 1
    young = first.issue(BOB)
    clock.ms += LIFETIME_MS - 1
    second = restart(BOB)
    assert [second.find(token.id) for token in (revoked, old, young)] == [None, None, young]
    assert len((tmp_path / "tokens").read_bytes().splitlines()) == 1
    second.clear()
    assert restart(BOB).find(young.id) is None


def test_token_file_drops_tokens_of_removed_users_and_projects(restart):
    token = restart(ALICE, BOB).issue(ALICE, project=RED)
    assert restart(BOB).find(token.id) is None
    token = restart(ALICE).issue(ALICE, project=RED)
    assert restart(User("alice", password="pw-a", project=BLUE)).find(token.id) is None


def test_token_file_skips_a_truncated_line(restart, tmp_path):
    first = restart(BOB)
    kept, lost = first.issue(BOB), first.issue(BOB)
    file = tmp_path / "tokens"
    file.write_bytes(b"\xff\n" + file.read_bytes()[:-20])
    second = restart(BOB)
    assert (second.find(kept.id), second.find(lost.id)) == (kept, None)


def test_token_file_is_private_and_has_no_password(restart, tmp_path):
    restart(BOB).issue(BOB)
    file = tmp_path / "tokens"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"pw-b" not in file.read_bytes()


def test_token_file_write_error_does_not_fail_the_login(restart, tmp_path, caplog):
    (tmp_path / "tokens").mkdir()
    tokens = restart(BOB)
    assert tokens.find(tokens.issue(BOB).id)
    assert any("must log in again" in line for line in caplog.messages)


def test_emulator_restarted_accepts_earlier_tokens(tmp_path):
    settings = Settings(port=0, data_dir=tmp_path / "data", auth="strict", users=(BOB,), durability="process")
    body = {"identity": {"methods": ["password"], "password": {"user": {"name": "bob", "password": "pw-b"}}}}
    body["scope"] = {"project": {"name": "blue"}}
    with Emulator(settings) as emu:
        answer = requests.post(f"{emu.url}/v3/auth/tokens", json={"auth": body}, timeout=10)
        headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
    with Emulator(settings) as emu:
        url = f"{emu.url}/v2/{BLUE.id}/datasets"
        assert requests.get(url, headers=headers, timeout=10).json()["total_number"] == 0
        assert requests.get(url, headers={"X-Auth-Token": "0" * 64}, timeout=10).status_code == 401


def test_tokens_without_a_file_end_with_the_process(clock):
    token = Tokens(clock, Ids()).issue(BOB)
    with pytest.raises(ApiError):
        Tokens(clock, Ids()).require(token.id)
