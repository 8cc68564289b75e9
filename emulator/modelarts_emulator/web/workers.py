"""Run the WSGI application for one request at a time, in each of a few threads."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any, BinaryIO, NamedTuple

from modelarts_emulator.system.sockets import wait_writable
from modelarts_emulator.web.connection import Connection, Output
from modelarts_emulator.web.responses import (
    REQUEST_ID,
    SMALL_FILE,
    Disconnect,
    FileBody,
    FileSlice,
    Headers,
    Reply,
    TryLater,
    encode_head,
    file_size,
    has_body,
    status_line,
)

log = logging.getLogger(__name__)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Finish = Callable[[Connection, deque[Output], bool], None]
Postpone = Callable[[Connection, "Request", float], None]


class Request(NamedTuple):
    """A complete request; ``environ`` has ``body`` as well."""

    environ: dict[str, Any]
    body: BinaryIO
    minor: int
    keeps_alive: bool
    continues: bool
    """Whether "100 Continue" goes before the response: the client asked for it, and its body came along already."""


class Workers:
    """The threads. ``finish`` takes a connection back, with output still to be sent and whether it is kept.

    ``postpone`` takes a request that has to be handled again after a time, in seconds.
    """

    def __init__(
        self,
        application: Application,
        finish: Finish,
        postpone: Postpone,
        *,
        threads: int,
        stall_s: float,
        name: str = "http-worker",
    ) -> None:
        self._application = application
        self._finish, self._postpone = finish, postpone
        self._name = name
        self._count = threads
        self._stall_s = stall_s
        self._queue: SimpleQueue[tuple[Connection, Request] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.put = self._queue.put

    def start(self) -> None:
        """Start the worker threads, named ``http-worker-1`` and so on."""
        for number in range(1, self._count + 1):
            thread = threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the threads after they have answered all queued requests."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("Thread %s is still answering a request and is left behind", thread.name)
        self._threads.clear()

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            connection, request = task
            exchange = Exchange(connection, request, self._stall_s)
            try:
                exchange.run(self._application)
            except TryLater as later:
                self._postpone(connection, request, later.after_s)
                continue
            self._finish(connection, exchange.output, exchange.keeps_alive)


class Exchange:
    """One request and its response."""

    def __init__(self, connection: Connection, request: Request, stall_s: float) -> None:
        self._connection = connection
        self._request = request
        self._stall_s = stall_s
        self.keeps_alive = request.keeps_alive
        self.output: deque[Output] = deque()
        """Bytes that the loop has to send, after those that have been sent already."""
        self._status = ""
        self._headers: Headers = []
        self._length: int | None = None
        self._sent = 0
        self._is_begun = False
        self._is_chunked = False
        self._is_bodiless = False

    def run(self, application: Application) -> None:
        """Call the application and send its response, or as much as can be sent without waiting for the client.

        Raises TryLater, and the request is as it was before.
        """
        try:
            self._answer(application)
        except TryLater:
            self._request.environ.pop("werkzeug.request", None)
            raise
        except (Disconnect, OSError) as problem:
            if isinstance(problem, OSError):
                log.debug("A client has gone: %s", problem)
            self.keeps_alive = False
        except Exception:
            environ = self._request.environ
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            self.keeps_alive = False
            if not self._is_begun:
                self.output.append(plain_response(500, "Internal Server Error", environ.get(REQUEST_ID)))
        self._request.body.close()

    def start_response(self, status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], None]:
        """Take status and headers; they are sent with the first bytes of the body (PEP 3333)."""
        if self._status and not exc_info:
            raise RuntimeError("start_response was called twice")
        self._status, self._headers = status, headers
        self._length = None
        for name, value in headers:
            if name.lower() == "content-length":
                self._length = int(value)
        return self._write

    def _answer(self, application: Application) -> None:
        body = application(self._request.environ, self.start_response)
        try:
            if isinstance(body, FileBody) and (size := file_size(body.file)) is not None:
                body = self._send_file(body, size)
            elif type(body) in (list, tuple):
                self._send_whole(b"".join(body))
            else:
                self._send_pieces(iter(body))
        finally:
            if (close := getattr(body, "close", None)) is not None:
                close()

    def _send_whole(self, data: bytes) -> None:
        if self._length is None:
            self._set_length(len(data))
        self._last(self._framed(data))
        self._end()

    def _send_pieces(self, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            if not piece:
                continue
            if self._length is not None and self._sent + len(piece) >= self._length:
                self._last(self._framed(piece))
            else:
                self._send(self._framed(piece))
        if not self._is_begun:
            if self._length is None:
                self._set_length(0)
            self._last(self._framed(b""))
        self._end()

    def _send_file(self, body: FileBody, size: int) -> FileBody | tuple[()]:
        """Send a file, and return the objects that the caller closes: none if the loop sends the rest."""
        length = size if self._length is None else min(self._length, size)
        if self._length is None:
            self._set_length(size)
        if length <= SMALL_FILE or not has_body(self._request.environ["REQUEST_METHOD"], self._status):
            whole = b"" if self._request.environ["REQUEST_METHOD"] == "HEAD" else body.file.read(length)
            self._last(self._framed(whole))
            self._end()
            return body
        self._last(self._head())
        self._sent = length
        self.output.append(FileSlice(body.file, length))
        self._end()
        return ()

    def _write(self, data: bytes) -> None:
        """Send bytes in the old way of WSGI, which ``start_response`` returns."""
        if data:
            self._send(self._framed(data))

    def _set_length(self, length: int) -> None:
        self._length = length
        if has_body(self._request.environ["REQUEST_METHOD"], self._status):
            self._headers = [*self._headers, ("Content-Length", str(length))]

    def _framed(self, data: bytes) -> bytes:
        """Return bytes of the body as they are sent, behind the head where it has not been sent."""
        head = b"" if self._is_begun else self._head()
        if self._is_bodiless:
            return head
        if self._length is not None and self._sent + len(data) > self._length:
            data = data[: self._length - self._sent]
        self._sent += len(data)
        if self._is_chunked:
            return b"%b%x\r\n%b\r\n" % (head, len(data), data)
        return head + data

    def _head(self) -> bytes:
        if not self._status:
            raise RuntimeError("the application has not called start_response")
        request, method = self._request, self._request.environ["REQUEST_METHOD"]
        self._is_bodiless = not has_body(method, self._status)
        if self._length is None and not self._is_bodiless:
            if request.minor:
                self._is_chunked = True
                self._headers = [*self._headers, ("Transfer-Encoding", "chunked")]
            else:
                self.keeps_alive = False  # the end of the connection is the end of the body
        data = begin(request, self._status, self._headers, keeps_alive=self.keeps_alive)
        self._is_begun = True
        return data

    def _end(self) -> None:
        if self._is_chunked:
            self._last(b"0\r\n\r\n")
        elif not self._is_bodiless and self._length is not None and self._sent < self._length:
            self.keeps_alive = False  # the client sees that bytes are missing

    def _last(self, data: bytes) -> None:
        """Send without waiting; the loop sends the rest."""
        if self.output:
            self.output.append(data)
        elif rest := self._connection.send(data):
            self.output.append(rest)

    def _send(self, data: bytes) -> None:
        """Send all of it, however long the client takes, within limits. Raises OSError."""
        rest = self._connection.send(data)
        while rest:
            if not wait_writable(self._connection.sock, self._stall_s):
                raise TimeoutError("the client reads nothing")
            rest = self._connection.send(rest)


def begin(request: Request, status: str, headers: Headers, *, keeps_alive: bool) -> bytes:
    """Return the head of a response, as the request's version and wishes want it. Raises ValueError."""
    option = "" if keeps_alive == bool(request.minor) else "keep-alive" if keeps_alive else "close"
    request_id = request.environ.get(REQUEST_ID)
    head = encode_head(status, headers, option, minor=request.minor, request_id=request_id)
    return CONTINUE + head if request.continues else head


def reply_bytes(request: Request, reply: Reply) -> tuple[bytes, FileSlice | None]:
    """Return a whole response as bytes, and the file that follows it, if any. Raises ValueError, OSError."""
    status, body = status_line(reply.status), reply.body
    head = begin(request, status, reply.headers, keeps_alive=request.keeps_alive)
    if isinstance(body, bytes):
        return (head + body if has_body(request.environ["REQUEST_METHOD"], status) else head), None
    if body.size > SMALL_FILE:
        return head, FileSlice(body.file, body.size)
    data = body.file.read(body.size)
    if len(data) == body.size:
        body.file.close()
        return head + data, None
    return head + data, FileSlice(body.file, body.size - len(data))  # shorter than it was: ends the connection


def plain_response(status: int, reason: str, request_id: str | None = None) -> bytes:
    """Return a response of the server itself, after which the connection is closed."""
    body = f"{reason}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    return encode_head(status_line(status), headers, "close", request_id=request_id) + body
