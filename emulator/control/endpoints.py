"""Endpoints beside the 31 operations: what the OpenAPI document says of them. A module that adds one adds its row."""

from __future__ import annotations

from typing import Any, NamedTuple

EMULATOR, IDENTITY = "Emulator", "Identity"


class Endpoint(NamedTuple):
    """One endpoint; what it answers is in its module."""

    method: str
    path: str
    summary: str
    status: int = 200
    """What it answers where all is well."""
    heading: str = EMULATOR
    headers: tuple[str, ...] = ()
    """Request headers that it needs."""
    example: Any = None
    """A body to try it with, where it takes one."""


_LOG_IN = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "me", "password": "secret", "domain": {"name": "local"}}},
        },
        "scope": {"project": {"name": "my-project"}},
    }
}
_SUBJECT = ("X-Subject-Token",)

ENDPOINTS: list[Endpoint] = [
    Endpoint("GET", "/_emulator/health", "Whether the emulator lives: version, uptime, watcher, open tasks"),
    Endpoint("GET", "/_emulator/ready", "Whether the first scan is done; 503 until then"),
    Endpoint("GET", "/_emulator/coverage", "What of each of the 31 operations is there, and on which evidence"),
    Endpoint("GET", "/_emulator/openapi.json", "This document"),
    Endpoint("GET", "/_emulator/docs", "A page to read and try it"),
    Endpoint("GET", "/v3", "Which version of the identity service this is", heading=IDENTITY),
    Endpoint("POST", "/v3/auth/tokens", "Log in: the token is in X-Subject-Token", 201, IDENTITY, (), _LOG_IN),
    Endpoint("GET", "/v3/auth/tokens", "Describe a token", heading=IDENTITY, headers=_SUBJECT),
    Endpoint("DELETE", "/v3/auth/tokens", "End a token", 204, IDENTITY, _SUBJECT),
    Endpoint("GET", "/v3/auth/catalog", "The services, and where they are", heading=IDENTITY),
    Endpoint("GET", "/v3/auth/projects", "The caller's projects", heading=IDENTITY),
    Endpoint("GET", "/v3/auth/domains", "The caller's domain", heading=IDENTITY),
    Endpoint("GET", "/v3/projects", "The caller's projects", heading=IDENTITY),
    Endpoint("GET", "/v3/projects/{project_id}", "One project", heading=IDENTITY),
]
