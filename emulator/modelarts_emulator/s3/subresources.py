"""Settings of buckets and objects, each with a subresource of its own such as ``?cors``.

Settings of a bucket are kept as they were sent, and have no effect on its objects. Without one, reading answers like
storage without that setting. Of an object, tags are kept; writing an access list succeeds without effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import orjson
from flask import Response

from modelarts_emulator.contract.errors import ApiError, Error
from modelarts_emulator.contract.storage_errors import MALFORMED_POLICY, MALFORMED_XML, NOT_IMPLEMENTED
from modelarts_emulator.obs.metadata import NO_FILE, Metadata
from modelarts_emulator.s3 import storage_class, tagging
from modelarts_emulator.s3.bucket_settings import keep_setting, kept_setting
from modelarts_emulator.s3.buckets import owner, require_bucket
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.get_object import UNTRUSTED, find_object
from modelarts_emulator.s3.xml import Item, parse

_MAX_SETTING = 1 << 16
_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


class _Setting(NamedTuple):
    """A setting: the root of its document, and the code of the error where it is not made.

    Without a code, an empty document answers. A setting that ``is_kept`` can be written.
    """

    root: str
    missing: str = ""
    is_kept: bool = True


SUBRESOURCES: dict[str, _Setting] = {
    "acl": _Setting("AccessControlPolicy", is_kept=False),
    "logging": _Setting("BucketLoggingStatus"),
    "notification": _Setting("NotificationConfiguration"),
    "requestPayment": _Setting("RequestPaymentConfiguration"),
    "quota": _Setting("Quota"),
    "policy": _Setting("", "NoSuchBucketPolicy"),
    "lifecycle": _Setting("LifecycleConfiguration", "NoSuchLifecycleConfiguration"),
    "cors": _Setting("CORSConfiguration", "NoSuchCORSConfiguration"),
    "website": _Setting("WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
    "tagging": _Setting("Tagging", "NoSuchTagSet"),
    "encryption": _Setting("ServerSideEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError"),
    "replication": _Setting("ReplicationConfiguration", "ReplicationConfigurationNotFoundError"),
    "object-lock": _Setting("ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", is_kept=False),
    "publicAccessBlock": _Setting("PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"),
    "ownershipControls": _Setting("OwnershipControls", "OwnershipControlsNotFoundError"),
    "customdomain": _Setting("ListBucketCustomDomainsResult", is_kept=False),
    "storageClass": _Setting("StorageClass"),
    "storagePolicy": _Setting("StoragePolicy"),
}
_OF_OBJECTS = ("acl", "tagging")


def get_setting(call: Call, name: str) -> Response:
    """Return a setting. Raises NO_SUCH_BUCKET, NO_SUCH_KEY, and the setting's own error where it is not made."""
    require_bucket(call)
    if call.key:
        return _object_setting(call, name)
    setting = SUBRESOURCES[name]
    if (kept := kept_setting(call, name)) is not None:
        kind = "application/xml" if setting.root else "application/json"
        return Response(kept, 200, UNTRUSTED, mimetype=kind)
    if setting.missing:
        code = "NoSuchEncryptionConfiguration" if name == "encryption" and _is_obs_client(call) else setting.missing
        raise ApiError(Error(404, code, "The specified configuration does not exist."), call.bucket)
    return call.xml_response(setting.root, _initial(call, name))


def put_setting(call: Call, name: str) -> Response:
    """Write a setting, or delete it.

    Raises NO_SUCH_BUCKET, NO_SUCH_KEY, NOT_IMPLEMENTED for a setting that is not kept, MALFORMED_XML, MALFORMED_POLICY,
    and the errors of ``read_tag_document``.
    """
    require_bucket(call)
    method = call.request.method
    if call.key:
        return _put_object_setting(call, name)
    if name == "acl" and method == "PUT":
        return Response(None, 200)
    if method not in ("PUT", "DELETE") or not (SUBRESOURCES[name].is_kept or method == "DELETE"):
        raise ApiError(NOT_IMPLEMENTED, f"{method} {name}")
    document = _checked_document(call, name) if method == "PUT" else None
    keep_setting(call, name, document)
    return Response(None, 200 if document and name != "policy" else 204)


def _checked_document(call: Call, name: str) -> bytes:
    body = call.small_body(_MAX_SETTING)
    if name == "policy":
        try:
            is_policy = isinstance(orjson.loads(body), dict)
        except orjson.JSONDecodeError:
            is_policy = False
        if not is_policy:
            raise ApiError(MALFORMED_POLICY)
        return body
    if name == "tagging":
        limits = tagging.OBS_BUCKET_LIMITS if call.is_obs else tagging.S3_BUCKET_LIMITS
        return call.xml_document("Tagging", tagging.tag_set(tagging.read_tag_document(body, limits)))
    root = parse(body, SUBRESOURCES[name].root)
    if name in ("storageClass", "storagePolicy"):
        chosen = root.text if name == "storageClass" else root.findtext("DefaultStorageClass")
        storage_class.require_known((chosen or "").strip())
    if name == "quota" and not (root.findtext("StorageQuota") or "").strip().isdecimal():
        raise ApiError(MALFORMED_XML, "StorageQuota is a number of bytes")
    return body


def _initial(call: Call, name: str) -> str | list[Item]:
    """Return the content of a setting that is not made."""
    if name == "storageClass":
        return storage_class.DEFAULT
    content: Mapping[str, list[Item]] = {
        "acl": [("Owner", owner(call)), ("AccessControlList", _full_control(call))],
        "requestPayment": [("Payer", "BucketOwner")],
        "storagePolicy": [("DefaultStorageClass", storage_class.DEFAULT)],
        "quota": [("StorageQuota", 0)],
    }
    return content.get(name, [])


def _object_setting(call: Call, name: str) -> Response:
    found = find_object(call)
    found.file.close()
    if name == "tagging":
        tags = tagging.decode_tags(found.metadata.headers.get(tagging.STORED, ""))
        return call.xml_response("Tagging", tagging.tag_set(tags))
    if name == "acl":
        return call.xml_response(SUBRESOURCES[name].root, _initial(call, name))
    raise ApiError(NOT_IMPLEMENTED, f"GET {name} of an object")


def _put_object_setting(call: Call, name: str) -> Response:
    method = call.request.method
    if name not in _OF_OBJECTS or method not in ("PUT", "DELETE") or (name, method) == ("acl", "DELETE"):
        raise ApiError(NOT_IMPLEMENTED, f"{method} {name} of an object")
    if name == "acl":
        find_object(call).file.close()
        return Response(None, 200)
    is_put = method == "PUT"
    tags = tagging.read_tag_document(call.small_body(_MAX_SETTING), tagging.OBJECT_LIMITS) if is_put else {}
    _edit_object(call, lambda known: _with_tags(known, tags))
    return Response(None, 200 if is_put else 204)


def _edit_object(call: Call, change: Callable[[Metadata], Metadata]) -> None:
    """Change the metadata of an object as it is now. Raises NO_SUCH_KEY."""
    while True:  # again where the object was written between the two steps
        found = find_object(call)
        found.file.close()
        stat = NO_FILE if call.key.endswith("/") else found.stat
        if call.storage.metadata.edit(call.path.object_name, stat, change):
            return


def _with_tags(known: Metadata, tags: tagging.Tags) -> Metadata:
    headers = {name: value for name, value in known.headers.items() if name != tagging.STORED}
    return replace(known, headers=headers | ({tagging.STORED: tagging.encode_tags(tags)} if tags else {}))


def _is_obs_client(call: Call) -> bool:
    """Return whether a client of OBS sent the request; in its S3 mode it signs with the older scheme ``AWS``."""
    return call.is_obs or call.request.header("authorization").startswith("AWS ")


def _full_control(call: Call) -> list[Item]:
    # S3 gives the grantee's type in an attribute; OBS does not.
    grantee = "Grantee" if call.is_obs else f'Grantee xmlns:xsi="{_SCHEMA_INSTANCE}" xsi:type="CanonicalUser"'
    return [("Grant", [(grantee, owner(call)), ("Permission", "FULL_CONTROL")])]
