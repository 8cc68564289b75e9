"""Users, their projects and their access keys.

An open emulator accepts every user name and password. A strict one accepts only the users it was configured with.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from modelarts_emulator.contract.errors import ApiError, Error

DEFAULT_DOMAIN = "local"

WRONG_PASSWORD = Error(401, "Unauthorized", "The username or password is wrong.")
NO_SUCH_PROJECT = Error(401, "Unauthorized", "The user is not authorized for this project.")

_MAX_PROJECTS = 10_000
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class AccountProject:
    """A project: the owner of datasets. ``id`` is the one in URLs."""

    id: str
    name: str

    @classmethod
    def named(cls, name: str) -> AccountProject:
        """Return the project with a name, which is also its id.

        So ``/v2/my-project`` and a login to ``project_name="my-project"`` mean the same project. Only a name that is
        not 1 to 64 letters, digits, ``_`` and ``-`` has an id of 32 hex digits that is derived from it.
        """
        return cls(name, name) if _PLAIN_NAME.fullmatch(name) else cls.hashed(name)

    @classmethod
    def hashed(cls, name: str) -> AccountProject:
        """Return the project with a name and the id of 32 hex digits that is derived from it."""
        return cls(derived_id("project", name), name)


@dataclass(frozen=True, slots=True)
class User:
    """A user name with its domain. A configured user also has a password, and may be limited to one project."""

    name: str
    domain: str = DEFAULT_DOMAIN
    password: str = field(default="", repr=False)
    project: AccountProject | None = None

    @property
    def id(self) -> str:
        """Return the user's id: 32 hex digits that are derived from the name and never change."""
        return derived_id("user", self.name)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key pair that signs requests on behalf of a user."""

    id: str
    secret: str = field(repr=False)
    user: str


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request.

    ``project`` limits the caller to one project; ``unlimited`` allows every project.
    """

    user: User
    project: AccountProject | None = None
    unlimited: bool = False

    @property
    def name(self) -> str:
        """Return the user's name."""
        return self.user.name

    @property
    def domain(self) -> str:
        """Return the name of the user's domain."""
        return self.user.domain

    def may_use(self, project_id: str) -> bool:
        """Return whether the caller may work in a project."""
        return self.unlimited or (self.project is not None and self.project.id == project_id)


ANONYMOUS = Principal(User("anonymous"), unlimited=True)
"""The caller of an open emulator that sends no credentials."""


class Accounts:
    """The users and access keys of one emulator. Thread-safe.

    Without ``strict`` every user name, password and access key is accepted. ``used_project_ids`` are those of stored
    datasets.

    Raises ValueError if two users or two keys have the same name, or if a key belongs to an unknown user.
    """

    def __init__(
        self,
        users: Iterable[User] = (),
        access_keys: Iterable[AccessKey] = (),
        *,
        strict: bool = False,
        used_project_ids: Collection[str] = (),
    ) -> None:
        self.strict = strict
        self._used_ids = frozenset(used_project_ids)
        self._users = _by_name("user", ((user.name, self._with_used_id(user)) for user in users))
        self._keys = _by_name("access key", ((key.id, key) for key in access_keys))
        for key in self._keys.values():
            if strict and key.user not in self._users:
                raise ValueError(f"access key {key.id} belongs to user {key.user!r}, who is not configured")
        self._lock = threading.Lock()
        self._projects = {user.project.id: user.project for user in self._users.values() if user.project}

    def log_in(self, name: str, password: str, domain: str | None = None) -> User:
        """Return the user with a name and password. Raises WRONG_PASSWORD in strict mode.

        ``domain`` is the name or id of the domain; in strict mode it must be that of the user, if it is given.
        """
        if not self.strict:
            return User(name, domain or DEFAULT_DOMAIN)
        user = self._users.get(name)
        # Compare also for an unknown name, so that the time does not reveal which names exist.
        if not _same(user.password if user else "", password) or user is None:
            raise ApiError(WRONG_PASSWORD)
        if domain is not None and domain not in (user.domain, derived_id("domain", user.domain)):
            raise ApiError(WRONG_PASSWORD)
        return user

    def users(self) -> list[User]:
        """Return the configured users."""
        return list(self._users.values())

    def restored_user(self, name: str, domain: str) -> User | None:
        """Return a user who logged in earlier; None if a strict emulator does not know the user any more."""
        return self._users.get(name) if self.strict else User(name, domain)

    def allows(self, user: User, project: AccountProject | None) -> bool:
        """Return whether a user may work in a project."""
        return not self.strict or user.project is None or project is None or user.project.id == project.id

    def user_name_of_id(self, user_id: str) -> str:
        """Return the name of the configured user with an id, or the id itself if there is none."""
        return next((user.name for user in self._users.values() if user.id == user_id), user_id)

    def project(self, user: User, *, id: str | None = None, name: str | None = None) -> AccountProject:
        """Return the project with an id or, if ``id`` is None, with a name.

        Raises NO_SUCH_PROJECT if the user may not work in it.
        """
        known = self._projects.get(id) if id is not None else self._named(name or "")
        project = known or AccountProject(id or "", name or id or "")
        if not self.allows(user, project):
            raise ApiError(NO_SUCH_PROJECT, name or id or "")
        self._remember(project)
        return project

    def projects(self, user: User | None = None) -> list[AccountProject]:
        """Return the projects that a user may work in and that were used before, sorted by name."""
        if user and user.project:
            return [user.project]
        with self._lock:
            return sorted(self._projects.values(), key=lambda project: (project.name, project.id))

    def access_key(self, access_key_id: str) -> AccessKey | None:
        """Return a configured key pair, or None if there is none with this id."""
        return self._keys.get(access_key_id)

    def principal_of_key(self, access_key_id: str) -> Principal:
        """Return the caller that an access key belongs to. An unknown key, valid only in open mode, is its own user."""
        key = self._keys.get(access_key_id)
        name = key.user if key else access_key_id
        user = self._users.get(name, User(name))
        return Principal(user, user.project, unlimited=user.project is None or not self.strict)

    def _named(self, name: str) -> AccountProject:
        with self._lock:
            known = (project for project in self._projects.values() if project.name == name)
            return next(known, None) or self._with_name(name)

    def _with_name(self, name: str) -> AccountProject:
        """Return the project with a name; one whose datasets an earlier version stored under a hashed id keeps that."""
        hashed = AccountProject.hashed(name)
        return hashed if hashed.id in self._used_ids and name not in self._used_ids else AccountProject.named(name)

    def _with_used_id(self, user: User) -> User:
        if user.project is None or (project := self._with_name(user.project.name)) == user.project:
            return user
        return replace(user, project=project)

    def _remember(self, project: AccountProject) -> None:
        with self._lock:
            if len(self._projects) < _MAX_PROJECTS:
                self._projects.setdefault(project.id, project)


def parse_user(text: str) -> User:
    """Parse ``NAME:PASSWORD[:PROJECT]``. Raises ValueError."""
    name, *rest = text.split(":", 2)
    if not name or not rest or not rest[0]:
        raise ValueError("a user is NAME:PASSWORD or NAME:PASSWORD:PROJECT")
    return User(name, password=rest[0], project=AccountProject.named(rest[1]) if len(rest) > 1 and rest[1] else None)


def parse_access_key(text: str) -> AccessKey:
    """Parse ``AK:SK:USER``. Raises ValueError, whose text does not contain the secret."""
    access_key, _, rest = text.partition(":")
    secret, _, user = rest.rpartition(":")
    if not (access_key and secret and user):
        raise ValueError("an access key is AK:SK:USER")
    return AccessKey(access_key, secret, user)


def derived_id(kind: str, name: str) -> str:
    """Return the id of a named thing of a kind: 32 hex digits that never change."""
    return hashlib.blake2b(f"{kind}\0{name}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _by_name(kind: str, items: Iterable[tuple[str, _Item]]) -> dict[str, _Item]:
    """Return items by their names. Raises ValueError if a name occurs twice."""
    found: dict[str, _Item] = {}
    for name, item in items:
        if found.setdefault(name, item) is not item:
            raise ValueError(f"{kind} {name} is given twice")
    return found


def _same(expected: str, given: str) -> bool:
    """Compare two secrets in constant time, whatever their lengths."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (expected, given)]
    return hmac.compare_digest(*digests)
