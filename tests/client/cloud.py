"""How a client of the Python SDK reaches the emulator. The smallest recipe that works, with nothing patched:

    import openstack

    cloud = openstack.connect(
        auth_url="http://127.0.0.1:8765/v3",
        username="demo", password="demo", project_name="demo", user_domain_name="local", project_domain_name="local",
        region_name="eu-de",                       # optional: one of the catalogue's, or the project name's first part
        vendor_hook="otcextensions.sdk:load",      # makes cloud.modelartsv2; or sdk.register_otc_extensions(cloud)
        load_yaml_config=False, load_envvars=False,  # neither clouds.yaml nor OS_… variables of this machine
    )
    list(cloud.modelartsv2.datasets())

The SDK reads ``GET /v3``, logs in at ``POST /v3/auth/tokens``, and takes the public endpoint of the catalogue entry of
type ``modelartsv2`` as it stands, without discovery: it must be ``{base}/v2/{project_id}``. Nothing else is needed.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import openstack
from openstack.connection import Connection

from emulator.config import Settings
from emulator.server import Emulator


@contextmanager
def emulator_url() -> Iterator[str]:
    """Give the base URL of the server that ``EMULATOR_URL`` names, or else of one that runs meanwhile."""
    if given := os.environ.get("EMULATOR_URL"):
        yield given.rstrip("/")
        return
    with Emulator(Settings(port=0, data_dir=None)) as emulator:
        yield emulator.url


def unique_name(prefix: str = "bucket") -> str:
    """Return a name that nobody else uses, also on a server that is shared."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def connect(base_url: str, project: str = "demo", *, username: str = "demo", password: str = "demo") -> Connection:
    """Return a logged-in connection; close it with ``connection.close()``."""
    return openstack.connect(
        auth_url=f"{base_url}/v3",
        username=username,
        password=password,
        project_name=project,
        user_domain_name="local",
        project_domain_name="local",
        region_name="eu-de",
        vendor_hook="otcextensions.sdk:load",
        load_yaml_config=False,
        load_envvars=False,
    )
