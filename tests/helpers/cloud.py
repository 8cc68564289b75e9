"""A server as a process, a bucket through its object endpoint, and how a client of the Python SDK reaches it.

The smallest recipe that works, with nothing patched:

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
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import openstack
import requests
from openstack.connection import Connection

from tests.helpers.places import ROOT

REMOTE = os.environ.get("EMULATOR_URL", "").rstrip("/")
"""A server that is running already, which the tests are to talk to; empty where they start their own."""


class Server(NamedTuple):
    """A server that is running; ``errors`` is where it logs, if it was started here."""

    url: str
    errors: Path | None = None
    process_id: int = 0

    def log(self) -> str:
        return self.errors.read_text() if self.errors else ""


def environment(**variables: str) -> dict[str, str]:
    """The environment of a process that knows the emulator, and of a client only what ``variables`` tell."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "AWS_", "OBS_"))}
    return {**inherited, "PYTHONPATH": str(ROOT / "emulator"), **variables}


@contextmanager
def started(*arguments: str, cwd: Path, **variables: str) -> Iterator[Server]:
    """Run a server as a process meanwhile; ``AUTH="strict"`` is ``MODELARTS_EMULATOR_AUTH`` in its environment."""
    settings = {f"MODELARTS_EMULATOR_{name}": value for name, value in variables.items()}
    errors = cwd / f"errors-{uuid.uuid4().hex[:8]}"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelarts_emulator", "start", "--port", "0", *arguments],
            cwd=cwd,
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on "), errors.read_text()
            yield Server(line.removeprefix("listening on ").strip(), errors, process.pid)
        finally:
            process.terminate()
            process.wait(timeout=30)


class Bucket:
    """A bucket, seen through the object endpoint alone."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._base = f"{url}/{name}"
        self._session = requests.Session()
        self._call("PUT", "")

    def put(self, key: str, data: bytes) -> None:
        self._call("PUT", "/" + quote(key), data=data)

    def get(self, key: str) -> bytes:
        return self._call("GET", "/" + quote(key)).content

    def keys(self, prefix: str = "") -> list[str]:
        """The keys below a prefix, a thousand at most."""
        listing = ElementTree.fromstring(self._call("GET", f"?prefix={quote(prefix)}").content)
        return [node.text or "" for node in listing.iter() if node.tag.endswith("}Key")]

    def remove(self) -> None:
        """Delete it with all that is in it."""
        while keys := self.keys():
            objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in sorted(keys, reverse=True))
            self._call("POST", "?delete", f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode())
        self._call("DELETE", "")
        self._session.close()

    def _call(self, method: str, path: str, data: bytes | None = None) -> requests.Response:
        # The first header says that it is meant for object storage.
        headers = {"x-obs-date": "Thu, 01 Jan 2026 00:00:00 GMT", "Content-Type": "application/octet-stream"}
        if data is not None:
            headers["Content-MD5"] = b64encode(md5(data, usedforsecurity=False).digest()).decode()
        answer = self._session.request(method, self._base + path, data=data, headers=headers, timeout=30)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer


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
