"""Who seeds: logs in to an emulator, and learns which project that is."""

from __future__ import annotations

import json
from typing import Any

from modelarts_emulator.exceptions import CommandFailed
from modelarts_emulator.iam.accounts import User
from modelarts_emulator.util.http_client import Client, error_text

PROJECT = "demo"
"""The project of those who name none, as in the profiles that ``env`` prints."""
_ANYBODY = User("seed", password="seed")


def log_in(client: Client, user: User | None = None, project: str | None = None) -> str:
    """Give the client a token, and return the id of its project. Raises CommandFailed.

    A project that a user is bound to goes by its name. Otherwise the name is the id, for this emulator also to whoever
    logs in to a project of this name.
    """
    who = user or _ANYBODY
    scope: dict[str, Any] = {"id": project or PROJECT}
    if who.project and project in (None, who.project.name):
        scope = {"name": who.project.name}
    password = {"user": {"name": who.name, "password": who.password, "domain": {"name": who.domain}}}
    identity = {"methods": ["password"], "password": password}
    body = json.dumps({"auth": {"identity": identity, "scope": {"project": scope}}}).encode()
    answer = client.send("POST", "/v3/auth/tokens", body, {"Content-Type": "application/json"})
    if answer.status == 401 and user is None:
        raise CommandFailed("only its users may come in: say who with --user NAME:PASSWORD[:PROJECT]")
    if answer.status >= 400:
        raise CommandFailed(f"{who.name} cannot log in: {error_text(answer)}")
    client.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
    return str(answer.document["token"]["project"]["id"])
