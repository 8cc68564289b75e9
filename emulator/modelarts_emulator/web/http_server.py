"""The server: one thread reads requests of all connections, a few threads run the application.

A connection is read by the loop, also while its request is being answered; the worker that answers sends by itself, and
leaves to the loop what the client does not take at once. So neither a slow sender nor a slow reader of a file or of
bytes keeps a worker; only a body that is generated piece by piece does.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, cast

from modelarts_emulator.system.sockets import HAS_SENDFILE
from modelarts_emulator.web.bodies import MEMORY, ChunkedBody, RefusedBody, SizedBody, Spool
from modelarts_emulator.web.connection import BLOCKED, Connection, Output, drop
from modelarts_emulator.web.heads import MAX_HEAD, BadRequest, parse_head, require_beginning
from modelarts_emulator.web.limits import Limits
from modelarts_emulator.web.listening import close_all, listen
from modelarts_emulator.web.request_factory import RequestFactory
from modelarts_emulator.web.responses import Reply
from modelarts_emulator.web.workers import CONTINUE, Application, Request, Workers, plain_response, reply_bytes

log = logging.getLogger(__name__)

_TLS_HANDSHAKE = b"\x16"  # the first byte of a TLS connection, the type of a handshake record

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_RECEIVED_BYTES, _WAITING_BYTES = 1 << 18, 1 << 16
_ACCEPTED_AT_ONCE = 64
_SWEEP_S, _STOPPING_S = 1.0, 0.1
_RESERVED_THREADS = 2
_LISTENER, _WAKER = "listener", "waker"
Early = Callable[[dict[str, Any]], Reply | None]


class WebServer:
    """An HTTP/1.1 server that listens from its construction on, and answers between ``start`` and ``stop``.

    ``early`` may answer a request on the thread of the loop, and must not wait for anything; None leaves the request to
    the application. Requests whose path ``is_reserved`` accepts have two threads of their own, so that they are
    answered while all other threads wait; they should be short. ``body_limit`` returns, from a request's head, how many
    bytes its body may have, or None where the application refuses the request without reading it. Large bodies are kept
    in the folder ``spool``. With ``tls`` connections are encrypted. Each response has the next of ``request_ids`` as
    ``X-Request-Id``. Several servers can run in a process. Raises OSError.
    """

    def __init__(
        self,
        application: Application,
        host: str,
        port: int,
        *,
        threads: int = 8,
        early: Early | None = None,
        is_reserved: Callable[[str], bool] | None = None,
        body_limit: Callable[[dict[str, Any]], int | None] | None = None,
        spool: Path | None = None,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        request_ids: Iterator[str] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._early = early
        self._body_limit = body_limit
        self._spool = Spool(spool)
        self._tls = tls
        self._listeners = listen(host, port)
        self.addresses: list[tuple[str, int]] = [each.getsockname()[:2] for each in self._listeners]
        """Addresses and ports on which the server listens."""
        self._requests = RequestFactory(self.addresses[0], is_tls=tls is not None, request_ids=request_ids)
        self._is_reserved = is_reserved
        stall_s = self._limits.idle_s
        self._workers = Workers(application, self._finish, self._postpone, threads=threads, stall_s=stall_s)
        self._reserved_workers = Workers(
            application,
            self._finish,
            self._postpone,
            threads=_RESERVED_THREADS if is_reserved else 0,
            stall_s=stall_s,
            name="http-reserved",
        )
        self._postponed: list[tuple[float, int, Connection, Request]] = []
        """Heap of requests that wait for a time."""
        self._postponed_numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_out, _READ, _WAKER)
        self._connections: dict[Connection, None] = {}
        """In the order of opening, so that of two idle equally long the first is closed."""
        self._calls: deque[Callable[[], None]] = deque()
        self._is_asleep = False
        self._is_accepting = False
        self._is_stopping = False
        self._stop_at = 0.0
        self._accept_after = 0.0
        self._retry_at = math.inf
        """When accepting is tried again, because a connection may have become idle long enough to be closed."""
        self._now = time.monotonic()
        self._thread: threading.Thread | None = None
        self._is_over = False

    def start(self) -> None:
        """Answer requests, in threads."""
        self._workers.start()
        self._reserved_workers.start()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float = 5.0) -> None:
        """Accept no more, answer what has been received, and end all threads; no effect when stopped.

        A response that takes longer than ``grace_s`` to send is cut off.
        """
        if self._is_over:
            return
        self._is_over = True
        if self._thread is not None:
            self._call(lambda: self._begin_stop(grace_s))
            self._thread.join()
            self._workers.stop(grace_s)
            self._reserved_workers.stop(grace_s)
        for connection in self._connections:
            connection.discard()
        self._connections.clear()
        while self._calls:  # what workers have given back since
            self._calls.popleft()()
        close_all([*self._listeners, self._wake_in, self._wake_out])
        self._selector.close()

    # The loop. All that follows runs on its thread, but for _finish and _call.

    def _run(self) -> None:
        self._set_accepting(True)
        sweep = self._now + _SWEEP_S
        while not self._is_stopping or (self._connections and self._now < self._stop_at):
            for key, events in self._select():
                if isinstance(key.data, Connection):
                    self._guarded(key.data, partial(self._handle, key.data, events))
                elif key.data is _LISTENER:
                    self._accept(key.fileobj)
                else:
                    with suppress(*BLOCKED):
                        self._wake_out.recv(4096)
            while self._calls:
                self._calls.popleft()()
            while self._postponed and (self._postponed[0][0] <= self._now or self._is_stopping):
                _, _, connection, request = heapq.heappop(self._postponed)
                self._give_to_worker(connection, request)
            if self._now >= self._retry_at:
                self._retry_at = math.inf
                self._accept_again()
            if self._now >= sweep:
                sweep = self._now + _SWEEP_S
                self._sweep()
        for connection in self._connections:
            connection.interrupt()

    def _select(self) -> list[tuple[selectors.SelectorKey, int]]:
        self._is_asleep = True  # from here on _call wakes the loop
        try:
            is_idle = not self._connections and self._is_accepting
            pause = 0 if self._calls else _STOPPING_S if self._is_stopping else None if is_idle else _SWEEP_S
            due = min(self._postponed[0][0] if self._postponed else math.inf, self._retry_at)
            if due < math.inf and pause != 0:
                rest = max(0.0, due - time.monotonic())
                pause = rest if pause is None else min(rest, pause)
            return self._selector.select(pause)
        finally:
            self._is_asleep = False
            self._now = time.monotonic()

    def _call(self, function: Callable[[], None]) -> None:
        """Have the loop call a function; from any thread."""
        self._calls.append(function)
        if self._is_asleep:
            with suppress(OSError):  # enough is waiting already, or all is over
                self._wake_in.send(b"\0")

    def _begin_stop(self, grace_s: float) -> None:
        self._is_stopping = True
        self._stop_at = self._now + grace_s
        self._set_accepting(False)
        close_all(self._listeners)
        for connection in list(self._connections):
            if connection.busy or connection.output:
                connection.closes = True
            else:
                self._close(connection)

    def _sweep(self) -> None:
        """Close connections whose client takes too long, and accept again after a pause."""
        for connection in [each for each in self._connections if each.deadline <= self._now]:
            if connection.busy and not connection.output:
                continue  # a worker has it
            if connection.buffer and connection.head is None and not connection.draining and not connection.output:
                self._refuse(connection, BadRequest(408, "the request did not arrive in time"))
            else:
                self._close(connection)
        self._accept_again()

    def _accept_again(self) -> None:
        if not self._is_accepting and not self._is_stopping and self._now >= self._accept_after:
            self._set_accepting(True)

    def _set_accepting(self, accepts: bool) -> None:
        if accepts != self._is_accepting:
            self._is_accepting = accepts
            for each in self._listeners:
                if accepts:
                    self._selector.register(each, _READ, _LISTENER)
                else:
                    self._selector.unregister(each)

    def _accept(self, listener: Any) -> None:
        for number in range(_ACCEPTED_AT_ONCE):
            if len(self._connections) >= self._limits.connections:
                if not number and not self._close_idle():
                    self._set_accepting(False)
                    self._retry_at = self._now + self._limits.patience_s
                if number or not self._is_accepting:
                    return  # the selector knows whether another one waits
            try:
                sock, address = listener.accept()
            except BLOCKED:
                return
            except OSError as error:
                if self._close_idle():
                    continue
                # Without descriptors the listener stays ready: try again later rather than all the time.
                log.warning("Cannot accept a connection: %s", error)
                self._set_accepting(False)
                self._accept_after = self._now + 1.0
                return
            self._open(sock, address)

    def _close_idle(self) -> bool:
        """Make room for new connections: close some that have waited longest for a request. False if there are none."""
        latest = self._now + self._limits.idle_s - self._limits.patience_s
        idle = [each for each in self._connections if each.is_idle and each.deadline <= latest]
        count = max(1, self._limits.connections // 16)
        for connection in heapq.nsmallest(count, idle, key=attrgetter("deadline")):
            self._close(connection)
        return bool(idle)

    def _open(self, sock: socket.socket, address: Any) -> None:
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError:
            sock.close()
            return
        base = self._requests.base(address)
        connection = Connection(sock, base, is_tls=self._tls is not None, by_system=HAS_SENDFILE)
        connection.deadline = self._now + (self._limits.head_s if connection.is_tls else self._limits.idle_s)
        self._connections[connection] = None
        self._watch(connection, _READ)

    def _watch(self, connection: Connection, events: int) -> None:
        if events == connection.events:
            return
        if not events:
            self._selector.unregister(connection.sock)
        elif connection.events:
            self._selector.modify(connection.sock, events, connection)
        else:
            self._selector.register(connection.sock, events, connection)
        connection.events = events

    def _watch_as_needed(self, connection: Connection) -> None:
        """Watch for bytes unless there are enough, and for room where output waits."""
        is_full = connection.busy and (connection.is_tls or len(connection.buffer) > _WAITING_BYTES)
        reads = not connection.ended and not is_full
        self._watch(connection, (_READ if reads else 0) | (_WRITE if connection.output else 0))

    def _close(self, connection: Connection) -> None:
        if connection.is_closed:
            return
        self._watch(connection, 0)
        connection.discard()
        self._connections.pop(connection, None)
        self._accept_again()

    def _handle(self, connection: Connection, events: int) -> None:
        if connection.handshaking:
            self._shake_hands(connection)
            return
        if events & _WRITE:
            self._flush(connection)
        if events & _READ and not connection.is_closed:
            self._receive(connection)

    def _guarded(self, connection: Connection, handle: Callable[[], None]) -> None:
        """Call ``handle``, which processes an event of a connection. An exception closes only this connection."""
        if connection.is_closed:
            return
        try:
            handle()
        except BadRequest as bad:
            self._refuse(connection, bad)
        except (OSError, EOFError) as problem:
            log.debug("A connection ends: %s", problem)
            self._give_up(connection)
        except Exception:
            log.exception("A connection is closed after an unexpected error")
            self._give_up(connection)

    def _give_up(self, connection: Connection) -> None:
        if connection.busy and not connection.output:
            # A worker has it, and gives it back.
            connection.ended = True
            self._watch(connection, 0)
        else:
            self._close(connection)

    def _shake_hands(self, connection: Connection) -> None:
        try:
            connection.sock.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(connection, _READ)
        except ssl.SSLWantWriteError:
            self._watch(connection, _WRITE)
        else:
            connection.handshaking = False
            self._watch(connection, _READ)
            self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        sock = connection.sock
        try:
            data = sock.recv(_RECEIVED_BYTES)
            if connection.is_tls:
                while data and (more := sock.pending()):
                    data += sock.recv(more)
        except BLOCKED:
            return
        if not data:
            self._at_end(connection)
        elif connection.draining:
            pass
        elif connection.busy:
            connection.buffer += data
            self._advance(connection)  # a worker that has just finished may not have seen these bytes
            # Only now: were reading to stop before, _advance could take the whole buffer and nothing would resume it.
            if len(connection.buffer) > _WAITING_BYTES and not connection.is_closed:
                self._watch_as_needed(connection)
        elif connection.buffer or connection.body is not None or not data.endswith(b"\r\n\r\n"):
            if not connection.buffer and connection.body is None:
                connection.deadline = self._now + self._limits.head_s
            connection.buffer += data
            self._advance(connection)
        else:
            self._begin(connection, data)

    def _at_end(self, connection: Connection) -> None:
        """Mark the client as having sent everything; its requests are still answered."""
        connection.ended = True
        if connection.draining and not connection.output and not connection.busy:
            self._close(connection)
            return
        self._watch_as_needed(connection)
        self._advance(connection)

    def _begin(self, connection: Connection, data: bytes) -> None:
        """Handle bytes that most likely are one whole request without a body."""
        if data.find(b"\r\n\r\n") == len(data) - 4 and not data.startswith(b"\r\n"):
            self._take_head(connection, data)
        else:
            connection.buffer += data
        self._advance(connection)

    def _advance(self, connection: Connection) -> None:
        """Process received bytes until a request is passed to a worker, or more bytes are needed."""
        while not (connection.busy or connection.closes or connection.is_closed):
            if connection.body is not None:
                connection.deadline = self._now + self._limits.idle_s
                if not connection.buffer or not connection.body.feed(connection.buffer):
                    break
                self._dispatch(connection)
            elif not self._next_head(connection):
                break
        if not connection.busy and not connection.draining and (connection.ended or connection.closes):
            self._close(connection)

    def _next_head(self, connection: Connection) -> bool:
        """Take a head from the buffer; False where there is none yet."""
        buffer = connection.buffer
        if buffer.startswith(b"\r\n"):  # RFC 9112, 2.2: an empty line may be left from an earlier request
            del buffer[:2]
        if not buffer or buffer == b"\r":
            return False
        end = buffer.find(b"\r\n\r\n", 0, MAX_HEAD)
        if end < 0:
            require_beginning(buffer)
            return False
        data = bytes(buffer[: end + 4])
        del buffer[: end + 4]
        self._take_head(connection, data)
        return True

    def _take_head(self, connection: Connection, data: bytes) -> None:
        head = connection.head = parse_head(data)
        fields = head.fields
        if not fields.length and not fields.is_chunked:
            self._dispatch(connection)
            return
        limit = self._limits.body
        if self._body_limit is not None and (fields.is_chunked or fields.length > MEMORY or fields.expects_continue):
            accepted = self._body_limit(self._requests.environ(connection, head))
            if accepted is None:
                self._dispatch_without_body(connection)
                return
            limit = min(limit, accepted)
        sized = partial(SizedBody, fields.length)
        connection.body = (ChunkedBody if fields.is_chunked else sized)(limit, self._spool)
        connection.deadline = self._now + self._limits.idle_s
        if fields.expects_continue and head.minor and not connection.buffer:
            self._send(connection, CONTINUE)
            connection.head = head._replace(fields=fields._replace(expects_continue=False))

    def _dispatch(self, connection: Connection) -> None:
        """Answer a complete request, or give it to a worker."""
        head, body = connection.head, connection.body
        assert head is not None
        connection.head = connection.body = None
        request = self._requests.make(connection, head, body)
        if self._early is not None and (reply := self._early_reply(request)) is not None:
            data, file = reply_bytes(request, reply)
            request.body.close()
            connection.closes = connection.closes or not request.keeps_alive
            connection.deadline = self._now + self._limits.idle_s
            self._send(connection, data, file)
            return
        self._start_work(connection, request)

    def _dispatch_without_body(self, connection: Connection) -> None:
        """Have a worker refuse a request; its body is dropped as it arrives, and the connection is closed."""
        assert connection.head is not None
        request = self._requests.make(connection, connection.head, None)
        connection.head = None
        connection.closes = connection.draining = True
        connection.buffer.clear()
        body = request.environ["wsgi.input"] = cast("BinaryIO", RefusedBody())
        self._start_work(connection, request._replace(body=body, keeps_alive=False, continues=False))

    def _start_work(self, connection: Connection, request: Request) -> None:
        connection.busy = True
        if connection.is_tls:
            self._watch(connection, 0)  # OpenSSL allows one thread at a time
        self._give_to_worker(connection, request)

    def _give_to_worker(self, connection: Connection, request: Request) -> None:
        is_reserved = self._is_reserved is not None and self._is_reserved(request.environ["PATH_INFO"])
        (self._reserved_workers if is_reserved else self._workers).put((connection, request))

    def _postpone(self, connection: Connection, request: Request, after_s: float) -> None:
        """Have a request handled again after a time; called by workers."""
        due = time.monotonic() + after_s
        entry = (due, next(self._postponed_numbers), connection, request)
        self._call(lambda: heapq.heappush(self._postponed, entry))

    def _early_reply(self, request: Request) -> Reply | None:
        assert self._early is not None
        try:
            return self._early(request.environ)
        except Exception:
            # The ordinary way meets the same problem, and reports it as it does.
            log.debug("The early dispatcher failed", exc_info=True)
            return None

    def _send(self, connection: Connection, data: bytes, file: Output | None = None) -> None:
        """Send output from the loop; what does not fit waits. While output waits the connection is busy."""
        if connection.output or (rest := connection.send(data)):
            connection.output.append(data if connection.output else rest)
        if file is not None:
            connection.output.append(file)
        if connection.output and not connection.flush():
            connection.busy = True
            self._watch_as_needed(connection)

    def _flush(self, connection: Connection) -> None:
        if not connection.output:
            return
        connection.deadline = self._now + self._limits.idle_s
        is_done = connection.flush()
        if is_done:
            connection.busy = False
            if connection.closes:
                self._end(connection)
                return
        self._watch_as_needed(connection)
        if is_done:
            self._advance(connection)

    def _end(self, connection: Connection) -> None:
        """Close a connection after its last response: at once, or when a client that is still sending has read it."""
        if not connection.draining:
            self._close(connection)
            return
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        connection.deadline = self._now + self._limits.drain_s
        self._watch(connection, 0 if connection.ended else _READ)

    def _refuse(self, connection: Connection, bad: BadRequest) -> None:
        """Answer a request that the application never sees, and close the connection."""
        if connection.buffer[:1] == _TLS_HANDSHAKE:
            log.warning("A client speaks https to this http port and is disconnected; use http:// or --tls self-signed")
        else:
            log.debug("A request is refused: %s", bad.reason)
        if connection.body is not None:
            connection.body.body.close()
        connection.head = connection.body = None
        connection.buffer.clear()
        connection.closes = connection.draining = True
        try:
            self._send(connection, plain_response(bad.status, bad.reason, self._requests.next_id()))
            if not connection.output:
                self._end(connection)
        except (OSError, EOFError):
            self._close(connection)

    def _finish(self, connection: Connection, output: deque[Output], keeps_alive: bool) -> None:
        """Take a connection back from a worker; on the worker's thread."""
        if not keeps_alive or output or connection.is_tls:
            self._call(lambda: self._take_back(connection, output, keeps_alive))
            return
        connection.deadline = time.monotonic() + self._limits.idle_s
        connection.busy = False
        # Checked only now: the loop looks at ``busy`` only after it has added to these.
        if connection.buffer or connection.ended or self._is_stopping:
            self._call(lambda: self._guarded(connection, lambda: self._go_on(connection)))

    def _take_back(self, connection: Connection, output: deque[Output], keeps_alive: bool) -> None:
        if connection.is_closed:
            drop(output)
            return
        connection.deadline = self._now + self._limits.idle_s
        connection.closes = connection.closes or not keeps_alive
        connection.output.extend(output)
        connection.busy = bool(output)
        self._guarded(connection, lambda: self._go_on(connection))

    def _go_on(self, connection: Connection) -> None:
        if connection.output:
            self._flush(connection)
        elif not connection.busy:  # else it is at its next request already
            connection.closes = connection.closes or self._is_stopping
            if connection.draining:
                self._end(connection)
                return
            self._watch_as_needed(connection)
            self._advance(connection)
