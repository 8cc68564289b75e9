"""``/_emulator/faults``: inject errors, delays and broken connections into chosen requests.

A fault has conditions that a request has to match, a selection of the matching requests that it hits, and an effect.
Requests to ``/_emulator/`` are never hit.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec
from flask import Request, Response

from modelarts_emulator.api.dispatch import error_response
from modelarts_emulator.contract.errors import INTERNAL_ERROR, ApiError, Error, find_error
from modelarts_emulator.control.errors import FAULT_NOT_FOUND, TOO_MANY_FAULTS
from modelarts_emulator.control.request_log.log import OPERATIONS, Service, service_of
from modelarts_emulator.s3.xml import document
from modelarts_emulator.web import CAN_TRY_LATER, Disconnect, TryLater

MAX_FAULTS = 1000
MAX_DELAY_MS = 600_000
HEADER = "X-Emulator-Fault"
STATUS_NOT_SENT = "0 no answer"
"""The status of a response that is never sent; the request log shows it as 0."""
PENDING_FAULT = "emulator.faults"
"""Key in a request's environment: the fault that hits its response."""


DELAYED = "emulator.delayed"
"""Key in a request's environment: the faults that hit it, while it is delayed."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A fault. A request matches if it meets every condition that is given; no condition matches all requests."""

    operation: str | None = None
    """Condition: an operation, such as ``ListSamples``."""
    service: Service | None = None
    """Condition: dataset API (``modelarts``), identity service (``iam``) or object storage (``obs``)."""
    project_id: str | None = None
    """Condition: project in the path."""
    method: str | None = None
    """Condition: HTTP method, such as ``GET``."""
    path: str | None = None
    """Condition: pattern for the path, with ``*`` and ``?``, such as ``/bucket/*.jpg``."""

    nth: int = 1
    """Selection: number of the first matching request that is hit, from 1; 1 by default."""
    times: int | None = None
    """Selection: how many requests are hit, from 1. Without it all, but with ``nth`` above 1 only that one."""
    probability: float = 1.0
    """Selection: probability that a matching request is hit, 0 to 1; 1 by default."""
    seed: int | str | None = None
    """Selection: seed of the random numbers for ``probability``, so that the same requests are hit each time."""

    delay_ms: int = 0
    """Effect: delay in ms, 0 to 600,000, before the request is processed; alone or with one other effect."""
    error: str | None = None
    """Effect: answer with an error of the catalogue, by name (``DATASET_NOT_FOUND``) or code (``ModelArts.4352``)."""
    status: int | None = None
    """Effect: answer with this HTTP status, 200 to 599; with ``body`` or an error body, and with ``headers``."""
    body: Any = msgspec.UNSET
    """Body of the answer: a string is sent as text, any other value as JSON."""
    headers: dict[str, str] = {}
    """Headers of the answer, printable ASCII."""
    cut: Literal["before", "after"] | None = None
    """Effect: close the connection without an answer, before the request is processed or after."""
    truncate: int | None = None
    """Effect: close the connection after this many bytes of the answer's body."""

    def __post_init__(self) -> None:
        """Check the members together. Raises ValueError."""
        if self.operation is not None and self.operation not in OPERATIONS:
            raise ValueError(f"operation {self.operation[:80]!r} is not an operation")
        if self.error is not None and find_error(self.error) is None:
            raise ValueError(f"error {self.error[:80]!r} is not in the error catalogue")
        effects = [self.error, self.status, self.cut, self.truncate]
        if sum(effect is not None for effect in effects) > 1:
            raise ValueError("only one of error, status, cut and truncate is possible")
        if not self.delay_ms and not any(effect is not None for effect in effects):
            raise ValueError("an effect is missing: error, status, cut, truncate or delay_ms")
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
                raise ValueError(f"header {name[:80]!r} is not a valid header")


class FaultState(msgspec.Struct, kw_only=True):
    """An active fault with its counts."""

    id: str
    """Identifier, such as ``fault-1``."""
    matched: int
    """Requests that matched the conditions."""
    hits: int
    """Requests that were hit."""
    fault: Fault
    """Conditions, selection and effect."""


class FaultsResponse(msgspec.Struct, kw_only=True):
    """The active faults."""

    faults: list[FaultState]
    """Faults in the order in which they were added."""


class FaultsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select faults."""

    project_id: str | None = None
    """Only faults with this project as their condition; all without it."""


def _require_range(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}")


class _ActiveFault:
    """A fault with its counts. Not thread-safe."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.id, self.fault = f"fault-{number}", fault
        self.matched = self.hits = 0
        self._random = random.Random(fault.seed)
        self._times = fault.times if fault.times is not None else 1 if fault.nth > 1 else None

    def matches(self, request: Request, service: Service) -> bool:
        """Return True if a request meets all conditions."""
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
        """True if the only effect is a delay, so that other faults can hit the same request."""
        fault = self.fault
        return fault.error is None and fault.status is None and fault.cut is None and fault.truncate is None

    def select(self) -> bool:
        """Return True, and count a hit, if the request that matched last is hit."""
        if self.matched < self.fault.nth or (self._times is not None and self.hits >= self._times):
            return False
        if self.fault.probability < 1 and self._random.random() >= self.fault.probability:
            return False
        self.hits += 1
        return True


class Faults:
    """The active faults. Thread-safe. Delays end when ``stopping`` is set."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._lock = threading.Lock()
        self._number = 0
        self.active: tuple[_ActiveFault, ...] = ()
        """Checked for every request, so a tuple that is replaced as a whole: reading needs no lock."""

    # Called for every request

    def before(self, request: Request) -> Response | None:
        """Delay a request that a fault hits; return the response if the fault answers in place of the operation."""
        service = service_of(request.endpoint, request.path)
        hitting = request.environ.pop(DELAYED, None)
        if hitting is None:
            hitting = self._hitting(request, service)
            if delay_ms := sum(each.fault.delay_ms for each in hitting):
                self._delay(request, hitting, min(delay_ms, MAX_DELAY_MS) / 1000)
        if not hitting or hitting[-1].is_delay:
            return None
        each = hitting[-1]
        if each.fault.cut == "after" or each.fault.truncate is not None:
            request.environ[PENDING_FAULT] = each
            return None
        if each.fault.cut == "before":
            return _marked(Response(_cut_at((), 0), STATUS_NOT_SENT), each)
        return _marked(_answer(each, service), each)

    def _delay(self, request: Request, hitting: list[_ActiveFault], seconds: float) -> None:
        """Wait without a thread if the server can; ``before`` is called again afterwards, and finds the faults."""
        if CAN_TRY_LATER in request.environ and not self._stopping.is_set():
            request.environ[DELAYED] = hitting
            raise TryLater(seconds)
        self._stopping.wait(seconds)

    def after(self, request: Request, response: Response) -> Response:
        """Return the response, cut or truncated if a fault hits it."""
        each = request.environ.pop(PENDING_FAULT, None)
        if each is None:
            return response
        bytes_sent = each.fault.truncate or 0
        if each.fault.cut or request.method == "HEAD" or response.status_code in (204, 304):
            return _marked(Response(_cut_at(_pieces(response), 0), STATUS_NOT_SENT), each)
        return _marked(_truncated(response, bytes_sent), each)

    def _hitting(self, request: Request, service: Service) -> list[_ActiveFault]:
        """Return the faults that hit a request: all that only delay it, and the first of the others as the last."""
        hitting: list[_ActiveFault] = []
        is_answered = False
        with self._lock:
            for each in self.active:
                if each.matches(request, service):
                    each.matched += 1
                    if not is_answered and each.select():
                        hitting.append(each)
                        is_answered = not each.is_delay
        return hitting

    # The endpoints

    def list_faults(self) -> FaultsResponse:
        """Return the active faults with their counts, in the order in which they were added."""
        return FaultsResponse(faults=[_state(each) for each in self.active])

    def add_fault(self, request: Fault) -> FaultState:
        """Activate a fault. Raises TOO_MANY_FAULTS if there are 1,000 already."""
        with self._lock:
            if len(self.active) >= MAX_FAULTS:
                raise ApiError(TOO_MANY_FAULTS, f"the limit is {MAX_FAULTS}")
            self._number += 1
            added = _ActiveFault(self._number, request)
            self.active = (*self.active, added)
        return _state(added)

    def remove_fault(self, fault_id: str) -> None:
        """Remove a fault. Raises FAULT_NOT_FOUND."""
        with self._lock:
            kept = tuple(each for each in self.active if each.id != fault_id)
            if len(kept) == len(self.active):
                raise ApiError(FAULT_NOT_FOUND, fault_id[:80])
            self.active = kept

    def clear_faults(self, query: FaultsQuery) -> None:
        """Remove all faults, or those whose condition names a project."""
        self.clear(query.project_id)

    def clear(self, project_id: str | None = None) -> None:
        """Remove all faults, or those whose condition names a project."""
        with self._lock:
            self.active = tuple(
                each for each in self.active if project_id is not None and each.fault.project_id != project_id
            )


def _state(each: _ActiveFault) -> FaultState:
    return FaultState(id=each.id, matched=each.matched, hits=each.hits, fault=each.fault)


def _marked(response: Response, each: _ActiveFault) -> Response:
    response.headers[HEADER] = each.id
    return response


def _answer(each: _ActiveFault, service: Service) -> Response:
    """Build the response of a fault, in the form in which the service reports errors."""
    fault = each.fault
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
        response = _error(ApiError(row._replace(status=status), f"injected by {each.id}"), service)
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
    """Return a response that announces its whole length and ends before."""
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
