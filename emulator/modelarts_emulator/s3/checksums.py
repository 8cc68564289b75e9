"""Verify Content-MD5, x-amz-content-sha256 and S3 checksums, from headers or trailers."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, Protocol

from modelarts_emulator.contract.errors import ApiError, Error
from modelarts_emulator.contract.storage_errors import (
    BAD_CHECKSUM,
    BAD_DIGEST,
    DIGEST_MISMATCH,
    INVALID_DIGEST,
    INVALID_REQUEST,
)
from modelarts_emulator.s3.chunked_body import announced_trailers


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _ExpectedDigest(NamedTuple):
    """A running digest, a function that returns the expected bytes, and the error if they differ."""

    running: _Digest
    expected: Callable[[], bytes]
    wrong: Error


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


# CRC32C and CRC64NVME are not compared: Python has no implementation.
_CHECKSUMS: dict[str, Callable[[], _Digest]] = {
    "x-amz-checksum-crc32": _Crc32,
    "x-amz-checksum-sha1": partial(hashlib.sha1, usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
}


def verify_checksums(
    pieces: Iterable[bytes],
    headers: Mapping[str, str],
    *,
    sha256: str,
    checksums: bool = True,
    trailers: Mapping[str, str],
) -> Iterator[bytes]:
    """Yield the pieces of a body; after the last, compare their digests with those in headers and trailers.

    ``sha256`` is a digest in hex; a text of another length is ignored. ``trailers`` is read after the last piece.
    Without ``checksums``, checksum headers do not apply to the body. Raises INVALID_DIGEST or INVALID_REQUEST for a
    malformed digest, at once if it is in a header; BAD_DIGEST, DIGEST_MISMATCH or BAD_CHECKSUM if a digest differs.
    """
    expected = [*_digests(headers, sha256)]
    if checksums:
        expected += _checksums(headers, trailers)
    return _verified(pieces, expected)


def _verified(pieces: Iterable[bytes], expected: list[_ExpectedDigest]) -> Iterator[bytes]:
    for piece in pieces:
        for each in expected:
            each.running.update(piece)
        yield piece
    for each in expected:
        if each.running.digest() != each.expected():
            raise ApiError(each.wrong)


def _digests(headers: Mapping[str, str], sha256: str) -> Iterator[_ExpectedDigest]:
    if given := headers.get("content-md5"):
        md5 = _decoded(given, 16, ApiError(INVALID_DIGEST))
        yield _ExpectedDigest(hashlib.md5(usedforsecurity=False), lambda: md5, BAD_DIGEST)
    if len(sha256) == 64:
        try:
            digest = bytes.fromhex(sha256)
        except ValueError:
            raise ApiError(DIGEST_MISMATCH) from None
        yield _ExpectedDigest(hashlib.sha256(), lambda: digest, DIGEST_MISMATCH)


def _checksums(headers: Mapping[str, str], trailers: Mapping[str, str]) -> Iterator[_ExpectedDigest]:
    announced = announced_trailers(headers)
    for name, algorithm in _CHECKSUMS.items():
        if name in headers:
            _checksum(name, headers)  # a malformed checksum is refused before the body is read
            yield _ExpectedDigest(algorithm(), partial(_checksum, name, headers), BAD_CHECKSUM)
        elif name in announced:
            yield _ExpectedDigest(algorithm(), partial(_checksum, name, trailers), BAD_CHECKSUM)


def _checksum(name: str, given: Mapping[str, str]) -> bytes:
    wrong = ApiError(INVALID_REQUEST, f"the value of {name} is not a checksum")
    return _decoded(given.get(name, ""), len(_CHECKSUMS[name]().digest()), wrong)


def _decoded(text: str, size: int, wrong: ApiError) -> bytes:
    """Decode base64. Raises ``wrong`` unless the result has ``size`` bytes."""
    try:
        value = b64decode(text, validate=True)
    except ValueError:
        raise wrong from None
    if len(value) != size:
        raise wrong
    return value
