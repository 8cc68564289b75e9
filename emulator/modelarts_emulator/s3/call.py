"""One request to object storage: its bucket, key, caller, dialect and body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    INCOMPLETE_BODY,
    INVALID_ARGUMENT,
    MALFORMED_XML,
    OBJECT_TOO_LARGE,
)
from modelarts_emulator.iam.authenticator import ObjectCaller
from modelarts_emulator.iam.signed_request import SignedRequest
from modelarts_emulator.media.images import ImageCache
from modelarts_emulator.media.picture_gate import PROCESS_GATE, PictureGate
from modelarts_emulator.obs.metadata import Metadata, MetadataStore, guess_type
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.s3 import storage_class, tagging
from modelarts_emulator.s3.checksums import BodyChecks, verify_checksums
from modelarts_emulator.s3.chunked_body import decode_chunks, is_chunked
from modelarts_emulator.s3.xml import OBS_NAMESPACE, S3_NAMESPACE, Item, document
from modelarts_emulator.util.clock import Clock
from modelarts_emulator.util.ids import Ids

MAX_OBJECT = 5 << 30
_PIECE = 1 << 20
HTTP_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
"""Headers of HTTP that are stored with an object."""


@dataclass(frozen=True)
class Storage:
    """The services that object storage is built on.

    ``uploads`` is the folder of unfinished multipart uploads; ``images`` caches processed pictures, and ``gate``
    bounds the memory for making them. With ``fsync`` parts survive power loss.
    """

    tree: ObjectTree
    metadata: MetadataStore
    uploads: Path
    images: ImageCache
    clock: Clock
    ids: Ids
    fsync: bool = False
    gate: PictureGate = PROCESS_GATE


# Clients read the same objects again; a path is checked in full when it is made.
_checked_path = lru_cache(maxsize=2_000)(ObsPath)


@dataclass(frozen=True)
class Call:
    """One request. ``bucket`` and ``key`` are decoded; either may be empty."""

    storage: Storage
    request: SignedRequest
    bucket: str
    key: str
    caller: ObjectCaller
    environ: Mapping[str, Any] = field(repr=False)

    @cached_property
    def path(self) -> ObsPath:
        """Return the path of the bucket or object. Raises PATH_INVALID."""
        return _checked_path(self.bucket, self.key)

    @cached_property
    def is_obs(self) -> bool:
        """Return whether the client uses the OBS dialect rather than S3's."""
        authorization = self.request.header("authorization")
        if authorization:
            return authorization.startswith("OBS ")
        return "AccessKeyId" in self.request.parameters or any(
            name.startswith("x-obs-") for name in self.request.headers
        )

    @property
    def prefix(self) -> str:
        """Return the prefix of the dialect's own headers."""
        return "x-obs-" if self.is_obs else "x-amz-"

    def service_header(self, name: str) -> str:
        """Return the value of ``x-obs-<name>`` or ``x-amz-<name>``, or an empty text if neither is set."""
        return self.request.header("x-obs-" + name) or self.request.header("x-amz-" + name)

    def parameter(self, name: str) -> str | None:
        """Return the value of a query parameter, or None."""
        return self.request.parameters.get(name)

    def int_parameter(self, name: str, default: int, maximum: int) -> int:
        """Return a query parameter from 0 to ``maximum``; a larger value counts as that. Raises INVALID_ARGUMENT."""
        text = self.parameter(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit()):
            raise ApiError(INVALID_ARGUMENT, f"{name} is not a number")
        return min(int(text[:18]), maximum)

    def xml_response(self, name: str, content: str | Iterable[Item], status: int = 200) -> Response:
        """Return a response with an XML document in the dialect's namespace."""
        return Response(self.xml_document(name, content), status, mimetype="application/xml")

    def xml_document(self, name: str, content: str | Iterable[Item]) -> bytes:
        """Return an XML document in the dialect's namespace."""
        return document(name, content, OBS_NAMESPACE if self.is_obs else S3_NAMESPACE)

    # The body and its headers

    def body(self, *, checksums: bool = True, verified: dict[str, str] | None = None) -> Iterator[bytes]:
        """Yield the body without ``aws-chunked`` framing. Digests sent with it are compared at the end.

        Without ``checksums``, checksum headers do not apply to the body. Those that were compared are added to
        ``verified``. Raises INCOMPLETE_BODY, OBJECT_TOO_LARGE, and the errors of ``decode_chunks`` and
        ``verify_checksums``.
        """
        if self.content_length() > MAX_OBJECT:
            raise ApiError(OBJECT_TOO_LARGE, f"more than {MAX_OBJECT} bytes")
        trailers: dict[str, str] = {}
        if is_chunked(self.request.headers):
            pieces = decode_chunks(self.environ["wsgi.input"], self.request.headers, self.caller.chunk_check, trailers)
        else:
            pieces = _plain(self.environ["wsgi.input"], self.content_length())
        # A signed digest takes precedence over a header that may have been added on the way.
        sha256 = self.caller.body_digest or self.service_header("content-sha256")
        checks = BodyChecks(self.request.headers, trailers, {} if verified is None else verified)
        return verify_checksums(pieces, checks, sha256=sha256, checksums=checksums)

    def content_length(self) -> int:
        """Return the length in bytes of the body as sent. Raises INVALID_ARGUMENT."""
        text = self.request.header("content-length") or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ApiError(INVALID_ARGUMENT, "Content-Length is not a number")
        return int(text)

    def small_body(self, limit: int, *, checksums: bool = True) -> bytes:
        """Return the whole body. Raises MALFORMED_XML above ``limit`` bytes, and the errors of ``body``."""
        if self.content_length() > limit:
            raise ApiError(MALFORMED_XML, f"more than {limit} bytes")
        return b"".join(self.body(checksums=checksums))

    def stored_headers(self) -> dict[str, str]:
        """Return the headers that are stored with an object: some of HTTP's own, ``meta-…``, its class and its tags.

        Raises INVALID_STORAGE_CLASS and the errors of ``read_tag_header``.
        """
        kept = {name: value for name in HTTP_HEADERS if (value := self.request.header(name))}
        coding = [part.strip() for part in kept.pop("content-encoding", "").split(",")]
        if coding := [part for part in coding if part and part != "aws-chunked"]:
            kept["content-encoding"] = ", ".join(coding)
        for prefix in ("x-obs-meta-", "x-amz-meta-"):
            for name, value in self.request.headers.items():
                if name.startswith(prefix):
                    kept["meta-" + name.removeprefix(prefix)] = value
        kept_class = storage_class.require_known(self.service_header("storage-class") or storage_class.DEFAULT)
        if kept_class != storage_class.DEFAULT:
            kept[storage_class.STORED] = kept_class
        if tags := tagging.read_tag_header(self.service_header("tagging")):
            kept[tagging.STORED] = tagging.encode_tags(tags)
        return kept

    def request_metadata(self, etag: str = "") -> Metadata:
        """Return the metadata that the request sets for an object. Without a type, the key's suffix decides.

        Raises INVALID_ARGUMENT if they are not UTF-8, and the errors of ``stored_headers``.
        """
        content_type, headers = self.request.header("content-type") or guess_type(self.key), self.stored_headers()
        for text in (content_type, *headers, *headers.values()):
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise ApiError(INVALID_ARGUMENT, "metadata must be UTF-8")
        return Metadata(etag, content_type, headers)


def _plain(stream: Any, length: int) -> Iterator[bytes]:
    while length:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise ApiError(INCOMPLETE_BODY)
        length -= len(piece)
        yield piece
