"""Refuse requests that web pages of other sites send, unless ``--cors`` names the site.

A server on a loopback address is meant for programs on the same machine, and one on another address for those of its
network. A browser there runs programs of every open site, though, and those can reach the server in two ways: with a
host name of their own that resolves to its address (DNS rebinding), and with cross-site requests that browsers send
without a preflight. Both show in headers that a page cannot forge: ``Host`` and ``Origin``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from modelarts_emulator.api.dispatch import error_response
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.errors import FORBIDDEN, PARAMETER_INVALID, ApiError

_MAX_KNOWN = 1000
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
_HEADERS = (
    "Authorization, Content-MD5, Content-Type, If-Match, If-None-Match, Range, X-Auth-Token, X-Project-Id, X-Sdk-Date, "
    "X-Subject-Token"
)
_EXPOSED = (
    "Content-Range, ETag, Last-Modified, X-Request-Id, X-Subject-Token, x-amz-request-id, x-amz-version-id, "
    "x-obs-request-id, x-obs-next-append-position"
)
# Top-level domains that are reserved for private networks, tests and documentation.
_HOST = re.compile(r"(\[[0-9A-Za-z:.%]+\]|[^\s/?#@\[\]\\:]*)(:\d*)?")
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".example", ".invalid")
_EXPOSED_PREFIXES = ("x-amz-meta-", "x-obs-meta-", "x-emulator-")
_PREFLIGHT_S = 600


def register(app: Flask, settings: Settings) -> Callable[[dict[str, Any]], bool]:
    """Check hosts and origins. Call this before registering anything that answers requests.

    Returns a function that reports, from a WSGI environment, whether these checks have no effect on a request.
    """
    check = HostCheck(settings.public_url, settings.cors, settings.allowed_hosts, is_local=is_loopback(settings.host))
    app.before_request(check.answer)
    if settings.cors:
        cors = Cors(settings.cors)
        app.before_request(cors.preflight)
        app.after_request(cors.allow)
        return lambda environ: False
    return check.is_accepted


def is_loopback(host: str) -> bool:
    """Return whether a host name or address, without a port, can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_private_name(name: str) -> bool:
    """Return whether a host name is an address, or a name that the public DNS cannot resolve.

    A rebinding page needs a name of its own in the public DNS, so none of these can be one.
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(_PRIVATE_SUFFIXES)
    return True


class HostCheck:
    """Refuse requests whose ``Host`` is neither this machine nor allowed, or that another site has sent.

    With ``is_local`` the server listens on a loopback address only; else addresses and private names are accepted as
    well. ``allowed_hosts`` are host names, their subdomains included; ``*`` allows every host.
    """

    def __init__(
        self,
        public_url: str | None,
        origins: Iterable[str] = (),
        allowed_hosts: Iterable[str] = (),
        *,
        is_local: bool = True,
    ) -> None:
        public_host = (urlsplit(public_url).hostname or "") if public_url else ""
        self._hosts = frozenset(name.lower() for name in (public_host, *allowed_hosts) if name)
        self._origins = frozenset(origins)
        self._is_local = is_local
        # Host headers that were accepted, as sent: almost every request has one of a few.
        self._known: set[str] = set()

    def answer(self) -> Response | None:
        """Return the refusal of the current request, or None to accept it."""
        environ = request.environ
        host = environ.get("HTTP_HOST", "localhost")  # every browser sends it
        if host not in self._known and (refusal := self._judged(host)):
            return refusal
        if "HTTP_ORIGIN" not in environ:
            return None
        try:
            site = urlsplit(environ["HTTP_ORIGIN"]).netloc.lower()
        except ValueError:  # such as http://[
            return error_response(ApiError(PARAMETER_INVALID, "the Origin header is malformed"))
        if environ["REQUEST_METHOD"] not in _HARMLESS:
            return self._origin_judged(environ["HTTP_ORIGIN"], site, host)
        return None

    def is_accepted(self, environ: dict[str, Any]) -> bool:
        """Return whether a request has passed before, but for its method, path and body."""
        return "HTTP_ORIGIN" not in environ and environ.get("HTTP_HOST", "localhost") in self._known

    def _judged(self, host: str) -> Response | None:
        if not _HOST.fullmatch(host):  # such as [
            return error_response(ApiError(PARAMETER_INVALID, "the Host header is malformed"))
        if not self._is_ours(host_name(host)):
            why = f"the Host header {host[:100]!r} does not name this machine; use --allowed-host or --public-url"
            return error_response(ApiError(FORBIDDEN, why))
        if len(self._known) < _MAX_KNOWN:
            self._known.add(host)
        return None

    def _origin_judged(self, origin: str, site: str, host: str) -> Response | None:
        is_allowed = not self._origins.isdisjoint((origin.lower(), "*"))
        if site == host.lower() or is_allowed or self._is_listed(host_name(site)):
            return None
        why = f"a web page of {origin[:100]!r} must not change anything; allow it with --cors"
        return error_response(ApiError(FORBIDDEN, why))

    def _is_ours(self, name: str) -> bool:
        if is_loopback(name) or "*" in self._hosts or self._is_listed(name):
            return True
        return not self._is_local and is_private_name(name)

    def _is_listed(self, name: str) -> bool:
        # The name may begin with a bucket: bucket.modelarts.example.
        return any(name == host or name.endswith("." + host) for host in self._hosts)


class Cors:
    """Allow browsers to show answers to the pages of some origins; ``*`` allows every origin."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)

    def preflight(self) -> Response | None:
        """Answer a preflight request of an allowed origin; None for any other request."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if not self._allows(request.headers.get("Origin", "")):
            return None
        answer = Response(status=204)
        asked = request.headers.get("Access-Control-Request-Headers", "")
        answer.headers["Access-Control-Allow-Methods"] = _METHODS
        answer.headers["Access-Control-Allow-Headers"] = ", ".join(filter(None, (_HEADERS, _names(asked))))
        answer.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_S)
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            answer.headers["Access-Control-Allow-Private-Network"] = "true"
        return answer

    def allow(self, answer: Response) -> Response:
        """Add the headers to an answer that allow a page of an allowed origin to read it."""
        origin = request.headers.get("Origin", "")
        if self._allows(origin):
            answer.headers["Access-Control-Allow-Origin"] = origin
            own = [name for name in answer.headers.keys() if name.lower().startswith(_EXPOSED_PREFIXES)]  # noqa: SIM118
            answer.headers["Access-Control-Expose-Headers"] = ", ".join([_EXPOSED, *own])
        answer.headers.add("Vary", "Origin")
        return answer

    def _allows(self, origin: str) -> bool:
        return bool(origin) and not self._origins.isdisjoint((origin.lower(), "*"))


def host_name(host: str) -> str:
    """Return the lower-case name or address in a ``Host`` header, without the port."""
    return re.sub(r":\d*$", "", host).strip("[]").rstrip(".").lower()


def _names(asked: str) -> str:
    """Return the valid header names in the list that a browser sends."""
    return ", ".join(re.findall(r"[A-Za-z0-9-]+", asked[:2000]))
