"""One client's connection: what has arrived, what has not been sent yet, and who is working on it."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import Any

from modelarts_emulator.web.bodies import ChunkedBody, SizedBody
from modelarts_emulator.web.heads import RequestHead
from modelarts_emulator.web.responses import FileSlice

Output = bytes | memoryview | FileSlice

BLOCKED = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""Exceptions of a socket that cannot be read or written at the moment."""


class Connection:
    """A connection. It belongs to the loop, except for the socket's sending side while ``busy``: then to a worker."""

    __slots__ = (
        "base",
        "body",
        "buffer",
        "busy",
        "by_system",
        "closes",
        "deadline",
        "draining",
        "ended",
        "events",
        "handshaking",
        "head",
        "is_closed",
        "is_tls",
        "output",
        "sock",
    )

    def __init__(self, sock: Any, base: dict[str, Any], *, is_tls: bool, by_system: bool) -> None:
        self.sock = sock
        self.base = base
        """The part of the WSGI environment that all requests of the connection share."""
        self.is_tls = self.handshaking = is_tls
        self.by_system = by_system and not is_tls
        """Whether the kernel can send files (sendfile)."""
        self.buffer = bytearray()
        """Received bytes that have not been parsed."""
        self.head: RequestHead | None = None
        """The head of the request whose body is being received."""
        self.body: SizedBody | ChunkedBody | None = None
        self.busy = False
        """Whether a request is being answered; the next one waits in ``buffer``."""
        self.ended = False
        """Whether the client has sent its last byte."""
        self.closes = False
        """Whether the connection is closed once all output is sent."""
        self.draining = False
        """Whether received bytes are dropped: an error has been sent, and the client may still be sending."""
        self.is_closed = False
        self.output: deque[Output] = deque()
        self.events = 0
        """Events that the selector watches."""
        self.deadline = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether the client has nothing to be answered, and has begun no request."""
        return not (self.busy or self.buffer or self.output or self.body or self.draining or self.handshaking)

    def send(self, data: bytes | memoryview) -> bytes | memoryview:
        """Send what the kernel takes now, and return the rest. Raises OSError where the client has gone."""
        try:
            sent = self.sock.send(data)
        except BLOCKED:
            return data
        return b"" if sent == len(data) else memoryview(data)[sent:]

    def flush(self) -> bool:
        """Send pending output; True when all is sent. Raises OSError, EOFError where a file has become shorter."""
        output = self.output
        while output:
            first = output[0]
            if isinstance(first, FileSlice):
                try:
                    done = first.send_to(self.sock, by_system=self.by_system)
                except BLOCKED:
                    return False
                if not done:
                    return False  # other connections have their turn
                first.close()
            elif rest := self.send(first):
                output[0] = rest
                return False
            output.popleft()
        return True

    def discard(self) -> None:
        """Drop everything that is kept for the connection, and close its socket."""
        self.is_closed = True
        if self.body is not None:
            self.body.body.close()
        drop(self.output)
        with suppress(OSError):
            self.sock.close()

    def interrupt(self) -> None:
        """Let a worker that is sending fail at once."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)


def drop(output: deque[Output]) -> None:
    """Close the files in output that is not sent."""
    while output:
        item = output.popleft()
        if isinstance(item, FileSlice):
            item.close()
