"""The older signatures of object storage, in a header or a URL: ``OBS AK:signature`` and ``AWS AK:signature``.

HMAC-SHA1 over method, ``Content-MD5``, ``Content-Type``, date or expiry, the service's own headers, and the resource.
Reference: OBS API reference, "Authentication of Signature in a Header" and "… in a URL".
"""

from __future__ import annotations

from dataclasses import dataclass

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import ACCESS_DENIED, SIGNATURE_MALFORMED, SIGNATURE_MISMATCH
from modelarts_emulator.iam.signatures.url import (
    canonical_resources,
    equal_in_constant_time,
    require_unexpired,
    sign_sha1,
)
from modelarts_emulator.iam.signed_request import SignedRequest, parse_http_time, require_recent, require_signed
from modelarts_emulator.util.clock import Clock

# Scheme in the header, prefix of the service's own headers, name of the access key in a URL.
_DIALECTS = (("OBS", "x-obs-", "AccessKeyId"), ("AWS", "x-amz-", "AWSAccessKeyId"))


@dataclass(frozen=True)
class V2Signature:
    """A signature in a header or, if ``expires`` is set, in a URL, parsed but not verified."""

    request: SignedRequest
    access_key: str
    signature: str
    prefix: str
    expires: str | None = None

    @classmethod
    def read(cls, request: SignedRequest) -> V2Signature | None:
        """Parse the signature of a request; None if it has none of this scheme.

        Raises SIGNATURE_MALFORMED or ACCESS_DENIED.
        """
        scheme, _, rest = request.header("authorization").partition(" ")
        for name, prefix, parameter in _DIALECTS:
            if scheme == name:
                access_key, _, signature = rest.strip().rpartition(":")
                return cls._complete(request, access_key, signature, prefix)
            if not scheme and parameter in request.parameters:
                given = request.parameters
                expires = given.get("Expires", "")
                return cls._complete(request, given[parameter], given.get("Signature", ""), prefix, expires)
        return None

    @classmethod
    def _complete(
        cls, request: SignedRequest, access_key: str, signature: str, prefix: str, expires: str | None = None
    ) -> V2Signature:
        if expires is not None and not (access_key and signature and expires):
            raise ApiError(ACCESS_DENIED, "a signed URL needs access key, Expires and Signature")
        if not (access_key and signature):
            raise ApiError(SIGNATURE_MALFORMED, "the Authorization header is not OBS AK:signature")
        return cls(request, access_key, signature, prefix, expires)

    def require_current(self, clock: Clock) -> None:
        """Check the time of the signature. Raises EXPIRED, TIME_SKEWED or SIGNATURE_MALFORMED."""
        if self.expires is not None:
            require_unexpired(self.expires, clock)
            return
        date = self.request.header(self.prefix + "date") or self.request.header("date")
        require_recent(parse_http_time(date), clock)

    def verify(self, secret: str, clock: Clock) -> None:
        """Check the signature and its time.

        Raises EXPIRED, TIME_SKEWED, SIGNATURE_MISMATCH or SIGNATURE_MALFORMED, and ACCESS_DENIED for a header of the
        other dialect, which this signature does not cover.
        """
        self.require_current(clock)
        head = self._signed_head()
        for resource in canonical_resources(self.request.resource_path, self.request.query):
            if equal_in_constant_time(sign_sha1(secret.encode(), head + resource), self.signature):
                require_signed(self.request, self.prefix)
                return
        raise ApiError(SIGNATURE_MISMATCH)

    def _signed_head(self) -> str:
        header = self.request.header
        # The service's own date header is signed with the other headers of its own; then this line is empty.
        date = "" if self.prefix + "date" in self.request.headers else header("date")
        own = sorted(name for name in self.request.headers if name.startswith(self.prefix))
        lines = [self.request.method, header("content-md5"), header("content-type"), self.expires or date]
        return "\n".join([*lines, *(f"{name}:{header(name).strip()}" for name in own), ""])
