"""``/_emulator/faults``: what is to go wrong, for whom, and when.

A fault says which requests it is for, which of those it hits, and what happens to them. Requests to ``/_emulator/``
are never hit.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec
from flask import Request, Response

from modelarts_emulator.api.dispatch import error_response
from modelarts_emulator.contract.errors import INTERNAL_ERROR, ApiError, Error, find_error
from modelarts_emulator.control.errors import FAULT_NOT_FOUND, TOO_MANY_FAULTS
from modelarts_emulator.control.request_log.log import OPERATIONS, Service, service_of
from modelarts_emulator.s3.xml import document
from modelarts_emulator.web import Disconnect

MAX_FAULTS = 1000
MAX_DELAY_MS = 600_000
HEADER = "X-Emulator-Fault"
STATUS_NOT_SENT = "0 no answer"
"""The status of what is never sent; the log shows it as 0."""
PENDING_FAULT = "emulator.faults"
"""Where a request's environment notes what is to happen to its answer."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault. Which requests it is for: all that is named must be so; an empty fault is for all of them."""

    operation: str | None = None
    """One of the 31, such as ``ListSamples``."""
    service: Service | None = None
    project_id: str | None = None
    method: str | None = None
    path: str | None = None
    """A pattern with ``*`` and ``?``, such as ``/bucket/*.jpg``."""

    nth: int = 1
    """The first of those requests that is hit."""
    times: int | None = None
    """How many are hit; without it all, but with ``nth`` above 1 only that one."""
    probability: float = 1.0
    seed: int | str | None = None
    """With it, the same requests are hit each time."""

    delay_ms: int = 0
    """How much later the request is served; alone or with one of the following."""
    error: str | None = None
    """A row of the error catalogue, by name or code, is the answer."""
    status: int | None = None
    """This status is the answer, with ``body`` or else an error body, and ``headers``."""
    body: Any = msgspec.UNSET
    """A text as it is, anything else as JSON."""
    headers: dict[str, str] = {}
    cut: Literal["before", "after"] | None = None
    """The connection ends without an answer, before the request has any effect or after."""
    truncate: int | None = None
    """The connection ends after so many bytes of the answer's body."""

    def __post_init__(self) -> None:
        """Raise ValueError where it cannot mean anything."""
        if self.operation is not None and self.operation not in OPERATIONS:
            raise ValueError(f"operation {self.operation[:80]!r} is none of the 31")
        if self.error is not None and find_error(self.error) is None:
            raise ValueError(f"error {self.error[:80]!r} is not in the error catalogue")
        effects = [self.error, self.status, self.cut, self.truncate]
        if sum(effect is not None for effect in effects) > 1:
            raise ValueError("only one of error, status, cut and truncate")
        if not self.delay_ms and not any(effect is not None for effect in effects):
            raise ValueError("what is to happen is missing: error, status, cut, truncate or delay_ms")
        if self.status is None and (self.body is not msgspec.UNSET or self.headers) and self.error is None:
            raise ValueError("body and headers need a status or an error")
        _require_range("nth", self.nth, 1, 1_000_000_000)
        _require_range("times", self.times, 1, 1_000_000_000)
        _require_range("probability", self.probability, 0, 1)
        _require_range("status", self.status, 200, 599)
        _require_range("delay_ms", self.delay_ms, 0, MAX_DELAY_MS)
        _require_range("truncate", self.truncate, 0, 1 << 40)
        for name, value in self.headers.items():
            if not (name + value).isprintable() or not (name + value).isascii() or ":" in name or " " in name:
                raise ValueError(f"header {name[:80]!r} cannot be sent")


class FaultState(msgspec.Struct, kw_only=True):
    """A fault that is in force; how many requests it was for, and how many of those it hit."""

    id: str
    matched: int
    hits: int
    fault: Fault


class FaultsResponse(msgspec.Struct, kw_only=True):
    """The faults in force, in the order they were added."""

    faults: list[FaultState]


class FaultsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whose; without a project all."""

    project_id: str | None = None


def _require_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}")


class _Active:
    """A fault with its counts. Not thread-safe."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.id, self.fault = f"fault-{number}", fault
        self.matched = self.hits = 0
        self._random = random.Random(fault.seed)
        self._times = fault.times if fault.times is not None else 1 if fault.nth > 1 else None

    def is_for(self, request: Request, service: Service) -> bool:
        """Whether a request is one of those it is for."""
        fault = self.fault
        return (
            fault.operation in (None, request.endpoint)
            and fault.service in (None, service)
            and fault.project_id in (None, (request.view_args or {}).get("project_id"))
            and fault.method in (None, request.method)
            and (fault.path is None or fnmatchcase(request.path, fault.path))
        )

    @property
    def is_delay(self) -> bool:
        """Whether it only delays, so that others can hit the same request."""
        fault = self.fault
        return fault.error is None and fault.status is None and fault.cut is None and fault.truncate is None

    def strikes(self) -> bool:
        """Whether the request that was counted last is hit."""
        if self.matched < self.fault.nth or (self._times is not None and self.hits >= self._times):
            return False
        if self.fault.probability < 1 and self._random.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults in force. Thread-safe. ``sleep`` waits so many seconds, or until the emulator ends."""

    def __init__(self, sleep: Callable[[float], object]) -> None:
        self._sleep = sleep
        self._lock = threading.Lock()
        self._number = 0
        self.active: tuple[_Active, ...] = ()
        """Looked at for every request: empty is what it mostly is."""

    # What requests meet

    def before(self, request: Request) -> Response | None:
        """Do to a request what is to happen to it; return what answers it in place of the operation, if anything."""
        service = service_of(request.endpoint, request.path)
        struck = self._struck(request, service)
        if delay_ms := sum(each.fault.delay_ms for each in struck):
            self._sleep(min(delay_ms, MAX_DELAY_MS) / 1000)
        if not struck or struck[-1].is_delay:
            return None
        each = struck[-1]
        if each.fault.cut == "after" or each.fault.truncate is not None:
            request.environ[PENDING_FAULT] = each
            return None
        if each.fault.cut == "before":
            return _marked(Response(_cut_at((), 0), STATUS_NOT_SENT), each)
        return _marked(_answer(each.fault, service), each)

    def after(self, request: Request, response: Response) -> Response:
        """Do to an answer what is to happen to it."""
        each = request.environ.pop(PENDING_FAULT, None)
        if each is None:
            return response
        bytes_sent = each.fault.truncate or 0
        if each.fault.cut or request.method == "HEAD" or response.status_code in (204, 304):
            return _marked(Response(_cut_at(_pieces(response), 0), STATUS_NOT_SENT), each)
        return _marked(_truncated(response, bytes_sent), each)

    def _struck(self, request: Request, service: Service) -> list[_Active]:
        """The faults that hit a request: any that delay it, and the first of the others."""
        struck: list[_Active] = []
        is_answered = False
        with self._lock:
            for each in self.active:
                if each.is_for(request, service):
                    each.matched += 1
                    if not is_answered and each.strikes():
                        struck.append(each)
                        is_answered = not each.is_delay
        return struck

    # The endpoints

    def list_faults(self) -> FaultsResponse:
        """The faults in force, with their counts."""
        return FaultsResponse(faults=[_state(each) for each in self.active])

    def add_fault(self, request: Fault) -> FaultState:
        """Put a fault in force. Raises TOO_MANY_FAULTS where there are 1,000 already."""
        with self._lock:
            if len(self.active) >= MAX_FAULTS:
                raise ApiError(TOO_MANY_FAULTS, f"there are {MAX_FAULTS} faults already")
            self._number += 1
            added = _Active(self._number, request)
            self.active = (*self.active, added)
        return _state(added)

    def remove_fault(self, fault_id: str) -> None:
        """End a fault. Raises FAULT_NOT_FOUND."""
        with self._lock:
            kept = tuple(each for each in self.active if each.id != fault_id)
            if len(kept) == len(self.active):
                raise ApiError(FAULT_NOT_FOUND, fault_id[:80])
            self.active = kept

    def clear_faults(self, query: FaultsQuery) -> None:
        """End every fault, or those that are for a project alone."""
        self.clear(query.project_id)

    def clear(self, project_id: str | None = None) -> None:
        """End every fault, or those that are for a project alone."""
        with self._lock:
            self.active = tuple(
                each for each in self.active if project_id is not None and each.fault.project_id != project_id
            )


def _state(each: _Active) -> FaultState:
    return FaultState(id=each.id, matched=each.matched, hits=each.hits, fault=each.fault)


def _marked(response: Response, each: _Active) -> Response:
    response.headers[HEADER] = each.id
    return response


def _answer(fault: Fault, service: Service) -> Response:
    """An answer in the form that the service has for errors."""
    row = find_error(fault.error) if fault.error else Error(fault.status or 500, INTERNAL_ERROR.code, "Fault")
    row = row or INTERNAL_ERROR
    status = fault.status or row.status
    if fault.body is not msgspec.UNSET:
        is_text = isinstance(fault.body, str)
        body = fault.body.encode() if is_text else msgspec.json.encode(fault.body)
        response = Response(body, status, content_type="text/plain; charset=utf-8" if is_text else "application/json")
    elif status < 400 and fault.error is None:
        response = Response(b"", status, content_type="application/json")
    else:
        response = _error(ApiError(row._replace(status=status), "as a fault wants it"), service)
    response.headers.update(fault.headers)
    return response


def _error(error: ApiError, service: Service) -> Response:
    row = error.error
    if service == "obs":
        code = {503: "ServiceUnavailable", 429: "SlowDown"}.get(row.status, "InternalError")
        body = document("Error", [("Code", code), ("Message", error.message)])
        return Response(body, row.status, content_type="application/xml")
    if service == "iam":
        members = {"error": {"code": row.status, "title": "Fault", "message": error.message}}
        body = msgspec.json.encode({**members, "error_code": row.code, "error_msg": error.message})
        return Response(body, row.status, content_type="application/json")
    return error_response(error, "/_emulator/faults")


def _truncated(response: Response, bytes_sent: int) -> Response:
    """An answer that promises its whole length, and ends before."""
    length = response.calculate_content_length() or response.content_length or 0
    cut = Response(_cut_at(_pieces(response), bytes_sent), response.status_code, response.headers)
    cut.headers["Content-Length"] = str(max(length, bytes_sent + 1))
    return cut


def _pieces(response: Response) -> Iterator[bytes]:
    try:
        yield from response.iter_encoded()
    finally:
        response.close()


def _cut_at(pieces: Iterable[bytes], bytes_sent: int) -> Iterator[bytes]:
    """Yield the first bytes of a body, then end the connection."""
    for piece in pieces:
        if bytes_sent > 0:
            yield piece[:bytes_sent]
        bytes_sent -= len(piece)
        if bytes_sent <= 0:
            break
    raise Disconnect
