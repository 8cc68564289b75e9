"""One call of object storage: what is asked for, by whom, in which dialect, and the bytes that come with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
from modelarts_emulator.obs.metadata import Metadata, MetadataStore, guess_type
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.s3.checksums import verify_checksums
from modelarts_emulator.s3.chunked_body import decode_chunks, is_chunked
from modelarts_emulator.s3.xml import OBS_NAMESPACE, S3_NAMESPACE, Item, document
from modelarts_emulator.util.clock import Clock
from modelarts_emulator.util.ids import Ids

MAX_OBJECT = 5 << 30
_PIECE = 1 << 20
_KEPT_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")


@dataclass(frozen=True)
class Storage:
    """What object storage is made of.

    ``uploads`` is the folder of multipart uploads that are under way, ``images`` the pictures that were processed.
    """

    tree: ObjectTree
    metadata: MetadataStore
    uploads: Path
    images: ImageCache
    clock: Clock
    ids: Ids


@dataclass(frozen=True)
class Call:
    """One request. ``bucket`` and ``key`` are decoded, both may be empty."""

    storage: Storage
    request: SignedRequest
    bucket: str
    key: str
    caller: ObjectCaller
    environ: Mapping[str, Any] = field(repr=False)

    @property
    def path(self) -> ObsPath:
        """The bucket or object. Raises PATH_INVALID."""
        return ObsPath(self.bucket, self.key)

    @property
    def is_obs(self) -> bool:
        """Whether the client speaks OBS rather than S3."""
        authorization = self.request.header("authorization")
        if authorization:
            return authorization.startswith("OBS ")
        return "AccessKeyId" in self.request.parameters or any(
            name.startswith("x-obs-") for name in self.request.headers
        )

    @property
    def prefix(self) -> str:
        """How the dialect's own headers begin."""
        return "x-obs-" if self.is_obs else "x-amz-"

    def service_header(self, name: str) -> str:
        """The value of ``x-obs-…`` or ``x-amz-…``, whichever is there; empty if neither is."""
        return self.request.header("x-obs-" + name) or self.request.header("x-amz-" + name)

    def parameter(self, name: str) -> str | None:
        """The value of a query parameter, or None."""
        return self.request.parameters.get(name)

    def int_parameter(self, name: str, default: int, maximum: int) -> int:
        """A query parameter from 0 to ``maximum``; above that it is ``maximum``. Raises INVALID_ARGUMENT."""
        text = self.parameter(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit()):
            raise ApiError(INVALID_ARGUMENT, f"{name} is not a number")
        return min(int(text[:18]), maximum)

    def xml_response(self, name: str, content: str | Iterable[Item], status: int = 200) -> Response:
        """Answer with a document in the dialect's namespace."""
        body = document(name, content, OBS_NAMESPACE if self.is_obs else S3_NAMESPACE)
        return Response(body, status, mimetype="application/xml")

    # What comes with it

    def body(self, *, checksums: bool = True) -> Iterator[bytes]:
        """Yield the bytes, without ``aws-chunked`` framing; digests that came with them are compared at the end.

        Without ``checksums`` those in the headers are not the body's. Raises INCOMPLETE_BODY, OBJECT_TOO_LARGE, and as
        ``chunks.decoded`` and ``objects_digests.compared``.
        """
        if self.content_length() > MAX_OBJECT:
            raise ApiError(OBJECT_TOO_LARGE, f"more than {MAX_OBJECT} bytes")
        trailers: dict[str, str] = {}
        if is_chunked(self.request.headers):
            pieces = decode_chunks(self.environ["wsgi.input"], self.request.headers, self.caller.chunk_check, trailers)
        else:
            pieces = _plain(self.environ["wsgi.input"], self.content_length())
        # What has been signed counts, not what was added beside it.
        sha256 = self.caller.body_digest or self.service_header("content-sha256")
        return verify_checksums(pieces, self.request.headers, sha256=sha256, checksums=checksums, trailers=trailers)

    def content_length(self) -> int:
        """The length of the body as it was sent, in bytes. Raises INVALID_ARGUMENT."""
        text = self.request.header("content-length") or "0"
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise ApiError(INVALID_ARGUMENT, "Content-Length is not a number")
        return int(text)

    def small_body(self, limit: int, *, checksums: bool = True) -> bytes:
        """The whole body, at most ``limit`` bytes. Raises MALFORMED_XML for more, and as ``body``."""
        if self.content_length() > limit:
            raise ApiError(MALFORMED_XML, f"more than {limit} bytes")
        return b"".join(self.body(checksums=checksums))

    def stored_headers(self) -> dict[str, str]:
        """The headers that an object keeps: some of HTTP's own, and ``meta-…``."""
        kept = {name: value for name in _KEPT_HEADERS if (value := self.request.header(name))}
        coding = [part.strip() for part in kept.pop("content-encoding", "").split(",")]
        if coding := [part for part in coding if part and part != "aws-chunked"]:
            kept["content-encoding"] = ", ".join(coding)
        for prefix in ("x-obs-meta-", "x-amz-meta-"):
            for name, value in self.request.headers.items():
                if name.startswith(prefix):
                    kept["meta-" + name.removeprefix(prefix)] = value
        return kept

    def request_metadata(self, etag: str = "") -> Metadata:
        """What the request says about an object; the type by its name where the request has none.

        Raises INVALID_ARGUMENT for what is not UTF-8.
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
