"""Return chosen facts about an object without its bytes (S3's GetObjectAttributes)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import INVALID_ARGUMENT
from modelarts_emulator.s3 import checksums, part_sizes, storage_class
from modelarts_emulator.s3.call import Call
from modelarts_emulator.s3.get_object import find_object
from modelarts_emulator.s3.xml import Item

_MAX_PARTS = 1000
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
    stored = found.metadata.headers
    sizes = stored.get(part_sizes.STORED)
    values: dict[str, Item] = {
        "ETag": ("ETag", found.metadata.etag),
        "Checksum": ("Checksum", _checksums(stored) or None),
        "ObjectParts": ("ObjectParts", _parts(call, sizes) if sizes else None),
        "StorageClass": ("StorageClass", stored.get(storage_class.STORED, storage_class.DEFAULT)),
        "ObjectSize": ("ObjectSize", found.stat.size),
    }
    return call.xml_response("GetObjectAttributesResponse", [item for name, item in values.items() if name in names])


def _checksums(stored: Mapping[str, str]) -> list[Item]:
    found: list[Item] = [
        (f"Checksum{name.upper()}", stored[checksums.STORED + name])
        for name in checksums.ALGORITHMS
        if checksums.STORED + name in stored
    ]
    return [*found, ("ChecksumType", "FULL_OBJECT")] if found else []


def _parts(call: Call, sizes: str) -> list[Item]:
    """Return a page of the parts, in the order of their numbers. Raises INVALID_ARGUMENT."""
    texts = call.service_header("part-number-marker") or "0", call.service_header("max-parts") or str(_MAX_PARTS)
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        raise ApiError(INVALID_ARGUMENT, "x-amz-part-number-marker and x-amz-max-parts are numbers")
    after, limit = int(texts[0]), min(int(texts[1]), _MAX_PARTS)
    shown, total = part_sizes.placed_parts(sizes, after, limit), part_sizes.count_parts(sizes)
    last = shown[-1].number if shown else after
    return [
        ("PartsCount", total),
        ("PartNumberMarker", after),
        ("NextPartNumberMarker", last),
        ("MaxParts", limit),
        ("IsTruncated", last < total),
        *(("Part", [("PartNumber", part.number), ("Size", part.stop - part.start)]) for part in shown),
    ]
