"""Make real picture files."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from modelarts_emulator.media.images import process
from modelarts_emulator.media.picture_gate import PROCESS_GATE, PictureGate

_ORIENTATION_TAG = 0x0112


def picture(
    width: int = 32, height: int = 24, colour: tuple[int, int, int] = (200, 30, 30), kind: str = "PNG"
) -> bytes:
    """A real picture file."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind)
    return out.getvalue()


def turned_picture(orientation: int, kind: str = "JPEG", width: int = 120, height: int = 80) -> bytes:
    """A picture that is red in the upper left quarter of its stored pixels, and that a viewer turns."""
    image = Image.new("RGB", (width, height), "white")
    image.paste("red", (0, 0, width // 2, height // 2))
    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    out = io.BytesIO()
    image.save(out, kind, exif=exif)
    return out.getvalue()


def process_file(path: Path, parameter: str, gate: PictureGate = PROCESS_GATE) -> tuple[bytes, str]:
    """Process the picture in a file."""
    with path.open("rb") as file:
        return process(file, parameter, gate)
