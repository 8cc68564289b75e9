"""Raw connections to a web server, and the application that echoes what it gets."""

from __future__ import annotations

import socket
from typing import Any

from modelarts_emulator.web import WebServer


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
