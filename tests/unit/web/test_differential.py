"""The same bytes read by three parsers: whatever this one accepts, h11 and llhttp accept and read alike."""

from __future__ import annotations

from typing import Any

import h11
import httptools
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelarts_emulator.web.bodies import ChunkedBody
from modelarts_emulator.web.heads import BadRequest, parse_head

SPACES = (b" ", b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\x0b", b"\x7f", b":")
LINE_PARTS = (b"GET", b"PUT", b"POST", b"/", b"/a%2Fb?c", b"*", b" HTTP/1.1", b" HTTP/1.0")
FIELDS = (
    *(b"Host: a\r\n", b"Host:b\r\n", b"Content-Length: 3\r\n", b"Content-Length: 3,3\r\n", b"Content-Length: +3\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n", b"X: a\r\n", b"X : a\r\n", b" b\r\n"),
    *(b"X:\tc\t\r\n", b"X: \xe9\r\n", b"X", b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"x_y: 1\r\n"),
)
usual = st.tuples(
    st.sampled_from((b"GET", b"PUT", b"POST", b"DELETE", b"HEAD", b"OPTIONS")),
    st.sampled_from((b" / HTTP/1.1\r\n", b" /a?b HTTP/1.1\r\n", b" /a HTTP/1.0\r\n")),
    st.lists(st.sampled_from((*FIELDS, *FIELDS, *SPACES)), max_size=6).map(b"".join),
    st.just(b"\r\n"),
).map(b"".join)
unusual = st.lists(st.sampled_from((*LINE_PARTS, *SPACES, *FIELDS)), max_size=12)
heads = st.one_of(usual, unusual.map(lambda pieces: b"".join(pieces) + b"\r\n\r\n"))


class Seen:
    """What llhttp reports."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))


def as_environ(headers: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name_bytes, value_bytes in headers:
        name = name_bytes.decode().upper().replace("-", "_")
        key = name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{name}"
        if b"_" not in name_bytes:
            value = value_bytes.strip(b" \t").decode("latin-1")
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


@settings(max_examples=600, deadline=None)
@given(heads)
@example(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n")
def test_heads(data: bytes) -> None:
    try:
        head = parse_head(data)
    except BadRequest:
        return
    event = _with_h11(data)
    assert isinstance(event, h11.Request), data
    assert (event.method.decode(), event.target.decode()) == (head.method, head.target)
    assert as_environ(event.headers) == head.fields.environ
    seen = Seen()
    parser = httptools.HttpRequestParser(seen)
    parser.feed_data(data)
    assert (parser.get_method().decode(), seen.url.decode()) == (head.method, head.target)
    assert as_environ(seen.headers) == head.fields.environ


def _with_h11(data: bytes) -> Any:
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(data)
    return parser.next_event()


CHUNKS = (
    *(b"0\r\n\r\n", b"3\r\nabc\r\n", b"A;x=y\r\n0123456789\r\n", b"3\nabc\r\n"),
    *(b"3\r\nabcd\r\n", b"g\r\n", b"-1\r\n", b"0x1\r\na\r\n"),
)
ENDS = (
    *(b"0\r\n\r\n", b"0\r\nX: a\r\n\r\n", b"000\r\n\r\n", b"0\r\nX : a\r\n\r\n"),
    *(b"0\r\n a\r\n\r\n", b"0;a\r\nX: a\r\nY: b\r\n\r\n"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(CHUNKS), max_size=4).map(b"".join), st.sampled_from(ENDS), st.integers(1, 20))
def test_chunks(chunks: bytes, end: bytes, step: int) -> None:
    data = chunks + end
    try:
        body, rest = _decoded(data, step)
    except BadRequest:
        return
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
    expected = b""
    while not isinstance(event := parser.next_event(), h11.EndOfMessage):
        if isinstance(event, h11.Data):
            expected += event.data
    assert (body, rest) == (expected, parser.trailing_data[0])


def _decoded(data: bytes, step: int) -> tuple[bytes, bytes]:
    """The body and what follows it, fed in pieces of ``step`` bytes."""
    chunked, buffer = ChunkedBody(1 << 20), bytearray()
    try:
        for start in range(0, len(data), step):
            buffer += data[start : start + step]
            if chunked.feed(buffer):
                return chunked.body.finish().read(), bytes(buffer) + data[start + step :]
        raise BadRequest(400, "incomplete")
    finally:
        chunked.body.close()
