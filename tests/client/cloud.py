"""How a client of the Python SDK reaches the emulator. The smallest recipe that works, with nothing patched:

    import openstack

    cloud = openstack.connect(
        auth_url="http://127.0.0.1:8765/v3",
        username="demo", password="demo", project_name="demo", user_domain_name="local", project_domain_name="local",
        region_name="eu-de",                       # optional; one that the catalogue has, or the project's name begins with
        vendor_hook="otcextensions.sdk:load",      # makes cloud.modelartsv2; or sdk.register_otc_extensions(cloud)
        load_yaml_config=False, load_envvars=False,  # neither clouds.yaml nor OS_… variables of this machine
    )
    list(cloud.modelartsv2.datasets())

The SDK reads ``GET /v3``, logs in at ``POST /v3/auth/tokens``, and takes the public endpoint of the catalogue entry of
type ``modelartsv2`` as it stands, without discovery: it must be ``{base}/v2/{project_id}``. Nothing else is needed.
"""

from __future__ import annotations

import openstack
from openstack.connection import Connection


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
