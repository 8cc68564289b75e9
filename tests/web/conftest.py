"""Web servers for tests, and raw connections to them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelarts_emulator.web import WebServer

Serve = Callable[..., WebServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server: ``serve(app, threads=1, limits=…)``."""
    running: list[WebServer] = []

    def begin(app: Any, host: str = "127.0.0.1", **options: Any) -> WebServer:
        server = WebServer(app, host, 0, **{"threads": 2, **options})
        running.append(server)
        server.start()
        return server

    yield begin
    for each in running:
        each.stop()


def connected(server: WebServer) -> socket.socket:
    """A connection, with a deadline for each call."""
    return socket.create_connection(server.addresses[0], timeout=20)


def talk(server: WebServer, *parts: bytes) -> bytes:
    """Send bytes, end the sending side, and return all that comes back."""
    with connected(server) as connection:
        for part in parts:
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            return file.read()


def bodies(received: bytes) -> list[bytes]:
    """The bodies of responses that all have a Content-Length."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        if head.endswith(b" 100 Continue"):
            continue
        [length] = [line[15:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        found.append(received[: int(length)])
        received = received[int(length) :]
    return found


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with method, raw target and body."""
    body = environ["wsgi.input"].read()
    data = b"%b %b %b" % (environ["REQUEST_METHOD"].encode(), environ["REQUEST_URI"].encode("latin-1"), body)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(data)))])
    return [data]
