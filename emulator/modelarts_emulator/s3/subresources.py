"""Settings of buckets and objects that clients read before other requests.

None can be stored. Reading answers like storage without that setting. Writing an access list succeeds without effect.
"""

from __future__ import annotations

from flask import Response

from modelarts_emulator.contract.errors import ApiError, Error
from modelarts_emulator.contract.storage_errors import NOT_IMPLEMENTED
from modelarts_emulator.s3.buckets import owner, require_bucket
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.get_object import find_object
from modelarts_emulator.s3.xml import Item

# The answer to GET: the root of an empty document, or the code of the error for a missing setting.
SUBRESOURCES: dict[str, str] = {
    "acl": "AccessControlPolicy",
    "logging": "BucketLoggingStatus",
    "notification": "NotificationConfiguration",
    "requestPayment": "RequestPaymentConfiguration",
    "quota": "Quota",
    "policy": "NoSuchBucketPolicy",
    "lifecycle": "NoSuchLifecycleConfiguration",
    "cors": "NoSuchCORSConfiguration",
    "website": "NoSuchWebsiteConfiguration",
    "tagging": "NoSuchTagSet",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "replication": "ReplicationConfigurationNotFoundError",
    "object-lock": "ObjectLockConfigurationNotFoundError",
    "publicAccessBlock": "NoSuchPublicAccessBlockConfiguration",
    "ownershipControls": "OwnershipControlsNotFoundError",
    "customdomain": "ListBucketCustomDomainsResult",
    "storageClass": "StorageClass",
    "storagePolicy": "StoragePolicy",
}
_DEFAULT_CLASS = "STANDARD"

_SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


def get_setting(call: Call, name: str) -> Response:
    """Answer that a setting is not made. Raises NO_SUCH_BUCKET, NO_SUCH_KEY, and the setting's own error."""
    require_bucket(call)
    if call.key:
        find_object(call).file.close()
    if name == "tagging" and call.key:
        return call.xml_response("Tagging", [("TagSet", [])])
    answer = SUBRESOURCES[name]
    if answer == "AccessControlPolicy":
        return call.xml_response(answer, [("Owner", owner(call)), ("AccessControlList", _full_control(call))])
    if answer == "RequestPaymentConfiguration":
        return call.xml_response(answer, [("Payer", "BucketOwner")])
    if answer == "StorageClass":
        return call.xml_response(answer, _DEFAULT_CLASS)
    if answer == "StoragePolicy":
        return call.xml_response(answer, [("DefaultStorageClass", _DEFAULT_CLASS)])
    if name == "encryption" and _is_obs_client(call):
        answer = "NoSuchEncryptionConfiguration"
    if answer == "Quota":
        return call.xml_response(answer, [("StorageQuota", 0)])
    if answer.startswith("NoSuch") or answer.endswith("Error"):
        raise ApiError(Error(404, answer, "The specified configuration does not exist."), call.bucket)
    return call.xml_response(answer, [])


def _is_obs_client(call: Call) -> bool:
    """Return whether a client of OBS sent the request; in its S3 mode it signs with the older scheme ``AWS``."""
    return call.is_obs or call.request.header("authorization").startswith("AWS ")


def put_setting(call: Call, name: str) -> Response:
    """Accept an access list, or the deletion of a setting. Raises NOT_IMPLEMENTED for every other setting."""
    require_bucket(call)
    if name == "acl" and call.request.method == "PUT":
        return Response(None, 200)
    if call.request.method == "DELETE":
        return Response(None, 204)
    raise ApiError(NOT_IMPLEMENTED, f"{call.request.method} {name}")


def _full_control(call: Call) -> list[Item]:
    # S3 gives the grantee's type in an attribute; OBS does not.
    grantee = "Grantee" if call.is_obs else f'Grantee xmlns:xsi="{_SCHEMA_INSTANCE}" xsi:type="CanonicalUser"'
    return [("Grant", [(grantee, owner(call)), ("Permission", "FULL_CONTROL")])]
