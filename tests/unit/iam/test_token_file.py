"""Tokens outlive the process that has issued them, but not the user they were issued to."""

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


def test_a_token_is_the_same_after_a_restart(restart):
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


def test_open_anybody_comes_back(restart):
    token = restart().issue(User("anyone", "acme"), project=BLUE)
    assert restart().find(token.id) == token


def test_what_was_revoked_or_has_expired_does_not_come_back(restart, clock, tmp_path):
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


def test_a_token_ends_with_its_user_and_their_project(restart):
    token = restart(ALICE, BOB).issue(ALICE, project=RED)
    assert restart(BOB).find(token.id) is None
    token = restart(ALICE).issue(ALICE, project=RED)
    assert restart(User("alice", password="pw-a", project=BLUE)).find(token.id) is None


def test_a_line_that_was_cut_off_costs_that_one_alone(restart, tmp_path):
    first = restart(BOB)
    kept, lost = first.issue(BOB), first.issue(BOB)
    file = tmp_path / "tokens"
    file.write_bytes(b"\xff\n" + file.read_bytes()[:-20])
    second = restart(BOB)
    assert (second.find(kept.id), second.find(lost.id)) == (kept, None)


def test_the_file_is_for_its_owner_alone_and_has_no_password(restart, tmp_path):
    restart(BOB).issue(BOB)
    file = tmp_path / "tokens"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"pw-b" not in file.read_bytes()


def test_a_disk_that_refuses_costs_no_login(restart, tmp_path, caplog):
    (tmp_path / "tokens").mkdir()
    tokens = restart(BOB)
    assert tokens.find(tokens.issue(BOB).id)
    assert any("must log in again" in line for line in caplog.messages)


def test_a_client_goes_on_after_a_restart(tmp_path):
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


def test_without_a_file_they_end_with_the_process(clock):
    token = Tokens(clock, Ids()).issue(BOB)
    with pytest.raises(ApiError):
        Tokens(clock, Ids()).require(token.id)
