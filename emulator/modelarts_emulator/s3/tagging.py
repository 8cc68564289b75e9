"""Tags of objects and buckets, stored as the query text ``key=value&…`` in which a header has them.

Reference: OBS API reference, "Configuring Tags for a Bucket"; Amazon S3 API reference, "PutObjectTagging".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import INVALID_ARGUMENT, INVALID_TAG, TOO_MANY_TAGS
from modelarts_emulator.s3.xml import Item, parse, text_of

STORED = "tagging"
"""The stored header that has the tags, without the dialect's prefix."""


class TagLimits(NamedTuple):
    """The most tags, and the most characters of a key and of a value."""

    tags: int
    key: int
    value: int


OBJECT_LIMITS = TagLimits(10, 128, 256)
S3_BUCKET_LIMITS = TagLimits(50, 128, 256)
OBS_BUCKET_LIMITS = TagLimits(20, 36, 43)

Tags = dict[str, str]


def read_tag_header(text: str) -> Tags:
    """Parse the header ``…-tagging`` of an object, empty without one.

    Raises INVALID_ARGUMENT, INVALID_TAG or TOO_MANY_TAGS.
    """
    if not text:
        return {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise ApiError(INVALID_ARGUMENT, "the tagging header has the form key=value&key=value") from None
    return _checked(pairs, OBJECT_LIMITS)


def read_tag_document(body: bytes, limits: TagLimits) -> Tags:
    """Parse a ``Tagging`` document. Raises MALFORMED_XML, INVALID_TAG, TOO_MANY_TAGS."""
    tags = parse(body, "Tagging").iterfind("TagSet/Tag")
    return _checked([(text_of(tag, "Key"), text_of(tag, "Value")) for tag in tags], limits)


def encode_tags(tags: Tags) -> str:
    """Return tags in the form in which they are stored."""
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in tags.items())


def decode_tags(stored: str) -> Tags:
    """Return stored tags; ``stored`` is empty where there are none."""
    return dict(parse_qsl(stored, keep_blank_values=True))


def tag_set(tags: Tags) -> list[Item]:
    """Return the children of a ``Tagging`` document."""
    return [("TagSet", [("Tag", [("Key", key), ("Value", value)]) for key, value in tags.items()])]


def _checked(pairs: Iterable[tuple[str, str]], limits: TagLimits) -> Tags:
    tags: Tags = {}
    for key, value in pairs:
        if not 0 < len(key) <= limits.key or len(value) > limits.value:
            raise ApiError(INVALID_TAG, f"a key has 1 to {limits.key} characters, a value at most {limits.value}")
        if key in tags:
            raise ApiError(INVALID_TAG, f"the key {key} is given twice")
        if not (key + value).isprintable():
            raise ApiError(INVALID_TAG, "keys and values are printable")
        tags[key] = value
    if len(tags) > limits.tags:
        raise ApiError(TOO_MANY_TAGS, f"at most {limits.tags} tags")
    return tags
