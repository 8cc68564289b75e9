"""The token record: the result of one login."""

from __future__ import annotations

from dataclasses import dataclass

from modelarts_emulator.iam.accounts import AccountProject, Principal, User


@dataclass(frozen=True, slots=True)
class Token:
    """A token and whom it speaks for; ``domain`` where it is scoped to a domain rather than a project. Times in ms."""

    id: str
    user: User
    project: AccountProject | None
    domain: str | None
    methods: tuple[str, ...]
    issued_ms: int
    expires_ms: int

    @property
    def principal(self) -> Principal:
        """Who makes a request with it."""
        return Principal(self.user, self.project)
