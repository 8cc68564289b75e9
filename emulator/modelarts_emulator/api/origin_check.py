"""Refuse requests that web pages of other sites send, unless ``--cors`` names the site.

A server on a loopback address is meant for programs on the same machine. A browser on it runs programs of every open
site, though, and those can reach the server in two ways: with a host name of their own that resolves to 127.0.0.1 (DNS
rebinding), and with cross-site requests that browsers send without a preflight. Both show in headers that a page cannot
forge: ``Host`` and ``Origin``.
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
from modelarts_emulator.contract.errors import FORBIDDEN, ApiError

_MAX_KNOWN = 1000
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
_HEADERS = (
    "Authorization, Content-MD5, Content-Type, If-Match, If-None-Match, Range, X-Auth-Token, X-Project-Id, X-Sdk-Date, "
    "X-Subject-Token"
)
_EXPOSED = "Content-Range, ETag, Last-Modified, X-Subject-Token, x-amz-request-id, x-obs-request-id"
_PREFLIGHT_S = 600


def register(app: Flask, settings: Settings) -> Callable[[dict[str, Any]], bool]:
    """Check hosts and origins. Call this before registering anything that answers requests.

    Returns a function that reports, from a WSGI environment, whether these checks have no effect on a request.
    """
    check = HostCheck(settings.public_url, settings.cors) if is_loopback(settings.host) else None
    if check is not None:
        app.before_request(check.answer)
    if settings.cors:
        cors = Cors(settings.cors)
        app.before_request(cors.preflight)
        app.after_request(cors.allow)
        return lambda environ: False
    return check.is_accepted if check is not None else lambda environ: True


def is_loopback(host: str) -> bool:
    """Return whether a host name or address, without a port, can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class HostCheck:
    """Refuse requests whose ``Host`` is neither this machine nor ``public_url``, or that another site has sent."""

    def __init__(self, public_url: str | None, origins: Iterable[str] = ()) -> None:
        self._public_host = (urlsplit(public_url).hostname or "") if public_url else ""
        self._origins = frozenset(origins)
        # Host headers that were accepted, as sent: almost every request has one of a few.
        self._known: set[str] = set()

    def answer(self) -> Response | None:
        """Return the refusal of the current request, or None to accept it."""
        environ = request.environ
        host = environ.get("HTTP_HOST", "localhost")  # every browser sends it
        if host not in self._known and (refusal := self._judged(host)):
            return refusal
        if "HTTP_ORIGIN" in environ and environ["REQUEST_METHOD"] not in _HARMLESS:
            return self._origin_judged(environ["HTTP_ORIGIN"], host)
        return None

    def is_accepted(self, environ: dict[str, Any]) -> bool:
        """Return whether a request has passed before, but for its method, path and body."""
        return "HTTP_ORIGIN" not in environ and environ.get("HTTP_HOST", "localhost") in self._known

    def _judged(self, host: str) -> Response | None:
        if not self._is_ours(host_name(host)):
            why = f"the Host header {host[:100]!r} does not name this machine; allow it with --public-url"
            return error_response(ApiError(FORBIDDEN, why))
        if len(self._known) < _MAX_KNOWN:
            self._known.add(host)
        return None

    def _origin_judged(self, origin: str, host: str) -> Response | None:
        same_site = urlsplit(origin).netloc.lower() == host.lower()
        if same_site or not self._origins.isdisjoint((origin.lower(), "*")) or self._is_public(origin):
            return None
        why = f"a web page of {origin[:100]!r} must not change anything; allow it with --cors"
        return error_response(ApiError(FORBIDDEN, why))

    def _is_ours(self, name: str) -> bool:
        return is_loopback(name) or self._in_public_host(name)

    def _is_public(self, origin: str) -> bool:
        return self._in_public_host(host_name(urlsplit(origin).netloc))

    def _in_public_host(self, name: str) -> bool:
        # The name may begin with a bucket: bucket.modelarts.example.
        return bool(self._public_host) and (name == self._public_host or name.endswith("." + self._public_host))


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
            answer.headers["Access-Control-Expose-Headers"] = _EXPOSED
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
