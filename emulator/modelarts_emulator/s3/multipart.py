"""Multipart uploads: parts are files in the upload's own folder until it is completed or aborted."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    INVALID_ARGUMENT,
    INVALID_PART,
    INVALID_PART_ORDER,
    MALFORMED_XML,
    NO_SUCH_BUCKET,
    NO_SUCH_UPLOAD,
    PART_TOO_SMALL,
)
from modelarts_emulator.obs.metadata import Metadata, etag_of_parts
from modelarts_emulator.s3 import part_sizes
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.checksums import HEADER, STORED, BodyChecks, verify_checksums
from modelarts_emulator.s3.get_object import MAX_PART_NUMBER, find_object, parse_range
from modelarts_emulator.s3.multipart_store import Upload, claim, create_upload, end_upload, find_upload
from modelarts_emulator.s3.put_object import copy_source, require_source_conditions, write_object
from modelarts_emulator.s3.xml import MAX_BODY, Item, iso_time, key_text, parse, text_of
from modelarts_emulator.system.durability import flush_data, flush_folder

MIN_PART_BYTES = 100 * 1024
"""OBS's limit for every part but the last. S3's limit is 5 MB."""

_PIECE = 1 << 20
_CHECKSUM_TYPE, _OF_OBJECT = "x-amz-checksum-type", "FULL_OBJECT"


class _Part(NamedTuple):
    number: int
    etag: str
    file: Path

    @property
    def size(self) -> int:
        return self.file.stat().st_size


def start_upload(call: Call) -> Response:
    """Start an upload. Raises NO_SUCH_BUCKET and PATH_INVALID."""
    if not call.storage.tree.has_bucket(call.bucket):
        raise ApiError(NO_SUCH_BUCKET, call.bucket)
    call.storage.tree.local(call.path)
    given = call.request_metadata()
    upload = Upload(call.bucket, call.key, call.storage.clock.now_ms(), given.content_type, dict(given.headers))
    row: list[Item] = [("Bucket", call.bucket), ("Key", call.key), ("UploadId", create_upload(call, upload))]
    return call.xml_response("InitiateMultipartUploadResult", row)


def put_part(call: Call) -> Response:
    """Store a part, replacing one with the same number. Raises NO_SUCH_UPLOAD and the errors of ``Call.body``."""
    part = _store_part(call, call.body())
    return Response(None, 200, {"ETag": f'"{part.etag}"'})


def copy_part(call: Call) -> Response:
    """Store a range of another object as a part.

    Raises NO_SUCH_UPLOAD, NO_SUCH_KEY, PRECONDITION_FAILED or RANGE_NOT_SATISFIABLE.
    """
    found = find_object(copy_source(call))
    with found.file as file:
        require_source_conditions(call, found)
        wanted = parse_range(call.service_header("copy-source-range"), found.stat.size)
        start, stop = wanted or (0, found.stat.size)
        file.seek(start)
        part = _store_part(call, _piece(file, stop - start))
    modified = iso_time(part.file.stat().st_mtime_ns)
    return call.xml_response("CopyPartResult", [("LastModified", modified), ("ETag", f'"{part.etag}"')])


def list_parts(call: Call) -> Response:
    """List a page of the parts of an upload. Raises NO_SUCH_UPLOAD or INVALID_ARGUMENT."""
    folder, upload = find_upload(call)
    after, limit = (
        call.int_parameter("part-number-marker", 0, MAX_PART_NUMBER),
        call.int_parameter("max-parts", 1000, 1000),
    )
    parts = [part for part in _parts(folder) if part.number > after]
    shown = parts[:limit]
    rows: list[Item] = [
        ("Bucket", call.bucket),
        ("Key", key_text(call.key, call.parameter("encoding-type"))),
        ("UploadId", call.parameter("uploadId")),
        ("PartNumberMarker", after),
        ("NextPartNumberMarker", shown[-1].number if shown else after),
        ("MaxParts", limit),
        ("IsTruncated", len(shown) < len(parts)),
        ("StorageClass", upload.storage_class),
    ]
    for part in shown:
        modified = iso_time(part.file.stat().st_mtime_ns)
        row: list[Item] = [("PartNumber", part.number), ("LastModified", modified)]
        rows.append(("Part", [*row, ("ETag", f'"{part.etag}"'), ("Size", part.size)]))
    return call.xml_response("ListPartsResult", rows)


def complete_upload(call: Call) -> Response:
    """Join the named parts, in their order, into the object, and end the upload.

    Raises NO_SUCH_UPLOAD, MALFORMED_XML, INVALID_PART, INVALID_PART_ORDER, PART_TOO_SMALL or BAD_CHECKSUM.
    """
    folder, upload = find_upload(call)
    # A checksum header applies to the object, not to the list of parts in the body.
    root = parse(call.small_body(MAX_BODY, checksums=False), "CompleteMultipartUpload")
    named = [(text_of(part, "PartNumber"), text_of(part, "ETag")) for part in root.findall("Part")]
    claimed = claim(folder)
    try:
        parts = _selected_parts(_parts(claimed), named)
        verified: dict[str, str] = {}
        stat = write_object(call, _verified_bytes(call, parts, verified))
        headers = {
            **upload.headers,
            **verified,
            part_sizes.STORED: part_sizes.encode_sizes(part.size for part in parts),
        }
        metadata = Metadata(etag_of_parts(part.etag for part in parts), upload.content_type, headers)
        call.storage.metadata.put(call.path.object_name, stat, metadata)
    except BaseException:
        claimed.rename(folder)
        raise
    end_upload(claimed)
    location: list[Item] = [("Location", f"/{call.bucket}/{call.key}"), ("Bucket", call.bucket), ("Key", call.key)]
    return call.xml_response("CompleteMultipartUploadResult", [*location, ("ETag", f'"{metadata.etag}"')])


def abort_upload(call: Call) -> Response:
    """Delete an upload and its parts. Raises NO_SUCH_UPLOAD."""
    end_upload(claim(find_upload(call)[0]))
    return Response(None, 204)


def _store_part(call: Call, pieces: Iterable[bytes]) -> _Part:
    number = call.int_parameter("partNumber", 0, MAX_PART_NUMBER + 1)
    if not 0 < number <= MAX_PART_NUMBER:
        raise ApiError(INVALID_ARGUMENT, f"partNumber is from 1 to {MAX_PART_NUMBER}")
    folder, _ = find_upload(call)
    digest = hashlib.md5(usedforsecurity=False)
    temporary = folder / f".{number}.{threading.get_ident()}"
    try:
        with temporary.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
            if call.storage.fsync:
                file.flush()
                flush_data(file.fileno())
        final = folder / f"{number:05d}.{digest.hexdigest()}"
        temporary.replace(final)
        if call.storage.fsync:
            flush_folder(folder)
    except FileNotFoundError:
        raise ApiError(NO_SUCH_UPLOAD) from None  # completed or aborted concurrently
    finally:
        temporary.unlink(missing_ok=True)
    for earlier in folder.glob(f"{number:05d}.*"):
        if earlier != final:
            earlier.unlink(missing_ok=True)
    return _Part(number, digest.hexdigest(), final)


def _parts(folder: Path) -> list[_Part]:
    names = sorted(name for name in os.listdir(folder) if name[0].isdigit())  # noqa: PTH208
    return [_Part(int(name[:5]), name[6:], folder / name) for name in names]


def _selected_parts(parts: list[_Part], named: list[tuple[str, str]]) -> list[_Part]:
    if not named or len(named) > MAX_PART_NUMBER or not all(number.strip().isdecimal() for number, _ in named):
        raise ApiError(MALFORMED_XML, "parts with their numbers are needed")
    numbers = [int(number) for number, _ in named]
    if any(one >= other for one, other in pairwise(numbers)):
        raise ApiError(INVALID_PART_ORDER)
    known = {(part.number, part.etag): part for part in parts}
    wanted = [(int(number), etag.strip().strip('"').lower()) for number, etag in named]
    if missing := [number for number, etag in wanted if (number, etag) not in known]:
        raise ApiError(INVALID_PART, f"part {missing[0]}")
    chosen = [known[each] for each in wanted]
    if small := [part.number for part in chosen[:-1] if part.size < MIN_PART_BYTES]:
        raise ApiError(PART_TOO_SMALL, f"part {small[0]} has less than {MIN_PART_BYTES} bytes")
    return chosen


def _verified_bytes(call: Call, parts: list[_Part], verified: dict[str, str]) -> Iterator[bytes]:
    """Yield the bytes of the object, and compare its checksum where the request has one of the whole object."""
    if call.request.header(_CHECKSUM_TYPE).upper() != _OF_OBJECT:
        return _part_bytes(parts)  # a checksum of the parts' checksums
    own = {name: value for name, value in call.request.headers.items() if name.startswith(HEADER + STORED)}
    return verify_checksums(_part_bytes(parts), BodyChecks(own, {}, verified), sha256="")


def _part_bytes(parts: list[_Part]) -> Iterator[bytes]:
    for part in parts:
        with part.file.open("rb") as file:
            yield from iter(lambda: file.read(_PIECE), b"")


def _piece(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left and (piece := file.read(min(_PIECE, left))):
        left -= len(piece)
        yield piece
