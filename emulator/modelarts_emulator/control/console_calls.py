"""Recognize the requests that the console itself sends: no fault hits them, and the log leaves them out.

A test that is debugged in the console must meet the same faults and see the same log as without the console.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from modelarts_emulator.control.request_log.log import CONSOLE_CALL, CONSOLE_CALL_LOGGED

HEADER = "HTTP_X_EMULATOR_CONSOLE"
"""The header of a call that a script of the console makes: ``1``, or ``logged`` to keep it in the log of requests."""
_PAGE = "/_emulator/ui"


def mark_console_call(environ: dict[str, Any]) -> None:
    """Mark a request of the console in its environment; change nothing for any other request.

    Pictures, sounds and videos that an element of the page loads do not have our header: the page's ``Referer``, which
    browsers send within one origin, marks those.
    """
    value = environ.get(HEADER)
    if value is None:
        referer = environ.get("HTTP_REFERER")
        if referer is None or not _is_page(referer):
            return
    environ[CONSOLE_CALL] = CONSOLE_CALL_LOGGED if value == CONSOLE_CALL_LOGGED else "1"


def _is_page(referer: str) -> bool:
    try:
        return urlsplit(referer).path.endswith(_PAGE)
    except ValueError:
        return False
