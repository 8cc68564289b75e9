"""Parse the size of a picture from the first bytes of its file, for ordinary JPEG and PNG files.

Unusual, truncated and broken files are left to Pillow, whose result is authoritative. Pillow takes ten times as long,
and a first synchronization spends most of its time on headers.
"""

from __future__ import annotations

import zlib

Shape = tuple[int, int, int]
"""Width and height in pixels, and number of channels."""

START_BYTES = 16_384
"""Number of bytes at the start of a file that are parsed."""

_PNG = b"\x89PNG\r\n\x1a\n"
# Channels by colour type; a palette counts as its colours.
_PNG_DEPTHS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_SCAN = 0xDA
_JPEG_QUANTIZATION = 0xDB
# Other tables, restart intervals, comments and application data: skipped by their length.
_JPEG_SKIPPED = frozenset({0xC4, 0xDD, 0xFE, *range(0xE0, 0xF0)})


def parse_shape(start: bytes) -> Shape | None:
    """Parse width, height and channels from the first bytes of a JPEG or PNG file.

    Return None if the header is unusual; the caller then uses Pillow.
    """
    if start.startswith(b"\xff\xd8\xff"):
        return _jpeg(start)
    if start.startswith(_PNG):
        return _png(start)
    return None


def _jpeg(start: bytes) -> Shape | None:
    """Walk the JPEG segments up to the image data (SOS). A file truncated before it is not accepted."""
    shape: Shape | None = None
    place, end = 2, len(start) - 10
    while place < end and start[place] == 0xFF:
        marker, length = start[place + 1], start[place + 2] << 8 | start[place + 3]
        if marker in _JPEG_FRAMES:
            depth = start[place + 9]
            if shape is not None or start[place + 4] != 8 or depth not in (1, 3, 4) or length != 8 + 3 * depth:
                return None
            height, width = start[place + 5] << 8 | start[place + 6], start[place + 7] << 8 | start[place + 8]
            shape = (width, height, depth)
        elif marker == _JPEG_SCAN:
            return shape if shape and shape[0] and shape[1] and place + 2 + length <= len(start) else None
        elif marker == _JPEG_QUANTIZATION:
            if (length - 2) % 65 or any(start[place + 4 : place + 2 + length : 65].translate(None, b"\0\1\2\3")):
                return None
        elif marker not in _JPEG_SKIPPED or length < 2:
            return None
        place += 2 + length
    return None


def _png(start: bytes) -> Shape | None:
    """Parse the PNG header. Its checksum must be right, and the image data (IDAT) must follow."""
    place = start.find(b"IDAT", 33)
    header = start[12:29]
    if place < 0 or start[8:16] != b"\0\0\0\x0dIHDR" or zlib.crc32(header) != int.from_bytes(start[29:33], "big"):
        return None
    width, height = int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")
    bits, colour = start[24], start[25]
    if not width or not height or bits not in _PNG_BITS.get(colour, ()) or start[26:28] != b"\0\0" or start[28] > 1:
        return None
    return (width, height, _PNG_DEPTHS[colour]) if _are_plain_chunks(start, place) else None


def _are_plain_chunks(start: bytes, data: int) -> bool:
    """Return whether complete chunks with right checksums fill the space between the header and the image data."""
    place = 33
    while place + 8 < data:
        length = int.from_bytes(start[place : place + 4], "big")
        end = place + 8 + length
        if zlib.crc32(start[place + 4 : end]) != int.from_bytes(start[end : end + 4], "big"):
            return False
        place = end + 4
    return place + 4 == data
