"""Return chosen facts about an object without its bytes (S3's GetObjectAttributes)."""

from __future__ import annotations

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import INVALID_ARGUMENT
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.get_object import find_object
from modelarts_emulator.s3.xml import Item

_STORAGE_CLASS = "STANDARD"
_KNOWN = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


def get_attributes(call: Call) -> Response:
    """Return the attributes that the header ``x-amz-object-attributes`` names; those without a value are left out.

    Raises NO_SUCH_KEY, NO_SUCH_BUCKET, and INVALID_ARGUMENT where the header is missing or names an unknown attribute.
    """
    found = find_object(call)
    found.file.close()
    names = {name.strip() for name in call.service_header("object-attributes").split(",") if name.strip()}
    if not names or not names.issubset(_KNOWN):
        raise ApiError(INVALID_ARGUMENT, f"x-amz-object-attributes lists some of {', '.join(_KNOWN)}")
    values: dict[str, Item] = {
        "ETag": ("ETag", found.metadata.etag),
        "StorageClass": ("StorageClass", _STORAGE_CLASS),
        "ObjectSize": ("ObjectSize", found.stat.size),
    }
    return call.xml_response("GetObjectAttributesResponse", [item for name, item in values.items() if name in names])
