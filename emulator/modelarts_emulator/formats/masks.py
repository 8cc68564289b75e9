"""Mask pictures of segmented samples: every pixel of an object has the gray value of its label.

A mask is a PNG with a palette, so that readers of pixel values find the label, and viewers show its colour.
Reference: user manual, "Specifications for Importing a Manifest File", ``mask_source`` and ``mask_color``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import NamedTuple

import msgspec
from PIL import Image, ImageDraw

from modelarts_emulator.contract.dataset_types import MASK_FOLDER
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.formats.voc import FEATURE, MASK_COLOR, MASK_SOURCE
from modelarts_emulator.media.picture_gate import PictureGate
from modelarts_emulator.store.records import SampleRecord

GRAY_VALUE = "@modelarts:mask_gray_value"
COLOR = "@modelarts:color"
MAX_GRAY_VALUE = 255
MASK_SCHEME = "obs"
"""The scheme of a mask's location in label files of the service."""
_BACKGROUND = (0, 0, 0)
_HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_COMPONENTS = re.compile(r"\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*")

Rgb = tuple[int, int, int]


class _Style(NamedTuple):
    gray: int
    color: Rgb


class MaskFiles:
    """The masks of a version or export. Labels without a gray value get free ones in their order.

    Args:
        labels: the labels of the dataset.
        gate: bounds the memory for drawing.
        locate: returns the location of a mask from its name, for label files.
    """

    def __init__(self, labels: Sequence[Label], gate: PictureGate, locate: Callable[[str], str]) -> None:
        self._gate, self._locate = gate, locate
        given = {str(label.name): (label.property or {}).get(GRAY_VALUE) for label in labels}
        taken = set(given.values())
        free = (gray for gray in range(1, MAX_GRAY_VALUE + 1) if gray not in taken)
        self._styles: dict[str, _Style] = {}
        for label in labels:
            gray = given[str(label.name)]
            gray = next(free) if gray is None else gray
            color = _from_hex((label.property or {}).get(COLOR)) or _usual_color(gray)
            self._styles[str(label.name)] = _Style(gray, color)

    def add(self, sample: SampleRecord, stem: str, put: Callable[[str, bytes], None]) -> SampleRecord:
        """Draw the mask of a sample and put it below MASK_FOLDER, named ``stem``.

        Return the sample as its label file has it: with the location of the mask and the colours of its labels.
        Raises ApiError.
        """
        name = f"{MASK_FOLDER}/{stem}.png"
        put(name, self.draw(sample))
        labels = [
            msgspec.structs.replace(label, property={**(label.property or {}), MASK_COLOR: self._color(label.name)})
            for label in sample.labels
        ]
        metadata = {**sample.metadata, MASK_SOURCE: self._locate(name)}
        return msgspec.structs.replace(sample, labels=labels, metadata=metadata)

    def draw(self, sample: SampleRecord) -> bytes:
        """Return the mask of a sample as a PNG of its size; later polygons cover earlier ones. Raises ApiError."""
        width, height = sample.shape[:2] if sample.shape else (1, 1)
        with self._gate.admit(2 * width * height, patiently=True):
            mask = Image.new("P", (width, height))
            mask.putpalette(self._palette())
            canvas = ImageDraw.Draw(mask)
            for label in sample.labels:
                points = [(x, y) for x, y in (label.property or {}).get(FEATURE, [])]
                if points:
                    canvas.polygon(points, fill=self._styles[str(label.name)].gray)
            file = BytesIO()
            mask.save(file, "PNG")
        return file.getvalue()

    def _color(self, name: str | None) -> str:
        return ",".join(map(str, self._styles[str(name)].color))

    def _palette(self) -> list[int]:
        colors = [_BACKGROUND] * (MAX_GRAY_VALUE + 1)
        for style in self._styles.values():
            colors[style.gray] = style.color
        return [component for color in colors for component in color]


def color_as_hex(mask_color: object) -> str | None:
    """Return ``193,243,53`` as ``#C1F335``; None for another text."""
    found = _COMPONENTS.fullmatch(str(mask_color))
    components = [int(text) for text in found.groups()] if found else []
    if not components or max(components) > 255:
        return None
    return "#" + "".join(f"{component:02X}" for component in components)


def _from_hex(color: object) -> Rgb | None:
    found = _HEX.fullmatch(str(color))
    return (int(found[1], 16), int(found[2], 16), int(found[3], 16)) if found else None


def _usual_color(gray: int) -> Rgb:
    """Return the colour of a gray value in masks of PASCAL VOC: its bits, spread over the three components."""
    red = green = blue = 0
    for position in range(7, -1, -1):
        red |= (gray & 1) << position
        green |= (gray >> 1 & 1) << position
        blue |= (gray >> 2 & 1) << position
        gray >>= 3
    return red, green, blue
