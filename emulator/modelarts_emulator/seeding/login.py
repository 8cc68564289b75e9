"""Log in to the emulator that is seeded, and find the id of its project."""

from __future__ import annotations

import json
from typing import Any

from modelarts_emulator.exceptions import CommandFailed
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.util.http_client import Client, error_text

PROJECT = "demo"
"""The default project, the same as in the profiles that ``env`` prints."""
_SEED_USER = User("seed", password="seed")


def log_in(client: Client, user: User | None = None, project: str | None = None) -> str:
    """Log in, set the token of the client, and return the id of the project. Raises CommandFailed.

    The project of a user with a fixed project is selected by name, any other project by id.
    """
    account = user or _SEED_USER
    scope: dict[str, Any] = {"id": project or PROJECT}
    if account.project and project in (None, account.project.name):
        scope = {"name": account.project.name}
    password = {"user": {"name": account.name, "password": account.password, "domain": {"name": account.domain}}}
    identity = {"methods": ["password"], "password": password}
    body = json.dumps({"auth": {"identity": identity, "scope": {"project": scope}}}).encode()
    answer = client.send("POST", "/v3/auth/tokens", body, {"Content-Type": "application/json"})
    if answer.status == 401 and user is None:
        raise CommandFailed("the emulator requires a login: use --user NAME:PASSWORD[:PROJECT]")
    if answer.status >= 400:
        raise CommandFailed(f"{account.name} cannot log in: {error_text(answer)}")
    client.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
    return str(answer.document["token"]["project"]["id"])
