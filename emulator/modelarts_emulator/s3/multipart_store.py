"""Unfinished multipart uploads: their storage, and the list of them.

The folder ``<uploads>/<upload id>/`` holds ``upload.json`` and one file ``<number>.<MD5>`` per part. While its parts
are joined its name ends in ``.claimed``; once the upload has ended, and until it is removed, in ``.ended``.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import NO_SUCH_BUCKET, NO_SUCH_UPLOAD
from modelarts_emulator.s3 import storage_class
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.xml import Item, iso_time, key_text
from modelarts_emulator.system.durability import flush_file, flush_folder, replace_file

log = logging.getLogger(__name__)

_UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
_PAGE = 1000
_DESCRIPTION = "upload.json"
CLAIMED, ENDED = ".claimed", ".ended"


class Upload(msgspec.Struct, frozen=True):
    """The content of ``upload.json``: the object to create, and its metadata."""

    bucket: str
    key: str
    started_ms: int
    content_type: str
    headers: dict[str, str]

    @property
    def storage_class(self) -> str:
        """The storage class of the object to create."""
        return self.headers.get(storage_class.STORED, storage_class.DEFAULT)


class _ListedUpload(NamedTuple):
    key: str
    started_ms: int
    upload_id: str
    storage_class: str


def create_upload(call: Call, upload: Upload) -> str:
    """Store a new upload and return its id."""
    upload_id = call.storage.ids.upload()
    folder = call.storage.uploads / upload_id
    folder.mkdir(parents=True)
    # Renamed when it is complete: a kill leaves a folder without a description, which the next start removes.
    unfinished = folder / f".{_DESCRIPTION}"
    with unfinished.open("wb") as file:
        file.write(msgspec.json.encode(upload))
        if call.storage.fsync:
            file.flush()
            flush_file(file.fileno())
    replace_file(unfinished, folder / _DESCRIPTION)
    if call.storage.fsync:
        flush_folder(folder)
        flush_folder(folder.parent)
    return upload_id


def claim(folder: Path) -> Path:
    """Rename the folder of an upload, so that only one of two concurrent requests completes or aborts it.

    Raises NO_SUCH_UPLOAD for the other one.
    """
    try:
        return folder.rename(folder.with_name(folder.name + CLAIMED))
    except OSError:
        raise ApiError(NO_SUCH_UPLOAD) from None


def end_upload(claimed: Path) -> None:
    """Remove a claimed upload. The rename is the moment of its end: removing its parts is not one step."""
    ended = claimed.rename(claimed.with_name(claimed.name.removesuffix(CLAIMED) + ENDED))
    shutil.rmtree(ended, ignore_errors=True)


def recover_uploads(uploads: Path) -> None:
    """Reopen uploads whose parts were being joined when the emulator ended; remove leftovers of ended uploads.

    The object of a completed upload may exist already: completing the upload again writes the same object.
    """
    for folder in sorted(uploads.iterdir()) if uploads.is_dir() else ():
        if folder.name.endswith(CLAIMED):
            log.warning("Completing upload %s was interrupted; it can be completed again", folder.stem)
            folder.rename(folder.with_suffix(""))
        elif folder.name.endswith(ENDED) or not (folder / _DESCRIPTION).exists():
            if not folder.name.endswith(ENDED) and any(folder.glob("[!.]*")):  # the description precedes every part
                log.error("%s is missing: the parts of its upload are lost", folder / _DESCRIPTION)
            shutil.rmtree(folder, ignore_errors=True)
        else:
            if _description(folder) is None:
                log.error("%s is damaged: its upload can be neither completed nor listed", folder / _DESCRIPTION)
            for unfinished in folder.glob(".*"):
                unfinished.unlink(missing_ok=True)


def find_upload(call: Call) -> tuple[Path, Upload]:
    """Return the folder of the upload that a call names, and its description. Raises NO_SUCH_UPLOAD."""
    upload_id = call.parameter("uploadId") or ""
    folder = call.storage.uploads / upload_id
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise ApiError(NO_SUCH_UPLOAD)
    found = _description(folder)
    if found is None:
        raise ApiError(NO_SUCH_UPLOAD)
    if (found.bucket, found.key) != (call.bucket, call.key):
        raise ApiError(NO_SUCH_UPLOAD)
    return folder, found


def abort_uploads_of(call: Call) -> None:
    """Delete all uploads of the call's bucket."""
    for folder, _ in list(_uploads(call)):
        shutil.rmtree(folder, ignore_errors=True)


def list_uploads(call: Call) -> Response:
    """List a page of the uploads of a bucket, ordered by key and start.

    Raises NO_SUCH_BUCKET or INVALID_ARGUMENT.
    """
    if not call.storage.tree.has_bucket(call.bucket):
        raise ApiError(NO_SUCH_BUCKET, call.bucket)
    prefix, delimiter = call.parameter("prefix") or "", call.parameter("delimiter") or ""
    key_marker, id_marker = call.parameter("key-marker") or "", call.parameter("upload-id-marker") or ""
    limit, encoding = call.int_parameter("max-uploads", _PAGE, _PAGE), call.parameter("encoding-type")
    begun = [
        _ListedUpload(each.key, each.started_ms, folder.name, each.storage_class) for folder, each in _uploads(call)
    ]
    found = _after([each for each in sorted(begun) if each.key.startswith(prefix)], key_marker, id_marker)
    rows = _rolled_up(found, prefix, delimiter, key_marker)
    shown, truncated = rows[:limit], len(rows) > limit > 0
    last = shown[-1] if truncated else None
    document: list[Item] = [
        ("Bucket", call.bucket),
        ("KeyMarker", key_text(key_marker, encoding)),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", key_text(last if isinstance(last, str) else last.key, encoding) if last else None),
        ("NextUploadIdMarker", last.upload_id if isinstance(last, _ListedUpload) else None),
        ("Prefix", key_text(prefix, encoding)),
        ("Delimiter", key_text(delimiter, encoding) if delimiter else None),
        ("EncodingType", encoding),
        ("MaxUploads", limit),
        ("IsTruncated", truncated),
        *(_row(each, encoding) for each in shown if isinstance(each, _ListedUpload)),
        *(("CommonPrefixes", [("Prefix", key_text(each, encoding))]) for each in shown if isinstance(each, str)),
    ]
    return call.xml_response("ListMultipartUploadsResult", document)


def _description(folder: Path) -> Upload | None:
    """Return the description of an upload; None if it does not exist or is damaged."""
    try:
        return msgspec.json.decode((folder / _DESCRIPTION).read_bytes(), type=Upload)
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None


def _uploads(call: Call) -> Iterator[tuple[Path, Upload]]:
    uploads = call.storage.uploads
    for folder in sorted(uploads.iterdir()) if uploads.is_dir() else ():
        upload = _description(folder)
        if upload is None:
            continue
        if upload.bucket == call.bucket and _UPLOAD_ID.fullmatch(folder.name):
            yield folder, upload


def _after(ordered: list[_ListedUpload], key: str, upload_id: str) -> list[_ListedUpload]:
    """Return the uploads after the markers. Without an id marker, all uploads of the marked key are skipped."""
    for index, each in enumerate(ordered):
        if upload_id and (each.key, each.upload_id) == (key, upload_id):
            return ordered[index + 1 :]
    return [each for each in ordered if each.key > key]


def _rolled_up(found: Iterable[_ListedUpload], prefix: str, delimiter: str, marker: str) -> list[_ListedUpload | str]:
    """Return uploads and common prefixes.

    Keys with the delimiter after ``prefix`` are replaced, once, by their text up to it.
    """
    rows: list[_ListedUpload | str] = []
    for each in found:
        head, rolled, _ = each.key[len(prefix) :].partition(delimiter or "\0")
        row = prefix + head + rolled if rolled else each
        if row != marker and (not rows or row != rows[-1]):
            rows.append(row)
    return rows


def _row(each: _ListedUpload, encoding: str | None) -> Item:
    names: list[Item] = [("Key", key_text(each.key, encoding)), ("UploadId", each.upload_id)]
    return "Upload", [*names, ("StorageClass", each.storage_class), ("Initiated", iso_time(each.started_ms * 10**6))]
