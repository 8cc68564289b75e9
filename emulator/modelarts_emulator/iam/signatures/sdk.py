"""The scheme ``SDK-HMAC-SHA256``, with which Huawei Cloud and OTC SDKs sign calls of a service's API.

Reference: API Gateway developer guide, "Request Signing"; ModelArts API reference, "AK/SK-based Authentication".
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import DIGEST_MISMATCH, SIGNATURE_MALFORMED, SIGNATURE_MISMATCH
from modelarts_emulator.iam.signatures.url import equal_in_constant_time
from modelarts_emulator.iam.signed_request import (
    SignedRequest,
    canonical_headers,
    canonical_queries,
    encoded,
    hmac_sha256,
    parse_basic_time,
    require_recent,
    sha256_hex,
    split_authorization,
)
from modelarts_emulator.util.clock import Clock

ALGORITHM = "SDK-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"


@dataclass(frozen=True)
class SdkSignature:
    """A signature in the ``Authorization`` header, parsed but not verified."""

    request: SignedRequest
    access_key: str
    signed_headers: str
    signature: str

    @classmethod
    def read(cls, request: SignedRequest) -> SdkSignature | None:
        """Parse the signature of a request; None if it has none of this scheme. Raises SIGNATURE_MALFORMED."""
        scheme, _, rest = request.header("authorization").partition(" ")
        if scheme != ALGORITHM:
            return None
        parts = split_authorization(rest)
        # The signers write Access; the documents also have Credential, with a scope after a slash.
        access_key = parts.get("Access") or parts.get("Credential", "").partition("/")[0]
        names, signature = parts.get("SignedHeaders", ""), parts.get("Signature", "")
        if not (access_key and names and signature):
            raise ApiError(SIGNATURE_MALFORMED, "Access, SignedHeaders and Signature are needed")
        return cls(request, access_key, names, signature)

    def verify(self, secret: str, clock: Clock) -> None:
        """Check the signature and its time.

        Raises TIME_SKEWED, SIGNATURE_MISMATCH, DIGEST_MISMATCH or SIGNATURE_MALFORMED.
        """
        date = self.request.header("x-sdk-date")
        if "x-sdk-date" not in self.signed_headers.lower().split(";"):
            raise ApiError(SIGNATURE_MALFORMED, "X-Sdk-Date is not among the signed headers")
        require_recent(parse_basic_time(date), clock)
        digest = self._body_digest()
        for canonical in self._canonical_requests(digest):
            expected = hmac_sha256(secret.encode(), f"{ALGORITHM}\n{date}\n{sha256_hex(canonical)}").hex()
            if equal_in_constant_time(expected, self.signature):
                return
        raise ApiError(SIGNATURE_MISMATCH)

    def _body_digest(self) -> str:
        """Return the signed digest of the body. Raises DIGEST_MISMATCH if the body has another one."""
        announced = self.request.header("x-sdk-content-sha256")
        if announced == _UNSIGNED:
            return announced
        actual = self.request.body_sha256()
        if announced and not equal_in_constant_time(actual, announced):
            raise ApiError(DIGEST_MISMATCH)
        return actual

    def _canonical_requests(self, digest: str) -> list[str]:
        path = encoded(unquote(self.request.raw_path, errors="surrogateescape"), safe="/")
        path = path if path.endswith("/") else path + "/"
        headers = canonical_headers(self.request, self.signed_headers)
        return [
            f"{self.request.method}\n{path}\n{query}\n{headers}\n{self.signed_headers}\n{digest}"
            for query in canonical_queries(self.request)
        ]
