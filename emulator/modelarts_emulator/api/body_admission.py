"""Decide from a request's head how much of its body is received, so that refused requests store nothing."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.exceptions import HTTPException

from modelarts_emulator.api.dispatch import MAX_BODY_BYTES, OperationEndpoint
from modelarts_emulator.api.flask_internals import FastRoutingFlask
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.access import ControlAccess
from modelarts_emulator.control.api import PREFIX
from modelarts_emulator.s3.endpoint import ObjectEndpoint

MAX_OBJECT_BYTES = 1 << 40
"""More than the largest object or snapshot; the endpoints check their own limits."""


class BodyAdmission:
    """Judge the heads of requests by the routes and the authentication that the application itself uses.

    A request that is refused here is still answered by the application, which finds the same reason.
    """

    def __init__(
        self,
        app: FastRoutingFlask,
        operations: dict[str, OperationEndpoint],
        objects: ObjectEndpoint,
        control_access: ControlAccess,
    ) -> None:
        self._app = app
        self._operations = operations
        self._objects = objects
        self._control_access = control_access

    def body_limit(self, environ: dict[str, Any]) -> int | None:
        """Return the largest body in bytes that is received; None where the request is refused whatever it holds."""
        is_refused = self._objects.refuses(environ)
        if is_refused is not None:
            return None if is_refused else MAX_OBJECT_BYTES
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        try:
            endpoint, arguments = self._app.url_map.bind("").match(path, environ["REQUEST_METHOD"])
        except HTTPException:
            return None
        if (operation := self._operations.get(endpoint)) is not None:
            return None if operation.refuses(environ, dict(arguments)) else MAX_BODY_BYTES
        if not path.startswith(PREFIX):
            return MAX_BODY_BYTES
        try:
            self._control_access.require(Request(environ))
        except ApiError:
            return None
        return MAX_OBJECT_BYTES
