"""Signed URLs of OBS: anyone who has one may fetch that object, unchanged, until the URL expires.

A URL carries ``AccessKeyId``, ``Expires`` (seconds since the epoch) and ``Signature``: HMAC-SHA1 over method, expiry
and resource. The resource includes the parameters that change the answer, above all ``x-image-process``.
Reference: OBS API reference, "Authentication of Signature in a URL".
"""

from __future__ import annotations

import hmac
import re
from binascii import b2a_base64
from collections.abc import Iterable
from urllib.parse import quote, unquote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    EXPIRED,
    SIGNATURE_MALFORMED,
    SIGNATURE_MISMATCH,
    UNKNOWN_ACCESS_KEY,
)
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.util.clock import Clock

EXPIRY_STEP_S = 300
"""Expiry is rounded up to a multiple of this, so that equal pages are equal bytes and clients can cache objects."""

Query = Iterable[tuple[str, str | None]]
"""Decoded parameters in the order sent; the value is None for a name without ``=``."""

_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")

# Parameters that are part of the signed resource, in lower case.
_SUBRESOURCE_NAMES = (
    "acl append backtosource bucketstatus cors customdomain delete deletebucket directcoldaccess dispolicy "
    "encryption fileinterface inventory length lifecycle location logging metadata mirrorbacktosource modify name "
    "notification object-lock obscompresspolicy obsworkflowtriggerpolicy orchestration partnumber policy "
    "policystatus position publicaccessblock quota rename replication requestpayment restore retention select "
    "storageclass storageinfo storagepolicy tagging torrent truncate uploadid uploads versionid versioning "
    "versions website accelerate analytics response-cache-control response-content-disposition "
    "response-content-encoding response-content-language response-content-type response-expires x-image-process "
    "x-image-save-bucket x-image-save-object x-oss-process "
)
_SUBRESOURCES = frozenset(_SUBRESOURCE_NAMES.split())


class UrlSigner:
    """Sign URLs of objects with one key pair, and verify URLs that carry its access key. Thread-safe."""

    def __init__(self, access_key: str, secret: str, clock: Clock) -> None:
        self.access_key = access_key
        self._secret = secret.encode()
        self._clock = clock
        self._access = f"?AccessKeyId={quote(access_key, safe='')}&Expires="
        # The latest value of x-image-process and its percent-encoded form: the samples of a page all have the same.
        self._latest_process = ("", "")

    def expires(self, lifetime_s: int = 3600) -> int:
        """Return the expiry of a URL that is signed now, in seconds since the epoch."""
        return -(-(self._clock.now_ms() // 1000 + lifetime_s) // EXPIRY_STEP_S) * EXPIRY_STEP_S

    def sign(
        self,
        base_url: str,
        path: ObsPath | str,
        *,
        lifetime_s: int = 3600,
        process: str | None = None,
        expires: int | None = None,
    ) -> str:
        """Return a URL below ``base_url`` that fetches an object for at least ``lifetime_s`` seconds.

        ``path`` is an ObsPath or ``bucket/key``. ``process`` is a value of ``x-image-process`` such as
        ``image/resize,m_lfit,h_200``: with it, the URL fetches the processed picture. ``expires`` is a result of
        ``expires()``, for a caller that signs many URLs at once.
        """
        name = path if isinstance(path, str) else path.object_name
        resource = f"/{name}" if _PLAIN.fullmatch(name) else "/" + quote(name, safe="/~")
        expires = self.expires(lifetime_s) if expires is None else expires
        head = f"{base_url}{resource}{self._access}{expires}"
        text = f"GET\n\n\n{expires}\n{resource}"
        if process is not None:
            text = f"{text}?x-image-process={process}"
        # Written out rather than called: a page signs each of its samples.
        digest = hmac.digest(self._secret, text.encode("utf-8", "surrogatepass"), "sha1")
        base64 = b2a_base64(digest, newline=False).decode("ascii")  # 28 characters, the last of them "="
        signature = base64[:-1].replace("+", "%2B").replace("/", "%2F") + "%3D"
        if process is None:
            return f"{head}&Signature={signature}"
        known, quoted = self._latest_process
        if known != process:
            quoted = quote(process, safe="")
            self._latest_process = (process, quoted)
        return f"{head}&x-image-process={quoted}&Signature={signature}"

    def verify(self, method: str, raw_path: str, query: Query) -> None:
        """Check a signed URL. ``raw_path`` is ``/bucket/key``, percent-encoded, as sent.

        Raises UNKNOWN_ACCESS_KEY, EXPIRED or SIGNATURE_MISMATCH, and SIGNATURE_MALFORMED if a parameter is missing.
        """
        pairs = list(query)
        given = dict(pairs)
        access_key, expires, signature = (given.get(name) for name in ("AccessKeyId", "Expires", "Signature"))
        if not (access_key and expires and signature):
            raise ApiError(SIGNATURE_MALFORMED, "a signed URL needs AccessKeyId, Expires and Signature")
        if access_key != self.access_key:
            raise ApiError(UNKNOWN_ACCESS_KEY, access_key)
        require_unexpired(expires, self._clock)
        for resource in canonical_resources(raw_path, pairs):
            if equal_in_constant_time(sign_sha1(self._secret, f"{method}\n\n\n{expires}\n{resource}"), signature):
                return
        raise ApiError(SIGNATURE_MISMATCH)


def sign_sha1(secret: bytes, text: str) -> str:
    """Return the HMAC-SHA1 of a text in base64, 28 characters."""
    return b2a_base64(hmac.digest(secret, text.encode("utf-8", "surrogatepass"), "sha1"), newline=False).decode("ascii")


def equal_in_constant_time(expected: str, given: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(expected.encode("utf-8", "surrogatepass"), given.encode("utf-8", "surrogatepass"))


def require_unexpired(expires: str, clock: Clock) -> None:
    """Check that a time in seconds since the epoch is in the future. Raises EXPIRED or SIGNATURE_MALFORMED."""
    if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
        raise ApiError(SIGNATURE_MALFORMED, "Expires is not a number of seconds since the epoch")
    if int(expires) * 1000 <= clock.now_ms():
        raise ApiError(EXPIRED, f"it was valid until {expires}")


def canonical_resources(raw_path: str, query: Query, prefixes: tuple[str, ...] = ("x-obs-", "x-amz-")) -> list[str]:
    """Return the forms of a resource that a client may have signed, the most likely first.

    Clients agree on the sorted parameters. They differ in how they encode the path and in the final slash of a bucket.
    Only parameters with a known name, or with one of ``prefixes``, are signed.
    """
    decoded = unquote(raw_path, errors="surrogateescape")
    paths = [raw_path, quote(decoded, safe="/~", errors="surrogateescape"), decoded]
    if raw_path.count("/") == 1 and raw_path != "/":
        paths.append(raw_path + "/")
    elif raw_path.count("/") == 2 and raw_path.endswith("/"):
        paths.append(raw_path[:-1])
    signed = sorted(
        (name, value)
        for name, value in ((name, value or "") for name, value in query)
        if name.lower() in _SUBRESOURCES or name.lower().startswith(prefixes)
    )
    tail = "&".join(f"{name}={value}" if value else name for name, value in signed)
    return [f"{path}?{tail}" if tail else path for path in dict.fromkeys(paths)]
