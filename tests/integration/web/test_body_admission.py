"""Bodies are judged by their heads: one that is refused, or has no room, is neither received nor stored."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.web import Limits, WebServer, http_server
from tests.helpers.polling import poll
from tests.helpers.raw_http import connected, echo, talk

Serve = Callable[..., WebServer]
HEAD = b"PUT /x HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n"
ANNOUNCED = (b"Content-Length: 9000000000", b"Transfer-Encoding: chunked", b"Content-Length: 5\r\nExpect: 100-continue")


def forbid(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("403 FORBIDDEN", [("Content-Length", "3")])
    return [b"no\n"]


def read_to_end(connection: socket.socket) -> bytes:
    with connection.makefile("rb") as file:
        return file.read()


@pytest.mark.parametrize("announced", ANNOUNCED)
def test_body_of_a_refused_request_is_not_waited_for(serve: Serve, announced: bytes) -> None:
    with connected(serve(forbid, body_limit=lambda environ: None)) as connection:
        connection.sendall(HEAD % announced)
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert answer.endswith(b"no\n")


def test_refusal_reaches_a_client_that_is_still_sending(serve: Serve) -> None:
    server = serve(forbid, body_limit=lambda environ: None)
    answer = talk(server, HEAD % b"Content-Length: 5000000", *[bytes(100_000)] * 50)
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_application_that_reads_a_refused_body_gets_no_bytes(serve: Serve) -> None:
    answer = talk(serve(echo, body_limit=lambda environ: None), HEAD % b"Content-Length: 600000", bytes(600_000))
    assert answer == b""


def test_connection_after_a_refused_body_is_not_read_as_a_request(serve: Serve) -> None:
    paths: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        return forbid(environ, start_response)

    smuggled = b"DELETE /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    talk(serve(app, body_limit=lambda environ: None), HEAD % b"Content-Length: 600000" + smuggled, smuggled)
    assert paths == ["/x"]


@pytest.mark.parametrize(("size", "status"), [(600_000, b"200"), (600_001, b"413")])
def test_body_has_the_limit_of_its_request(serve: Serve, size: int, status: bytes) -> None:
    answer = talk(serve(echo, body_limit=lambda environ: 600_000), HEAD % b"Content-Length: %d" % size + bytes(size))
    assert answer[9:12] == status


def test_body_that_does_not_fit_on_the_disk_is_answered_with_507(
    serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    announced = b"Content-Length: %d" % (shutil.disk_usage(tmp_path).free + (1 << 32))
    with connected(serve(echo, spool=tmp_path)) as connection:
        connection.sendall(HEAD % announced)
        assert read_to_end(connection).startswith(b"HTTP/1.1 507 ")
    assert [record.getMessage().startswith("A request body cannot be kept in") for record in caplog.records] == [True]


def test_large_body_is_kept_in_the_spool_folder(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", None)
    answer = talk(serve(echo, spool=tmp_path), HEAD % b"Content-Length: 600000", b"x" * 600_000)
    assert answer.endswith(b"xxx")
    assert list(tmp_path.iterdir()) == []


def test_new_connection_replaces_the_one_that_is_idle_longest(serve: Serve) -> None:
    server = serve(echo, limits=Limits(connections=3, crowded_s=0))
    idle = [connected(server) for _ in range(3)]
    poll(lambda: len(server._connections) == 3)
    with connected(server) as late:
        late.sendall(HEAD % b"Content-Length: 1" + b"a")
        assert late.recv(15) == b"HTTP/1.1 200 OK"
    assert idle[0].recv(1) == b""
    for each in idle[1:]:
        each.sendall(HEAD % b"Content-Length: 1" + b"b")
        assert each.recv(15) == b"HTTP/1.1 200 OK"
    for each in idle:
        each.close()


def test_new_connection_is_accepted_as_soon_as_another_has_been_idle_long_enough(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop does not wait for its next sweep, which never comes here."""
    monkeypatch.setattr(http_server, "_SWEEP_S", 1_000.0)
    server = serve(echo, limits=Limits(connections=2, crowded_s=0.04))
    with ExitStack() as cleanup:
        idle = [cleanup.enter_context(connected(server)) for _ in range(12)]
        assert [each.recv(1) for each in idle[:10]] == [b""] * 10


def test_limits_with_few_connections_have_less_patience() -> None:
    assert Limits(connections=1_000).patience_s == Limits(connections=128).patience_s == 1.0
    assert Limits(connections=64).patience_s == 0.5
    assert Limits(connections=8).patience_s == 0.25


def test_new_connection_does_not_replace_one_with_an_open_request(serve: Serve) -> None:
    server = serve(echo, limits=Limits(connections=1, crowded_s=0))
    with connected(server) as sender:
        sender.sendall(HEAD % b"Content-Length: 2" + b"a")
        poll(lambda: any(each.body for each in server._connections))
        with connected(server) as late:
            late.sendall(HEAD % b"Content-Length: 1" + b"c")
            sender.sendall(b"b")
            assert sender.recv(15) == b"HTTP/1.1 200 OK"
            sender.close()
            assert late.recv(15) == b"HTTP/1.1 200 OK"
