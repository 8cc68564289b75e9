"""HTTP conditions on objects, by ETag or modification time."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

Header = Callable[[str], str]
"""Returns the value of a header by its lower-case name, or an empty text."""

UNCHANGED = ("If-None-Match", "If-Modified-Since")
"""The conditions that fail because the client already has the object."""


def failed_condition(header: Header, etag: str, mtime_ns: int) -> str | None:
    """Return the name of the condition that an object does not meet, or None if it meets all.

    An ETag takes precedence over a time.
    """
    seconds = mtime_ns // 10**9
    if wanted := header("if-match"):
        if not etag_matches(wanted, etag):
            return "If-Match"
    elif (limit := _seconds(header("if-unmodified-since"))) is not None and seconds > limit:
        return "If-Unmodified-Since"
    if known := header("if-none-match"):
        return "If-None-Match" if etag_matches(known, etag) else None
    since = _seconds(header("if-modified-since"))
    return "If-Modified-Since" if since is not None and seconds <= since else None


def if_range_matches(header: Header, etag: str, mtime_ns: int) -> bool:
    """Return whether ``If-Range`` allows sending only a part of the object."""
    text = header("if-range").strip()
    if not text or text.startswith('"'):
        return not text or etag_matches(text, etag)
    return _seconds(text) == mtime_ns // 10**9


def etag_matches(condition: str, etag: str) -> bool:
    """Return whether a list of ETags is ``*`` or contains an ETag."""
    return any(part.strip().removeprefix("W/").strip('"') in (etag, "*") for part in condition.split(","))


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None  # RFC 9110: an invalid date is ignored
