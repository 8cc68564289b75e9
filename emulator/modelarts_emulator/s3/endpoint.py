"""The object endpoint: OBS and S3 on the same port, as ``/bucket/key`` or ``bucket.localhost/key``.

It runs before the application's routes and answers the requests that are addressed to it. A Flask route could not
preserve keys with ``//``, ``%2F`` or a final ``/``. Reference: OBS API reference; Amazon S3 API reference.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, Response, request

from modelarts_emulator.api.flask_internals import current_request
from modelarts_emulator.contract.errors import RETRY_AFTER_S, ApiError, Error
from modelarts_emulator.contract.storage_errors import (
    INTERNAL_ERROR,
    INVALID_ARGUMENT,
    METHOD_NOT_ALLOWED,
    NOT_IMPLEMENTED,
    SERVICE_UNAVAILABLE,
)
from modelarts_emulator.iam.accounts import ANONYMOUS
from modelarts_emulator.iam.authenticator import Authenticator, ObjectCaller
from modelarts_emulator.iam.signed_request import OWN_PREFIXES, SignedRequest, read_signed_request
from modelarts_emulator.obs.paths import SERVICE_PATHS
from modelarts_emulator.s3 import buckets
from modelarts_emulator.s3 import multipart as parts
from modelarts_emulator.s3 import put_object as objects
from modelarts_emulator.s3.append_object import append_object
from modelarts_emulator.s3.attributes import get_attributes
from modelarts_emulator.s3.call import Call, Storage
from modelarts_emulator.s3.error_mapping import to_storage_error
from modelarts_emulator.s3.get_object import as_response, get_known_object, get_object
from modelarts_emulator.s3.multipart_store import list_uploads
from modelarts_emulator.s3.subresources import SUBRESOURCES, get_setting, put_setting
from modelarts_emulator.s3.xml import document
from modelarts_emulator.web import Reply

log = logging.getLogger(__name__)

Handler = Callable[[Call], Response]

# Known subresources that are not implemented. Without this list, GET would answer with the object or the list of keys,
# and PUT would create an object.
_UNKNOWN = (
    "accelerate",
    "analytics",
    "backtosource",
    "directcoldaccess",
    "fileinterface",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "metadataTable",
    "metrics",
    "mirrorBackToSource",
    "modify",
    "obscompresspolicy",
    "obsworkflowtriggerpolicy",
    "policyStatus",
    "rename",
    "restore",
    "retention",
    "select",
    "session",
    "torrent",
    "truncate",
)

# All calls by level, method and subresource; a plain call has an empty subresource.
_HANDLERS: dict[tuple[str, str, str], Handler] = {
    ("service", "GET", ""): buckets.list_buckets,
    ("service", "HEAD", ""): buckets.head_service,
    ("bucket", "PUT", ""): buckets.create_bucket,
    ("bucket", "HEAD", ""): buckets.head_bucket,
    ("bucket", "DELETE", ""): buckets.delete_bucket,
    ("bucket", "GET", ""): buckets.list_objects,
    ("bucket", "GET", "list-type=2"): buckets.list_objects_v2,
    ("bucket", "GET", "location"): buckets.bucket_location,
    ("bucket", "GET", "versioning"): buckets.versioning,
    ("bucket", "PUT", "versioning"): buckets.suspend_versioning,
    ("bucket", "GET", "versions"): buckets.list_versions,
    ("bucket", "GET", "storageinfo"): buckets.storage_info,
    ("bucket", "GET", "uploads"): list_uploads,
    ("bucket", "POST", "delete"): objects.delete_objects,
    ("object", "PUT", ""): objects.put_object,
    ("object", "PUT", "copy"): objects.copy_object,
    ("object", "DELETE", ""): objects.delete_object,
    ("object", "GET", "attributes"): get_attributes,
    ("object", "POST", "append"): append_object,
    ("object", "POST", "uploads"): parts.start_upload,
    ("object", "PUT", "uploadId"): parts.put_part,
    ("object", "PUT", "uploadId copy"): parts.copy_part,
    ("object", "GET", "uploadId"): parts.list_parts,
    ("object", "POST", "uploadId"): parts.complete_upload,
    ("object", "DELETE", "uploadId"): parts.abort_upload,
}

_WITH_RULE = frozenset({"", "copy", "uploadId", "uploadId copy", "list-type=2"})
_NAMED = tuple(
    dict.fromkeys((*SUBRESOURCES, *(asked for _, _, asked in _HANDLERS if asked not in _WITH_RULE), *_UNKNOWN))
)
"""Subresources that the name of a parameter alone asks for; ``_subresource`` has the rules of the others."""


def register(
    app: Flask,
    storage: Storage,
    access: Authenticator,
    *,
    public_url: str | None = None,
    reserved: Collection[str] = (),
) -> ObjectEndpoint:
    """Answer requests to object storage before the application's routes are matched.

    ``reserved`` are further first segments of paths that are not buckets. ``public_url`` has buckets as its subdomains.
    """
    endpoint = ObjectEndpoint(storage, access, public_url, frozenset(reserved))
    app.before_request(endpoint.answer)
    return endpoint


class ObjectEndpoint:
    """Recognize requests to object storage and answer them."""

    def __init__(
        self,
        storage: Storage,
        access: Authenticator,
        public_url: str | None,
        reserved: frozenset[str],
    ) -> None:
        self._storage = storage
        self._access = access
        self._reserved = reserved
        host = urlsplit(public_url).hostname if public_url else None
        self._suffixes = tuple("." + name for name in {"localhost", host} if name)
        self._bucket_of_host = lru_cache(maxsize=1000)(self._bucket_in)
        self._process_id, self._count = secrets.token_hex(8), itertools.count(1)

    def answer(self) -> Response | None:
        """Answer the current request; None if it is for another service."""
        environ = current_request().environ
        anonymous = self._read_call(environ, environ.get("HTTP_HOST") or request.host)
        if anonymous is None or anonymous.request.method == "OPTIONS":
            return None
        signed, bucket, key = anonymous.request, anonymous.bucket, anonymous.key
        try:
            # Before a client signs its first request, it asks, unsigned, which dialects are supported.
            asks_for_dialect = signed.method == "HEAD" and "apiversion" in signed.parameters and not key
            caller = anonymous.caller if asks_for_dialect else self._access.authenticate_object(signed)
            response = self._dispatch(Call(self._storage, signed, bucket, key, caller, environ))
        except ApiError as refusal:
            response = _error_response(anonymous, to_storage_error(refusal))
        except Exception:
            log.exception("%s %s: unexpected error", signed.method, signed.raw_path)
            response = _error_response(anonymous, ApiError(INTERNAL_ERROR))
        for name, value in self._request_ids():
            response.headers[name] = value
        return response

    def refuses(self, environ: dict[str, Any]) -> bool | None:
        """Return whether a request is refused whatever its body holds; None if it is for another service."""
        call = self._read_call(environ, environ.get("HTTP_HOST", ""))
        if call is None:
            return None
        try:
            self._access.authenticate_object(call.request)
            if call.bucket:
                _ = call.path
        except ApiError:
            return True
        return bool(call.key) and not self._storage.tree.has_bucket(call.bucket)

    def find_read(self, environ: dict[str, Any]) -> Call | None:
        """Return the unauthenticated call of a plain read of an object, or None for any other request."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        # Whether the bucket exists, the opening of the object finds out.
        call = self._read_call(environ, environ.get("HTTP_HOST", ""), requires_bucket=False)
        return call if call is not None and call.key and not _subresource(call) else None

    def reply_at_once(self, anonymous: Call) -> Reply | None:
        """Answer a call of ``find_read``; None where that takes more than opening a file, or is refused."""
        try:
            caller = self._access.authenticate_object(anonymous.request)
            call = Call(self._storage, anonymous.request, anonymous.bucket, anonymous.key, caller, anonymous.environ)
            reply = get_known_object(call)
        except ApiError:
            return None
        if reply is not None:
            reply.headers.extend(self._request_ids())
        return reply

    def _request_ids(self) -> list[tuple[str, str]]:
        request_id = f"{self._process_id}{next(self._count):016x}"
        return [(name, request_id) for name in ("x-obs-request-id", "x-amz-request-id", "x-obs-id-2", "x-amz-id-2")]

    def _read_call(self, environ: dict[str, Any], host: str, *, requires_bucket: bool = True) -> Call | None:
        """Return the call of a request that is for object storage, without its caller."""
        bucket = self._bucket_of_host(host)
        # Most requests are for the dataset API: they leave before anything is parsed.
        if not bucket and SERVICE_PATHS.fullmatch(environ["PATH_INFO"].removeprefix("/").partition("/")[0]):
            return None
        signed = read_signed_request(environ, bucket=bucket)
        place = self._locate(signed, requires_bucket=requires_bucket)
        return None if place is None else Call(self._storage, signed, *place, ObjectCaller(ANONYMOUS), environ)

    def _locate(self, signed: SignedRequest, *, requires_bucket: bool) -> tuple[str, str] | None:
        """Return the bucket and key of a request, either may be empty; None if it is for another service."""
        path = unquote(signed.raw_path, errors="surrogateescape").removeprefix("/")
        if signed.bucket:
            return signed.bucket, path
        if not path:
            return ("", "") if _is_storage_client(signed) else None
        bucket, _, key = path.partition("/")
        if SERVICE_PATHS.fullmatch(bucket) or bucket in self._reserved:
            return None
        # Requests without OBS or S3 headers are ours only if the bucket exists or they create one.
        ours = (
            not requires_bucket
            or signed.method == "PUT"
            or self._storage.tree.has_bucket(bucket)
            or _is_storage_client(signed)
        )
        return (bucket, key) if ours else None

    def is_for_bucket(self, environ: Mapping[str, Any]) -> bool:
        """Return whether the host name of a request is that of a bucket."""
        return bool(self._bucket_of_host(environ.get("HTTP_HOST", "")))

    def _bucket_in(self, host: str) -> str:
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        for suffix in self._suffixes:
            if name.endswith(suffix):
                return name.removesuffix(suffix)
        return ""

    def _dispatch(self, call: Call) -> Response:
        level = "object" if call.key else "bucket" if call.bucket else "service"
        method = call.request.method
        if level != "service":
            _ = call.path  # refuses names that no bucket and no key can have
        if not call.request.raw_query.isascii() or "%" in call.request.raw_query:
            _require_unicode(call.request.parameters)
        asked = _subresource(call)
        if level == "object" and method in ("GET", "HEAD") and not asked:
            return as_response(get_object(call), call.environ)
        if handler := _HANDLERS.get((level, method, asked)):
            return handler(call)
        if asked in SUBRESOURCES and level != "service":
            return get_setting(call, asked) if method == "GET" else put_setting(call, asked)
        raise ApiError(NOT_IMPLEMENTED if asked else METHOD_NOT_ALLOWED, f"{method} {asked}".strip())


def _subresource(call: Call) -> str:
    """Return the subresource, ``uploadId`` or copy that a request names, or an empty text for a plain request."""
    names = call.request.parameters
    if not names and call.request.method in ("GET", "HEAD"):
        return ""
    copy = call.request.method == "PUT" and bool(call.service_header("copy-source"))
    if "uploadId" in names:
        return "uploadId copy" if copy else "uploadId"
    for name in _NAMED:
        if name in names and call.request.method != "HEAD":
            return name
    if copy:
        return "copy"
    return "list-type=2" if names.get("list-type") == "2" and not call.key else ""


def _require_unicode(parameters: Mapping[str, str | None]) -> None:
    """Check that a query is UTF-8: a key in a list, or the place where one goes on, is. Raises INVALID_ARGUMENT."""
    for name, value in parameters.items():
        for text in (name, value or ""):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ApiError(INVALID_ARGUMENT, f"the parameter {ascii(name)[:80]} is not UTF-8") from None


def _is_storage_client(signed: SignedRequest) -> bool:
    """Return whether a storage client sent the request, rather than a browser that followed a wrong link."""
    if signed.header("authorization").startswith(("OBS ", "AWS ", "AWS4-")):
        return True
    named = {"AccessKeyId", "AWSAccessKeyId", "X-Amz-Algorithm", "apiversion", "x-image-process"}
    return bool(named & signed.parameters.keys()) or any(name.startswith(OWN_PREFIXES) for name in signed.headers)


def _error_response(call: Call, refusal: ApiError) -> Response:
    """Return the XML of an error. The answer to HEAD has its code in a header."""
    row: Error = refusal.error
    path = unquote(call.request.raw_path, errors="replace")
    resource = "".join(character for character in path if character.isprintable())
    body = document("Error", [("Code", row.code), ("Message", refusal.message), ("Resource", resource)])
    headers = {"x-obs-error-code": row.code, "x-obs-error-message": row.message}
    if row is SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if call.request.method == "HEAD":
        return Response(None, row.status, headers)
    return Response(body, row.status, headers, mimetype="application/xml")
