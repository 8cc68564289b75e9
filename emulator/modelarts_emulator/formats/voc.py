"""PASCAL VOC XML: the labels of one picture, with the seven shapes of object detection.

Reference: user manual, "Specifications for Importing a Manifest File", tables 4 and 5.
"""

from __future__ import annotations

import re
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
SHAPE, FEATURE = "@modelarts:shape", "@modelarts:feature"
# Members of a label's property that have an element of their own, with their default values.
_FLAGS = {"truncated": "0", "difficult": "0", "occluded": "0"}
_DECLARATION = re.compile(rb"""<\?xml[^>]*?encoding=["']([\w.-]+)["'][^>]*\?>""")
_FOREIGN = frozenset({"gbk", "gb2312", "gb18030", "big5", "shift_jis", "euc-jp", "euc-kr"})
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


def write(sample: SampleRecord) -> bytes:
    """Return the VOC file of a picture, in UTF-8."""
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
            _add(item, member.replace("_", "-"), property_[f"@modelarts:{member}"])
    if SHAPE in property_:
        _add_shape(SubElement(item, property_[SHAPE]), Shape(property_[SHAPE]), property_[FEATURE])


def _add_shape(element: Element, shape: Shape, feature: list[list[float]]) -> None:
    if shape is Shape.BNDBOX:
        (xmin, ymin), (xmax, ymax) = feature
        values = {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}
    elif shape is Shape.CIRCLE:
        (cx, cy), (r,) = feature
        values = {"cx": cx, "cy": cy, "r": r}
    else:
        values = {f"{axis}{n}": v for n, point in enumerate(feature, 1) for axis, v in zip("xy", point, strict=True)}
    for tag, value in values.items():
        _add(element, tag, value)


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
    return VocPicture(
        filename=root.findtext("filename", "").strip(),
        shape=_read_size(root),
        labels=[_read_object(item) for item in root.findall("object")],
        mask_source=root.findtext("mask_source", "").strip() or None,
    )


def _readable(data: bytes) -> bytes:
    """Return the file in UTF-8 if the XML parser does not know its encoding. Raises ValueError."""
    declared = _DECLARATION.match(data)
    if declared is None or declared[1].decode().lower() not in _FOREIGN:
        return data
    return data[declared.end() :].decode(declared[1].decode()).encode()


def _read_size(root: Element) -> tuple[int, int, int] | None:
    size = root.find("size")
    if size is None:
        return None
    width, height, depth = (int(_number(size, member)) for member in ("width", "height", "depth"))
    return width, height, depth


def _read_object(item: Element) -> SampleLabel:
    name = _read_name(item)
    if not name:
        raise InvalidVoc("an <object> has no <name>")
    property_: dict[str, Any] = {}
    for member in ("pose", MASK_COLOR, *_FLAGS):
        value = item.findtext(member, "").strip()
        if value and value not in ("Unspecified", _FLAGS.get(member)):
            property_[member] = value
    for member in ("hard", "hard_coefficient"):
        if value := item.findtext(member.replace("_", "-"), "").strip():
            property_[f"@modelarts:{member}"] = value
    for shape in Shape:
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
