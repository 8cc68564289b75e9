"""``aws-chunked`` bodies: chunks with their lengths and, optionally, their signatures.

Reference: Amazon S3 API reference, "Transferring Payload in Multiple Chunks".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, MutableMapping
from typing import Protocol

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    ACCESS_DENIED,
    INCOMPLETE_BODY,
    INVALID_REQUEST,
    MALFORMED_TRAILER,
)
from modelarts_emulator.iam.signatures.v4 import ChunkCheck

_MAX_CHUNK = 16 << 20  # a signed chunk is kept in memory until it is verified
_PIECE = 1 << 20
_LENGTH = re.compile(r"[0-9a-fA-F]{1,16}")
_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_TRAILER_SIGNATURE = "x-amz-trailer-signature"
_MAX_TRAILERS = 16


class BodyLines(Protocol):
    """The stream that a body is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""

    def readline(self, size: int = -1, /) -> bytes:
        """Return the bytes up to and including the next line feed, at most ``size``."""


def is_chunked(headers: Mapping[str, str]) -> bool:
    """Return whether a body is sent in chunks. Header names are lower case."""
    coding = headers.get("content-encoding", "").lower().replace(" ", "").split(",")
    return "aws-chunked" in coding or headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


def announced_trailers(headers: Mapping[str, str]) -> list[str]:
    """Return the names, in lower case, of the trailers announced for after the last chunk."""
    names = headers.get("x-amz-trailer", "") if is_chunked(headers) else ""
    return [name.strip().lower() for name in names.split(",") if name.strip()]


def decode_chunks(
    body: BodyLines,
    headers: Mapping[str, str],
    check: ChunkCheck | None = None,
    trailers: MutableMapping[str, str] | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of the chunks, each after ``check`` has verified it. At the end, fill ``trailers``.

    Raises INCOMPLETE_BODY; INVALID_REQUEST for a malformed chunk; SIGNATURE_MISMATCH; ACCESS_DENIED for a chunk without
    the required signature; MALFORMED_TRAILER if an announced trailer is missing.
    """
    mode = headers.get("x-amz-content-sha256", "")
    signed = mode.startswith(_SIGNED)
    announced = headers.get("x-amz-decoded-content-length", "")
    total = 0
    while True:
        size, signature = _head(body)
        if check and signed and not signature:
            raise ApiError(ACCESS_DENIED, "a chunk has no signature")
        for piece in _chunk(body, size, signature, check if signed else None):
            total += len(piece)
            yield piece
        if size == 0:
            break
    if announced.isdecimal() and int(announced) != total:
        raise ApiError(INCOMPLETE_BODY, f"{total} bytes of {announced}")
    found = _trailers(body, announced_trailers(headers), check if signed and mode.endswith("-TRAILER") else None)
    if trailers is not None:
        trailers.update(found)


def _head(body: BodyLines) -> tuple[int, str]:
    """Read ``1000;chunk-signature=…`` and return the chunk's length in bytes and its signature, or an empty text."""
    line = body.readline(1024)
    if not line.endswith(b"\n"):
        raise ApiError(INCOMPLETE_BODY, "the body ends before its last chunk")
    digits, _, extension = line.decode("latin-1").strip().partition(";")
    if not _LENGTH.fullmatch(digits):
        raise ApiError(INVALID_REQUEST, "a chunk does not start with its length")
    return int(digits, 16), extension.removeprefix("chunk-signature=") if "chunk-signature=" in extension else ""


def _chunk(body: BodyLines, size: int, signature: str, check: ChunkCheck | None) -> Iterator[bytes]:
    if check:
        if size > _MAX_CHUNK:
            raise ApiError(INVALID_REQUEST, f"a signed chunk is larger than {_MAX_CHUNK} bytes")
        whole = b"".join(_exactly(body, size))
        check.chunk(signature, whole)
        yield from (whole,) if whole else ()
    else:
        yield from _exactly(body, size)
    if size and body.readline(2) != b"\r\n":
        raise ApiError(INVALID_REQUEST, "a chunk is longer than its announced length")


def _trailers(body: BodyLines, announced: Collection[str], check: ChunkCheck | None) -> dict[str, str]:
    """Read ``name:value`` lines up to an empty line or the end."""
    found: dict[str, str] = {}
    signature, covered = "", b""
    for _ in range(_MAX_TRAILERS):
        line = body.readline(1024).strip()
        if not line:
            break
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == _TRAILER_SIGNATURE:
            signature = value.strip()
        else:
            found[name.strip().lower()] = value.strip()
            covered += line + b"\n"
    if missing := [name for name in announced if name not in found]:
        raise ApiError(MALFORMED_TRAILER, f"{missing[0]} is missing")
    if check:
        check.trailer(signature, covered)
    return found


def _exactly(body: BodyLines, size: int) -> Iterator[bytes]:
    while size:
        piece = body.read(min(size, _PIECE))
        if not piece:
            raise ApiError(INCOMPLETE_BODY, "the body ends within a chunk")
        size -= len(piece)
        yield piece
