"""One log line for each request of a client, at level INFO."""

from __future__ import annotations

import logging
from typing import Any

from modelarts_emulator.control.request_log.masking import masked_url

log = logging.getLogger(__name__)


def log_request(number: int, operation: str | None, environ: dict[str, Any], status: int, seconds: float) -> None:
    """Log a request: method, URL without secrets, operation, status, duration, and its number in the request log.

    The same values are attributes of the record's ``request``, for formatters that write JSON.
    """
    url = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    if "?" in url:
        url = masked_url(url)
    if not url.isprintable():  # a line break in a path would forge a log line
        url = url.encode("unicode_escape").decode()
    milliseconds = round(seconds * 1000, 3)
    fields = {
        "request_id": number,
        "method": environ["REQUEST_METHOD"],
        "url": url,
        "operation": operation,
        "status": status,
        "duration_ms": milliseconds,
    }
    log.info(
        "%s %s %s %d %.1f ms request %d",
        environ["REQUEST_METHOD"],
        url,
        operation or "-",
        status,
        milliseconds,
        number,
        extra={"request": fields},
    )
