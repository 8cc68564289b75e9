"""Endpoints beside the 31 operations: what the OpenAPI document says of them. A module that adds one adds its row.

Those of the control API have a handler, and are registered from here. As in the table of operations, the types of its
query and request body are those of its parameters ``query`` and ``request``.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from flask import Response

from modelarts_emulator.control.event_stream import EventStream
from modelarts_emulator.control.fault_injection import Faults
from modelarts_emulator.control.id_seed import IdsControl
from modelarts_emulator.control.pages.console import ProjectsControl
from modelarts_emulator.control.request_log.log import RequestLogControl
from modelarts_emulator.control.reset import ResetControl
from modelarts_emulator.control.snapshots.endpoints import SnapshotsControl
from modelarts_emulator.control.state_transitions import TransitionsControl
from modelarts_emulator.control.time_control import ClockControl
from modelarts_emulator.control.wait_idle import WaitIdleControl

EMULATOR, IDENTITY = "Emulator", "Identity"


class Endpoint(NamedTuple):
    """One endpoint; what it answers is in its module."""

    method: str
    path: str
    summary: str
    status: int = 200
    """What it answers where all is well."""
    heading: str = EMULATOR
    headers: tuple[str, ...] = ()
    """Request headers that it needs."""
    example: Any = None
    """A body to try it with, where it takes one."""
    handler: Callable[..., Any] | None = None
    """A method of one of the control API's areas."""
    content_type: str = "application/json"
    """What it answers with, where it answers with anything."""

    @property
    def name(self) -> str:
        """The handler's name."""
        return self.handler.__name__ if self.handler else ""

    @property
    def query(self) -> type[msgspec.Struct] | None:
        """The type of its query parameters, if it has any."""
        found: type[msgspec.Struct] | None = self._hints().get("query")
        return found

    @property
    def request(self) -> Any:
        """The type of its body, if it has one."""
        return self._hints().get("request")

    @property
    def response(self) -> Any:
        """The type of its answer; None where that is empty or no JSON."""
        hint = self._hints().get("return")
        kinds = [kind for kind in typing.get_args(hint) or (hint,) if kind is not Response]
        return kinds[0] if kinds and kinds[0] is not type(None) else None

    def _hints(self) -> dict[str, Any]:
        if self.handler is None:
            return {}
        known = {**inspect.signature(self.handler).parameters, "return": None}
        return {name: hint for name, hint in typing.get_type_hints(self.handler).items() if name in known}


_LOG_IN = {
    "auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "me", "password": "secret", "domain": {"name": "local"}}},
        },
        "scope": {"project": {"name": "my-project"}},
    }
}
_SUBJECT = ("X-Subject-Token",)


def _control(
    method: str,
    path: str,
    summary: str,
    handler: Callable[..., Any],
    status: int = 200,
    example: Any = None,
    content_type: str = "application/json",
) -> Endpoint:
    return Endpoint(method, f"/_emulator/{path}", summary, status, EMULATOR, (), example, handler, content_type)


_SNAPSHOT = "snapshots/{name}"
_FAULT = {"operation": "ListDatasets", "status": 503, "times": 2}
_HOLD = {"publish": {"mode": "hold", "before": "RUNNING"}}

_CONTROL = [
    _control("POST", "reset", "Delete everything, or everything of a project", ResetControl.reset),
    _control("POST", "wait-idle", "Wait until files and datasets agree and no task is open", WaitIdleControl.wait_idle),
    _control("GET", "snapshots", "All snapshots", SnapshotsControl.list_snapshots),
    _control("GET", _SNAPSHOT, "One snapshot", SnapshotsControl.show_snapshot),
    _control("PUT", _SNAPSHOT, "Keep everything under a name", SnapshotsControl.save_snapshot),
    _control("POST", _SNAPSHOT, "Put everything back as it was", SnapshotsControl.restore_snapshot),
    _control("DELETE", _SNAPSHOT, "Forget a snapshot", SnapshotsControl.delete_snapshot, 204),
    _control(
        "GET",
        _SNAPSHOT + "/archive",
        "A snapshot as one .zip file",
        SnapshotsControl.download_snapshot,
        content_type="application/zip",
    ),
    _control("PUT", _SNAPSHOT + "/archive", "Keep a .zip file as a snapshot", SnapshotsControl.upload_snapshot),
    _control("GET", "transitions", "How tasks go on, and which wait", TransitionsControl.show_transitions),
    _control("PUT", "transitions", "Replace how tasks go on", TransitionsControl.put_transitions, 200, _HOLD),
    _control("GET", "faults", "What goes wrong", Faults.list_faults),
    _control("POST", "faults", "Let something go wrong", Faults.add_fault, 201, _FAULT),
    _control("DELETE", "faults", "Let nothing go wrong", Faults.clear_faults, 204),
    _control("DELETE", "faults/{fault_id}", "Let this not go wrong", Faults.remove_fault, 204),
    _control("GET", "requests", "The latest 1,000 requests", RequestLogControl.list_requests),
    _control("DELETE", "requests", "Forget them", RequestLogControl.clear_requests, 204),
    _control("GET", "projects", "The projects that have datasets", ProjectsControl.list_projects),
    _control("GET", "clock", "What time it is", ClockControl.show_clock),
    _control("PUT", "clock", "Stop, move or put back the time", ClockControl.change_clock, 200, {"freeze": True}),
    _control("PUT", "ids", "Draw the same ids again", IdsControl.seed_ids, 200, {"seed": 1}),
    _control(
        "GET",
        "events",
        "Requests and datasets as they change",
        EventStream.stream_events,
        content_type="text/event-stream",
    ),
]

ENDPOINTS: list[Endpoint] = [
    Endpoint("GET", "/_emulator/health", "Whether the emulator lives: version, uptime, watcher, open tasks"),
    Endpoint("GET", "/_emulator/ready", "Whether the first scan is done; 503 until then"),
    Endpoint("GET", "/_emulator/coverage", "What of each of the 31 operations is there, and on which evidence"),
    Endpoint("GET", "/_emulator/openapi.json", "This document"),
    Endpoint("GET", "/_emulator/docs", "A page to read and try it"),
    Endpoint("GET", "/_emulator/ui", "The console: a page to look at datasets, requests and faults"),
    *_CONTROL,
    Endpoint("GET", "/v3", "Which version of the identity service this is", heading=IDENTITY),
    Endpoint("POST", "/v3/auth/tokens", "Log in: the token is in X-Subject-Token", 201, IDENTITY, (), _LOG_IN),
    Endpoint("GET", "/v3/auth/tokens", "Describe a token", heading=IDENTITY, headers=_SUBJECT),
    Endpoint("DELETE", "/v3/auth/tokens", "End a token", 204, IDENTITY, _SUBJECT),
    Endpoint("GET", "/v3/auth/catalog", "The services, and where they are", heading=IDENTITY),
    Endpoint("GET", "/v3/auth/projects", "The caller's projects", heading=IDENTITY),
    Endpoint("GET", "/v3/auth/domains", "The caller's domain", heading=IDENTITY),
    Endpoint("GET", "/v3/projects", "The caller's projects", heading=IDENTITY),
    Endpoint("GET", "/v3/projects/{project_id}", "One project", heading=IDENTITY),
]
