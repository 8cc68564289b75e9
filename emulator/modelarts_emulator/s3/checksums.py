"""Verify Content-MD5, x-amz-content-sha256 and S3 checksums, from headers or trailers."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
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
    """A running digest, a function that returns the expected bytes, and the error if they differ.

    ``stored`` names the stored header of a checksum that is kept with the object.
    """

    running: _Digest
    expected: Callable[[], bytes]
    wrong: Error
    stored: str = ""


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class _AwsCrc:
    """A checksum that only the library of AWS has; it is loaded when the first request needs it."""

    def __init__(self, name: str, size: int) -> None:
        self._function = getattr(import_module("awscrt.checksums"), name)
        self._size = size
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


HEADER = "x-amz-"
STORED = "checksum-"
"""The start of the stored headers that have an object's checksums; on the wire it follows ``x-amz-``."""
ALGORITHMS: dict[str, Callable[[], _Digest]] = {
    "crc32": _Crc32,
    "crc32c": partial(_AwsCrc, "crc32c", 4),
    "crc64nvme": partial(_AwsCrc, "crc64nvme", 8),
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "sha256": hashlib.sha256,
}


class BodyChecks(NamedTuple):
    """The headers of a request and its trailers, which are filled after its body, and the checksums found right.

    Of ``verified`` the keys are names of stored headers.
    """

    headers: Mapping[str, str]
    trailers: Mapping[str, str]
    verified: dict[str, str]


def verify_checksums(
    pieces: Iterable[bytes], checks: BodyChecks, *, sha256: str, checksums: bool = True
) -> Iterator[bytes]:
    """Yield the pieces of a body; after the last, compare their digests with those in headers and trailers.

    ``sha256`` is a digest in hex; a text of another length is ignored. Without
    ``checksums``, checksum headers do not apply to the body; otherwise those that match are added to
    ``checks.verified``. Raises INVALID_DIGEST or INVALID_REQUEST for a
    malformed digest, at once if it is in a header; BAD_DIGEST, DIGEST_MISMATCH or BAD_CHECKSUM if a digest differs.
    """
    expected = [*_digests(checks.headers, sha256)]
    if checksums:
        expected += _checksums(checks)
    return _verified(pieces, expected, checks.verified)


def _verified(pieces: Iterable[bytes], expected: list[_ExpectedDigest], verified: dict[str, str]) -> Iterator[bytes]:
    for piece in pieces:
        for each in expected:
            each.running.update(piece)
        yield piece
    for each in expected:
        digest = each.running.digest()
        if digest != each.expected():
            raise ApiError(each.wrong)
        if each.stored:
            verified[each.stored] = b64encode(digest).decode("ascii")


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


def _checksums(checks: BodyChecks) -> Iterator[_ExpectedDigest]:
    announced = announced_trailers(checks.headers)
    for algorithm in ALGORITHMS:
        name = HEADER + STORED + algorithm
        if name in checks.headers:
            _checksum(algorithm, checks.headers)  # a malformed checksum is refused before the body is read
            yield _expected(algorithm, checks.headers)
        elif name in announced:
            yield _expected(algorithm, checks.trailers)


def _expected(algorithm: str, given: Mapping[str, str]) -> _ExpectedDigest:
    expected = partial(_checksum, algorithm, given)
    return _ExpectedDigest(ALGORITHMS[algorithm](), expected, BAD_CHECKSUM, STORED + algorithm)


def _checksum(algorithm: str, given: Mapping[str, str]) -> bytes:
    name = HEADER + STORED + algorithm
    wrong = ApiError(INVALID_REQUEST, f"the value of {name} is not a checksum")
    return _decoded(given.get(name, ""), len(ALGORITHMS[algorithm]().digest()), wrong)


def _decoded(text: str, size: int, wrong: ApiError) -> bytes:
    """Decode base64. Raises ``wrong`` unless the result has ``size`` bytes."""
    try:
        value = b64decode(text, validate=True)
    except ValueError:
        raise wrong from None
    if len(value) != size:
        raise wrong
    return value
