"""The web server over real sockets: framing, slow clients, files, TLS, and an end that leaves nothing."""

from __future__ import annotations

import gc
import hashlib
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from modelarts_emulator.web import Disconnect, FileBody, Limits, Reply, WebServer
from tests.helpers.polling import poll
from tests.helpers.raw_http import bodies, connected, echo, talk

Serve = Callable[..., WebServer]
GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


def put(body: bytes, *lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Host: a", b"Content-Length: %d" % len(body), *lines))
    return b"PUT /x HTTP/1.1\r\n" + head + b"\r\n" + body


# Framing


def test_requests_of_one_connection_are_answered_in_order(serve: Serve) -> None:
    requests = [GET % str(number).encode() if number % 3 else put(b"%d" % number) for number in range(50)]
    expected = [b"GET /%d " % number if number % 3 else b"PUT /x %d" % number for number in range(50)]
    server = serve(echo, threads=4)
    assert bodies(talk(server, b"".join(requests))) == expected
    whole = b"\r\n".join(requests)  # empty lines between requests are skipped
    pieces = [whole[start : start + 7] for start in range(0, len(whole), 7)]
    assert bodies(talk(server, *pieces)) == expected


def test_no_request_is_lost_between_the_loop_and_the_workers(serve: Serve) -> None:
    """Each client sends the next request the moment the answer is there, so that both threads touch the connection."""

    def early(environ: dict[str, Any]) -> Reply | None:
        if environ["PATH_INFO"] != "/early":
            return None
        return Reply(200, [("Content-Length", "5")], b"early")

    server = serve(echo, threads=3, early=early)

    def client(seed: int) -> int:
        chance, count = random.Random(seed), 0
        with connected(server) as connection, connection.makefile("rb") as file:
            while count < 400:
                sent = [chance.choice((b"early", b"a", b"b")) for _ in range(chance.choice((1, 1, 1, 2, 5)))]
                connection.sendall(b"".join(GET % name for name in sent))
                for name in sent:
                    while line := file.readline().strip():
                        if line.lower().startswith(b"content-length"):
                            length = int(line.split(b":")[1])
                    assert file.read(length) == (b"early" if name == b"early" else b"GET /%b " % name)
                count += len(sent)
        return count

    with ThreadPoolExecutor(6) as pool:
        assert min(pool.map(client, range(6))) >= 400


class SlowlyJudged(bytearray):
    """A buffer about which a worker learns whether it is empty only after the loop has handled what arrived."""

    is_handled = threading.Event()

    def __bool__(self) -> bool:
        if threading.current_thread().name != "http":
            assert self.is_handled.wait(20)
        return len(self) > 0


def test_body_that_arrives_while_a_worker_finishes_is_read_to_its_end(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop stops reading for a busy connection, and at that moment the worker gives the connection back."""
    may_finish, responses = threading.Event(), iter([True])
    watch, select = WebServer._watch_as_needed, WebServer._select
    monkeypatch.setattr(SlowlyJudged, "is_handled", threading.Event())

    def watch_then_let_the_worker_finish(server: WebServer, connection: Any) -> None:
        watch(server, connection)
        if connection.busy and not may_finish.is_set():
            connection.buffer = SlowlyJudged(connection.buffer)
            may_finish.set()
            poll(lambda: not connection.busy, "the worker gives the connection back")

    def select_after_handling(server: WebServer) -> Any:
        if may_finish.is_set():
            SlowlyJudged.is_handled.set()
        return select(server)

    monkeypatch.setattr(WebServer, "_watch_as_needed", watch_then_let_the_worker_finish)
    monkeypatch.setattr(WebServer, "_select", select_after_handling)

    class Held(list[bytes]):
        """A response whose worker waits after it has been sent."""

        def close(self) -> None:
            may_finish.wait(20)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        answer = echo(environ, start_response)
        return Held(answer) if next(responses, False) else answer

    server = serve(app, threads=1)
    body = b"x" * 300_000
    with connected(server) as connection:
        connection.sendall(GET % b"1")
        assert connection.recv(4096).endswith(b"GET /1 ")
        connection.sendall(put(body)[:100_000])
        assert SlowlyJudged.is_handled.wait(20)
        connection.sendall(put(body)[100_000:])
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as file:
            assert bodies(file.read()) == [b"PUT /x " + body]


def test_chunks_become_a_body_with_a_length(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert "HTTP_TRANSFER_ENCODING" not in environ
        start_response("200 OK", [])
        return [environ["CONTENT_LENGTH"].encode(), b" ", environ["wsgi.input"].read()]

    head = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    received = talk(serve(app), head + b"3;x\r\nabc\r\n02\r\nde\r\n0\r\nX: y\r\n\r\n" + head + b"0\r\n\r\n")
    assert bodies(received) == [b"5 abcde", b"0 "]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\nHost: a\n\n", b"400"),
        (b"\x16\x03\x01\x02\x00", b"400"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", b"400"),
        (put(b"", b"Transfer-Encoding: chunked"), b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"505"),
        (b"GET /" + b"a" * 300_000, b"431"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000, b"413"),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7D0\r\n" + b"a" * 2000, b"413"),
    ],
)
def test_refused_requests_end_the_connection(serve: Serve, request_bytes: bytes, status: bytes) -> None:
    server = serve(echo, limits=Limits(body=1000))
    received = talk(server, request_bytes, GET % b"smuggled")
    assert received.startswith(b"HTTP/1.1 " + status)
    assert received.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in received


def test_error_reaches_a_client_that_is_still_sending(serve: Serve) -> None:
    server = serve(echo, limits=Limits(body=1000))
    with connected(server) as connection:
        connection.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(40):
            connection.sendall(b"a" * 100_000)
        with connection.makefile("rb") as file:
            assert file.readline() == b"HTTP/1.1 413 REQUEST ENTITY TOO LARGE\r\n"


def test_continue(serve: Serve) -> None:
    server = serve(echo)
    with connected(server) as connection, connection.makefile("rb") as file:
        connection.sendall(put(b"", b"Expect: 100-continue"))
        assert [file.readline(), file.readline()] == [b"HTTP/1.1 100 Continue\r\n", b"\r\n"]
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"
    with connected(server) as connection, connection.makefile("rb") as file:
        connection.sendall(put(b"hello", b"Expect: 100-continue")[:-5])
        assert [file.readline(), file.readline()] == [b"HTTP/1.1 100 Continue\r\n", b"\r\n"]
        connection.sendall(b"hello" + put(b"again", b"Connection: close"))
        received = file.read()
    assert bodies(received) == [b"PUT /x hello", b"PUT /x again"]
    assert b" 100 " not in received


def test_http_1_0(serve: Serve) -> None:
    server = serve(echo)
    received = talk(server, b"GET /a HTTP/1.0\r\n\r\n" + GET % b"b")
    assert received.startswith(b"HTTP/1.0 200 OK\r\n")
    assert bodies(received) == [b"GET /a "]
    kept = talk(server, b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
    assert bodies(kept) == [b"GET /a "] * 2
    assert kept.count(b"Connection: keep-alive") == 2


def test_response_body_without_length_is_chunked_or_closes(serve: Serve) -> None:
    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield from (b"ab", b"", b"c")

    server = serve(app)
    chunked = talk(server, GET % b"")
    assert b"Transfer-Encoding: chunked" in chunked
    assert chunked.endswith(b"\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    to_the_end = talk(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert to_the_end.endswith(b"\r\n\r\nabc")
    assert b"Transfer-Encoding" not in to_the_end


@pytest.mark.parametrize(
    ("status", "method"), [("204 No Content", b"GET"), ("304 Not Modified", b"GET"), ("200 OK", b"HEAD")]
)
def test_responses_without_a_body(serve: Serve, status: str, method: bytes) -> None:
    def app(_: Any, start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Length", "5")] if status == "200 OK" else [])
        return [b"never"]

    received = talk(serve(app), (method + b" / HTTP/1.1\r\nHost: a\r\n\r\n") * 2)
    assert received.count(b"HTTP/1.1 " + status.encode()) == 2
    assert b"never" not in received


def test_header_bytes_and_names_stay_as_they_are(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("x-amz-meta-Owner", environ["HTTP_X_AMZ_META_OWNER"])])
        return []

    received = talk(serve(app), b"GET / HTTP/1.1\r\nHost: a\r\nX-Amz-Meta-Owner: caf\xc3\xa9\r\n\r\n")
    assert b"\r\nx-amz-meta-Owner: caf\xc3\xa9\r\n" in received


@pytest.mark.parametrize(
    "header", [("X", "a\r\nSet-Cookie: b"), ("X\r\nY", "a"), ("X", "a\0"), ("X: y\n", ""), ("X", "\u20ac")]
)
def test_no_header_can_forge_another(serve: Serve, header: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    def app(_: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [header])
        return [b"x"]

    received = talk(serve(app), GET % b"")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"Cookie" not in received
    assert "GET / failed" in caplog.text


# Endings


def test_failing_application_is_answered_with_500(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/begun":
            start_response("200 OK", [])
            yield b"half"
        raise RuntimeError("broken")

    server = serve(app)
    assert talk(server, GET % b"").startswith(b"HTTP/1.1 500 ")
    begun = talk(server, GET % b"begun")
    assert begun.endswith(b"4\r\nhalf\r\n")  # no last chunk: the client sees that something is missing
    assert caplog.text.count("RuntimeError: broken") == 2


def test_disconnect_sends_no_more_bytes(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "10")])
        if environ["PATH_INFO"] == "/later":
            yield b"1234"
        raise Disconnect

    server = serve(app)
    assert talk(server, GET % b"") == b""
    assert talk(server, GET % b"later").endswith(b"\r\n\r\n1234")
    assert caplog.text == ""


def test_response_shorter_than_its_length_ends_the_connection(serve: Serve) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "4")])
        return [b"123" if environ["PATH_INFO"] == "/short" else b"12345"]

    server = serve(app)
    assert talk(server, GET % b"short" + GET % b"short").count(b"HTTP/1.1") == 1
    assert bodies(talk(server, GET % b"long" + GET % b"long")) == [b"1234"] * 2


def test_clients_that_leave_early(serve: Serve) -> None:
    server = serve(echo, threads=1)
    for sent in (b"", b"G", put(b"a" * 100)[:-1], put(b"a" * 2_000_000)[:-1], GET % b"a"):
        with connected(server) as connection:
            connection.sendall(sent)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    assert bodies(talk(server, GET % b"a")) == [b"GET /a "]
    poll(lambda: not server._connections, "all connections are closed")


# Slow clients


def test_slow_sender_does_not_occupy_a_worker(serve: Serve) -> None:
    server = serve(echo, threads=1)
    with connected(server) as slow:
        request = put(b"a" * 2_000_000)
        slow.sendall(request[:1_000_000])
        assert bodies(talk(server, GET % b"a")) == [b"GET /a "]
        slow.sendall(request[1_000_000:])
        assert slow.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("kind", ["file", "bytes"])
def test_slow_reader_does_not_occupy_a_worker(serve: Serve, tmp_path: Path, kind: str) -> None:
    data = random.Random(0).randbytes(32_000_000)
    (tmp_path / "large").write_bytes(data)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != "/large":
            return echo(environ, start_response)
        start_response("200 OK", [("Content-Length", str(len(data)))])
        return environ["wsgi.file_wrapper"]((tmp_path / "large").open("rb")) if kind == "file" else [data]

    server = serve(app, threads=1)
    with connected(server) as slow, slow.makefile("rb") as file:
        slow.sendall(GET % b"large" + GET % b"b")
        for _ in range(3):
            assert bodies(talk(server, GET % b"a")) == [b"GET /a "]
        while file.readline() != b"\r\n":
            pass
        assert hashlib.sha256(file.read(len(data))).digest() == hashlib.sha256(data).digest()
        assert file.readline() == b"HTTP/1.1 200 OK\r\n"  # of the request behind it


def test_time_limits(serve: Serve) -> None:
    server = serve(echo, limits=Limits(head_s=0.1, idle_s=0.3))
    with connected(server) as slow, slow.makefile("rb") as file:
        slow.sendall(b"GET / HT")
        assert file.readline() == b"HTTP/1.1 408 REQUEST TIMEOUT\r\n"
    with connected(server) as silent:
        assert silent.recv(1) == b""
    with connected(server) as half:
        half.sendall(put(b"abc")[:-1])
        assert half.recv(1) == b""


def test_client_that_stops_reading_a_generated_body_is_closed(serve: Serve) -> None:
    closed = threading.Event()

    class Endless:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"a" * 1_000_000

        def close(self) -> None:
            closed.set()

    def app(_: Any, start_response: Any) -> Endless:
        start_response("200 OK", [])
        return Endless()

    server = serve(app, limits=Limits(idle_s=0.2))
    with connected(server) as connection:
        connection.sendall(GET % b"")
        assert closed.wait(20)


def test_more_connections_than_allowed_wait(serve: Serve) -> None:
    server = serve(echo, limits=Limits(connections=3))
    held = [connected(server) for _ in range(3)]
    poll(lambda: len(server._connections) == 3)
    with connected(server) as waiting:
        waiting.sendall(GET % b"a")
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        held.pop().close()
        waiting.settimeout(20)
        assert waiting.recv(15) == b"HTTP/1.1 200 OK"
    for each in held:
        each.close()


# Bodies and files


@pytest.mark.parametrize("size", [0, 1, 500_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_are_kept_in_a_file(serve: Serve, size: int, chunked: bool) -> None:
    data = random.Random(size).randbytes(size)
    seen: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        file = environ["wsgi.input"]
        seen.append(file)
        try:
            is_file = file.fileno() > 0
        except OSError:
            is_file = False
        start_response("200 OK", [])
        return [b"%d %b" % (is_file, hashlib.sha256(file.read()).digest())]

    if chunked:
        pieces = [data[start : start + 70_000] for start in range(0, size, 70_000)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        request = b"PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    else:
        request = put(data)
    assert bodies(talk(serve(app), request)) == [b"%d %b" % (size > 1 << 19, hashlib.sha256(data).digest())]
    assert seen[0].closed


@pytest.mark.parametrize("size", [0, 10, 65_536, 65_537, 3_000_000])
@pytest.mark.parametrize("start", [0, 5])
def test_files(serve: Serve, tmp_path: Path, size: int, start: int) -> None:
    data = random.Random(size).randbytes(size)
    (tmp_path / "file").write_bytes(data)
    opened: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        file = (tmp_path / "file").open("rb")
        file.seek(start)
        opened.append(file)
        headers = [("Content-Length", "3")] if environ["PATH_INFO"] == "/part" else []
        start_response("200 OK", headers)
        return environ["wsgi.file_wrapper"](file, 8192)

    server = serve(app)
    assert bodies(talk(server, GET % b"" + GET % b"")) == [data[start:]] * 2
    if size > 10:
        assert bodies(talk(server, GET % b"part")) == [data[start : start + 3]]
    assert talk(server, b"HEAD /part HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"\r\n\r\n")
    assert all(file.closed for file in opened)


def test_file_that_becomes_shorter_ends_the_connection(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1_000_000))

    def app(_: Any, start_response: Any) -> FileBody:
        opened = file.open("rb")
        start_response("200 OK", [("Content-Length", "1000000")])
        body = FileBody(opened)
        os.truncate(file, 100_000)
        return body

    received = talk(serve(app), GET % b"" + GET % b"")
    assert received.count(b"HTTP/1.1 200") == 1
    assert len(received) < 200_000


def test_early_replies(serve: Serve, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(3_000_000)
    (tmp_path / "file").write_bytes(data)

    def early(environ: dict[str, Any]) -> Reply | None:
        path = environ["PATH_INFO"]
        if path == "/fails":
            raise RuntimeError
        if path in ("/large", "/small"):
            size = len(data) if path == "/large" else 1000
            file = (tmp_path / "file").open("rb")
            return Reply(200, [("Content-Length", str(size))], FileBody(file, size=size))
        return Reply(404, [("Content-Length", "4")], b"gone") if path == "/gone" else None

    server = serve(echo, early=early)
    sent = b"".join(GET % name for name in (b"gone", b"large", b"fails", b"small", b"other"))
    assert bodies(talk(server, sent)) == [b"gone", data, b"GET /fails ", data[:1000], b"GET /other "]
    assert talk(server, b"HEAD /gone HTTP/1.1\r\nHost: a\r\n\r\n").endswith(b"\r\n\r\n")


# Places and ends


def test_names_and_addresses() -> None:
    first = WebServer(echo, "localhost", 0)
    try:
        port = first.addresses[0][1]
        assert port
        assert {each[1] for each in first.addresses} == {port}
        with pytest.raises(OSError):
            WebServer(echo, "localhost", port)
    finally:
        first.stop()
    with pytest.raises(OSError):
        WebServer(echo, "no.such.host.invalid", 0)


def test_ipv6(serve: Serve) -> None:
    try:
        server = serve(echo, "::1")
    except OSError:
        with pytest.raises(OSError), socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return
    assert server.addresses[0][0] == "::1"
    assert bodies(talk(server, GET % b"a")) == [b"GET /a "]


def test_tls(serve: Serve, tmp_path: Path) -> None:
    data = random.Random(2).randbytes(3_000_000)
    (tmp_path / "file").write_bytes(data)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        assert environ["wsgi.url_scheme"] == "https"
        if environ["PATH_INFO"] == "/file":
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))
        return echo(environ, start_response)

    authority = trustme.CA()
    ours, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(ours)
    authority.configure_trust(theirs)
    server = serve(app, tls=ours)
    with (
        connected(server) as silent,
        connected(server) as plain,
        theirs.wrap_socket(connected(server), server_hostname="localhost") as connection,
        connection.makefile("rb") as file,
    ):
        plain.sendall(GET % b"")
        with suppress(ConnectionResetError):
            assert b"HTTP" not in plain.recv(100)
        connection.sendall(GET % b"a" + put(data) + GET % b"file" + GET % b"b")
        for expected in (b"GET /a ", b"PUT /x " + data, data, b"GET /b "):
            while file.readline() != b"\r\n":
                pass
            assert file.read(len(expected)) == expected
        assert silent.fileno() > 0


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_nothing_is_left(tmp_path: Path) -> None:
    gc.collect()
    before = descriptors(), threading.active_count()
    WebServer(echo, "127.0.0.1", 0).stop()  # never started
    for _ in range(5):
        servers = [WebServer(echo, "127.0.0.1", 0, threads=3) for _ in range(3)]
        for each in servers:
            each.start()
        with connected(servers[0]) as idle:
            idle.sendall(GET % b"a")
            assert idle.recv(15) == b"HTTP/1.1 200 OK"
            for each in servers:
                each.stop()
                each.stop()
    assert (descriptors(), threading.active_count()) == before


def test_stop_waits_for_running_requests() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        inside.set()
        go_on.wait(20)
        return echo(environ, start_response)

    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    with connected(server) as connection, connection.makefile("rb") as file:
        connection.sendall(GET % b"a" + GET % b"b")
        assert inside.wait(20)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        poll(lambda: server._is_stopping)
        go_on.set()
        received = file.read()
        stopping.join(20)
    assert bodies(received) == [b"GET /a "]


def test_stop_ends_an_endless_body() -> None:
    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"a" * 100_000

    server = WebServer(app, "127.0.0.1", 0)
    server.start()
    with connected(server) as connection:
        connection.sendall(GET % b"")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        started = time.monotonic()
        server.stop(grace_s=0.2)
        assert time.monotonic() - started < 10
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("http")]
