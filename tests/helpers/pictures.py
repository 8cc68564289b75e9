"""Make real picture files."""

from __future__ import annotations

import io

from PIL import Image


def picture(
    width: int = 32, height: int = 24, colour: tuple[int, int, int] = (200, 30, 30), kind: str = "PNG"
) -> bytes:
    """A real picture file."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, kind)
    return out.getvalue()
