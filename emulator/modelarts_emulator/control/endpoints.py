"""The endpoints beside the operations, one row each; the OpenAPI document describes them from here.

Endpoints of the control API have a handler and are registered from here. As in the table of operations, the types of
query and request body are those of the handler's parameters ``query`` and ``request``.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from flask import Response

from modelarts_emulator.contract.errors import Error
from modelarts_emulator.control.errors import (
    FAULT_NOT_FOUND,
    INVALID_SNAPSHOT,
    NOT_IDLE,
    SNAPSHOT_NOT_FOUND,
    TOO_MANY_FAULTS,
    TOO_MANY_LISTENERS,
)
from modelarts_emulator.control.event_stream import EventStream
from modelarts_emulator.control.fault_injection import Faults
from modelarts_emulator.control.id_seed import IdsControl
from modelarts_emulator.control.inference_scripts import InferenceControl
from modelarts_emulator.control.mails import MailsControl
from modelarts_emulator.control.pages.console import ProjectsControl
from modelarts_emulator.control.request_log.log import RequestLogControl
from modelarts_emulator.control.reset import ResetControl
from modelarts_emulator.control.snapshots.endpoints import SnapshotsControl
from modelarts_emulator.control.state_transitions import TransitionsControl
from modelarts_emulator.control.time_control import ClockControl
from modelarts_emulator.control.wait_idle import WaitIdleControl

EMULATOR, IDENTITY = "Emulator", "Identity"


class Endpoint(NamedTuple):
    """One endpoint."""

    method: str
    path: str
    summary: str
    status: int = 200
    """Status of a successful answer."""
    heading: str = EMULATOR
    headers: tuple[str, ...] = ()
    """Required request headers."""
    example: Any = None
    """A request body to try it with."""
    handler: Callable[..., Any] | None = None
    """A method of one of the control API's areas."""
    content_type: str = "application/json"
    """Content type of a successful answer."""
    errors: tuple[Error, ...] = ()
    """Errors beside PARAMETER_INVALID and CONTROL_KEY_REQUIRED, which every handler can raise."""

    @property
    def name(self) -> str:
        """Return the handler's name."""
        return self.handler.__name__ if self.handler else ""

    @property
    def query(self) -> type[msgspec.Struct] | None:
        """Return the type of the query parameters; None if there are none."""
        found: type[msgspec.Struct] | None = self._hints().get("query")
        return found

    @property
    def request(self) -> Any:
        """Return the type of the request body; None if there is none."""
        return self._hints().get("request")

    @property
    def response(self) -> Any:
        """Return the type of the answer; None if that is empty or not JSON."""
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
    *errors: Error,
    status: int = 200,
    example: Any = None,
    content_type: str = "application/json",
) -> Endpoint:
    return Endpoint(method, f"/_emulator/{path}", summary, status, EMULATOR, (), example, handler, content_type, errors)


_SNAPSHOT = "snapshots/{name}"
_FAULT = {"operation": "ListDatasets", "status": 503, "times": 2}
_HOLD = {"publish": {"mode": "hold", "before": "RUNNING"}}

_CONTROL = [
    _control("POST", "reset", "Delete everything, or everything of a project", ResetControl.reset),
    _control("POST", "wait-idle", "Wait until background work has ended", WaitIdleControl.wait_idle, NOT_IDLE),
    _control("GET", "snapshots", "List snapshots", SnapshotsControl.list_snapshots),
    _control("GET", _SNAPSHOT, "Describe a snapshot", SnapshotsControl.show_snapshot, SNAPSHOT_NOT_FOUND),
    _control(
        "PUT",
        _SNAPSHOT,
        "Save the whole state as a snapshot",
        SnapshotsControl.save_snapshot,
        INVALID_SNAPSHOT,
        NOT_IDLE,
    ),
    _control(
        "POST",
        _SNAPSHOT,
        "Restore the state of a snapshot",
        SnapshotsControl.restore_snapshot,
        SNAPSHOT_NOT_FOUND,
        INVALID_SNAPSHOT,
    ),
    _control(
        "DELETE", _SNAPSHOT, "Delete a snapshot", SnapshotsControl.delete_snapshot, SNAPSHOT_NOT_FOUND, status=204
    ),
    _control(
        "GET",
        _SNAPSHOT + "/archive",
        "Download a snapshot as a zip archive",
        SnapshotsControl.download_snapshot,
        SNAPSHOT_NOT_FOUND,
        content_type="application/zip",
    ),
    _control(
        "PUT",
        _SNAPSHOT + "/archive",
        "Upload a snapshot as a zip archive",
        SnapshotsControl.upload_snapshot,
        INVALID_SNAPSHOT,
    ),
    _control("GET", "transitions", "Show transition rules and held tasks", TransitionsControl.show_transitions),
    _control(
        "PUT",
        "transitions",
        "Replace the transition rules of all kinds of task",
        TransitionsControl.put_transitions,
        example=_HOLD,
    ),
    _control(
        "PATCH",
        "transitions",
        "Set the transition rules of some kinds of task",
        TransitionsControl.patch_transitions,
        example=_HOLD,
    ),
    _control("GET", "faults", "List active faults", Faults.list_faults),
    _control("POST", "faults", "Add a fault", Faults.add_fault, TOO_MANY_FAULTS, status=201, example=_FAULT),
    _control("DELETE", "faults", "Remove all faults", Faults.clear_faults, status=204),
    _control("DELETE", "faults/{fault_id}", "Remove a fault", Faults.remove_fault, FAULT_NOT_FOUND, status=204),
    _control("GET", "requests", "List or export the latest 1,000 requests", RequestLogControl.list_requests),
    _control("DELETE", "requests", "Clear the request log", RequestLogControl.clear_requests, status=204),
    _control("GET", "inference", "Show the script of intelligent tasks", InferenceControl.show_inference),
    _control(
        "PUT",
        "inference",
        "Say what intelligent tasks answer",
        InferenceControl.put_inference,
        example={"rules": [{"match": "cat-*", "labels": [{"name": "cat", "score": 0.9}]}]},
    ),
    _control(
        "DELETE", "inference", "Remove a script of intelligent tasks", InferenceControl.delete_inference, status=204
    ),
    _control("GET", "mails", "List the e-mails to members of labelling teams", MailsControl.list_mails),
    _control("GET", "projects", "List the projects that have datasets", ProjectsControl.list_projects),
    _control("GET", "clock", "Show the emulator's time", ClockControl.show_clock),
    _control("PUT", "clock", "Freeze, set or move the time", ClockControl.change_clock, example={"freeze": True}),
    _control("PUT", "ids", "Seed the id generator", IdsControl.seed_ids, example={"seed": 1}),
    _control(
        "GET",
        "events",
        "Stream requests and dataset changes",
        EventStream.stream_events,
        TOO_MANY_LISTENERS,
        content_type="text/event-stream",
    ),
]

ENDPOINTS: list[Endpoint] = [
    Endpoint("GET", "/_emulator/health", "Show that the emulator is running: version, uptime, watcher, open tasks"),
    Endpoint("GET", "/_emulator/ready", "Check that the first scan has ended; 503 until then"),
    Endpoint("GET", "/_emulator/coverage", "List the operations with their parameters and the evidence for each"),
    Endpoint("GET", "/_emulator/openapi.json", "Download this document"),
    Endpoint("GET", "/_emulator/docs", "Open a page to read and try this document"),
    Endpoint("GET", "/_emulator/ui", "Open the console: datasets, requests and faults in a browser"),
    *_CONTROL,
    Endpoint("GET", "/v3", "Show the version of the identity service", heading=IDENTITY),
    Endpoint("POST", "/v3/auth/tokens", "Log in; the token is in X-Subject-Token", 201, IDENTITY, (), _LOG_IN),
    Endpoint("GET", "/v3/auth/tokens", "Describe a token", heading=IDENTITY, headers=_SUBJECT),
    Endpoint("DELETE", "/v3/auth/tokens", "Revoke a token", 204, IDENTITY, _SUBJECT),
    Endpoint("GET", "/v3/auth/catalog", "List the services and their endpoints", heading=IDENTITY),
    Endpoint("GET", "/v3/auth/projects", "List the caller's projects", heading=IDENTITY),
    Endpoint("GET", "/v3/auth/domains", "List the caller's domain", heading=IDENTITY),
    Endpoint("GET", "/v3/projects", "List the caller's projects", heading=IDENTITY),
    Endpoint("GET", "/v3/projects/{project_id}", "Describe a project", heading=IDENTITY),
    Endpoint("GET", "/v3/users", "List users", heading=IDENTITY),
]
