"""Make WSGI requests of heads and bodies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from modelarts_emulator.web.bodies import ChunkedBody, SizedBody
from modelarts_emulator.web.connection import Connection
from modelarts_emulator.web.heads import RequestHead
from modelarts_emulator.web.responses import CAN_TRY_LATER, REQUEST_ID, FileBody
from modelarts_emulator.web.workers import Request


class RequestFactory:
    """Makes the requests of a server at ``address``; each has the next of ``request_ids``."""

    def __init__(self, address: tuple[str, int], *, is_tls: bool, request_ids: Iterator[str] | None) -> None:
        self._request_ids = request_ids
        self._server: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": address[0],
            "SERVER_PORT": str(address[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if is_tls else "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileBody,
            CAN_TRY_LATER: True,
        }

    def base(self, client: Any) -> dict[str, Any]:
        """Return the part of the environment that all requests of a client's connection share."""
        return {**self._server, "REMOTE_ADDR": client[0], "REMOTE_PORT": str(client[1])}

    def next_id(self) -> str | None:
        """Return the id of the next request, if requests have ids."""
        return None if self._request_ids is None else next(self._request_ids)

    @staticmethod
    def environ(connection: Connection, head: RequestHead) -> dict[str, Any]:
        """Return the environment of a request without its body and id."""
        fields = head.fields
        environ: dict[str, Any] = {**connection.base, **fields.environ}
        environ["REQUEST_METHOD"] = head.method
        environ["REQUEST_URI"] = head.target
        environ["PATH_INFO"] = head.path
        environ["QUERY_STRING"] = head.query
        environ["SERVER_PROTOCOL"] = "HTTP/1.1" if head.minor else "HTTP/1.0"
        if head.host is not None:
            environ["HTTP_HOST"] = head.host
        elif not fields.is_chunked:
            environ["modelarts_emulator.memo"] = fields.memo
        return environ

    def make(self, connection: Connection, head: RequestHead, body: SizedBody | ChunkedBody | None) -> Request:
        """Return the request of a head and its complete body, None where it has none."""
        fields, environ = head.fields, self.environ(connection, head)
        if self._request_ids is not None:
            environ[REQUEST_ID] = next(self._request_ids)
        received = environ["wsgi.input"] = BytesIO() if body is None else body.body.finish()
        if body is not None and fields.is_chunked:
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(body.body.size)
        continues = fields.expects_continue and bool(head.minor)
        return Request(environ, received, head.minor, head.keeps_alive and not connection.closes, continues)
