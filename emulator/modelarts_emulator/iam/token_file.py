"""Tokens on disk, so that a client that has logged in need not do so again after a restart.

One line a token, appended when it is issued, and one when it is revoked. Readable by the owner alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modelarts_emulator.iam.accounts import AccountProject, Accounts
from modelarts_emulator.iam.token import Token

log = logging.getLogger(__name__)


class _Line(msgspec.Struct, omit_defaults=True):
    """What is written of a token; of a revoked one only its id."""

    id: str
    user: str = ""
    user_domain: str = ""
    project_id: str | None = None
    project_name: str = ""
    domain: str | None = None
    methods: tuple[str, ...] = ()
    issued_ms: int = 0
    expires_ms: int = 0


class TokenFile:
    """The file of one emulator's tokens. Not thread-safe: whoever keeps the tokens holds a lock.

    A disk that refuses costs no login: it is logged, and those tokens end with the process.
    """

    def __init__(self, path: Path, accounts: Accounts) -> None:
        self._path = path
        self._accounts = accounts

    def load(self, now_ms: int) -> list[Token]:
        """Return the tokens that are valid still, oldest first, and write the file anew with only those.

        In strict mode a token ends with its user, and with the user's right to its project.
        """
        found: dict[str, Token] = {}
        for line in self._lines():
            found.pop(line.id, None)
            if (token := self._token(line)) and now_ms < token.expires_ms:
                found[token.id] = token
        self.write(found.values())
        return list(found.values())

    def add(self, token: Token) -> None:
        """Note a token that was issued."""
        self._append(_encoded(token))

    def remove(self, token_id: str) -> None:
        """Note that a token was revoked."""
        self._append(msgspec.json.encode(_Line(token_id)) + b"\n")

    def write(self, tokens: Iterable[Token]) -> None:
        """Replace what is there."""
        try:
            new = self._path.with_name(self._path.name + ".new")
            new.unlink(missing_ok=True)
            new.touch(mode=0o600)
            new.write_bytes(b"".join(map(_encoded, tokens)))
            new.replace(self._path)
        except OSError as error:
            self._refused(error)

    def _append(self, line: bytes) -> None:
        try:
            with self._path.open("ab") as file:
                file.write(line)
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> None:
        log.warning("Cannot write %s: %s; after a restart clients must log in again.", self._path, error.strerror)

    def _lines(self) -> list[_Line]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("Cannot read %s: %s; clients must log in again.", self._path, error.strerror)
            return []
        return [line for line in map(_decoded, lines) if line]

    def _token(self, line: _Line) -> Token | None:
        user = self._accounts.restored_user(line.user, line.user_domain) if line.user else None
        project = AccountProject(line.project_id, line.project_name) if line.project_id else None
        if user is None or not self._accounts.allows(user, project):
            return None
        if project:
            self._accounts.project(user, id=project.id, name=project.name)  # lists of projects have it again
        return Token(line.id, user, project, line.domain, line.methods, line.issued_ms, line.expires_ms)


def _encoded(token: Token) -> bytes:
    line = _Line(
        token.id,
        token.user.name,
        token.user.domain,
        token.project.id if token.project else None,
        token.project.name if token.project else "",
        token.domain,
        token.methods,
        token.issued_ms,
        token.expires_ms,
    )
    return msgspec.json.encode(line) + b"\n"


def _decoded(line: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(line, type=_Line)
    except (msgspec.MsgspecError, UnicodeError):
        return None  # the end of the process cut it off
