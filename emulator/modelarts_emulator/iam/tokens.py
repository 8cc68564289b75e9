"""Tokens: the result of a login, valid for 24 hours by the emulator's clock."""

from __future__ import annotations

import threading

from modelarts_emulator.contract.errors import INVALID_TOKEN, ApiError
from modelarts_emulator.iam.accounts import AccountProject, User
from modelarts_emulator.iam.token import Token
from modelarts_emulator.iam.token_file import TokenFile
from modelarts_emulator.util.clock import Clock
from modelarts_emulator.util.ids import Ids

LIFETIME_MS = 24 * 3600 * 1000
_MAX_TOKENS = 100_000
_KEPT_TOKENS = 1_000
"""Number of expired tokens that are kept, so that they are recognized, and valid again if the clock is set back."""


class Tokens:
    """The tokens of one emulator. Without a file, clients must log in again after a restart. Thread-safe."""

    def __init__(self, clock: Clock, ids: Ids, file: TokenFile | None = None) -> None:
        self._clock = clock
        self._ids = ids
        self._file = file
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {token.id: token for token in file.load(clock.now_ms())} if file else {}

    def issue(
        self,
        user: User,
        *,
        project: AccountProject | None = None,
        domain: str | None = None,
        methods: tuple[str, ...] = ("password",),
        expires_ms: int | None = None,
    ) -> Token:
        """Return a new token. ``expires_ms`` limits its lifetime to that of the token it was obtained with."""
        now = self._clock.now_ms()
        expires = min(now + LIFETIME_MS, expires_ms or now + LIFETIME_MS)
        token = Token(self._ids.secret(64), user, project, domain, methods, now, expires)
        with self._lock:
            self._forget_expired(now)
            self._tokens[token.id] = token
            if self._file:
                self._file.add(token)
        return token

    def find(self, token_id: str) -> Token | None:
        """Return a token that is valid now, or None."""
        with self._lock:
            token = self._tokens.get(token_id)
        return token if token and self._clock.now_ms() < token.expires_ms else None

    def has_expired(self, token_id: str) -> bool:
        """Return whether a token was issued here and has expired."""
        token = self._tokens.get(token_id)
        return token is not None and self._clock.now_ms() >= token.expires_ms

    def require(self, token_id: str) -> Token:
        """Return a token that is valid now. Raises INVALID_TOKEN, whose text does not contain the token."""
        token = self.find(token_id)
        if token is None:
            raise ApiError(INVALID_TOKEN, "the token is unknown, expired or revoked; log in again")
        return token

    def revoke(self, token_id: str) -> bool:
        """End a token. Returns False if there is none."""
        with self._lock:
            found = self._tokens.pop(token_id, None)
            if found and self._file:
                self._file.remove(token_id)
        return found is not None

    def clear(self) -> None:
        """End every token."""
        with self._lock:
            self._tokens.clear()
            if self._file:
                self._file.write([])

    def _forget_expired(self, now: int) -> None:
        """Make room for one token.

        From ``_KEPT_TOKENS`` tokens on, remove the oldest that have expired; from ``_MAX_TOKENS`` on, remove the oldest
        even if it is valid.
        """
        while len(self._tokens) >= _KEPT_TOKENS:
            oldest = next(iter(self._tokens.values()))
            if now < oldest.expires_ms and len(self._tokens) < _MAX_TOKENS:
                return
            del self._tokens[oldest.id]
