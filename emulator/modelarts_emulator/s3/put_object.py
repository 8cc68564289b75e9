"""Write objects: put, copy, delete. A bucket is a folder, so an object is a file at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from urllib.parse import unquote

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    INVALID_ARGUMENT,
    INVALID_KEY,
    INVALID_REQUEST,
    MALFORMED_XML,
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
)
from modelarts_emulator.obs.folders import remove_directory
from modelarts_emulator.obs.metadata import DIRECTORY_TYPE, EMPTY_MD5, NO_FILE, Metadata
from modelarts_emulator.obs.object_tree import ObjectStat
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.s3 import part_sizes, storage_class, tagging
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.checksums import HEADER, STORED
from modelarts_emulator.s3.conditional import etag_matches, failed_condition
from modelarts_emulator.s3.error_mapping import to_storage_error
from modelarts_emulator.s3.get_object import OBJECT_TYPE, OpenObject, find_object
from modelarts_emulator.s3.object_version import ONLY_VERSION, check_version, require_version
from modelarts_emulator.s3.object_version import PARAMETER as VERSION
from modelarts_emulator.s3.xml import MAX_BODY, Item, iso_time, parse, text_of

_MAX_DELETED = 1000


def put_object(call: Call) -> Response:
    """Write an object. A key that ends in ``/`` creates a directory.

    Raises the errors of ``Call.body`` and ``ObjectTree.write``.
    """
    if call.key.endswith("/"):
        return _put_directory(call)
    digest, given = hashlib.md5(usedforsecurity=False), call.request_metadata()
    verified: dict[str, str] = {}
    stat = write_object(call, _hashing(call.body(verified=verified), digest))
    metadata = replace(given, etag=digest.hexdigest(), headers={**given.headers, **verified})
    call.storage.metadata.put(call.path.object_name, stat, metadata)
    answer = {HEADER + name: value for name, value in verified.items()}
    return Response(None, 200, {"ETag": f'"{metadata.etag}"', **answer})


def copy_object(call: Call) -> Response:
    """Write an object with the bytes of another, and with its metadata unless the request replaces them.

    Raises NO_SUCH_KEY or PRECONDITION_FAILED, and INVALID_REQUEST for a copy to itself that changes nothing or for
    bytes copied to a directory.
    """
    source = copy_source(call)
    given = call.request_metadata()
    changes = _replaces(call, "metadata") or _replaces(call, "tagging") or storage_class.STORED in given.headers
    if source.path == call.path and not changes:
        raise ApiError(INVALID_REQUEST, "an object is copied to itself without changing its metadata")
    digest = hashlib.md5(usedforsecurity=False)
    found = find_object(source)
    with found.file as file:
        require_source_conditions(call, found)
        file.seek(0)
        pieces = _hashing(iter(lambda: file.read(1 << 20), b""), digest)
        if call.key.endswith("/"):
            _make_directory(call, pieces)
            stat = NO_FILE
        else:
            stat = write_object(call, pieces)
    metadata = replace(_copied(call, given, found.metadata), etag=digest.hexdigest())
    call.storage.metadata.put(call.path.object_name, stat, metadata)
    modified = stat.mtime_ns or call.storage.clock.now_ms() * 1_000_000
    return call.xml_response(
        "CopyObjectResult", [("LastModified", iso_time(modified)), ("ETag", f'"{digest.hexdigest()}"')]
    )


def delete_object(call: Call) -> Response:
    """Delete an object. Succeeds also if there is none. Raises NO_SUCH_BUCKET and the errors of ``check_version``."""
    require_version(call)
    delete(call, call.path)
    version = {} if call.parameter(VERSION) is None else {f"{call.prefix}version-id": ONLY_VERSION}
    return Response(None, 204, version)


def delete_objects(call: Call) -> Response:
    """Delete up to 1,000 objects, each with a result of its own.

    Raises MALFORMED_XML or NO_SUCH_BUCKET.
    """
    root = parse(call.small_body(MAX_BODY), "Delete")
    named = [(text_of(element, "Key"), element.findtext("VersionId")) for element in root.findall("Object")]
    if not 0 < len(named) <= _MAX_DELETED:
        raise ApiError(MALFORMED_XML, f"from 1 to {_MAX_DELETED} objects")
    quiet = (root.findtext("Quiet") or "").strip().lower() == "true"
    results: list[Item] = []
    for key, version in named:
        row: list[Item] = [("Key", key), ("VersionId", version)]
        try:
            check_version(version)
            delete(call, _path_of(call, key))
        except ApiError as refusal:
            error = to_storage_error(refusal)
            results.append(("Error", [*row, ("Code", error.error.code), ("Message", error.message)]))
        else:
            results += [] if quiet else [("Deleted", row)]
    return call.xml_response("DeleteResult", results)


def _path_of(call: Call, key: str) -> ObsPath:
    if not key:  # it would name the bucket itself
        raise ApiError(INVALID_KEY, "the key is empty")
    return ObsPath(call.bucket, key)


def delete(call: Call, path: ObsPath) -> None:
    """Delete an object and its stored metadata. A directory is deleted only if it is empty."""
    call.storage.metadata.remove(path.object_name)
    if path.is_directory:
        with suppress(OSError, ApiError):
            remove_directory(call.storage.tree, path)
    else:
        call.storage.tree.delete(path)


def write_object(call: Call, pieces: Iterable[bytes]) -> ObjectStat:
    """Write bytes to the object of a call.

    Raises PRECONDITION_FAILED if the object must not exist and does, or is not the one to be replaced; NO_SUCH_KEY if
    the object to be replaced does not exist.
    """
    overwrite = _may_overwrite(call)
    _require_match(call)
    try:
        return call.storage.tree.write(call.path, pieces, overwrite=overwrite)
    except FileExistsError:
        raise ApiError(PRECONDITION_FAILED, "If-None-Match") from None


def copy_source(call: Call) -> Call:
    """Return the call that would read the object named in ``…-copy-source``. Raises INVALID_ARGUMENT."""
    name, _, query = call.service_header("copy-source").partition("?")
    bucket, slash, key = unquote(name).lstrip("/").partition("/")
    if not (bucket and slash and key):
        raise ApiError(INVALID_ARGUMENT, "the copy source is not /bucket/key")
    return replace(call, bucket=bucket, key=key, request=replace(call.request, raw_query=query))


def require_source_conditions(call: Call, found: OpenObject) -> None:
    """Check the ``…-copy-source-if-…`` conditions of a copy. Raises PRECONDITION_FAILED."""

    def header(name: str) -> str:
        return call.service_header("copy-source-" + name)

    if failed := failed_condition(header, found.metadata.etag, found.stat.mtime_ns):
        raise ApiError(PRECONDITION_FAILED, f"copy-source-{failed.lower()}")


def _put_directory(call: Call) -> Response:
    metadata = call.request_metadata(EMPTY_MD5)
    if not call.request.header("content-type"):
        metadata = replace(metadata, content_type=DIRECTORY_TYPE)
    _make_directory(call, call.body())
    call.storage.metadata.put(call.path.object_name, NO_FILE, metadata)
    return Response(None, 200, {"ETag": f'"{EMPTY_MD5}"'})


def _make_directory(call: Call, pieces: Iterable[bytes]) -> None:
    if any(pieces):
        raise ApiError(INVALID_REQUEST, "a key that ends in '/' is a directory and cannot hold bytes")
    if not _may_overwrite(call) and call.storage.metadata.get(call.path.object_name, NO_FILE):
        raise ApiError(PRECONDITION_FAILED, "If-None-Match")
    _require_match(call)
    call.storage.tree.make_directory(call.path)


def _may_overwrite(call: Call) -> bool:
    condition = call.request.header("if-none-match").strip()
    if condition not in ("", "*"):
        raise ApiError(NOT_IMPLEMENTED, "If-None-Match of a write must be * or absent")
    return not condition


def _require_match(call: Call) -> None:
    if wanted := call.request.header("if-match"):
        found = find_object(call)
        found.file.close()
        if not etag_matches(wanted, found.metadata.etag):
            raise ApiError(PRECONDITION_FAILED, "If-Match")


def _replaces(call: Call, what: str) -> bool:
    return call.service_header(f"{what}-directive").upper() == "REPLACE"


def _copied(call: Call, given: Metadata, source: Metadata) -> Metadata:
    """Return the metadata of a copy: each of the source's unless the request replaces it; its class is never copied.

    A copy is written at once: it is neither appendable nor made of parts, even if the source is.
    """
    tags, checksums = {tagging.STORED}, {name for name in source.headers if name.startswith(STORED)}
    apart = {OBJECT_TYPE, part_sizes.STORED, storage_class.STORED} | tags | checksums
    headers = dict(_named(given, {storage_class.STORED}))
    headers.update(_named(given if _replaces(call, "tagging") else source, tags))
    headers.update(_named(source, checksums))
    chosen = given if _replaces(call, "metadata") else source
    headers.update(_named(chosen, chosen.headers.keys() - apart))
    return replace(chosen, headers=headers)


def _named(metadata: Metadata, names: Collection[str]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in metadata.headers.items() if name in names)


def _hashing(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece
