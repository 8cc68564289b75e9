"""Parse the head of an HTTP/1.1 request, strictly: request line and header fields.

The grammar of RFC 9112 is two regular expressions that match the whole head or nothing. So folded fields, bare line
feeds, blanks before a colon and control characters are refused without a rule for each. Two fields that servers and
proxies have understood differently are refused as well (request smuggling): a repeated ``Content-Length``, and a
``Content-Length`` beside ``Transfer-Encoding``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

MAX_HEAD = 1 << 18
"""Longest request line with its header fields, in bytes."""

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIELD_LINE = rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*"
_HEAD = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.([0-9])\r\n(" + _FIELD_LINE + rb")\r\n")
_FIELDS = re.compile(_FIELD_LINE)
_FIELD = re.compile(rb"([^:\r\n]+):[\t ]*([^\r\n]*?)[\t ]*\r\n")
_ABSOLUTE = re.compile(r"https?://([^/?#]+)", re.IGNORECASE)
_BARE_LINE_FEED = re.compile(rb"(?<!\r)\n|\r(?!\n)(?=.)", re.DOTALL)
_CACHED_BYTES = 4096


class BadRequest(Exception):
    """A request that cannot be answered by the application; the connection is closed after the response."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class HeaderFields(NamedTuple):
    """Header fields as WSGI names them, and their meaning for the connection. Shared by requests: do not modify."""

    environ: dict[str, str]
    length: int
    """``Content-Length`` in bytes; 0 without one."""
    is_chunked: bool
    expects_continue: bool
    connection: frozenset[str]
    """The options of ``Connection``, in lower case."""
    memo: dict[str, Any]
    """Values derived from the fields, computed once for all requests that share them."""


class RequestHead(NamedTuple):
    """A parsed head."""

    method: str
    target: str
    """The request target as sent, decoded as Latin-1."""
    path: str
    """The path, percent-decoded to bytes which are decoded as Latin-1, as WSGI wants it."""
    query: str
    host: str | None
    """The authority of an absolute target, which replaces the ``Host`` field."""
    minor: int
    """The minor version: 0 or 1."""
    fields: HeaderFields

    @property
    def keeps_alive(self) -> bool:
        """Whether the client can send another request on the connection."""
        options = self.fields.connection
        return "close" not in options if self.minor else "keep-alive" in options


def parse_head(data: bytes) -> RequestHead:
    """Parse a head with the empty line that ends it. Raises BadRequest."""
    found = _HEAD.fullmatch(data)
    if found is None:
        raise BadRequest(*_refusal(data))
    method, target, minor, lines = found.groups()
    fields = (_cached_fields if len(lines) <= _CACHED_BYTES else parse_fields)(lines)
    is_1_0 = minor == b"0"
    if fields.is_chunked and is_1_0:
        raise BadRequest(400, "Transfer-Encoding needs HTTP/1.1")
    if not is_1_0 and "HTTP_HOST" not in fields.environ:
        raise BadRequest(400, "the Host header is missing")
    text = target.decode("latin-1")
    host = None
    path, _, query = text.partition("?")
    if not text.startswith("/"):
        path, query, host = _of_other_form(method, text)
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    return RequestHead(method.decode(), text, path, query, host, 0 if is_1_0 else 1, fields)


def parse_fields(lines: bytes) -> HeaderFields:
    """Parse complete header field lines that match the grammar. Raises BadRequest."""
    environ: dict[str, str] = {}
    lengths: list[str] = []
    for name_bytes, value_bytes in _FIELD.findall(lines):
        name = name_bytes.decode().upper()
        if "_" in name:
            continue  # would be confused with the name that has a hyphen there
        key, value = "HTTP_" + name.replace("-", "_"), value_bytes.decode("latin-1")
        if key == "HTTP_CONTENT_LENGTH":
            lengths.append(value)
            key = "CONTENT_LENGTH"
        elif key == "HTTP_CONTENT_TYPE":
            key = "CONTENT_TYPE"
        if key in environ:
            if key in _ONCE:
                raise BadRequest(400, f"more than one {name.title()} header")
            value = environ[key] + ("; " if key == "HTTP_COOKIE" else ", ") + value
        environ[key] = value
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if lengths:
            raise BadRequest(400, "Content-Length and Transfer-Encoding exclude each other")
        if coding.lower() != "chunked":
            raise BadRequest(501, "the only transfer coding is chunked")
    if lengths and not (lengths[0].isascii() and lengths[0].isdecimal() and len(lengths[0]) < 19):
        raise BadRequest(400, "Content-Length is not a number")
    return HeaderFields(
        environ,
        int(lengths[0]) if lengths else 0,
        coding is not None,
        environ.get("HTTP_EXPECT", "").lower() == "100-continue",
        frozenset(option.strip().lower() for option in environ.get("HTTP_CONNECTION", "").split(",")),
        {},
    )


# The same client sends the same fields again and again.
_cached_fields = lru_cache(maxsize=512)(parse_fields)
_ONCE = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_HOST", "HTTP_TRANSFER_ENCODING", "HTTP_AUTHORIZATION"})


def require_fields(lines: bytes) -> None:
    """Check the trailer fields of a chunked body. Raises BadRequest."""
    if _FIELDS.fullmatch(lines) is None:
        raise BadRequest(400, "a trailer field is malformed")


def require_beginning(data: bytes | bytearray, start: int = 0) -> None:
    """Refuse the beginning of a head that can never become valid, so that the server does not wait for its end.

    Bytes before ``start`` have been checked before. Raises BadRequest.
    """
    if not _TOKEN_BYTE.match(data) or _BARE_LINE_FEED.search(data, max(0, start - 1)):
        raise BadRequest(400, "the request is not HTTP/1.1")
    if len(data) > MAX_HEAD:
        raise BadRequest(431, "the request's headers are too long")


_TOKEN_BYTE = re.compile(_TOKEN)


def _of_other_form(method: bytes, target: str) -> tuple[str, str, str | None]:
    """Return path, query and authority of a target that is not a path: a proxy's form, or ``*``. Raises BadRequest."""
    if target == "*" and method == b"OPTIONS":
        return "*", "", None
    found = _ABSOLUTE.match(target)
    if found is None:
        raise BadRequest(400, "the request target is not a path")
    path, _, query = target[found.end() :].partition("?")
    # The name and password that a URL may have are not part of a host.
    return path or "/", query, found[1].rpartition("@")[2]


def _refusal(data: bytes) -> tuple[int, str]:
    line = data.partition(b"\r\n")[0]
    if re.fullmatch(_TOKEN + rb" [\x21-\x7e\x80-\xff]+ HTTP/[02-9](\.[0-9])?", line):
        return 505, "the only version is HTTP/1.1"
    return 400, "the request is not HTTP/1.1"
