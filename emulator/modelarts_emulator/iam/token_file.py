"""Tokens on disk, so that clients need not log in again after a restart.

The file has one line per token, appended when the token is issued, and one when it is revoked. Only the owner may read
it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modelarts_emulator.iam.accounts import AccountProject, Accounts
from modelarts_emulator.iam.token import Token
from modelarts_emulator.system.durability import flush_data, flush_folder

log = logging.getLogger(__name__)


class _Line(msgspec.Struct, omit_defaults=True):
    """A line of the file. A line with only an id revokes that token."""

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
    """The file of one emulator's tokens. Not thread-safe: the caller holds a lock. ``fsync``: they survive power loss.

    An I/O error does not fail a login. It is logged, and the affected tokens end with the process.
    """

    def __init__(self, path: Path, accounts: Accounts, *, fsync: bool = False) -> None:
        self._path, self._fsync = path, fsync
        self._accounts = accounts

    def load(self, now_ms: int) -> list[Token]:
        """Return the tokens that are still valid, oldest first, and rewrite the file with only those.

        In strict mode a token becomes invalid when its user is removed or may not use its project any more.
        """
        found: dict[str, Token] = {}
        for line in self._lines():
            found.pop(line.id, None)
            if (token := self._token(line)) and now_ms < token.expires_ms:
                found[token.id] = token
        self.write(found.values())
        return list(found.values())

    def add(self, token: Token) -> None:
        """Append a token that was issued."""
        self._append(_encoded(token))

    def remove(self, token_id: str) -> None:
        """Append that a token was revoked."""
        self._append(msgspec.json.encode(_Line(token_id)) + b"\n")

    def write(self, tokens: Iterable[Token]) -> None:
        """Replace the content of the file."""
        try:
            new = self._path.with_name(self._path.name + ".new")
            new.unlink(missing_ok=True)
            new.touch(mode=0o600)
            self._write(new, "wb", b"".join(map(_encoded, tokens)))
            new.replace(self._path)
            if self._fsync:
                flush_folder(self._path.parent)
        except OSError as error:
            self._refused(error)

    def _append(self, line: bytes) -> None:
        try:
            self._write(self._path, "ab", line)
        except OSError as error:
            self._refused(error)

    def _write(self, path: Path, mode: str, data: bytes) -> None:
        with path.open(mode) as file:
            file.write(data)
            if self._fsync:
                file.flush()
                flush_data(file.fileno())

    def _refused(self, error: OSError) -> None:
        log.warning("Cannot write %s: %s; clients must log in again after a restart", self._path, error.strerror)

    def _lines(self) -> list[_Line]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("Cannot read %s: %s; clients must log in again", self._path, error.strerror)
            return []
        if number := unreadable_lines(self._path):
            log.warning("%d lines of %s are damaged; these clients must log in again", number, self._path)
        return [line for line in map(_decoded, lines) if line]

    def _token(self, line: _Line) -> Token | None:
        user = self._accounts.restored_user(line.user, line.user_domain) if line.user else None
        project = AccountProject(line.project_id, line.project_name) if line.project_id else None
        if user is None or not self._accounts.allows(user, project):
            return None
        if project:
            self._accounts.project(user, id=project.id, name=project.name)  # adds it to the list of projects
        return Token(line.id, user, project, line.domain, line.methods, line.issued_ms, line.expires_ms)


def unreadable_lines(path: Path) -> int:
    """Return the number of damaged lines of a file of tokens. The last one may be truncated by a crash: not counted."""
    *lines, _ = path.read_bytes().split(b"\n")
    return sum(_decoded(line) is None for line in lines if line)


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
        return None  # a crash truncated the line
