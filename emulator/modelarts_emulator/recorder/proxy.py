"""A proxy in front of a service, which passes requests on and records each exchange."""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from modelarts_emulator.control.request_log.masking import masked_url
from modelarts_emulator.exceptions import CommandFailed, NotRunning
from modelarts_emulator.recorder.recording import RecordedBody, RecordedExchange, RecordingWriter
from modelarts_emulator.util.http_client import Client, HttpResponse

log = logging.getLogger(__name__)

# Headers of one connection, not of the message (RFC 9110, section 7.6.1), and those that the next hop sets itself.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host"}
    | {"content-length", "accept-encoding", "expect"}
)
_TEXT = ("application/json", "application/xml", "text/")

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class RecordingProxy:
    """A WSGI application that passes every request on to ``upstream`` and records the exchange.

    The service's own base URL is replaced by the proxy's in text bodies and in ``Location``, so that signed URLs and
    the service catalogue lead to the proxy as well. A context manager: its end closes the connections to the service.
    """

    def __init__(self, upstream: str, recording: RecordingWriter) -> None:
        self._upstream, self._recording = upstream, recording
        self._clients = threading.local()
        self._opened = ExitStack()

    def __enter__(self) -> RecordingProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request. 502 where the service does not answer."""
        path = _raw_path(environ)
        content = environ["wsgi.input"].read()
        try:
            answer = self._client().send(environ["REQUEST_METHOD"], path, content or None, _request_headers(environ))
        except (NotRunning, CommandFailed) as error:
            log.warning("%s %s: %s", environ["REQUEST_METHOD"], masked_url(path), error)
            start_response("502 Bad Gateway", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"{error}\n".encode()]
        body = self._for_client(answer, environ)
        self._recording.add(
            RecordedExchange(
                method=environ["REQUEST_METHOD"],
                path=masked_url(path),
                content_type=environ.get("CONTENT_TYPE", ""),
                request=RecordedBody.of(content, path),
                status=answer.status,
                response_type=answer.headers.get("Content-Type", ""),
                response=RecordedBody.of(body, path),
            )
        )
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP]
        own = _base_url(environ)
        headers = [(n, v.replace(self._upstream, own) if n.lower() == "location" else v) for n, v in headers]
        if environ["REQUEST_METHOD"] == "HEAD":
            headers.append(("Content-Length", answer.headers.get("Content-Length", "0")))
        else:
            headers.append(("Content-Length", str(len(body))))
        start_response(f"{answer.status} {http.client.responses.get(answer.status, 'Unknown')}", headers)
        return [body]

    def _client(self) -> Client:
        """Return the connection of this thread to the service."""
        if not hasattr(self._clients, "client"):
            self._clients.client = self._opened.enter_context(Client(self._upstream))
        client: Client = self._clients.client
        return client

    def _for_client(self, answer: HttpResponse, environ: dict[str, Any]) -> bytes:
        if not answer.headers.get("Content-Type", "").startswith(_TEXT):
            return answer.body
        return answer.body.replace(self._upstream.encode(), _base_url(environ).encode())


def _raw_path(environ: dict[str, Any]) -> str:
    """Return the path and query as the client sent them; the decoded ``PATH_INFO`` would lose ``%2F``."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if not raw.startswith("/"):
        parts = urlsplit(raw)
        raw = parts.path + (f"?{parts.query}" if parts.query else "")
    return raw or "/"


def _request_headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    # Compressed text could not be searched for the service's URL.
    return {**headers, "Accept-Encoding": "identity"}


def _base_url(environ: dict[str, Any]) -> str:
    return f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '')}"
