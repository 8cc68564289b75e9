"""Reads of objects before Flask and through Flask: the same bytes, whatever is asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator import Emulator
from modelarts_emulator.web import WebServer
from tests.helpers.raw_http import talk

# What differs from one response to the next.
_VOLATILE = re.compile(rb"\r\n(?:Date|X-Request-Id|x-obs-request-id|x-amz-request-id|x-obs-id-2|x-amz-id-2): [^\r]*")


class Both:
    """An emulator as clients meet it, and its Flask application on a web server of its own."""

    def __init__(self, emu: Emulator, flask: WebServer) -> None:
        self.emu, self.flask = emu, flask
        self.early: list[bool] = []

    def send(self, method: str, target: str, *lines: str, host: str = "localhost") -> bytes:
        """Send a request both ways; return the answer, which must be the same."""
        head = "".join(f"{line}\r\n" for line in (f"{method} {target} HTTP/1.1", f"Host: {host}", *lines))
        request = f"{head}Connection: close\r\n\r\n".encode()
        found = [_VOLATILE.sub(b"", talk(server, request)) for server in (self.emu._server, self.flask)]
        assert found[0] == found[1]
        return found[0]


@pytest.fixture
def both(emu: Emulator, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    flask = WebServer(emu._app, "127.0.0.1", 0)
    flask.start()
    both = Both(emu, flask)
    reply_at_once = emu._server._early
    assert reply_at_once is not None

    def noted(environ: dict[str, Any]) -> Any:
        reply = reply_at_once(environ)
        both.early.append(reply is not None)
        return reply

    monkeypatch.setattr(emu._server, "_early", noted)
    (bucket / "a.txt").write_bytes(b"0123456789")
    (bucket / "empty").write_bytes(b"")
    (bucket / "large").write_bytes(os.urandom(300_000))
    (bucket / "caf\u00e9 +%2F").write_bytes(b"unusual")
    (bucket / "deep/er").mkdir(parents=True)
    (bucket / "deep/er/b.txt").write_bytes(b"deep")
    (bucket / "inner").symlink_to("deep/er")
    (bucket / "outside").symlink_to(bucket.parent)
    (bucket.parent / "secret").write_bytes(b"secret")
    for name in ("a.txt", "empty", "large", "caf%C3%A9%20+%252F", "deep/er/b.txt"):
        both.send("GET", f"/bucket/{name}")  # from now on its ETag is known
    both.early.clear()
    yield both
    flask.stop()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        ("/bucket/a.txt", (), 200),
        ("/bucket/empty", (), 200),
        ("/bucket/large", (), 200),
        ("/bucket/caf%C3%A9%20+%252F", (), 200),
        ("/bucket/deep/er/b.txt", (), 200),
        ("/bucket/deep%2Fer%2Fb.txt", (), 200),
        ("http://localhost/bucket/a.txt", (), 200),
        ("/bucket/a.txt?versionId=null", (), 200),
        ("/bucket/a.txt?response-content-type=a/b&response-expires=x", (), 200),
        ("/bucket/a.txt", ("Range: bytes=2-4",), 206),
        ("/bucket/large", ("Range: bytes=-100000",), 206),
        ("/bucket/a.txt", ("Range: bytes=4-2",), 200),
        ("/bucket/a.txt", ('If-Match: "other"', "x-obs-date: x"), 412),
        ("/bucket/a.txt", ('If-None-Match: "781e5e245d69b566979b86e28d23f2c7"',), 304),
        ("/bucket/a.txt", ('If-Range: "other"', "Range: bytes=1-1"), 200),
        ("/bucket/a.txt", ("Authorization: AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request",), 200),
    ],
)
def test_reads(both: Both, method: str, target: str, lines: tuple[str, ...], status: int) -> None:
    assert both.send(method, target, *lines).startswith(b"HTTP/1.1 %d " % status)
    if status < 400:
        assert both.early == [True]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        ("/bucket/a.txt", ("Range: bytes=20-",), 416),
        ("/bucket/a.txt", ("Origin: http://other.example",), 200),
        ("/bucket/a.txt?x-image-process=image/resize,w_1", (), 400),
        ("/bucket/a.txt?response-content-type=%0A", (), 400),
        ("/bucket/a.txt?AccessKeyId=x&Expires=1&Signature=y", (), 403),
        ("/bucket/missing", (), 404),
        ("/bucket/deep", (), 404),
        ("/bucket/deep/", (), 404),
        ("/bucket/outside/secret", (), 404),
        ("/bucket/../secret", (), 400),
        ("/nobucket/a.txt", ("x-amz-date: x",), 404),
    ],
)
def test_requests_for_flask_are_answered_alike(
    both: Both, method: str, target: str, lines: tuple[str, ...], status: int
) -> None:
    assert both.send(method, target, *lines).startswith(b"HTTP/1.1 %d " % status)
    assert not any(both.early)


def test_link_within_the_bucket_is_answered_alike(both: Both) -> None:
    for _ in range(2):
        assert both.send("GET", "/bucket/inner/b.txt").endswith(b"\r\n\r\ndeep")


def test_bucket_in_the_host_name_is_answered_alike(both: Both) -> None:
    for host in ("bucket.localhost", "bucket.localhost:80"):
        both.send("GET", "/a.txt", host=host)
        assert both.send("GET", "/a.txt", host=host).endswith(b"\r\n\r\n0123456789")
    assert both.early[-1]


def test_changed_object_is_answered_alike(both: Both, bucket: Path) -> None:
    """A file of another time has another ETag, which Flask computes once."""
    (bucket / "a.txt").write_bytes(b"other")
    for expected in ([False], [False, True]):
        assert both.send("GET", "/bucket/a.txt").endswith(b"\r\n\r\nother")
        assert both.early == expected


def test_early_read_is_logged_like_a_late_one(both: Both) -> None:
    both.send("GET", "/bucket/a.txt", "X-Own: caf\u00e9")
    entries = both.emu._app.test_client().get("/_emulator/requests?limit=2").get_json()["requests"]
    for each in entries:
        each.pop("request_id", None)  # the server of the late one gives none
        for volatile in ("number", "time_ms", "duration_ms"):
            del each[volatile]
        for name in ("x-obs-request-id", "x-amz-request-id", "x-obs-id-2", "x-amz-id-2"):
            del each["response"]["headers"][name]
    assert entries[0] == entries[1]
    assert entries[0]["service"] == "obs"
