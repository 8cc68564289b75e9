"""Read objects: whole, in part, on condition, or as a processed picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate
from functools import lru_cache
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

from flask import Response
from werkzeug.wsgi import wrap_file

from modelarts_emulator.contract.errors import BUCKET_NOT_FOUND, PARAMETER_INVALID, PATH_INVALID, ApiError
from modelarts_emulator.contract.storage_errors import (
    INVALID_ARGUMENT,
    INVALID_REQUEST,
    NO_SUCH_BUCKET,
    NO_SUCH_KEY,
    NO_SUCH_PART,
    PRECONDITION_FAILED,
    RANGE_NOT_SATISFIABLE,
)
from modelarts_emulator.media.images import process
from modelarts_emulator.obs.listing import ListedKey
from modelarts_emulator.obs.metadata import NO_FILE, Metadata
from modelarts_emulator.obs.object_tree import ObjectStat
from modelarts_emulator.s3 import checksums, part_sizes, storage_class, tagging
from modelarts_emulator.s3.call import HTTP_HEADERS, Call
from modelarts_emulator.s3.conditional import UNCHANGED, failed_condition, if_range_matches
from modelarts_emulator.s3.object_version import require_version
from modelarts_emulator.web import FileBody, Reply

OBJECT_TYPE, APPENDABLE = "object-type", "Appendable"
"""The stored header that marks objects made by appending, and its value."""
UNTRUSTED = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
"""Headers of what a client wrote: an HTML page must not run scripts with the origin of this server's own pages."""
MAX_PART_NUMBER = 10_000
_CHECKSUMS = frozenset(checksums.STORED + name for name in checksums.ALGORITHMS)
_PIECE = 1 << 18
_MAX_RANGE_DIGITS = 18
_OVERRIDES = ("cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires")


class OpenObject(NamedTuple):
    """An open object. The position of its file is undefined."""

    file: BinaryIO
    stat: ObjectStat
    metadata: Metadata


class Range(NamedTuple):
    """The bytes from ``start`` to before ``stop``."""

    start: int
    stop: int


def get_object(call: Call) -> Reply:
    """Return an object, or the part that its conditions and range select. HEAD omits the bytes.

    Raises NO_SUCH_KEY, NO_SUCH_BUCKET, PRECONDITION_FAILED, RANGE_NOT_SATISFIABLE, INVALID_ARGUMENT if the picture
    cannot be processed as requested, and SERVICE_UNAVAILABLE if too many pictures are being processed.
    """
    return _reply(call, find_object(call))


def get_known_object(call: Call) -> Reply | None:
    """Return the answer of ``get_object``, or None if that needs more than the object's file itself.

    Raises as ``get_object``.
    """
    require_version(call)
    if call.key.endswith("/") or call.parameter("x-image-process") is not None:
        return None
    file, stat = open_object(call)
    try:
        metadata = call.storage.metadata.get_recent(call.path.object_name, stat)
    except BaseException:
        file.close()
        raise
    if metadata is None:
        file.close()
        return None
    return _reply(call, OpenObject(file, stat, metadata))


def _reply(call: Call, found: OpenObject) -> Reply:
    """Return a reply that owns the file, unless it has closed it. Raises as ``get_object``."""
    file, stat, metadata = found
    try:
        refused = _not_modified(call, metadata.etag, stat.mtime_ns)
        if refused is not None:
            file.close()
            return refused
        parameter = call.parameter("x-image-process")
        if parameter is not None:
            file.close()
            return _processed(call, parameter, stat)
        return _answer(call, file, stat, metadata)
    except BaseException:
        file.close()
        raise


def as_response(reply: Reply, environ: Mapping[str, Any]) -> Response:
    """Return a reply of this module as Flask needs it, for a web server that sends files by itself or does not."""
    body = reply.body
    if isinstance(body, bytes):
        response = Response(body or None, reply.status, reply.headers)
        if reply.status == 304:
            del response.headers["Content-Type"]  # which Flask adds
        return response
    sends_files = "wsgi.file_wrapper" in environ
    pieces = wrap_file(dict(environ), body.file, _PIECE) if sends_files else _part(body.file, body.size)
    response = Response(pieces, reply.status, reply.headers, direct_passthrough=sends_files)
    response.call_on_close(body.file.close)
    return response


def find_object(call: Call) -> OpenObject:
    """Open the object of a call and read its metadata. Raises the errors of ``open_object`` and ``require_version``."""
    require_version(call)
    if call.key.endswith("/"):
        return _directory(call)
    file, stat = open_object(call)
    try:
        return OpenObject(file, stat, call.storage.metadata.get_or_compute(call.path.object_name, stat, file))
    except BaseException:
        file.close()
        raise


def open_object(call: Call) -> tuple[BinaryIO, ObjectStat]:
    """Open the object of a call, without a buffer, and return its size and time.

    Raises NO_SUCH_KEY or NO_SUCH_BUCKET, and PATH_INVALID for an invalid key.
    """
    path = call.path
    try:
        return call.storage.tree.open_with_stat(path)
    except ApiError as error:
        if error.error is BUCKET_NOT_FOUND:
            raise ApiError(NO_SUCH_BUCKET, path.bucket) from None
        if error.error is PATH_INVALID:  # a folder, or a link out of the bucket
            raise ApiError(NO_SUCH_KEY, path.key) from None
        raise


def listed_metadata(call: Call, key: ListedKey) -> Metadata:
    """Return the metadata of a listed key; opens the object only if none are stored. Raises NO_SUCH_KEY."""
    found = call.storage.metadata.get(f"{call.bucket}/{key.key}", ObjectStat(key.size, key.mtime_ns))
    if found is not None:
        return found
    listed = replace(call, key=key.key)
    file, stat = open_object(listed)
    with file:
        return call.storage.metadata.get_or_compute(listed.path.object_name, stat, file)


def object_headers(call: Call, metadata: Metadata, mtime_ns: int, size: int = 0) -> dict[str, str]:
    """Return the headers of an object: type, ETag, modification time, and those stored with it."""
    headers = {
        "Content-Type": metadata.content_type,
        "ETag": f'"{metadata.etag}"',
        "Last-Modified": _http_date(mtime_ns // 10**9),
        "Accept-Ranges": "bytes",
        **UNTRUSTED,
    }
    for name, value in metadata.headers.items():
        if name.startswith("meta-"):
            headers[call.prefix + name] = _as_latin1(value)
        elif name in HTTP_HEADERS:
            headers[name.title()] = _as_latin1(value)
        elif name == OBJECT_TYPE:
            headers["x-obs-object-type"], headers["x-obs-next-append-position"] = value, str(size)
        elif name == storage_class.STORED:
            headers[f"{call.prefix}storage-class"] = value
        elif name == tagging.STORED:
            headers[f"{call.prefix}tagging-count"] = str(len(tagging.decode_tags(value)))
    for name in _OVERRIDES if call.request.parameters else ():
        if (override := call.parameter(f"response-{name}")) is not None:
            if not override.isprintable():
                raise ApiError(INVALID_ARGUMENT, f"response-{name}")
            headers[name.title()] = _as_latin1(override)
    return headers


def parse_range(text: str, size: int) -> Range | None:
    """Parse ``bytes=first-last``; None if it is not a single range, which is then ignored.

    Raises RANGE_NOT_SATISFIABLE.
    """
    unit, equals, span = text.partition("=")
    first, dash, last = span.strip().partition("-")
    numbers = [part for part in (first, last) if part]
    if unit.strip() != "bytes" or not equals or not dash or not numbers:
        return None
    if not all(part.isascii() and part.isdigit() and len(part) <= _MAX_RANGE_DIGITS for part in numbers):
        return None
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise ApiError(RANGE_NOT_SATISFIABLE, f"the object has {size} bytes")
    return Range(start, stop)


def _answer(call: Call, file: BinaryIO, stat: ObjectStat, metadata: Metadata) -> Reply:
    headers = object_headers(call, metadata, stat.mtime_ns, stat.size)
    header = call.request.header
    if call.parameter("partNumber") is not None:
        wanted = _numbered_part(call, stat, metadata, headers)
    elif if_range_matches(header, metadata.etag, stat.mtime_ns):
        wanted = parse_range(header("range"), stat.size)
    else:
        wanted = None
    if wanted is None:
        if header("x-amz-checksum-mode").upper() == "ENABLED":
            headers |= {f"x-amz-{name}": value for name, value in metadata.headers.items() if name in _CHECKSUMS}
    else:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{stat.size}"
    start, stop = wanted or (0, stat.size)
    headers["Content-Length"] = str(stop - start)
    status = 200 if wanted is None else 206
    if call.request.method == "HEAD" or start == stop:
        file.close()
        return Reply(status, list(headers.items()), b"")
    if start:
        file.seek(start)
    return Reply(status, list(headers.items()), FileBody(file, size=stop - start))


def _numbered_part(call: Call, stat: ObjectStat, metadata: Metadata, headers: dict[str, str]) -> Range | None:
    """Return the bytes of the part that ``partNumber`` names, and add the number of parts to the headers.

    An object that was not uploaded in parts is its own only part. Raises INVALID_ARGUMENT, INVALID_REQUEST together
    with ``Range``, and NO_SUCH_PART.
    """
    text = call.parameter("partNumber") or ""
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MAX_PART_NUMBER):
        raise ApiError(INVALID_ARGUMENT, f"partNumber is from 1 to {MAX_PART_NUMBER}")
    if call.request.header("range"):
        raise ApiError(INVALID_REQUEST, "Range and partNumber exclude each other")
    sizes = metadata.headers.get(part_sizes.STORED, "") or part_sizes.encode_sizes([stat.size])
    part = part_sizes.find_part(sizes, int(text))
    if part is None or part.stop > stat.size:
        raise ApiError(NO_SUCH_PART, text)
    if part_sizes.STORED in metadata.headers:
        headers[f"{call.prefix}mp-parts-count"] = str(part_sizes.count_parts(sizes))
    return Range(part.start, part.stop) if part.start < part.stop else None


def _part(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size and (piece := file.read(min(size, _PIECE))):
        size -= len(piece)
        yield piece


def _directory(call: Call) -> OpenObject:
    """Return a folder as an empty object, if it was created as one. Only such folders are listed, too."""
    try:
        with call.storage.tree.open_directory(call.path) as folder:
            mtime_ns = folder.stat().st_mtime_ns
    except ApiError as error:
        raise ApiError(NO_SUCH_BUCKET if error.error is BUCKET_NOT_FOUND else NO_SUCH_KEY, call.key) from None
    known = call.storage.metadata.get(call.path.object_name, NO_FILE)
    if known is None:
        raise ApiError(NO_SUCH_KEY, call.key)
    return OpenObject(BytesIO(), ObjectStat(0, mtime_ns), known)


def _processed(call: Call, parameter: str, stat: ObjectStat) -> Reply:
    storage = call.storage
    try:
        body, content_type = storage.images.get(
            (call.path.object_name, stat, parameter), lambda: _process(call, parameter)
        )
    except ApiError as error:
        if error.error is PARAMETER_INVALID:
            raise ApiError(INVALID_ARGUMENT, error.detail) from None
        raise
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    headers = object_headers(call, Metadata(etag, content_type), stat.mtime_ns)
    headers["Content-Length"] = str(len(body))
    return Reply(200, list(headers.items()), body)


def _process(call: Call, parameter: str) -> tuple[bytes, str]:
    with call.storage.tree.open(call.path) as file:
        return process(file, parameter, call.storage.gate)


def _not_modified(call: Call, etag: str, mtime_ns: int) -> Reply | None:
    """Return 304 if the client already has the object, None if not. Raises PRECONDITION_FAILED."""
    failed = failed_condition(call.request.header, etag, mtime_ns)
    if failed is None:
        return None
    if failed not in UNCHANGED:
        raise ApiError(PRECONDITION_FAILED, failed)
    # Without a time, as RFC 9110 recommends where there is an ETag; Flask would remove it.
    return Reply(304, [("ETag", f'"{etag}"')], b"")


@lru_cache(maxsize=1024)
def _http_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _as_latin1(value: str) -> str:
    """Return a header value in the form WSGI requires: bytes decoded as Latin-1."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("latin-1")
