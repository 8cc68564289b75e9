"""The service catalogue: the endpoint of each service, all of them on this server."""

from __future__ import annotations

import re
from typing import Any

from modelarts_emulator.iam.accounts import AccountProject, derived_id

REGIONS = ("eu-de", "eu-nl")

# One row a service: type, name, path below the base URL. The SDK looks for the type.
_SERVICES = (
    ("identity", "iam", "/v3"),
    ("iam", "iam", "/v3"),
    ("modelarts", "modelarts", "/v1/{project_id}"),
    ("modelartsv1", "modelarts", "/v1/{project_id}"),
    ("modelartsv2", "modelarts", "/v2/{project_id}"),
    ("obs", "obs", ""),
    ("object", "obs", ""),
)

_REGION_OF_PROJECT = re.compile(r"([a-z]{2,}-[a-z]+[a-z0-9-]*?)(_.*)?")


def service_catalog(base_url: str, project: AccountProject | None) -> list[dict[str, Any]]:
    """Return one entry per service, with a public endpoint in every region that a client may ask for.

    Without a project, services whose URL contains the project id are omitted. A project name such as ``cn-north-4`` or
    ``eu-ch2_tests`` begins with the region that its client asks for; that region is added.
    """
    regions = dict.fromkeys((*_region_of(project), *REGIONS))
    return [
        {
            "id": derived_id("service", kind),
            "type": kind,
            "name": name,
            "endpoints": [_endpoint(kind, region, base_url + _path(path, project)) for region in regions],
        }
        for kind, name, path in _SERVICES
        if project or "{" not in path
    ]


def _endpoint(kind: str, region: str, url: str) -> dict[str, str]:
    identity = derived_id("endpoint", f"{kind}@{region}")
    return {"id": identity, "interface": "public", "region": region, "region_id": region, "url": url}


def _path(path: str, project: AccountProject | None) -> str:
    return path.replace("{project_id}", project.id) if project else path


def _region_of(project: AccountProject | None) -> tuple[str, ...]:
    match = _REGION_OF_PROJECT.fullmatch(project.name) if project else None
    return (match[1],) if match else ()
