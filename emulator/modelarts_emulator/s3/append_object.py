"""Append to objects, as OBS's AppendObject does. S3 has no such call.

The first append creates an appendable object. An object that was written in another way cannot be appended to.
Reference: OBS API reference, "Appending an Object".
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import BinaryIO

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    INVALID_ARGUMENT,
    NO_SUCH_KEY,
    OBJECT_NOT_APPENDABLE,
    OBJECT_TOO_LARGE,
    POSITION_NOT_EQUAL_TO_LENGTH,
)
from modelarts_emulator.obs.metadata import Metadata
from modelarts_emulator.s3.call import MAX_OBJECT, Call
from modelarts_emulator.s3.error_mapping import to_storage_error
from modelarts_emulator.s3.get_object import APPENDABLE, OBJECT_TYPE, OpenObject, find_object

_PIECE = 1 << 20
_guard = threading.Lock()
_appending: set[str] = set()
"""Objects that an append is writing. A second append to one of them has a wrong position: the first one moves it."""


def append_object(call: Call) -> Response:
    """Append the body at ``position``, which must be the length of the object, and return the next position.

    Raises INVALID_ARGUMENT, OBJECT_NOT_APPENDABLE, POSITION_NOT_EQUAL_TO_LENGTH, OBJECT_TOO_LARGE and the errors of
    ``Call.body``.
    """
    text = call.parameter("position") or ""
    if not (text.isascii() and text.isdigit() and len(text) < 19) or call.key.endswith("/"):
        raise ApiError(INVALID_ARGUMENT, "position must be a number, and the key must not end in '/'")
    position, digest = int(text), hashlib.md5(usedforsecurity=False)
    with _exclusively(call.path.object_name):
        found = _existing(call)
        try:
            metadata = _appended_metadata(call, found, position)
            stat = call.storage.tree.write(call.path, _joined(call, found, digest), overwrite=found is not None)
        except FileExistsError:
            raise ApiError(POSITION_NOT_EQUAL_TO_LENGTH, "the object was created concurrently") from None
        finally:
            if found is not None:
                found.file.close()
    call.storage.metadata.put(call.path.object_name, stat, replace(metadata, etag=digest.hexdigest()))
    return Response(None, 200, {"ETag": f'"{digest.hexdigest()}"', "x-obs-next-append-position": str(stat.size)})


@contextmanager
def _exclusively(name: str) -> Iterator[None]:
    with _guard:
        if name in _appending:
            raise ApiError(POSITION_NOT_EQUAL_TO_LENGTH, "another append to the object is running")
        _appending.add(name)
    try:
        yield
    finally:
        with _guard:
            _appending.discard(name)


def _existing(call: Call) -> OpenObject | None:
    try:
        return find_object(call)
    except ApiError as error:
        if to_storage_error(error).error is NO_SUCH_KEY:
            return None
        raise


def _appended_metadata(call: Call, found: OpenObject | None, position: int) -> Metadata:
    """Return the metadata of the object after the append; those of the first append stay."""
    if found is None:
        given = call.request_metadata()
        if position:
            raise ApiError(POSITION_NOT_EQUAL_TO_LENGTH, "the object does not exist: its length is 0")
        return replace(given, headers={**given.headers, OBJECT_TYPE: APPENDABLE})
    if found.metadata.headers.get(OBJECT_TYPE) != APPENDABLE:
        raise ApiError(OBJECT_NOT_APPENDABLE, call.key)
    if position != found.stat.size:
        raise ApiError(POSITION_NOT_EQUAL_TO_LENGTH, f"the length is {found.stat.size}")
    if position + call.content_length() > MAX_OBJECT:
        raise ApiError(OBJECT_TOO_LARGE, f"more than {MAX_OBJECT} bytes")
    return found.metadata


def _joined(call: Call, found: OpenObject | None, digest: hashlib._Hash) -> Iterator[bytes]:
    """Yield the bytes of the object, then those of the body, which also go into the digest."""
    if found is not None:
        yield from _pieces(found.file)
    for piece in call.body():
        digest.update(piece)
        yield piece
    if found is not None and call.storage.tree.stat(call.path) != found.stat:
        raise ApiError(POSITION_NOT_EQUAL_TO_LENGTH, "the object was changed concurrently")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    yield from iter(lambda: file.read(_PIECE), b"")
