"""A request as it was signed: the bytes sent, before a framework decoded them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import quote, unquote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import ACCESS_DENIED, SIGNATURE_MALFORMED, TIME_SKEWED
from modelarts_emulator.util.clock import Clock

WINDOW_MS = 15 * 60 * 1000
"""The largest accepted difference between the time in a signed request and the server's time."""

_ORIGIN = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")  # sent by clients that use this server as a proxy

OWN_PREFIXES = ("x-obs-", "x-amz-")
"""The prefixes of object storage headers, in its two dialects."""

_WITH_EFFECT = tuple(prefix + name for prefix in OWN_PREFIXES for name in ("copy-source", "meta", "content-sha256"))

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class SignedRequest:
    """The parts of a request that a signature covers.

    ``raw_path`` and ``raw_query`` are percent-encoded, as sent. Header names are lower case. ``bucket`` is the bucket
    in the host name of a virtual-host style request, or empty. ``body_sha256`` returns the body's digest in hex; only
    schemes that sign the body itself call it.
    """

    method: str
    raw_path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    bucket: str = ""
    body_sha256: Callable[[], str] = lambda: EMPTY_SHA256

    @cached_property
    def query(self) -> list[tuple[str, str | None]]:
        """Return the decoded parameters in the order sent; the value is None for a name without ``=``."""
        return list(_parameters(self.raw_query))

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Return the decoded parameters by name; the last of several with one name counts."""
        return {name: value or "" for name, value in self.query}

    @property
    def resource_path(self) -> str:
        """Return ``/bucket/key``, percent-encoded, for either style of naming the bucket."""
        return f"/{self.bucket}{self.raw_path}" if self.bucket else self.raw_path

    def header(self, name: str) -> str:
        """Return the value of a header, or an empty text if there is none."""
        return self.headers.get(name, "")


def read_signed_request(
    environ: Mapping[str, Any], body: Callable[[], bytes] | None = None, *, bucket: str = ""
) -> SignedRequest:
    """Read the request from a WSGI environment; its URI is taken as sent if the server provides ``REQUEST_URI``.

    ``body`` returns the body's bytes. It is called only if the signature covers them; its exceptions are passed on.
    """
    uri = _undo_latin1(str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""))
    path, _, query = (uri if uri.startswith("/") else _ORIGIN.sub("", uri)).partition("?")
    if not uri:
        path = quote(str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", "/")), encoding="latin-1")
        query = _undo_latin1(str(environ.get("QUERY_STRING", "")))
    # Requests with the same header fields share a memo, if the web server has one.
    memo = environ.get("modelarts_emulator.memo")
    headers = None if memo is None else memo.get("headers")
    if headers is None:
        headers = _read_headers(environ)
        if memo is not None:
            memo["headers"] = headers
    digest = (lambda: hashlib.sha256(body()).hexdigest()) if body else (lambda: EMPTY_SHA256)
    return SignedRequest(str(environ["REQUEST_METHOD"]), path or "/", query, headers, bucket, digest)


def _read_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    # A slice, as a call of startswith for each name takes most of the time of a small request.
    headers = {
        _header_name(name): value if value.isascii() else _undo_latin1(value)
        for name, value in environ.items()
        if name[:5] == "HTTP_"
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = _undo_latin1(str(environ[name]))
    return headers


@lru_cache(maxsize=1024)
def _header_name(name: str) -> str:
    """Return the lower-case name of a header from that of its WSGI variable."""
    return name[5:].replace("_", "-").lower()


def _undo_latin1(text: str) -> str:
    """Decode as UTF-8 a text that WSGI has decoded as Latin-1."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _parameters(raw_query: str) -> Iterator[tuple[str, str | None]]:
    for part in raw_query.split("&"):
        if part:
            name, equals, value = part.partition("=")
            yield _decoded(name), _decoded(value) if equals else None


def _decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="surrogateescape")


def encoded(text: str, safe: str = "") -> str:
    """Percent-encode everything but letters, digits and ``-_.~``, as all newer schemes do."""
    return quote(text, safe=safe + "~", errors="surrogateescape")


def canonical_queries(request: SignedRequest, without: str = "") -> list[str]:
    """Return the forms of the query that a client may have signed: re-encoded and sorted, and as sent."""
    pairs = sorted((encoded(name), encoded(value or "")) for name, value in request.query if name != without)
    raw = sorted(part for part in request.raw_query.split("&") if part and part.partition("=")[0] != without)
    sent = "&".join(part if "=" in part else part + "=" for part in raw)
    return list(dict.fromkeys(("&".join(f"{name}={value}" for name, value in pairs), sent)))


def canonical_headers(request: SignedRequest, names: str) -> str:
    """Return the signed headers, one per line, with runs of blanks collapsed. ``names`` is ``a;b``, as signed."""
    return "".join(f"{name}:{' '.join(request.header(name).split())}\n" for name in names.lower().split(";"))


def require_signed(request: SignedRequest, prefix: str, names: Collection[str] | None = None) -> None:
    """Check that the ``x-obs-…`` and ``x-amz-…`` headers are signed, so that none can be added on the way.

    ``names`` are the signed headers; None means all with the prefix are signed. Headers of the other dialect count only
    if they have an effect, because clients send back headers that they received. Raises ACCESS_DENIED.
    """
    for name in request.headers:
        of_other = name.startswith(_WITH_EFFECT) and not name.startswith(prefix)
        of_own = name.startswith(prefix) and names is not None
        if (of_own or of_other) and name not in (names or ()):
            raise ApiError(ACCESS_DENIED, f"the header {name} is not signed")


def split_authorization(text: str) -> dict[str, str]:
    """Parse ``Name=value, Name=value``. Raises SIGNATURE_MALFORMED."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    if not all(name and equals for name, equals, _ in pairs):
        raise ApiError(SIGNATURE_MALFORMED, "the Authorization header is not Name=value, Name=value")
    return {name: value for name, _, value in pairs}


def parse_basic_time(text: str) -> int:
    """Parse ``20260101T120000Z`` and return ms since the epoch. Raises SIGNATURE_MALFORMED."""
    try:
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise ApiError(SIGNATURE_MALFORMED, "the date is not of the form 20260101T120000Z") from None
    return int(moment.replace(tzinfo=timezone.utc).timestamp()) * 1000


def parse_http_time(text: str) -> int:
    """Parse ``Thu, 01 Jan 2026 12:00:00 GMT`` or a basic time and return ms since the epoch.

    Raises SIGNATURE_MALFORMED.
    """
    if text.endswith("Z"):
        return parse_basic_time(text)
    try:
        moment = parsedate_to_datetime(text)
        return int(moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()) * 1000
    except (ValueError, TypeError, OverflowError):
        raise ApiError(SIGNATURE_MALFORMED, "the date is not of the form Thu, 01 Jan 2026 12:00:00 GMT") from None


def require_recent(sent_ms: int, clock: Clock) -> None:
    """Check that a time in ms since the epoch is within WINDOW_MS of now. Raises TIME_SKEWED."""
    if abs(clock.now_ms() - sent_ms) > WINDOW_MS:
        raise ApiError(TIME_SKEWED)


def hmac_sha256(key: bytes, text: str) -> bytes:
    """Return the HMAC-SHA256 of a text."""
    return hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256")


def sha256_hex(text: str) -> str:
    """Return the SHA-256 of a text in lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
