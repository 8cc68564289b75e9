"""One log line for each request of a client, at level INFO."""

from __future__ import annotations

import logging
import re
from typing import Any

import msgspec

from modelarts_emulator.control.request_log.masking import masked_url

log = logging.getLogger(__name__)

_FIRST_ERROR = 400
_LONGEST_REASON = 300
_ERROR = re.compile(rb"<Code>([^<]*)</Code>(?:\s*<Message>([^<]*)</Message>)?")
"""Error code and message in an answer of the object endpoint."""


class _Refusal(msgspec.Struct):
    """The error code and message in an answer of the API."""

    error_code: str = ""
    error_msg: str = ""


def log_request(
    number: int, operation: str | None, environ: dict[str, Any], status: int, seconds: float, answer: bytes
) -> None:
    """Log a request: method, URL without secrets, operation, status, duration, and its number in the request log.

    ``answer`` is the beginning of the answer's body: the line of a refused request ends with its error code and reason.

    The same values are attributes of the record's ``request``, for formatters that write JSON.
    """
    url = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    if "?" in url:
        url = masked_url(url)
    url = _printable(url)
    milliseconds = round(seconds * 1000, 3)
    fields = {
        "request_id": number,
        "method": environ["REQUEST_METHOD"],
        "url": url,
        "operation": operation,
        "status": status,
        "duration_ms": milliseconds,
    }
    reason = _printable(reason_of(answer)) if status >= _FIRST_ERROR else ""
    if reason:
        fields["reason"] = reason
    log.info(
        "%s %s %s %d %.1f ms request %d%s",
        environ["REQUEST_METHOD"],
        url,
        operation or "-",
        status,
        milliseconds,
        number,
        f": {reason}" if reason else "",
        extra={"request": fields},
    )


def reason_of(answer: bytes) -> str:
    """Return error code and message of an answer, JSON or XML; empty if it has none.

    >>> reason_of(b'{"error_code": "ModelArts.4352", "error_msg": "dataset not found: x"}')
    'ModelArts.4352 dataset not found: x'
    """
    try:
        refusal = msgspec.json.decode(answer, type=_Refusal)
    except msgspec.DecodeError:
        found = _ERROR.search(answer)
        parts = [part.decode("utf-8", "replace") for part in found.groups() if part] if found else []
    else:
        parts = [part for part in (refusal.error_code, refusal.error_msg) if part]
    return " ".join(parts)[:_LONGEST_REASON]


def _printable(text: str) -> str:
    """Escape text that would forge a log line, such as a line break in a path."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
