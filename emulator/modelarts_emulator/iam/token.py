"""The token record: the result of one login."""

from __future__ import annotations

from dataclasses import dataclass

from modelarts_emulator.iam.accounts import AccountProject, Principal, User


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its user. Times are in ms since the epoch.

    ``domain`` is set if the token is scoped to a domain rather than a project.
    """

    id: str
    user: User
    project: AccountProject | None
    domain: str | None
    methods: tuple[str, ...]
    issued_ms: int
    expires_ms: int

    @property
    def principal(self) -> Principal:
        """Return the caller of requests that carry the token."""
        return Principal(self.user, self.project)
