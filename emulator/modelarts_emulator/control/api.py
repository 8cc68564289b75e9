"""Register the control API: its endpoints, and the hooks around every request to the services.

The hooks hold requests back while state is replaced, apply faults, and record requests in the log.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any, TypeVar

import msgspec
from flask import Flask, Request, Response, request

from modelarts_emulator.api.dispatch import read_query
from modelarts_emulator.api.flask_internals import current_request
from modelarts_emulator.contract import lenient_decoding
from modelarts_emulator.contract.errors import PARAMETER_ERROR, PARAMETER_INVALID, TOO_LARGE, ApiError, Error
from modelarts_emulator.contract.invalid_member import invalid_member
from modelarts_emulator.control.access import ControlAccess
from modelarts_emulator.control.console_calls import HEADER, mark_console_call
from modelarts_emulator.control.endpoints import ENDPOINTS, Endpoint
from modelarts_emulator.control.event_stream import EventStream
from modelarts_emulator.control.fault_injection import DELAYED, PENDING_FAULT, Faults
from modelarts_emulator.control.gate import RequestGate
from modelarts_emulator.control.id_seed import IdsControl
from modelarts_emulator.control.inference_scripts import InferenceControl
from modelarts_emulator.control.mails import MailsControl
from modelarts_emulator.control.pages.console import ProjectsControl
from modelarts_emulator.control.request_log.exporters import FORMATS
from modelarts_emulator.control.request_log.log import (
    CONSOLE_CALL,
    CONSOLE_CALL_LOGGED,
    STARTED_AT,
    RequestLog,
    RequestLogControl,
)
from modelarts_emulator.control.reset import ResetControl
from modelarts_emulator.control.snapshots.endpoints import SnapshotsControl
from modelarts_emulator.control.state_transitions import TransitionsControl
from modelarts_emulator.control.time_control import ClockControl
from modelarts_emulator.control.wait_idle import WaitIdleControl
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.web import Reply

T = TypeVar("T")
PREFIX = "/_emulator/"
# Control calls that wait or take long; the others are answered by threads of their own.
_LONG_CALLS = tuple(PREFIX + each for each in ("events", "wait-idle", "snapshots", "reset"))
MAX_BODY_BYTES = 1 << 20
# Operation -> kind of task that a call of it polls; the status of a dataset polls all kinds.
_POLLED_TASKS = {
    "DescDataset": "",
    "SyncDataSourceState": "sync",
    "ListImportTasks": "import",
    "DescImportTask": "import",
    "GetExportTasksStatusOfDataset": "export",
    "GetExportTaskStatusOfDataset": "export",
    "ListDatasetVersions": "publish",
    "DescribeDatasetVersion": "publish",
    "ListTasks": "inference",
    "AutoAnnotationProgress": "inference",
}


def is_short_call(path: str) -> bool:
    """Return True for the path of a control call that ends soon, so that it can have a reserved thread."""
    return path.startswith(PREFIX) and not path.startswith(_LONG_CALLS)


class ControlApi:
    """The control API's areas and request hooks; one for each application."""

    def __init__(self, emu: Runtime) -> None:
        self._emu = emu
        self.access = ControlAccess(emu.settings, emu.root)
        self.gate = RequestGate()
        self.log = RequestLog(emu.clock, emu.settings.request_log_bytes)
        self.faults = Faults(emu.stopping)
        self._waiting, self._record = emu.transitions.waiting, self.log.record
        self.areas: tuple[object, ...] = (
            self.faults,
            RequestLogControl(self.log, FORMATS),
            ClockControl(emu.clock),
            IdsControl(emu.ids, emu.store, emu.teams, emu.root / "uploads"),
            TransitionsControl(emu.transitions),
            WaitIdleControl(emu),
            ResetControl(emu, self.log, self.faults, self.gate),
            SnapshotsControl(emu, self.gate),
            EventStream(emu, self.log),
            ProjectsControl(emu),
            MailsControl(emu),
            InferenceControl(emu),
        )

    @property
    def restoring(self) -> str | None:
        """Return the name of the snapshot whose restore has begun and not ended; None if there is none."""
        return self.area(SnapshotsControl).restoring

    def area(self, kind: type[T]) -> T:
        """Return the area of a class, such as ``SnapshotsControl``."""
        return next(each for each in self.areas if isinstance(each, kind))

    # Both run for every request, so they do as little as possible.

    def before_request(self) -> Response | None:
        """Apply faults and the gate before a service handles the request; a returned response answers it."""
        current = current_request()
        environ = current.environ
        if environ["PATH_INFO"].startswith(PREFIX):
            return None
        if HEADER in environ or "HTTP_REFERER" in environ:
            mark_console_call(environ)
        if (self.faults.active and CONSOLE_CALL not in environ) or DELAYED in environ:
            environ.setdefault(STARTED_AT, perf_counter())
            if (answer := self.faults.before(current)) is not None:
                return answer
        self.gate.enter()
        return None

    def after_request(self, response: Response) -> Response:
        """Apply faults to the response, and record request and response."""
        current = current_request()
        environ = current.environ
        started = self.gate.leave()
        if started is None:  # a control request, answered by a fault, or refused before the gate
            if environ["PATH_INFO"].startswith(PREFIX):
                return response
            started = environ.get(STARTED_AT)
        if (console_call := environ.get(CONSOLE_CALL)) is not None:
            if console_call == CONSOLE_CALL_LOGGED:
                self._record(current, environ, response, started)
            return response
        if self._waiting:
            self._record_poll(current)
        if PENDING_FAULT in environ:
            response = self.faults.after(current, response)
        self._record(current, environ, response, started)
        return response

    # The same for a request that is answered before Flask.

    def enter(self, environ: dict[str, Any], *, may_wait: bool) -> bool:
        """Begin a request that Flask does not see; False, and nothing is begun, where Flask has to see it.

        That is so while there are faults or transitions that wait for polls, and for the console's own calls. Without
        ``may_wait`` also while the gate is closed.
        """
        if self.faults.active or self._waiting or DELAYED in environ:
            return False
        mark_console_call(environ)
        if CONSOLE_CALL in environ:
            return False
        if may_wait:
            self.gate.enter()
            return True
        return self.gate.try_enter()

    def leave(self, operation: str | None, path: dict[str, str] | None, environ: dict[str, Any], reply: Reply) -> None:
        """End a request that was begun by ``enter``, and record it."""
        first = reply.body if isinstance(reply.body, bytes) else b""
        self.log.add(operation, path, environ, reply.status, reply.headers, first, self.gate.leave())

    def _record_poll(self, current: Request) -> None:
        if (kind := _POLLED_TASKS.get(current.endpoint or "")) is not None:
            self._emu.transitions.record_poll(kind, (current.view_args or {}).get("dataset_id", ""))


def register(app: Flask, emu: Runtime) -> ControlApi:
    """Add the endpoints and the request hooks. Call this before other routes are added, but after the origin check.

    The result is also ``app.extensions["emulator-control"]``.
    """
    control = ControlApi(emu)
    control.area(SnapshotsControl).finish_restore()
    app.before_request(control.before_request)
    app.after_request(control.after_request)
    areas = {type(area).__name__: area for area in control.areas}
    for endpoint in ENDPOINTS:
        if endpoint.handler is not None:
            area = areas[endpoint.handler.__qualname__.partition(".")[0]]
            rule = endpoint.path.replace("{", "<").replace("}", ">")
            view = _view(endpoint, endpoint.handler, area, control.access)
            app.add_url_rule(rule, f"control.{endpoint.name}", view, methods=[endpoint.method])
    app.extensions["emulator-control"] = control
    return control


def _view(
    endpoint: Endpoint, handler: Callable[..., Any], area: object, access: ControlAccess
) -> Callable[..., Response]:
    query_type, request_type = endpoint.query, endpoint.request

    def view(**path: str) -> Response:
        try:
            access.require(request)
            arguments: dict[str, Any] = dict(path)
            query = request.environ["QUERY_STRING"]
            if query_type is not None:
                arguments["query"] = _parse_query(query, query_type)
            elif query:
                raise ApiError(PARAMETER_INVALID, "this endpoint has no query parameters")
            if request_type is not None:
                arguments["request"] = _parse_body(request_type)
            answer = handler(area, **arguments)
        except ApiError as error:
            return _error_response(error)
        if isinstance(answer, Response):
            return answer
        body = b"" if answer is None else msgspec.json.encode(answer)
        return Response(body, endpoint.status, content_type="application/json")

    return view


def _parse_query(query: str, wanted: type[msgspec.Struct]) -> Any:
    """Parse query parameters. Raises PARAMETER_INVALID, also for unknown ones.

    A reset with a mistyped ``project_id`` would delete everything.
    """
    warnings: list[str] = []
    found = read_query(query, wanted, warnings)
    if warnings:
        raise ApiError(PARAMETER_INVALID, "; ".join(warnings))
    return found


def _parse_body(wanted: Any) -> Any:
    """Parse the body; no body is an empty object. Raises PARAMETER_ERROR, PARAMETER_INVALID, TOO_LARGE."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise ApiError(TOO_LARGE, f"the body is larger than {MAX_BODY_BYTES} bytes")
    if wanted not in lenient_decoding.PREPARED:
        lenient_decoding.prepare(wanted)
    try:
        return msgspec.json.decode(request.get_data() or b"{}", type=wanted)
    except msgspec.ValidationError as error:
        raise ApiError(PARAMETER_INVALID, str(invalid_member(error))) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ApiError(PARAMETER_ERROR, f"the body is not valid JSON: {error}") from None


def _error_response(error: ApiError) -> Response:
    row: Error = error.error
    body = msgspec.json.encode({"error_code": row.code, "error_msg": error.message})
    return Response(body, row.status, content_type="application/json")
