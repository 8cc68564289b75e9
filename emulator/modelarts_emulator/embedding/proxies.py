"""Environment variables that keep requests to an emulator from going through a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def no_proxy(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY and no_proxy with the host of a URL added to the hosts that they already name.

    >>> no_proxy("http://127.0.0.1:8765", {"NO_PROXY": "example.com"})["no_proxy"]
    'example.com,127.0.0.1'
    """
    host = urlsplit(url).hostname or ""
    # Programs differ in which of both names they read first, so both get the same value.
    known = [each.strip() for name in ("no_proxy", "NO_PROXY") for each in environment.get(name, "").split(",")]
    hosts = ",".join(dict.fromkeys(each for each in [*known, host] if each))
    return {"NO_PROXY": hosts, "no_proxy": hosts}
