"""A request as its signature sees it: the bytes that were sent, before any framework has decoded them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import ACCESS_DENIED, SIGNATURE_MALFORMED, TIME_SKEWED
from modelarts_emulator.util.clock import Clock

WINDOW_MS = 15 * 60 * 1000
"""How far the time in a signed request may be from the server's."""

_ORIGIN = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")  # a client that takes us for a proxy sends it

OWN_PREFIXES = ("x-obs-", "x-amz-")
"""How the headers of object storage begin, in its two dialects."""

_WITH_EFFECT = tuple(prefix + name for prefix in OWN_PREFIXES for name in ("copy-source", "meta", "content-sha256"))

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class SignedRequest:
    """What signatures are made over.

    ``raw_path`` and ``raw_query`` are as sent, percent-encoded; header names are lower case. ``bucket`` is the one in
    the host name of a virtual-host style request. ``body_sha256`` gives the body's digest in hex, and is called only
    for schemes that sign the body itself.
    """

    method: str
    raw_path: str
    raw_query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    bucket: str = ""
    body_sha256: Callable[[], str] = lambda: EMPTY_SHA256

    @cached_property
    def query(self) -> list[tuple[str, str | None]]:
        """The parameters in the order they came, decoded; None where a name has no ``=``."""
        return list(_parameters(self.raw_query))

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The parameters by name, the last of several."""
        return {name: value or "" for name, value in self.query}

    @property
    def resource_path(self) -> str:
        """``/bucket/key``, percent-encoded, whichever way the bucket was named."""
        return f"/{self.bucket}{self.raw_path}" if self.bucket else self.raw_path

    def header(self, name: str) -> str:
        """The value of a header, empty if there is none."""
        return self.headers.get(name, "")


def read_signed_request(
    environ: Mapping[str, Any], body: Callable[[], bytes] | None = None, *, bucket: str = ""
) -> SignedRequest:
    """Return the request in a WSGI environment, as it was sent where the server tells (``REQUEST_URI``).

    ``body`` gives the body's bytes, and is called only if the signature is over them; what it raises is passed on.
    """
    uri = _undo_latin1(str(environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""))
    path, _, query = _ORIGIN.sub("", uri).partition("?")
    if not uri:
        path = quote(str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", "/")), encoding="latin-1")
        query = _undo_latin1(str(environ.get("QUERY_STRING", "")))
    headers = {
        name[5:].replace("_", "-").lower(): _undo_latin1(str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = _undo_latin1(str(environ[name]))
    digest = (lambda: hashlib.sha256(body()).hexdigest()) if body else (lambda: EMPTY_SHA256)
    return SignedRequest(str(environ["REQUEST_METHOD"]), path or "/", query, headers, bucket, digest)


def _undo_latin1(text: str) -> str:
    """Undo what WSGI does to bytes: it decodes them as Latin-1, whatever they are."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _parameters(raw_query: str) -> Iterator[tuple[str, str | None]]:
    for part in raw_query.split("&"):
        if part:
            name, equals, value = part.partition("=")
            yield _decoded(name), _decoded(value) if equals else None


def _decoded(text: str) -> str:
    return unquote(text.replace("+", " "), errors="surrogateescape")


def encoded(text: str, safe: str = "") -> str:
    """Percent-encode all but letters, digits and ``-_.~``, as every newer scheme does."""
    return quote(text, safe=safe + "~", errors="surrogateescape")


def canonical_queries(request: SignedRequest, without: str = "") -> list[str]:
    """Return the spellings of the query that a client may have signed: encoded anew and sorted, or as it was sent."""
    pairs = sorted((encoded(name), encoded(value or "")) for name, value in request.query if name != without)
    raw = sorted(part for part in request.raw_query.split("&") if part and part.partition("=")[0] != without)
    sent = "&".join(part if "=" in part else part + "=" for part in raw)
    return list(dict.fromkeys(("&".join(f"{name}={value}" for name, value in pairs), sent)))


def canonical_headers(request: SignedRequest, names: str) -> str:
    """Return the signed headers, one a line, blanks collapsed; ``names`` is ``a;b`` in the order of the signature."""
    return "".join(f"{name}:{' '.join(request.header(name).split())}\n" for name in names.lower().split(";"))


def require_signed(request: SignedRequest, prefix: str, names: Collection[str] | None = None) -> None:
    """Let a request pass whose ``x-obs-…`` and ``x-amz-…`` headers are signed: by name, or all of the prefix.

    So nothing can be added on the way, such as another object to copy. Of the other dialect only those headers count
    that have an effect: clients send back what they have been told. Raises ACCESS_DENIED.
    """
    for name in request.headers:
        of_other = name.startswith(_WITH_EFFECT) and not name.startswith(prefix)
        of_own = name.startswith(prefix) and names is not None
        if (of_own or of_other) and name not in (names or ()):
            raise ApiError(ACCESS_DENIED, f"the header {name} is not signed")


def split_authorization(text: str) -> dict[str, str]:
    """Read ``Name=value, Name=value``. Raises SIGNATURE_MALFORMED."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    if not all(name and equals for name, equals, _ in pairs):
        raise ApiError(SIGNATURE_MALFORMED, "the Authorization header is not Name=value, Name=value")
    return {name: value for name, _, value in pairs}


def parse_basic_time(text: str) -> int:
    """Read ``20260101T120000Z``; milliseconds since the epoch. Raises SIGNATURE_MALFORMED."""
    try:
        moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ")
    except ValueError:
        raise ApiError(SIGNATURE_MALFORMED, "the date is not of the form 20260101T120000Z") from None
    return int(moment.replace(tzinfo=timezone.utc).timestamp()) * 1000


def parse_http_time(text: str) -> int:
    """Read ``Thu, 01 Jan 2026 12:00:00 GMT``, or a basic time; in ms since the epoch. Raises SIGNATURE_MALFORMED."""
    if text.endswith("Z"):
        return parse_basic_time(text)
    try:
        moment = parsedate_to_datetime(text)
        return int(moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()) * 1000
    except (ValueError, TypeError, OverflowError):
        raise ApiError(SIGNATURE_MALFORMED, "the date is not of the form Thu, 01 Jan 2026 12:00:00 GMT") from None


def require_recent(sent_ms: int, clock: Clock) -> None:
    """Let a time pass that is within WINDOW_MS of now. Raises TIME_SKEWED."""
    if abs(clock.now_ms() - sent_ms) > WINDOW_MS:
        raise ApiError(TIME_SKEWED)


def hmac_sha256(key: bytes, text: str) -> bytes:
    """Return the HMAC-SHA256 of a text."""
    return hmac.digest(key, text.encode("utf-8", "surrogateescape"), "sha256")


def sha256_hex(text: str) -> str:
    """Return the SHA-256 of a text in lower-case hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
