"""Users, projects and access keys in open and strict mode."""

import re

import pytest

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.iam.accounts import (
    NO_SUCH_PROJECT,
    WRONG_PASSWORD,
    AccessKey,
    AccountProject,
    Accounts,
    Principal,
    User,
    parse_access_key,
    parse_user,
)

ALICE = User("alice", password="secret-a", project=AccountProject.named("red"))
BOB = User("bob", password="secret-b")
KEY = AccessKey("AK1", "secret-k", "alice")


@pytest.fixture
def strict():
    return Accounts([ALICE, BOB], [KEY], strict=True)


def test_log_in_open_mode_accepts_everybody():
    user = Accounts().log_in("anyone", "anything", "acme")
    assert (user.name, user.domain, user.project) == ("anyone", "acme", None)


def test_log_in_strict_mode_accepts_configured_users(strict):
    assert strict.log_in("alice", "secret-a") is ALICE


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", ""), ("alice", "secret-b"), ("alice", "secret-a "), ("nobody", ""), ("nobody", "x"), ("", "")],
)
def test_log_in_strict_mode_refuses_all_others(strict, name, password):
    with pytest.raises(ApiError) as caught:
        strict.log_in(name, password)
    assert caught.value.error is WRONG_PASSWORD


def test_project_id_is_the_name_if_that_can_be_an_id():
    assert AccountProject.named("my-project_2").id == "my-project_2"
    for name in ("eu de", "a/b", "", "ü", "x" * 65):
        assert re.fullmatch("[0-9a-f]{32}", AccountProject.named(name).id)
        assert AccountProject.named(name) == AccountProject.hashed(name)
    assert len(User("demo").id) == 32 and User("demo").id != AccountProject.hashed("demo").id


def test_project_with_datasets_under_its_hashed_id_keeps_that_id():
    hashed = AccountProject.hashed("red")
    accounts = Accounts([ALICE, BOB], strict=True, used_project_ids=[hashed.id])
    assert accounts.log_in("alice", "secret-a").project == hashed
    assert accounts.project(BOB, name="red") == hashed
    assert accounts.project(BOB, name="blue").id == "blue"
    both = Accounts(used_project_ids=[hashed.id, "red"])
    assert both.project(BOB, name="red").id == "red"


def test_project_is_found_by_id_or_name(strict):
    red = AccountProject.named("red")
    assert strict.project(ALICE, name="red") == strict.project(ALICE, id=red.id) == red
    assert Accounts().project(BOB, id="f" * 32) == AccountProject("f" * 32, "f" * 32)


@pytest.mark.parametrize("asked", [{"name": "blue"}, {"id": "f" * 32}, {"id": "blue"}, {"name": ""}])
def test_project_of_another_user_is_refused(strict, asked):
    with pytest.raises(ApiError) as caught:
        strict.project(ALICE, **asked)
    assert caught.value.error is NO_SUCH_PROJECT


def test_projects_are_those_used_before(strict):
    strict.project(BOB, name="blue")
    assert [project.name for project in strict.projects(BOB)] == ["blue", "red"]
    assert [project.name for project in strict.projects(ALICE)] == ["red"]


def test_principal_of_key_is_the_user_of_the_key(strict):
    assert strict.principal_of_key("AK1") == Principal(ALICE, ALICE.project)
    assert not strict.principal_of_key("AK1").may_use("f" * 32)
    assert Accounts().principal_of_key("AK?").may_use("anything")


@pytest.mark.parametrize(
    "build",
    [
        lambda: Accounts([ALICE, User("alice", password="x")]),
        lambda: Accounts([ALICE], [KEY, AccessKey("AK1", "x", "alice")]),
        lambda: Accounts([BOB], [KEY], strict=True),
    ],
)
def test_accounts_that_contradict_each_other_are_refused(build):
    with pytest.raises(ValueError, match=r"alice|AK1"):
        build()


def test_parse_user_and_access_key_accept_valid_text():
    assert parse_user("bob:secret-b") == BOB
    assert parse_user("alice:secret-a:red") == ALICE
    assert parse_access_key("AK1:secret-k:alice") == KEY
    assert parse_access_key("AK1:se:cr:et:alice").secret == "se:cr:et"


@pytest.mark.parametrize("text", ["", "bob", "bob:", ":secret", "::red"])
def test_parse_user_refuses_malformed_text(text):
    with pytest.raises(ValueError, match="NAME:PASSWORD"):
        parse_user(text)


@pytest.mark.parametrize("text", ["", "AK", "AK:secret", ":secret:bob", "AK::bob", "AK:secret:"])
def test_parse_access_key_does_not_repeat_the_secret(text):
    with pytest.raises(ValueError, match="AK:SK:USER") as caught:
        parse_access_key(text)
    assert "secret" not in str(caught.value)


def test_repr_hides_secrets():
    assert "secret" not in repr([ALICE, BOB, KEY, Accounts([ALICE], [KEY]).principal_of_key("AK1")])
