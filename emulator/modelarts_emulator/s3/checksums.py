"""What is told of a body beside its bytes: MD5, SHA-256, and S3's checksums, which may also come behind the bytes."""

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
    """A running digest, what gives the bytes that it must come to, and the error if it does not."""

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


# CRC32C and CRC64NVME, which Python does not have, are not compared.
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
    """Yield the pieces; refuse them at their end if they are not what is told of them.

    ``sha256`` is in hex, and anything of another length tells nothing; ``trailers`` are those that have come by then.
    Without ``checksums`` the headers' are not the body's. Raises INVALID_DIGEST or INVALID_REQUEST for what is no
    digest, at once where a header has it; BAD_DIGEST, DIGEST_MISMATCH or BAD_CHECKSUM.
    """
    told = [*_digests(headers, sha256)]
    if checksums:
        told += _checksums(headers, trailers)
    return _verified(pieces, told)


def _verified(pieces: Iterable[bytes], told: list[_ExpectedDigest]) -> Iterator[bytes]:
    for piece in pieces:
        for each in told:
            each.running.update(piece)
        yield piece
    for each in told:
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
            _checksum(name, headers)  # what is no checksum is refused before anything is read
            yield _ExpectedDigest(algorithm(), partial(_checksum, name, headers), BAD_CHECKSUM)
        elif name in announced:
            yield _ExpectedDigest(algorithm(), partial(_checksum, name, trailers), BAD_CHECKSUM)


def _checksum(name: str, given: Mapping[str, str]) -> bytes:
    wrong = ApiError(INVALID_REQUEST, f"the value of {name} is no checksum")
    return _decoded(given.get(name, ""), len(_CHECKSUMS[name]().digest()), wrong)


def _decoded(text: str, size: int, wrong: ApiError) -> bytes:
    """Read base64. Raises ``wrong`` for what does not have that many bytes."""
    try:
        value = b64decode(text, validate=True)
    except ValueError:
        raise wrong from None
    if len(value) != size:
        raise wrong
    return value
