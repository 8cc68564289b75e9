"""Read a profile of ``clouds.yaml``, log in, and find the endpoints of the service."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import yaml

from modelarts_emulator.exceptions import CommandFailed, UsageError
from modelarts_emulator.util.http_client import Client, error_text

_SERVICE_TYPES = ("modelartsv2", "modelarts")
_STORAGE_TYPES = ("object", "obs")


class CloudProfile(NamedTuple):
    """One entry of ``clouds.yaml``, as far as it is used here."""

    auth_url: str
    username: str
    password: str
    project: dict[str, str]
    domain: str
    region: str
    access_key: str | None
    secret_key: str | None
    endpoints: dict[str, str]
    """Endpoints that the profile overrides: ``modelarts`` and ``obs``."""


class CloudSession(NamedTuple):
    """A login at the real service: token, project and the URLs of its services."""

    token: str
    project_id: str
    service_url: str
    """The data-management API with the project: ``https://…/v2/<project id>``."""
    storage_url: str


def read_profile(name: str, path: Path | None = None) -> CloudProfile:
    """Read the profile ``name`` from ``path``, or from the places where the OpenStack SDK searches.

    These are ``OS_CLIENT_CONFIG_FILE``, ``./clouds.yaml`` and ``~/.config/openstack/clouds.yaml``. Raises UsageError.
    """
    file = path or _find_file()
    try:
        document = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise UsageError(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    cloud = (document or {}).get("clouds", {}).get(name) if isinstance(document, dict) else None
    if not isinstance(cloud, dict) or not isinstance(cloud.get("auth"), dict):
        raise UsageError(f"{file} has no cloud {name!r} with an auth section")
    auth = cloud["auth"]
    try:
        project = {"id": str(auth["project_id"])} if "project_id" in auth else {"name": str(auth["project_name"])}
        return CloudProfile(
            auth_url=str(auth["auth_url"]).rstrip("/"),
            username=str(auth["username"]),
            password=str(auth["password"]),
            project=project,
            domain=str(auth.get("user_domain_name") or auth.get("domain_name") or "local"),
            region=str(cloud.get("region_name", "")),
            access_key=_text(cloud.get("ak") or cloud.get("access_key") or os.environ.get("OBS_ACCESS_KEY_ID")),
            secret_key=_text(cloud.get("sk") or cloud.get("secret_key") or os.environ.get("OBS_SECRET_ACCESS_KEY")),
            endpoints={
                kind: str(cloud[f"{kind}_endpoint_override"]).rstrip("/")
                for kind in ("modelarts", "obs")
                if f"{kind}_endpoint_override" in cloud
            },
        )
    except KeyError as error:
        raise UsageError(f"{file}: cloud {name!r} has no auth member {error}") from None


def log_in(profile: CloudProfile) -> CloudSession:
    """Get a token by password, and the endpoints from the service catalogue. Raises CommandFailed, NotRunning."""
    user = {"name": profile.username, "password": profile.password, "domain": {"name": profile.domain}}
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = (
        dict(profile.project) if "id" in profile.project else {**profile.project, "domain": {"name": profile.domain}}
    )
    body = json.dumps({"auth": {"identity": identity, "scope": {"project": scope}}}).encode()
    with Client(profile.auth_url) as client:
        answer = client.send("POST", "/auth/tokens", body, {"Content-Type": "application/json"})
    if answer.status >= 400:
        raise CommandFailed(f"{profile.username} cannot log in at {profile.auth_url}: {error_text(answer)}")
    token = answer.document["token"]
    project_id = str(token["project"]["id"])
    found = profile.endpoints.get("modelarts") or _endpoint(token, _SERVICE_TYPES, profile.region)
    parts = urlsplit(found)
    return CloudSession(
        token=answer.headers["X-Subject-Token"],
        project_id=project_id,
        service_url=f"{parts.scheme}://{parts.netloc}/v2/{project_id}",
        storage_url=profile.endpoints.get("obs") or _endpoint(token, _STORAGE_TYPES, profile.region),
    )


def _endpoint(token: dict[str, Any], kinds: tuple[str, ...], region: str) -> str:
    """Return the public endpoint of a service in a region. Raises CommandFailed."""
    for kind in kinds:
        for service in token.get("catalog", []):
            for endpoint in service.get("endpoints", []) if service.get("type") == kind else ():
                if endpoint.get("interface", "public") == "public" and region in ("", endpoint.get("region")):
                    return str(endpoint["url"]).rstrip("/")
    raise CommandFailed(f"the service catalogue has no {' or '.join(kinds)} in region {region!r}")


def _find_file() -> Path:
    places = [Path("clouds.yaml"), Path.home() / ".config/openstack/clouds.yaml", Path("/etc/openstack/clouds.yaml")]
    if given := os.environ.get("OS_CLIENT_CONFIG_FILE"):
        places.insert(0, Path(given))
    for place in places:
        if place.is_file():
            return place
    raise UsageError(f"there is no clouds.yaml; searched {', '.join(map(str, places))}")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
