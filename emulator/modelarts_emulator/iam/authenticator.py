"""Check the token or signature of each request.

In open mode every request is accepted, except expired tokens and invalid or expired signed URLs. In strict mode only
tokens that this emulator issued and signatures with a configured access key are accepted.
"""

from __future__ import annotations

from typing import NamedTuple

from modelarts_emulator.contract.errors import INVALID_SIGNATURE, INVALID_TOKEN, PROJECT_MISMATCH, ApiError
from modelarts_emulator.contract.storage_errors import ACCESS_DENIED, UNKNOWN_ACCESS_KEY
from modelarts_emulator.iam.accounts import ANONYMOUS, AccessKey, Accounts, Principal, User
from modelarts_emulator.iam.signatures.sdk import SdkSignature
from modelarts_emulator.iam.signatures.v2 import V2Signature
from modelarts_emulator.iam.signatures.v4 import ChunkCheck, V4Signature
from modelarts_emulator.iam.signed_request import SignedRequest
from modelarts_emulator.iam.tokens import Tokens
from modelarts_emulator.util.clock import Clock

_SECURITY_TOKENS = ("x-amz-security-token", "x-obs-security-token", "x-security-token")


class ObjectCaller(NamedTuple):
    """The caller of an object request, with the checks that its signature requires of the body.

    ``body_digest`` is ``V4Signature.body_digest``, or None if no digest is signed. ``chunk_check`` verifies the
    signature of each chunk, or is None if chunks are not signed.
    """

    principal: Principal
    chunk_check: ChunkCheck | None = None
    body_digest: str | None = None


class Authenticator:
    """Authenticate requests. ``url_key`` is the key pair of the URLs that this emulator signs. Thread-safe."""

    def __init__(self, accounts: Accounts, tokens: Tokens, url_key: AccessKey, clock: Clock) -> None:
        self._accounts = accounts
        self._tokens = tokens
        self._url_key = url_key
        self._clock = clock

    @property
    def strict(self) -> bool:
        """Return whether only tokens issued here and configured access keys are accepted."""
        return self._accounts.strict

    def authenticate(self, request: SignedRequest, project_id: str | None = None) -> Principal:
        """Return the caller of a dataset API request.

        In strict mode, raises INVALID_TOKEN, INVALID_SIGNATURE or PROJECT_MISMATCH. In open mode, raises INVALID_TOKEN
        for an expired token.
        """
        if not self.strict:
            return self._open_caller(request)
        if request.header("x-security-token"):
            raise ApiError(INVALID_SIGNATURE, "this emulator issues no temporary keys, so X-Security-Token is wrong")
        principal = self._strict_caller(request)
        if project_id is not None and not principal.may_use(project_id):
            raise ApiError(PROJECT_MISMATCH, project_id)
        return principal

    def authenticate_object(self, request: SignedRequest) -> ObjectCaller:
        """Return the caller of an object request.

        In strict mode, raises ACCESS_DENIED, EXPIRED, UNKNOWN_ACCESS_KEY, INVALID_ARGUMENT, SIGNATURE_MISMATCH,
        SIGNATURE_MALFORMED or TIME_SKEWED. In open mode only signed URLs are checked: their expiry always, their
        signature if the access key is known.
        """
        signature = self._object_signature(request)
        if self.strict and any(request.header(name) for name in _SECURITY_TOKENS):
            raise ApiError(ACCESS_DENIED, "this emulator issues no temporary keys, so the security token is wrong")
        if signature is None:
            return ObjectCaller(self._caller_without_signature(request))
        key = self._key(signature.access_key)
        in_url = not request.header("authorization")
        if self.strict and key is None:
            raise ApiError(UNKNOWN_ACCESS_KEY, signature.access_key)
        if key and (self.strict or in_url):
            signature.verify(key.secret, self._clock)
        elif in_url:
            signature.require_current(self._clock)
        principal = self._accounts.principal_of_key(signature.access_key)
        if key and self.strict and isinstance(signature, V4Signature):
            return ObjectCaller(principal, signature.chunk_check(key.secret), signature.body_digest)
        return ObjectCaller(principal)

    def _object_signature(self, request: SignedRequest) -> V4Signature | V2Signature | None:
        try:
            return V4Signature.read(request) or V2Signature.read(request)
        except ApiError:
            if self.strict or not request.header("authorization"):
                raise
            return None  # open mode accepts any header

    def _open_caller(self, request: SignedRequest) -> Principal:
        """Return the caller in open mode, where missing or unreadable credentials mean anonymous."""
        if given := request.header("x-auth-token"):
            if self._tokens.has_expired(given):
                raise ApiError(INVALID_TOKEN, "the token has expired; log in again")
            if token := self._tokens.find(given):
                return token.principal
        try:
            signature = SdkSignature.read(request)
        except ApiError:
            return ANONYMOUS
        return self._accounts.principal_of_key(signature.access_key) if signature else ANONYMOUS

    def _strict_caller(self, request: SignedRequest) -> Principal:
        """Return the caller in strict mode. Raises INVALID_TOKEN or INVALID_SIGNATURE."""
        if token := request.header("x-auth-token"):
            return self._tokens.require(token).principal
        try:
            signature = SdkSignature.read(request)
            if signature is None:
                raise ApiError(INVALID_TOKEN, "the request has neither X-Auth-Token nor a signature")
            key = self._accounts.access_key(signature.access_key)
            if key is None:
                raise ApiError(UNKNOWN_ACCESS_KEY)
            signature.verify(key.secret, self._clock)
        except ApiError as refusal:
            if refusal.error is INVALID_TOKEN:
                raise
            raise ApiError(INVALID_SIGNATURE, refusal.message) from None
        return self._accounts.principal_of_key(key.id)

    def _caller_without_signature(self, request: SignedRequest) -> Principal:
        given = request.header("x-auth-token")
        token = self._tokens.find(given)
        if token is None and (self.strict or self._tokens.has_expired(given)):
            raise ApiError(ACCESS_DENIED)
        return token.principal if token else ANONYMOUS

    def _key(self, access_key_id: str) -> AccessKey | None:
        return self._url_key if access_key_id == self._url_key.id else self._accounts.access_key(access_key_id)


def url_signing_key(access_key: str, secret: str) -> AccessKey:
    """Return the key pair of the URLs that an emulator signs."""
    return AccessKey(access_key, secret, User("modelarts").name)
