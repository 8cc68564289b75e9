"""``/_emulator/requests``: log the latest 1,000 requests with their answers and durations.

Recording a request costs one tuple; descriptions are computed when the log is read.
"""

from __future__ import annotations

import itertools
import re
import threading
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from logging import INFO
from time import perf_counter
from typing import Any, Literal, NamedTuple

import msgspec
from flask import Request, Response
from werkzeug.datastructures import Headers

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.control.request_log.access_log import log as access_log
from modelarts_emulator.control.request_log.access_log import log_request
from modelarts_emulator.control.request_log.masking import masked_body, masked_headers, masked_url
from modelarts_emulator.iam.signed_request import read_signed_request
from modelarts_emulator.util.clock import Clock
from modelarts_emulator.web import REQUEST_ID

CAPACITY = 1000
MAX_BYTES = 32 << 20
_ENTRY_BYTES = 4096
"""Memory of a logged request beside its texts: its environment is a dictionary of about 40 members."""
MAX_BODY = 4096
STARTED_AT = "emulator.started"
"""Key in a request's environment: ``perf_counter`` time of its start, if a fault may answer it."""

CONSOLE_CALL = "emulator.unnoticed"
"""Key in a request's environment: the console sent it, so no fault hits it and it is not logged."""

CONSOLE_CALL_LOGGED = "logged"
"""Value of ``CONSOLE_CALL`` for a call that no fault hits, but that is logged."""

OPERATIONS = frozenset(route.operation for routes in ROUTES.values() for route in routes)
Service = Literal["modelarts", "iam", "obs"]
Format = Literal["json", "curl", "python", "pytest", "har"]

_TEXT = re.compile(r"json|xml|text|javascript|urlencoded")
_ERROR_CODE = re.compile(rb'"error_code":\s*"([^"]{1,80})"|<Code>([^<]{1,80})</Code>')


class Message(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Headers and body of a request or an answer."""

    headers: dict[str, str]
    """Values by lower-case name; secrets are ``***``."""
    body: str | None = None
    """First 4,096 bytes of a text; absent for other content."""
    body_bytes: int = 0
    """Length of the whole body, in bytes."""


class LoggedRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A logged request. Members that do not apply are absent."""

    number: int
    """Number of the request, from 1."""
    request_id: str | None = None
    """Id of the request, as the answer's header ``X-Request-Id`` has it."""
    time_ms: int
    """Time of the answer by the emulator's clock, in ms since the epoch."""
    duration_ms: float
    """Processing time, in ms."""
    service: Service
    """Service that the request was for: ``modelarts``, ``iam`` or ``obs``."""
    operation: str | None = None
    """An operation, such as ``ListSamples``."""
    project_id: str | None = None
    """Project in the path."""
    dataset_id: str | None = None
    """Dataset in the path."""
    method: str
    """HTTP method."""
    url: str
    """Full URL; secrets in it are ``***``."""
    status: int
    """HTTP status of the answer; 0 if the connection was closed without an answer."""
    error_code: str | None = None
    """Error code in the answer."""
    warnings: str | None = None
    """Parameters that are unknown or have no effect."""
    fault: str | None = None
    """Id of the fault that hit the request."""
    request: Message
    """Headers and body that the client sent."""
    response: Message
    """Headers and body that the client received."""


class RequestsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select requests; all conditions that are given have to match."""

    operation: str | None = None
    """Only calls of this operation, such as ``ListSamples``."""
    project_id: str | None = None
    """Only requests with this project in the path."""
    method: str | None = None
    """Only requests with this HTTP method."""
    status: int | None = None
    """Only requests with this status."""
    number: int | None = None
    """Only the request with this number."""
    after: int = 0
    """Only requests with a higher number; 0 (default) for all."""
    limit: int = CAPACITY
    """Highest number of requests to return, the latest ones; 1,000 by default."""
    format: Format = "json"
    """Form of the answer: ``json`` (default), ``curl``, ``python``, ``pytest`` or ``har``."""


class RequestsResponse(msgspec.Struct, kw_only=True):
    """Logged requests."""

    requests: list[LoggedRequest]
    """Matching requests, the oldest first."""
    last: int
    """Number of the latest request of all, to be used as ``after`` next time."""


class _Entry(NamedTuple):
    number: int
    time_ms: int
    seconds: float
    endpoint: str | None
    arguments: dict[str, Any] | None
    environ: dict[str, Any]
    body: bytes
    status: int
    headers: Headers | list[tuple[str, str]]
    answer: bytes
    answer_bytes: int
    kept_bytes: int


class RequestLog:
    """The latest requests: at most 1,000, and of those so many as need ``max_bytes`` of memory. Thread-safe."""

    def __init__(self, clock: Clock, max_bytes: int = MAX_BYTES) -> None:
        self._clock, self._max_bytes = clock, max_bytes
        self._bytes = 0
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._entries: deque[tuple[Any, ...]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def kept_bytes(self) -> int:
        """Return about how much memory the logged requests need, in bytes."""
        return self._bytes

    def record(self, request: Request, environ: dict[str, Any], response: Response, started: float | None) -> None:
        """Log an answered request; ``started`` is its start in ``perf_counter`` time.

        The log takes ownership of the environment and removes the body from it, so that its memory is freed.
        """
        answered = response.response
        first = answered[0] if type(answered) is list and answered else b""
        rule = request.url_rule
        endpoint = rule.endpoint if rule else None
        self.add(endpoint, request.view_args, environ, response.status_code, response.headers, first, started)

    def add(
        self,
        endpoint: str | None,
        arguments: dict[str, Any] | None,
        environ: dict[str, Any],
        status: int,
        headers: Headers | list[tuple[str, str]],
        first: bytes,
        started: float | None,
    ) -> None:
        """Keep a request that has been answered. ``first`` is the first piece of the answer's body; see ``record``."""
        body = _beginning(environ) if environ.get("CONTENT_LENGTH", "0") != "0" else b""
        # Drop references to the body and the connection.
        environ.pop("wsgi.input", None)
        environ.pop("werkzeug.request", None)
        number = next(self._numbers)
        seconds = 0.0 if started is None else perf_counter() - started
        if access_log.isEnabledFor(INFO):
            log_request(number, endpoint if endpoint in OPERATIONS else None, environ, status, seconds, first)
        answer = first if len(first) <= MAX_BODY else first[:MAX_BODY]
        kept = _ENTRY_BYTES + len(body) + len(answer)
        for value in environ.values():  # a loop: a comprehension would be one more call
            if value.__class__ is str:
                kept += len(value)
        entries = self._entries
        with self._guard:
            # The fields of _Entry; a plain tuple is made in a fraction of the time.
            entries.append(
                (
                    number,
                    self._clock.now_ms(),
                    seconds,
                    endpoint,
                    arguments,
                    environ,
                    body,
                    status,
                    headers,
                    answer,
                    len(first),
                    kept,
                )
            )
            self._bytes += kept
            # The oldest ones that have no room are dropped.
            while len(entries) > CAPACITY or (self._bytes > self._max_bytes and len(entries) > 1):
                self._bytes -= entries.popleft()[-1]

    @property
    def last(self) -> int:
        """Return the number of the latest request; 0 before the first."""
        entries = self._entries.copy()
        return int(entries[-1][0]) if entries else 0

    def find(self, query: RequestsQuery) -> list[LoggedRequest]:
        """Return matching requests, the oldest first."""
        found = [entry for entry in map(_Entry._make, self._entries.copy()) if _matches(entry, query)]
        return [_described(entry) for entry in found[-query.limit :]] if query.limit > 0 else []

    def clear(self, project_id: str | None = None) -> None:
        """Remove all requests, or those of a project."""
        with self._guard:
            kept = [] if project_id is None else [e for e in self._entries if _project(_Entry._make(e)) != project_id]
            self._entries = deque(kept)
            self._bytes = sum(entry[-1] for entry in kept)


class ClearRequestsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select requests."""

    project_id: str | None = None
    """Only requests with this project in the path; all without it."""


class RequestLogControl:
    """The endpoints ``/_emulator/requests``. ``formats`` maps a format to its exporter and content type."""

    def __init__(
        self, log: RequestLog, formats: Mapping[str, tuple[Callable[[Iterable[LoggedRequest]], str], str]]
    ) -> None:
        self._log, self._formats = log, formats

    def list_requests(self, query: RequestsQuery) -> RequestsResponse | Response:
        """Return the latest requests, the oldest first, as JSON or in the form that ``format`` names."""
        found = self._log.find(query)
        if query.format == "json":
            return RequestsResponse(requests=found, last=self._log.last)
        write, content_type = self._formats[query.format]
        return Response(write(found), 200, content_type=content_type)

    def clear_requests(self, query: ClearRequestsQuery) -> None:
        """Remove all requests from the log, or those of a project."""
        self._log.clear(query.project_id)


def _beginning(environ: dict[str, Any]) -> bytes:
    """Return the first bytes of a request's text body, which is buffered in memory or in a file."""
    if not _TEXT.search(environ.get("CONTENT_TYPE", "json")):
        return b""
    try:
        stream = environ["wsgi.input"]
        stream.seek(0)
        return bytes(stream.read(MAX_BODY))
    except (AttributeError, OSError, ValueError):
        return b""  # a stream of another web server, which cannot be read again


def _matches(entry: _Entry, query: RequestsQuery) -> bool:
    return (
        entry.number > query.after
        and query.number in (None, entry.number)
        and query.operation in (None, entry.endpoint)
        and query.project_id in (None, _project(entry))
        and query.method in (None, entry.environ["REQUEST_METHOD"])
        and query.status in (None, entry.status)
    )


def _project(entry: _Entry) -> str | None:
    return (entry.arguments or {}).get("project_id")


def service_of(endpoint: str | None, path: str) -> Service:
    """Return the service that a request is for."""
    if path.startswith("/v3") or (endpoint or "").startswith("identity."):
        return "iam"
    return "modelarts" if endpoint in OPERATIONS or path.startswith("/v2/") else "obs"


def _described(entry: _Entry) -> LoggedRequest:
    environ, answer = entry.environ, {name.lower(): value for name, value in entry.headers}
    sent = read_signed_request(environ)
    path = sent.raw_path
    url = f"{environ.get('wsgi.url_scheme', 'http')}://{environ.get('HTTP_HOST', 'localhost')}{path}"
    code = _ERROR_CODE.search(entry.answer) if entry.status >= 400 else None
    arguments = entry.arguments or {}
    length = environ.get("CONTENT_LENGTH") or "0"
    return LoggedRequest(
        number=entry.number,
        request_id=environ.get(REQUEST_ID),
        time_ms=entry.time_ms,
        duration_ms=round(entry.seconds * 1000, 3),
        service=service_of(entry.endpoint, environ["PATH_INFO"]),
        operation=entry.endpoint if entry.endpoint in OPERATIONS else None,
        project_id=arguments.get("project_id"),
        dataset_id=arguments.get("dataset_id"),
        method=environ["REQUEST_METHOD"],
        url=masked_url(_printable(f"{url}?{sent.raw_query}" if sent.raw_query else url)),
        status=entry.status,
        error_code=next(filter(None, code.groups()), b"").decode("utf-8", "replace") if code else None,
        warnings=answer.get("x-emulator-warnings"),
        fault=answer.get("x-emulator-fault"),
        request=Message(
            headers=masked_headers({name: _printable(value) for name, value in sent.headers.items()}),
            body=_text(entry.body, path) if environ.get("CONTENT_TYPE") or _is_text(entry.body) else None,
            body_bytes=int(length) if length.isdecimal() else 0,
        ),
        response=Message(
            headers=masked_headers(answer),
            body=_text(entry.answer, path) if _TEXT.search(answer.get("content-type", "")) else None,
            body_bytes=max(entry.answer_bytes, int(answer.get("content-length", 0))),
        ),
    )


def _text(body: bytes, path: str) -> str | None:
    return masked_body(body.decode("utf-8", "replace"), path, is_cut=len(body) == MAX_BODY) if body else None


def _is_text(body: bytes) -> bool:
    """Return True if bytes without a content type look like text, which may be cut at the end."""
    try:
        text = getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\r\n" for letter in text)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
