"""XML of object storage: write it element by element, and read it with entities refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from urllib.parse import quote
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import MALFORMED_XML

S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
OBS_NAMESPACE = "http://obs.myhwclouds.com/doc/2015-06-30/"

MAX_BODY = 2 << 20
"""The largest XML body that is read: 1,000 keys of 1,024 bytes to delete, and the elements around them."""

Value = str | int | bool | None | Sequence["Item"]
Item = tuple[str, Value]
"""An element: its name, and its text or its children; None omits it. Without a name it is bare text.

The name may be followed by attributes in XML syntax.
"""


def document(name: str, content: str | Iterable[Item], namespace: str = "") -> bytes:
    """Return an XML document. ``content`` is the text or the children of its root element."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    inner = escape(content) if isinstance(content, str) else "".join(_element(child) for child in content)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}{attribute}>{inner}</{name}>'.encode("utf-8", "replace")


def _element(item: Item) -> str:
    name, value = item
    if value is None:
        return ""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str | int):
        text = escape(str(value))
    else:
        text = "".join(_element(child) for child in value)
    return f"<{name}>{text}</{name.partition(' ')[0]}>" if name else text


def parse(body: bytes, root: str) -> Element:
    """Return the root element with namespaces removed. Raises MALFORMED_XML, also for an unexpected root."""
    try:
        found: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        raise ApiError(MALFORMED_XML) from None
    for element in found.iter():
        element.tag = element.tag.rpartition("}")[2]
    if found.tag != root:
        raise ApiError(MALFORMED_XML, f"the root element is not {root}")
    return found


def text_of(element: Element, name: str) -> str:
    """Return the text of a required child. Raises MALFORMED_XML."""
    text = element.findtext(name)
    if text is None:
        raise ApiError(MALFORMED_XML, f"{name} is missing")
    return text


def iso_time(mtime_ns: int) -> str:
    """Format a time in ns since the epoch as ``2026-01-01T00:00:00.000Z``."""
    moment = datetime.fromtimestamp(mtime_ns // 1_000_000_000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{mtime_ns // 1_000_000 % 1000:03d}Z"


def key_text(key: str, encoding: str | None) -> str:
    """Return a key as it is listed: percent-encoded if the client asked for ``encoding-type=url``."""
    return quote(key, safe="/") if encoding == "url" else key
