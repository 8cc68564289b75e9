"""Text files of users: recognize the encoding, and read any as UTF-8 with line feeds.

UTF-8, UTF-16 and UTF-32 are recognized by their BOM; without it UTF-8, and UTF-16 of Latin letters, by their bytes.
Other files are read as GB18030, which includes GBK, the encoding of Chinese Windows. Bytes that are valid in none of
them are reported, never replaced.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import BinaryIO

OTHER = "gb18030"
NOT_DECODED = "neither UTF-8 nor UTF-16 with BOM nor GB18030"
_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose BOM is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
WIDE = ("utf-16", "utf-32")
_HEAD = 256
"""The number of bytes that show whether a file is UTF-16 without BOM."""
_INVALID = b"\xff"
"""A byte that is never valid in UTF-8; it takes the place of what cannot be decoded."""


class _Converted(io.RawIOBase):
    """A stream of bytes that passes each chunk of another stream through a function; ``b""`` is its end."""

    def __init__(self, stream: BinaryIO, convert: Callable[[bytes], bytes]) -> None:
        self._stream, self._convert = stream, convert
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            chunk = self._stream.read(1 << 16)
            self._ready = self._convert(chunk)
            if not chunk:
                break
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def encoding_of(stream: BinaryIO) -> str:
    """Return the encoding of the rest of a stream, and position it after a BOM."""
    start = stream.tell()
    head = stream.read(_HEAD)
    for bom, name in _BOMS:
        if head.startswith(bom):
            stream.seek(start + len(bom))
            return name
    stream.seek(start)
    if wide := _utf16_without_bom(head):
        return wide
    found = "utf-8" if is_utf8(stream) else OTHER
    stream.seek(start)
    return found


def _utf16_without_bom(head: bytes) -> str | None:
    """Return the encoding of UTF-16 without BOM: every second byte of Latin letters is NUL, and no other byte is."""
    for name, letters, zeros in (("utf-16-le", head[::2], head[1::2]), ("utf-16-be", head[1::2], head[::2])):
        if not any(zeros) and zeros and b"\0" not in letters and letters.strip():
            return name
    return None


def as_utf8(data: bytes) -> bytes:
    """Return a document in UTF-8 without BOM. Raises UnicodeDecodeError if it is neither that nor GB18030."""
    name = encoding_of(io.BytesIO(data))
    bom = next((bom for bom, each in _BOMS if each == name and data.startswith(bom)), b"")
    body = data[len(bom) :]
    return body if name == "utf-8" else body.decode(name).encode()


def is_utf8(stream: BinaryIO) -> bool:
    """Return whether the rest of a stream is valid UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def with_line_feeds(stream: BinaryIO) -> tuple[BinaryIO, str]:
    """Return a stream with the same lines, each ended by a line feed, and the encoding to decode them with.

    UTF-16 and UTF-32 are converted to UTF-8. Lines that end in a carriage return alone, as on old Macs, are converted
    as well.
    """
    encoding = encoding_of(stream)
    if encoding.startswith(WIDE):
        stream = _converted(stream, _wide_to_utf8(encoding))
        return stream, "utf-8"
    return _without_lone_returns(stream), encoding


def as_json_lines(stream: BinaryIO) -> BinaryIO:
    """Return a stream with the same lines in UTF-8, each ended by a line feed.

    JSON is UTF-8 unless its beginning says otherwise, so the stream, which can be large, is not read to find out.
    """
    start = stream.tell()
    head = stream.read(_HEAD)
    stream.seek(start)
    encoding = encoding_of(io.BytesIO(head))
    if encoding.startswith(WIDE):
        encoding_of(stream)  # positions it after a BOM
        return _converted(stream, _wide_to_utf8(encoding))
    return _without_lone_returns(stream)


def _without_lone_returns(stream: BinaryIO) -> BinaryIO:
    """Return a stream in which carriage returns, if nothing else ends lines, are line feeds."""
    start = stream.tell()
    head = stream.read(_CHUNK)
    stream.seek(start)
    if b"\r" in head and b"\n" not in head:
        return _converted(stream, lambda chunk: chunk.replace(b"\r", b"\n"))
    return stream


def _converted(stream: BinaryIO, convert: Callable[[bytes], bytes]) -> BinaryIO:
    return io.BufferedReader(_Converted(stream, convert))


def _wide_to_utf8(encoding: str) -> Callable[[bytes], bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    pending_cr = False

    def convert(chunk: bytes) -> bytes:
        nonlocal pending_cr
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            decoder.reset()
            return _INVALID
        if pending_cr:
            text = "\r" + text
        pending_cr = bool(chunk) and text.endswith("\r")
        text = text[:-1] if pending_cr else text
        return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "surrogatepass")

    return convert
