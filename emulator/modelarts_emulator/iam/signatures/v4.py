"""The scheme ``AWS4-HMAC-SHA256``, in a header or a URL, and the signatures of the chunks of a streamed body.

Reference: Amazon S3 API reference, "Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from hashlib import sha256
from urllib.parse import unquote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    EXPIRED,
    INVALID_ARGUMENT,
    SIGNATURE_MALFORMED,
    SIGNATURE_MISMATCH,
    TIME_SKEWED,
)
from modelarts_emulator.iam.signatures.url import equal_in_constant_time
from modelarts_emulator.iam.signed_request import (
    EMPTY_SHA256,
    WINDOW_MS,
    SignedRequest,
    canonical_headers,
    canonical_queries,
    encoded,
    hmac_sha256,
    parse_basic_time,
    parse_http_time,
    require_recent,
    require_signed,
    sha256_hex,
    split_authorization,
)
from modelarts_emulator.util.clock import Clock

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
_MAX_LIFETIME_S = 7 * 24 * 3600
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Every signature covers these two, even if they are not among the signed headers.
_ALWAYS_SIGNED = ("x-amz-date", "x-amz-content-sha256")


class ChunkCheck:
    """Verify the chunks of a streamed body in order. Each signature covers the one before."""

    def __init__(self, key: bytes, date: str, scope: str, seed: str) -> None:
        self._key = key
        self._when = f"{date}\n{scope}"
        self._previous = seed

    def chunk(self, signature: str, data: bytes) -> None:
        """Verify the next chunk. Raises SIGNATURE_MISMATCH."""
        self._next("PAYLOAD", f"{EMPTY_SHA256}\n{sha256(data).hexdigest()}", signature)

    def trailer(self, signature: str, lines: bytes) -> None:
        """Verify the trailer after the last chunk, one ``name:value`` per line. Raises SIGNATURE_MISMATCH."""
        self._next("TRAILER", sha256(lines).hexdigest(), signature)

    def _next(self, kind: str, digests: str, signature: str) -> None:
        text = f"{ALGORITHM}-{kind}\n{self._when}\n{self._previous}\n{digests}"
        if not equal_in_constant_time(hmac_sha256(self._key, text).hex(), signature):
            raise ApiError(SIGNATURE_MISMATCH, f"of the body: {kind.lower()}")
        self._previous = signature


@dataclass(frozen=True)
class V4Signature:
    """A signature in a header or, if ``lifetime`` is set, in a URL, parsed but not verified."""

    request: SignedRequest
    access_key: str
    scope: str
    signed_headers: str
    signature: str
    date: str
    lifetime: str | None = None

    @classmethod
    def read(cls, request: SignedRequest) -> V4Signature | None:
        """Parse the signature of a request; None if it has none of this scheme. Raises SIGNATURE_MALFORMED."""
        scheme, _, rest = request.header("authorization").partition(" ")
        if scheme == ALGORITHM:
            parts = split_authorization(rest)
            date, lifetime = request.header("x-amz-date") or _basic_date(request), None
        elif not scheme and request.parameters.get("X-Amz-Algorithm") == ALGORITHM:
            parts = {name.removeprefix("X-Amz-"): value for name, value in request.parameters.items()}
            date, lifetime = parts.get("Date", ""), parts.get("Expires", "")
        else:
            return None
        access_key, _, scope = parts.get("Credential", "").partition("/")
        names, signature = parts.get("SignedHeaders", ""), parts.get("Signature", "")
        if not (access_key and names and signature) or len(scope.split("/")) != 4:
            raise ApiError(SIGNATURE_MALFORMED, "Credential with its scope, SignedHeaders and Signature are needed")
        return cls(request, access_key, scope, names, signature, date, lifetime)

    def require_current(self, clock: Clock) -> None:
        """Check the time of the signature. Raises EXPIRED, TIME_SKEWED or SIGNATURE_MALFORMED."""
        sent_ms = parse_basic_time(self.date)
        if self.lifetime is None:
            require_recent(sent_ms, clock)
            return
        if not (self.lifetime.isascii() and self.lifetime.isdigit() and 0 < int(self.lifetime[:8]) <= _MAX_LIFETIME_S):
            raise ApiError(SIGNATURE_MALFORMED, f"X-Amz-Expires is not a number of seconds from 1 to {_MAX_LIFETIME_S}")
        now = clock.now_ms()
        if now < sent_ms - WINDOW_MS:
            raise ApiError(TIME_SKEWED)
        if now >= sent_ms + int(self.lifetime) * 1000:
            raise ApiError(EXPIRED)

    def verify(self, secret: str, clock: Clock) -> None:
        """Check the signature and its time. The reader of the body compares it with ``body_digest``.

        Raises EXPIRED, TIME_SKEWED, SIGNATURE_MISMATCH or SIGNATURE_MALFORMED; ACCESS_DENIED for a header of the
        service that is not signed; INVALID_ARGUMENT for a malformed digest.
        """
        self.require_current(clock)
        self._require_form()
        key = self._key(secret)
        for canonical in self._canonical_requests():
            text = f"{ALGORITHM}\n{self.date}\n{self.scope}\n{sha256_hex(canonical)}"
            if equal_in_constant_time(hmac_sha256(key, text).hex(), self.signature):
                require_signed(self.request, "x-amz-", (*self.signed_headers.split(";"), *_ALWAYS_SIGNED))
                return
        raise ApiError(SIGNATURE_MISMATCH)

    @property
    def body_digest(self) -> str:
        """Return the signed digest of the body: SHA-256 in hex, or the name of another way of signing."""
        given = self.request.header("x-amz-content-sha256") or self.request.header("x-obs-content-sha256")
        return given or (EMPTY_SHA256 if self.lifetime is None else UNSIGNED)

    def chunk_check(self, secret: str) -> ChunkCheck:
        """Return the verifier for the chunks of a streamed body."""
        return ChunkCheck(self._key(secret), self.date, self.scope, self.signature)

    def _require_form(self) -> None:
        day, _, *service = self.scope.split("/")
        if (
            "host" not in self.signed_headers.split(";")
            or not self.date.startswith(day)
            or service != ["s3", "aws4_request"]
        ):
            why = "host must be signed, and the scope be the date's day, a region, s3 and aws4_request"
            raise ApiError(SIGNATURE_MALFORMED, why)
        digest = self.body_digest
        if not (_SHA256.fullmatch(digest) or digest == UNSIGNED or digest.startswith("STREAMING-")):
            raise ApiError(INVALID_ARGUMENT, "x-amz-content-sha256 is neither a digest nor a known way of signing")

    def _key(self, secret: str) -> bytes:
        key = f"AWS4{secret}".encode()
        for part in self.scope.split("/"):
            key = hmac_sha256(key, part)
        return key

    def _canonical_requests(self) -> list[str]:
        raw = self.request.raw_path
        decoded = unquote(raw, errors="surrogateescape")
        # Object storage encodes the path once; signers made for other services encode it twice.
        paths = dict.fromkeys((raw, encoded(decoded, "/"), encoded(raw, "/")))
        in_url = self.lifetime is not None
        headers = canonical_headers(self.request, self.signed_headers)
        return [
            f"{self.request.method}\n{path}\n{query}\n{headers}\n{self.signed_headers}\n{self.body_digest}"
            for path in paths
            for query in canonical_queries(self.request, "X-Amz-Signature" if in_url else "")
        ]


def _basic_date(request: SignedRequest) -> str:
    """Return the time of the ``Date`` header in the form in which it is signed."""
    moment = datetime.fromtimestamp(parse_http_time(request.header("date")) / 1000, timezone.utc)
    return f"{moment:%Y%m%dT%H%M%SZ}"
