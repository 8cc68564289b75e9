"""Requests that clients have sent to an embedded emulator, and assertions about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from modelarts_emulator.control.request_log.log import LoggedRequest, RequestLog, RequestsQuery
from modelarts_emulator.embedding.keywords import OperationName
from modelarts_emulator.exceptions import UnexpectedCalls, require_choice

MAX_REPORTED = 50
"""The requests that a report for people lists at most, the latest."""


def find_requests(
    log: RequestLog,
    operation: OperationName | None,
    *,
    project_id: str | None = None,
    method: str | None = None,
    status: int | None = None,
) -> list[LoggedRequest]:
    """Return the logged requests that meet every condition, oldest first. Raises InvalidValue for an operation."""
    if operation is not None:
        require_choice(operation, get_args(OperationName), "operation")
    query = RequestsQuery(operation=operation, project_id=project_id, method=method, status=status)
    return log.find(query)


def require_calls(
    log: RequestLog,
    operation: OperationName,
    times: int | None,
    *,
    project_id: str | None = None,
    status: int | None = None,
) -> None:
    """Raise UnexpectedCalls unless an operation was called ``times`` times, or at least once without ``times``."""
    found = len(find_requests(log, operation, project_id=project_id, status=status))
    if found == times or (times is None and found):
        return
    expected = "at least once" if times is None else f"{times} times"
    answered = f" with status {status}" if status is not None else ""
    calls = request_summary(log.find(RequestsQuery(project_id=project_id))) or "no requests"
    raise UnexpectedCalls(f"{operation} was called {found} times{answered}, expected {expected}; received:\n{calls}")


def request_summary(requests: Iterable[LoggedRequest]) -> str:
    """Return one line for each of the latest requests, newest last."""
    found = list(requests)
    earlier = [f"… {len(found) - MAX_REPORTED} earlier requests"] if len(found) > MAX_REPORTED else []
    return "\n".join([*earlier, *map(_line, found[-MAX_REPORTED:])])


def _line(request: LoggedRequest) -> str:
    details = [request.operation, request.error_code, request.fault, request.warnings]
    added = [f"({detail})" for detail in details if detail]
    return " ".join([request.method, request.url, "->", str(request.status), *added])
