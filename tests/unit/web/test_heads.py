"""The grammar of a request's head: what is accepted, how it is read, and what is refused."""

from __future__ import annotations

import pytest

from modelarts_emulator.web.heads import BadRequest, parse_head, require_beginning

HOST = b"Host: localhost\r\n"


@pytest.mark.parametrize(
    ("line", "path", "query"),
    [
        (b"GET / HTTP/1.1", "/", ""),
        (b"GET /a%2Fb//c%20d?x=%2F&y HTTP/1.1", "/a/b//c d", "x=%2F&y"),
        (b"GET //x?a?b HTTP/1.1", "//x", "a?b"),
        (b"GET /caf%C3%A9 HTTP/1.1", "/caf\xc3\xa9", ""),
        (b"GET /caf\xc3\xa9 HTTP/1.1", "/caf\xc3\xa9", ""),
        (b"GET http://other:1/a?b HTTP/1.1", "/a", "b"),
        (b"GET http://u:p@other HTTP/1.1", "/", ""),
        (b"OPTIONS * HTTP/1.1", "*", ""),
        (b"M-SEARCH /a HTTP/1.1", "/a", ""),
    ],
)
def test_targets(line: bytes, path: str, query: str) -> None:
    head = parse_head(line + b"\r\n" + HOST + b"\r\n")
    assert (head.path, head.query) == (path, query)
    assert head.target == line.split(b" ")[1].decode("latin-1")


def test_absolute_target_replaces_the_host() -> None:
    assert parse_head(b"GET http://u:p@other:1/a HTTP/1.1\r\n" + HOST + b"\r\n").host == "other:1"
    assert parse_head(b"GET /a HTTP/1.1\r\n" + HOST + b"\r\n").host is None


def test_fields() -> None:
    lines = (
        b"content-TYPE:  text/plain \t\r\nContent-Length: 12\r\nX-Own: caf\xc3\xa9\r\nX-Own: b\r\nEmpty:\r\n"
        b"X_Auth_Token: forged\r\nCookie: a=1\r\nCookie: b=2\r\nExpect: 100-Continue\r\nConnection: Close, x\r\n"
    )
    fields = parse_head(b"PUT / HTTP/1.1\r\n" + HOST + lines + b"\r\n").fields
    assert fields.environ == {
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "12",
        "HTTP_X_OWN": "caf\xc3\xa9, b",
        "HTTP_EMPTY": "",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_EXPECT": "100-Continue",
        "HTTP_CONNECTION": "Close, x",
    }
    assert (fields.length, fields.is_chunked, fields.expects_continue) == (12, False, True)


@pytest.mark.parametrize(
    ("head", "keeps_alive"),
    [
        (b"GET / HTTP/1.1\r\n" + HOST, True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n" + HOST, False),
        (b"GET / HTTP/1.0\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", True),
    ],
)
def test_keeping_the_connection(head: bytes, keeps_alive: bool) -> None:
    assert parse_head(head + b"\r\n").keeps_alive is keeps_alive


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",  # a folded field
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n: empty\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\xff: b\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_refused(head: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_head(head)
    assert refusal.value.status == 400


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"xchunked", b"chunked, identity", b"identity"])
def test_other_transfer_codings(coding: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_head(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding + b"\r\n\r\n")
    assert refusal.value.status == 501


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3"])
def test_other_versions(version: bytes) -> None:
    with pytest.raises(BadRequest) as refusal:
        parse_head(b"GET / " + version + b"\r\nHost: a\r\n\r\n")
    assert refusal.value.status == 505


def test_impossible_beginning_is_refused_at_once() -> None:
    for data in (b"\x16\x03\x01", b" GET", b"GET / HTTP/1.1\nHost", b"GET / HTTP/1.1\r\nHost: a\n", b"GET /\rx"):
        with pytest.raises(BadRequest):
            require_beginning(data)
    for data in (b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: a\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r"):
        require_beginning(data)
    with pytest.raises(BadRequest) as refusal:
        require_beginning(b"GET /" + b"a" * (1 << 18))
    assert refusal.value.status == 431


def test_requests_share_a_memo_only_if_all_their_fields_are_equal() -> None:
    first = parse_head(b"GET /a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n").fields.memo
    assert parse_head(b"PUT /b HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n").fields.memo is first
    assert parse_head(b"GET /a HTTP/1.1\r\nHost: a\r\nX: 2\r\n\r\n").fields.memo is not first
