"""Operations on buckets: list, create, delete, and list their keys."""

from __future__ import annotations

import errno
from base64 import b64decode, urlsafe_b64encode
from contextlib import suppress

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    ACCESS_DENIED,
    BUCKET_NOT_EMPTY,
    INVALID_ARGUMENT,
    MALFORMED_XML,
    NO_SUCH_BUCKET,
    NOT_IMPLEMENTED,
)
from modelarts_emulator.iam.accounts import derived_id
from modelarts_emulator.obs.folders import remove_empty_folders
from modelarts_emulator.obs.listing import KeyPage, ListedKey, list_keys
from modelarts_emulator.obs.metadata import DIRECTORY
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.s3 import storage_class
from modelarts_emulator.s3.bucket_settings import keep_setting, kept_setting
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.get_object import listed_metadata
from modelarts_emulator.s3.multipart_store import abort_uploads_of
from modelarts_emulator.s3.object_version import ONLY_VERSION
from modelarts_emulator.s3.xml import MAX_BODY, Item, iso_time, key_text, parse

_PAGE = 1000
REGION = "eu-de"
_DIALECTS = {"x-obs-api": "3.0"}


def list_buckets(call: Call) -> Response:
    """List all buckets."""
    tree = call.storage.tree
    rows: list[Item] = []
    for name in tree.buckets():
        with suppress(OSError, ApiError):  # deleted concurrently
            created = iso_time(tree.local(ObsPath(name)).stat().st_mtime_ns)
            children: list[Item] = [("Name", name), ("CreationDate", created)]
            rows.append(
                ("Bucket", [*children, ("Location", REGION), ("BucketType", "OBJECT")] if call.is_obs else children)
            )
    return call.xml_response("ListAllMyBucketsResult", [("Owner", owner(call)), ("Buckets", rows)])


def create_bucket(call: Call) -> Response:
    """Create a bucket, or keep the existing one. Raises PATH_INVALID and INVALID_STORAGE_CLASS."""
    chosen = call.service_header("storage-class")
    if chosen:
        storage_class.require_known(chosen)
    call.storage.tree.create_bucket(call.bucket)
    if chosen:
        keep_setting(call, storage_class.OF_BUCKET, call.xml_document("StorageClass", chosen))
    return Response(None, 200, {"Location": f"/{call.bucket}"})


def head_service(_: Call) -> Response:
    """Return the supported dialects."""
    return Response(None, 200, _DIALECTS)


def head_bucket(call: Call) -> Response:
    """Return whether a bucket exists, and the supported dialects. Raises NO_SUCH_BUCKET."""
    require_bucket(call)
    kept = kept_setting(call, storage_class.OF_BUCKET)
    chosen = parse(kept, "StorageClass").text if kept else storage_class.DEFAULT
    places = {"x-obs-bucket-location": REGION, "x-amz-bucket-region": REGION}
    return Response(None, 200, {**places, "x-obs-storage-class": chosen or "", **_DIALECTS})


def delete_bucket(call: Call) -> Response:
    """Delete a bucket without objects.

    Raises NO_SUCH_BUCKET or BUCKET_NOT_EMPTY, and ACCESS_DENIED for a mounted folder.
    """
    root = require_bucket(call)
    if list_keys(root, limit=1, directories=call.storage.metadata.directories(call.bucket)).keys:
        raise ApiError(BUCKET_NOT_EMPTY, call.bucket)
    try:
        _delete_with_folders(call, root)
    except ApiError as error:
        reason = error.__cause__
        busy = isinstance(reason, OSError) and reason.errno == errno.ENOTEMPTY
        raise ApiError(BUCKET_NOT_EMPTY if busy else ACCESS_DENIED, error.detail) from None
    abort_uploads_of(call)
    call.storage.metadata.remove_bucket(call.bucket)
    return Response(None, 204)


def bucket_location(call: Call) -> Response:
    """Return the region of a bucket. Raises NO_SUCH_BUCKET."""
    require_bucket(call)
    if call.is_obs:
        return call.xml_response("Location", REGION)
    if call.request.header("authorization").startswith("AWS "):  # OBS's own client in S3 mode expects a child
        return call.xml_response("CreateBucketConfiguration", [("", REGION), ("LocationConstraint", REGION)])
    return call.xml_response("LocationConstraint", REGION)


def storage_info(call: Call) -> Response:
    """Return the number of objects in a bucket and their total size in bytes. Raises NO_SUCH_BUCKET."""
    keys = list_keys(require_bucket(call), limit=1 << 40).keys
    return call.xml_response(
        "GetBucketStorageInfoResult", [("Size", sum(key.size for key in keys)), ("ObjectNumber", len(keys))]
    )


def versioning(call: Call) -> Response:
    """Answer that objects are not versioned. Raises NO_SUCH_BUCKET."""
    require_bucket(call)
    return call.xml_response("VersioningConfiguration", [])


def suspend_versioning(call: Call) -> Response:
    """Accept ``Suspended``: nothing is versioned. Raises NOT_IMPLEMENTED for ``Enabled``, MALFORMED_XML."""
    require_bucket(call)
    status = parse(call.small_body(MAX_BODY), "VersioningConfiguration").findtext("Status")
    if status != "Suspended":
        raise ApiError(NOT_IMPLEMENTED if status == "Enabled" else MALFORMED_XML, "buckets are not versioned")
    return Response(None, 200)


def list_objects(call: Call) -> Response:
    """List a page of keys in the form of S3's ListObjects. Raises NO_SUCH_BUCKET or INVALID_ARGUMENT."""
    after, encoding = call.parameter("marker") or "", call.parameter("encoding-type")
    limit = call.int_parameter("max-keys", _PAGE, _PAGE)
    found = _page(call, after, limit)
    head: list[Item] = [("Marker", key_text(after, encoding))]
    if found.last is not None:
        head.append(("NextMarker", key_text(found.last, encoding)))
    return _listing(call, found, limit, head)


def list_objects_v2(call: Call) -> Response:
    """List a page of keys in the form of S3's ListObjectsV2. Raises NO_SUCH_BUCKET or INVALID_ARGUMENT."""
    start, encoding = call.parameter("start-after"), call.parameter("encoding-type")
    token = call.parameter("continuation-token")
    limit = call.int_parameter("max-keys", _PAGE, _PAGE)
    found = _page(call, _key_of(token) if token else start or "", limit)
    following = None if found.last is None else urlsafe_b64encode(found.last.encode()).decode("ascii")
    head: list[Item] = [
        ("KeyCount", len(found.keys) + len(found.prefixes)),
        ("StartAfter", None if start is None else key_text(start, encoding)),
        ("ContinuationToken", token),
        ("NextContinuationToken", following),
    ]
    with_owner = call.parameter("fetch-owner") == "true"
    return _listing(call, found, limit, head, with_owner=with_owner)


def list_versions(call: Call) -> Response:
    """List a page of versions: each object has one, ``null``, as in a bucket that was never versioned.

    Raises NO_SUCH_BUCKET or INVALID_ARGUMENT.
    """
    after, encoding = call.parameter("key-marker") or "", call.parameter("encoding-type")
    limit = call.int_parameter("max-keys", _PAGE, _PAGE)
    found = _page(call, after, limit)
    head: list[Item] = [
        ("KeyMarker", key_text(after, encoding)),
        ("VersionIdMarker", call.parameter("version-id-marker") or ""),
    ]
    if found.last is not None:
        head += [("NextKeyMarker", key_text(found.last, encoding)), ("NextVersionIdMarker", ONLY_VERSION)]
    return _listing(call, found, limit, head, is_of_versions=True)


def require_bucket(call: Call) -> str:
    """Return the folder of the call's bucket. Raises NO_SUCH_BUCKET."""
    if not call.storage.tree.has_bucket(call.bucket):
        raise ApiError(NO_SUCH_BUCKET, call.bucket)
    return str(call.storage.tree.local(ObsPath(call.bucket)))


def owner(call: Call) -> list[Item]:
    """Return the owner of all buckets and objects, as XML elements."""
    domain = call.caller.principal.domain
    return [("ID", derived_id("domain", domain)), ("DisplayName", domain)]


def _delete_with_folders(call: Call, root: str) -> None:
    """Delete a bucket that has no objects but may have empty folders. Raises OBS_ERROR."""
    tree = call.storage.tree
    try:
        tree.delete_bucket(call.bucket)
    except ApiError as error:
        if not isinstance(error.__cause__, OSError):
            raise  # a mounted folder is never deleted
        with suppress(OSError):
            remove_empty_folders(tree, call.bucket)
        if tree.has_bucket(call.bucket):
            tree.delete_bucket(call.bucket)


def _page(call: Call, after: str, limit: int) -> KeyPage:
    root = require_bucket(call)
    if not limit:
        return KeyPage([], [], None)
    return list_keys(
        root,
        prefix=call.parameter("prefix") or "",
        delimiter=call.parameter("delimiter") or "",
        after=after,
        limit=limit,
        directories=call.storage.metadata.directories(call.bucket),
    )


def _key_of(token: str) -> str:
    try:
        return b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise ApiError(INVALID_ARGUMENT, "invalid continuation token") from None


def _listing(
    call: Call,
    found: KeyPage,
    limit: int,
    head: list[Item],
    *,
    with_owner: bool = True,
    is_of_versions: bool = False,
) -> Response:
    encoding = call.parameter("encoding-type")
    delimiter = call.parameter("delimiter")
    children: list[Item] = [
        ("Name", call.bucket),
        ("Prefix", key_text(call.parameter("prefix") or "", encoding)),
        ("Delimiter", key_text(delimiter, encoding) if delimiter else None),
        ("MaxKeys", limit),
        ("EncodingType", encoding),
        ("IsTruncated", found.last is not None),
        *head,
    ]
    who = owner(call) if with_owner else None
    for key in found.keys:
        with suppress(ApiError, OSError):  # deleted since it was listed
            row = _contents(call, key, encoding, who)
            if is_of_versions:
                row = [row[0], ("VersionId", ONLY_VERSION), ("IsLatest", True), *row[1:]]
            children.append(("Version" if is_of_versions else "Contents", row))
    children += [("CommonPrefixes", [("Prefix", key_text(prefix, encoding))]) for prefix in found.prefixes]
    return call.xml_response("ListVersionsResult" if is_of_versions else "ListBucketResult", children)


def _contents(call: Call, key: ListedKey, encoding: str | None, who: list[Item] | None) -> list[Item]:
    metadata = DIRECTORY if key.key.endswith("/") else listed_metadata(call, key)
    return [
        ("Key", key_text(key.key, encoding)),
        ("LastModified", iso_time(key.mtime_ns)),
        ("ETag", f'"{metadata.etag}"'),
        ("Size", key.size),
        ("Owner", who),
        ("StorageClass", metadata.headers.get(storage_class.STORED, storage_class.DEFAULT)),
    ]
