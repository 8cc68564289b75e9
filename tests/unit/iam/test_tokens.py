"""Issue, find, expire and revoke tokens."""

import pytest

from modelarts_emulator.contract.errors import INVALID_TOKEN, ApiError
from modelarts_emulator.iam.accounts import AccountProject, User
from modelarts_emulator.iam.tokens import LIFETIME_MS, Tokens
from modelarts_emulator.util.ids import Ids
from tests.helpers.clocks import SetClock

USER, PROJECT = User("alice"), AccountProject.named("red")


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def tokens(clock):
    return Tokens(clock, Ids(seed=1))


def test_token_expires_after_a_day(tokens, clock):
    token = tokens.issue(USER, project=PROJECT)
    assert token.expires_ms - token.issued_ms == LIFETIME_MS == 86_400_000
    clock.ms += LIFETIME_MS - 1
    assert tokens.require(token.id) is token
    clock.ms += 1
    assert tokens.find(token.id) is None
    with pytest.raises(ApiError) as caught:
        tokens.require(token.id)
    assert caught.value.error is INVALID_TOKEN
    assert token.id not in str(caught.value)


def test_token_obtained_with_another_does_not_outlive_it(tokens, clock):
    first = tokens.issue(USER)
    clock.ms += 1000
    assert tokens.issue(USER, expires_ms=first.expires_ms).expires_ms == first.expires_ms


def test_token_revoked_is_not_found(tokens):
    token = tokens.issue(USER)
    assert tokens.revoke(token.id)
    assert tokens.find(token.id) is None
    assert not tokens.revoke(token.id)


@pytest.mark.parametrize("unknown", ["", "x", "f" * 64, "ü"])
def test_token_not_issued_is_not_found(tokens, unknown):
    tokens.issue(USER)
    assert tokens.find(unknown) is None


def test_tokens_differ_and_have_their_own_user(tokens):
    one, other = tokens.issue(USER, project=PROJECT), tokens.issue(USER)
    assert one.id != other.id
    assert one.principal.may_use(PROJECT.id)
    assert not other.principal.may_use(PROJECT.id)


def test_tokens_expired_are_dropped_except_the_latest(tokens, clock):
    issued = [tokens.issue(USER).id for _ in range(1500)]
    clock.ms += LIFETIME_MS
    last = tokens.issue(USER)
    assert list(tokens._tokens) == [*issued[-999:], last.id]
    assert [tokens.has_expired(each) for each in (issued[0], issued[-1], last.id, "other")] == [False, True] + [
        False
    ] * 2
    clock.ms -= 1
    assert tokens.find(issued[-1])


def test_clear_ends_all_tokens(tokens):
    token = tokens.issue(USER)
    tokens.clear()
    assert tokens.find(token.id) is None
