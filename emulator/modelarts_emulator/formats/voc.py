"""PASCAL VOC XML: the labels of one picture, with the seven shapes of object detection.

Reference: user manual, "Specifications for Importing a Manifest File", tables 4 and 5.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from modelarts_emulator.contract.samples import SampleLabel
from modelarts_emulator.contract.wire import LabelType, Shape
from modelarts_emulator.store.records import SampleRecord

MAX_BYTES = 16 * 1024 * 1024
MASK_SOURCE, MASK_COLOR = "@modelarts:mask_source", "mask_color"
PART_OF = "part_of"
"""The property of a label that was read from a ``<part>``: the name of the object that it belongs to."""
SHAPE, FEATURE = "@modelarts:shape", "@modelarts:feature"
# Members of a label's property that have an element of their own, with their default values.
_FLAGS = {"truncated": "0", "difficult": "0", "occluded": "0"}
_DECLARATION = re.compile(rb"""<\?xml[^>]*?encoding=["']([\w.-]+)["'][^>]*\?>""")
_FOREIGN = frozenset({"gbk", "gb2312", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"})
# A declaration without an encoding.
_UNDECLARED = re.compile(rb"""^\s*<\?xml[^>]*\?>""")
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class InvalidVoc(ValueError):
    """The file is not a valid PASCAL VOC annotation."""


class VocPicture(msgspec.Struct):
    """The content of a VOC file: the picture's name and size, and its labels."""

    filename: str
    shape: tuple[int, int, int] | None
    labels: list[SampleLabel]
    mask_source: str | None = None
    """The URI of the mask of a segmented picture."""
    problems: list[str] = []
    """Why objects of the file are not among the labels, such as ``object 2 has no <name>``."""


def write(sample: SampleRecord) -> bytes:
    """Return the VOC file of a picture, in UTF-8. Coordinates are whole pixels, as in the service's own files."""
    root = Element("annotation")
    directory, _, name = sample.path.rpartition("/")
    _add(root, "folder", directory)
    _add(root, "filename", name)
    _add(SubElement(root, "source"), "database", "Unknown")
    size = SubElement(root, "size")
    for member, value in zip(("width", "height", "depth"), sample.shape or (0, 0, 0), strict=True):
        _add(size, member, value)
    mask = sample.metadata.get(MASK_SOURCE)
    _add(root, "segmented", 0 if mask is None else 1)
    if mask is not None:
        _add(root, "mask_source", mask)
    for label in sample.labels:
        _add_object(root, label)
    indent(root)
    data: bytes = tostring(root, "utf-8", xml_declaration=True)
    return data + b"\n"


def _add(parent: Element, tag: str, value: object) -> None:
    # Label names may contain characters that XML cannot represent.
    SubElement(parent, tag).text = _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(value))


def _add_object(root: Element, label: SampleLabel) -> None:
    property_ = label.property or {}
    item = SubElement(root, "object")
    _add(item, "name", label.name)
    if label.name is not None and label.name != label.name.strip():
        item[0].set(_SPACE, "preserve")
    _add(item, "pose", property_.get("pose", "Unspecified"))
    for flag, default in _FLAGS.items():
        _add(item, flag, property_.get(flag, default))
    if MASK_COLOR in property_:
        _add(item, MASK_COLOR, property_[MASK_COLOR])
    if label.score is not None:
        _add(item, "confidence", label.score)
    for member in ("hard", "hard_coefficient"):
        if f"@modelarts:{member}" in property_:
            value = property_[f"@modelarts:{member}"]
            _add(item, member.replace("_", "-"), hard_text(value) if member == "hard" else value)
    own = {name: value for name, value in property_.items() if _is_user_defined(name, value)}
    if own:
        properties = SubElement(item, "properties")
        for name, value in own.items():
            entry = SubElement(properties, "property")
            _add(entry, "key", name)
            _add(entry, "value", str(value).lower() if isinstance(value, bool) else value)
    if SHAPE in property_:
        _add_shape(SubElement(item, property_[SHAPE]), Shape(property_[SHAPE]), property_[FEATURE])


def hard_text(value: object) -> str:
    """Return a hard-example mark as files have it: ``true`` or ``false``."""
    return "true" if str(value).strip().lower() in ("true", "1", "1.0") else "false"


def _is_user_defined(name: str, value: object) -> bool:
    """Return whether a member of a label's property is an attribute that a user has given the label."""
    is_known = name.startswith("@modelarts:") or name in ("pose", MASK_COLOR) or name in _FLAGS
    return not is_known and isinstance(value, str | int | float)


def _add_shape(element: Element, shape: Shape, feature: list[list[float]]) -> None:
    if shape is Shape.BNDBOX:
        (xmin, xmax), (ymin, ymax) = (_whole_pixels(low, high) for low, high in zip(*feature, strict=True))
        values = {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}
    elif shape is Shape.CIRCLE:
        (cx, cy), (r,) = feature
        values = {"cx": _pixel(cx), "cy": _pixel(cy), "r": max(1, _pixel(r))}
    elif shape is Shape.POINT:
        values = {axis: _pixel(value) for axis, value in zip("xy", feature[0], strict=True)}
    else:
        values = {
            f"{axis}{n}": _pixel(v) for n, point in enumerate(feature, 1) for axis, v in zip("xy", point, strict=True)
        }
    for tag, value in values.items():
        _add(element, tag, value)


def _pixel(value: float) -> int:
    """Round half up: ``round`` would move 10.5 and 11.5 in opposite directions."""
    return math.floor(value + 0.5)


def _whole_pixels(low: float, high: float) -> tuple[int, int]:
    """Return the rounded ends of a side. A side that rounding would remove is widened to the pixels it touches."""
    first, last = _pixel(low), _pixel(high)
    return (first, last) if first < last else (math.floor(low), math.ceil(high))


def read(data: bytes) -> VocPicture:
    """Read a VOC file. Raises InvalidVoc."""
    if len(data) > MAX_BYTES:
        raise InvalidVoc(f"larger than {MAX_BYTES} bytes")
    try:
        root = fromstring(_readable(data), forbid_dtd=True)
    except (DefusedXmlException, SyntaxError, ValueError, LookupError) as error:
        raise InvalidVoc(f"not readable XML: {error!r}") from None
    if root.tag != "annotation":
        raise InvalidVoc(f"the root is <{root.tag[:40]}>, not <annotation>")
    labels: list[SampleLabel] = []
    problems: list[str] = []
    for where, item, owner in _objects(root):
        try:
            label = _read_object(item)
        except InvalidVoc as error:
            problems.append(f"{where}: {error}")
            continue
        if owner and label.property is not None:
            label.property[PART_OF] = owner
        labels.append(label)
    return VocPicture(
        filename=root.findtext("filename", "").strip(),
        shape=_read_size(root),
        labels=labels,
        mask_source=root.findtext("mask_source", "").strip() or None,
        problems=problems,
    )


def _objects(root: Element) -> Iterator[tuple[str, Element, str]]:
    """Yield each object and each of its parts: where it is, its element, and the name of the object of a part."""
    for number, item in enumerate(root.findall("object"), 1):
        yield f"object {number}", item, ""
        for position, part in enumerate(item.findall("part"), 1):
            yield f"object {number}, part {position}", part, _read_name(item)


def _readable(data: bytes) -> bytes:
    """Return the file in UTF-8 if the XML parser could not decode it. Raises ValueError.

    The parser does not know Asian encodings. A file that is not UTF-8 and declares no other encoding is read as
    GB18030, the usual encoding of Chinese Windows.
    """
    declared = _DECLARATION.match(data)
    encoding = declared[1].decode().lower() if declared else "utf-8"
    body = data[declared.end() :] if declared else data
    if encoding in _FOREIGN:
        return body.decode(encoding).encode()
    if encoding in ("utf-8", "utf8") and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            return _UNDECLARED.sub(b"", body, 1).decode("gb18030").encode()
    return data


def _read_size(root: Element) -> tuple[int, int, int] | None:
    """Return width, height and depth; None without width and height. A missing or odd depth counts as 3."""
    size = root.find("size")
    if size is None:
        return None
    try:
        width, height = int(_number(size, "width")), int(_number(size, "height"))
    except InvalidVoc:
        return None
    try:
        return width, height, int(_number(size, "depth"))
    except InvalidVoc:
        return width, height, 3


def _read_object(item: Element) -> SampleLabel:
    """Return the label of an object. Raises InvalidVoc."""
    name = _read_name(item)
    if not name:
        raise InvalidVoc("has no <name>")
    property_: dict[str, Any] = _read_properties(item)
    for member in ("pose", MASK_COLOR, *_FLAGS):
        value = item.findtext(member, "").strip()
        if value and value not in ("Unspecified", _FLAGS.get(member)):
            property_[member] = value
    for member in ("hard", "hard_coefficient"):
        if value := item.findtext(member.replace("_", "-"), "").strip():
            property_[f"@modelarts:{member}"] = value
    # A polygon describes the object more closely than the box around it, which some tools write as well.
    for shape in sorted(Shape, key=lambda each: each is Shape.BNDBOX):
        element = item.find(shape.value)
        if element is not None:
            property_[SHAPE], property_[FEATURE] = shape.value, _read_shape(element, shape)
            break
    score = item.findtext("confidence", "").strip()
    return SampleLabel(
        name=name,
        type=LabelType.OBJECT_DETECTION,
        property=property_,
        score=_number(item, "confidence") if score else None,
    )


def _read_properties(item: Element) -> dict[str, Any]:
    """Return the attributes that a user has given a label: as key and value, or as an element with its name."""
    found: dict[str, Any] = {}
    for entry in item.findall("properties/*"):
        is_pair = entry.tag == "property" and entry.find("key") is not None
        name = (entry.findtext("key") if is_pair else entry.tag) or ""
        value = (entry.findtext("value") if is_pair else entry.text) or ""
        if name.strip() and not name.startswith("@modelarts:"):
            found[name.strip()] = value.strip()
    return found


def _read_name(item: Element) -> str:
    """Return the name of a label, without surrounding blanks unless ``xml:space`` preserves them."""
    element = item.find("name")
    name = "" if element is None else element.text or ""
    return name if element is not None and element.get(_SPACE) == "preserve" else name.strip()


def _read_shape(element: Element, shape: Shape) -> list[list[float]]:
    if shape is Shape.BNDBOX:
        xmin, ymin, xmax, ymax = (_number(element, tag) for tag in ("xmin", "ymin", "xmax", "ymax"))
        return [[xmin, ymin], [xmax, ymax]]
    if shape is Shape.CIRCLE:
        cx, cy, r = (_number(element, tag) for tag in ("cx", "cy", "r"))
        return [[cx, cy], [r]]
    if shape is Shape.POINT and element.find("x1") is None:
        return [[_number(element, "x"), _number(element, "y")]]  # the table of shapes has x, y; its example has x1, y1
    points: list[list[float]] = []
    while element.find(f"x{len(points) + 1}") is not None:
        n = len(points) + 1
        points.append([_number(element, f"x{n}"), _number(element, f"y{n}")])
    return points


def _number(parent: Element, tag: str) -> float:
    text = parent.findtext(tag, "").strip()
    try:
        value = float(text)
    except ValueError:
        raise InvalidVoc(f"<{tag}> is {text[:40]!r}, not a number") from None
    if not abs(value) < 1e9:
        raise InvalidVoc(f"<{tag}> is {text[:40]!r}, not a usable number")
    return int(value) if value.is_integer() else value
