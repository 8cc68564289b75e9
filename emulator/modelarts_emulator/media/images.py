"""Pictures: read their size from the header, and process them for ``x-image-process`` (resize, info).

Reference: OBS user guide, "Image Processing", resizing and obtaining image information.
"""

from __future__ import annotations

import io
import json
import math
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.media.image_headers import START_BYTES, Shape, parse_shape
from modelarts_emulator.media.picture_gate import PROCESS_GATE, PictureGate

if TYPE_CHECKING:
    from PIL import Image

# Pillow is imported when the first picture needs it: most headers are parsed without it, and starting needs none.

# All exceptions that Pillow raises for a broken or hostile picture.
_BROKEN = (OSError, ValueError, SyntaxError, TypeError, EOFError, ArithmeticError, LookupError, struct.error)
# The limits of OBS: bytes and pixels of a picture that is resized, side and pixels of the result.
MAX_FILE_BYTES = 25 << 20
MAX_PIXELS = 250_000_000
MAX_SIDE = 9_999
MAX_RESULT_PIXELS = 24_999_999
# The quality of a result is that of resizing in one step if the reduced picture is at least twice as large.
REDUCING_GAP = 2.0
# Bytes of a decoded pixel by Pillow's mode; 4 for all others.
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2}
# Modes of which Pillow makes a second copy: palettes become colours, transparent colours are multiplied.
_CONVERTED_MODES = frozenset({"1", "P", "LA", "RGBA"})
# Above the largest threshold (32 MB) from which glibc maps memory instead of taking it from a heap.
_BLOCK_BYTES = 64 << 20
# Resized picture, canvas, and encoded file.
_RESULT_PIXEL_BYTES = 12
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "BMP": "image/bmp"}
_MODES = ("lfit", "mfit", "fill", "pad", "fixed")


def read_header(path: str | Path) -> Shape | None:
    """Return width, height and number of channels of a picture file; None if it is not a valid JPEG, PNG or BMP."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (a Path takes as long as the reading)
            return read_header_of(file)
    except OSError:
        return None


def read_header_of(file: io.RawIOBase | BinaryIO) -> Shape | None:
    """Return what ``read_header`` does for an open file at its start; the file may be closed. Raises OSError."""
    shape = parse_shape(file.read(START_BYTES) or b"")
    if shape is None:
        file.seek(0)
        with io.BufferedReader(cast("io.RawIOBase", file)) as buffered:
            shape = _header(buffered)
    return shape


def read_header_bytes(data: bytes) -> Shape | None:
    """Return what ``read_header`` does for a picture in memory."""
    return parse_shape(data[:START_BYTES]) or _header(io.BytesIO(data))


def _header(file: BinaryIO) -> Shape | None:
    try:
        image = _opened(file)
    except _BROKEN:
        return None
    return image.width, image.height, _depth(image)


def _opened(file: BinaryIO) -> Image.Image:
    """Open a picture: read its header and decode nothing. Raises one of _BROKEN.

    ``PIL.Image.open`` would try every format, and refuse large pictures although their header is readable.
    """
    magic = file.read(8)
    file.seek(0)
    for start, plugin in _plugins():
        if magic.startswith(start):
            return plugin(file)
    raise ValueError("neither JPEG, PNG nor BMP")


@cache
def _plugins() -> tuple[tuple[bytes, Callable[[BinaryIO], Image.Image]], ...]:
    from PIL.BmpImagePlugin import BmpImageFile  # noqa: PLC0415
    from PIL.JpegImagePlugin import JpegImageFile  # noqa: PLC0415
    from PIL.PngImagePlugin import PngImageFile  # noqa: PLC0415

    return (
        (b"\xff\xd8\xff", JpegImageFile),
        (b"\x89PNG\r\n\x1a\n", PngImageFile),
        (b"BM", BmpImageFile),
    )


def _depth(image: Image.Image) -> int:
    return 3 if image.mode == "P" else len(image.getbands())


def process(file: BinaryIO, parameter: str, gate: PictureGate = PROCESS_GATE) -> tuple[bytes, str]:
    """Process a picture; return the result and its content type.

    Args:
        file: the picture.
        parameter: the value of ``x-image-process``: ``image/info`` returns a description as JSON, and
            ``image/resize,m_lfit,h_200`` a picture.
        gate: bounds the memory of all pictures that are being decoded.

    Raises:
        ApiError: PARAMETER_INVALID for the parameter or the picture; SERVICE_UNAVAILABLE if the gate has no room.
    """
    options = None if parameter == "image/info" else _options(parameter)
    try:
        return _info(file) if options is None else _resized(file, options, gate)
    except _BROKEN as error:
        raise ApiError(PARAMETER_INVALID, f"x-image-process: the picture cannot be read: {error}") from None


def _info(file: BinaryIO) -> tuple[bytes, str]:
    """Describe format, sides in pixels and size in bytes from the header: a picture of any size is accepted."""
    image = _opened(file)
    size = file.seek(0, io.SEEK_END)
    about = {"format": image.format, "height": image.height, "size": size, "width": image.width}
    return json.dumps(about).encode(), "application/json"


def _options(parameter: str) -> dict[str, str]:
    action, *parts = parameter.split(",")
    if action != "image/resize":
        raise ApiError(PARAMETER_INVALID, f"x-image-process: {action[:40]!r} is neither image/resize nor image/info")
    options = {"m": "lfit"}
    for part in parts:
        key, separator, value = part.partition("_")
        if not separator or key not in ("m", "w", "h", "p", "limit", "color", "l", "s"):
            raise ApiError(PARAMETER_INVALID, f"x-image-process: {part[:40]!r} is not an option of resize")
        options[key] = value
    if options["m"] not in _MODES:
        raise ApiError(PARAMETER_INVALID, f"x-image-process: m_{options['m'][:20]} is not one of {', '.join(_MODES)}")
    return options


def _number(options: dict[str, str], key: str, largest: int) -> int | None:
    if key not in options:
        return None
    value = options[key]
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= largest):
        raise ApiError(PARAMETER_INVALID, f"x-image-process: {key}_{value[:20]} is not from 1 to {largest}")
    return int(value)


def _resized(file: BinaryIO, options: dict[str, str], gate: PictureGate) -> tuple[bytes, str]:
    if file.seek(0, io.SEEK_END) > MAX_FILE_BYTES:
        raise ApiError(PARAMETER_INVALID, f"x-image-process: the picture has more than {MAX_FILE_BYTES} bytes")
    file.seek(0)
    image = _opened(file)
    stored = image.size
    if stored[0] * stored[1] > MAX_PIXELS:
        raise ApiError(PARAMETER_INVALID, f"x-image-process: the picture has more than {MAX_PIXELS} pixels")
    percent = _number(options, "p", 1000)
    wanted = _number(options, "w", MAX_SIDE), _number(options, "h", MAX_SIDE)
    target = _target(stored, wanted, percent, options)
    _free_at_once()
    image.draft(image.mode, target)  # a JPEG is then decoded at an eighth, quarter or half of its size
    with gate.admit(needed_bytes(image, stored, target)):
        try:
            return _fitted(image, target, options)
        finally:
            image.close()  # its pixels must be freed before the gate admits others


@cache
def _free_at_once() -> None:
    """Make Pillow allocate large pictures in blocks that the C library returns to the system when they are freed.

    Smaller blocks stay in the heap of the thread that decoded the picture, and each thread of the server has one, so
    that the process would keep several times the budget of the gate.
    """
    from PIL import Image  # noqa: PLC0415

    Image.core.set_block_size(_BLOCK_BYTES)  # type: ignore[attr-defined]  # Pillow documents only the variable


def _target(
    size: tuple[int, int], wanted: tuple[int | None, int | None], percent: int | None, options: dict[str, str]
) -> tuple[int, int]:
    width, height = size
    if percent is not None:
        target = round(width * percent / 100), round(height * percent / 100)
    elif wanted == (None, None):
        raise ApiError(PARAMETER_INVALID, "x-image-process: resize needs w_, h_ or p_")
    else:
        target = _boxed(size, wanted, options["m"])
    enlarges = target[0] > width or target[1] > height
    if enlarges and options.get("limit", "1") != "0" and options["m"] in ("lfit", "mfit"):
        target = size
    if max(target) > MAX_SIDE:
        raise ApiError(PARAMETER_INVALID, f"x-image-process: a side would be longer than {MAX_SIDE}")
    if target[0] * target[1] > MAX_RESULT_PIXELS:
        raise ApiError(PARAMETER_INVALID, f"x-image-process: the result would exceed {MAX_RESULT_PIXELS} pixels")
    return max(1, target[0]), max(1, target[1])


def _boxed(size: tuple[int, int], wanted: tuple[int | None, int | None], mode: str) -> tuple[int, int]:
    width, height = size
    w, h = wanted
    if mode in ("fill", "pad", "fixed") and w and h:
        return w, h
    scales = [side / own for side, own in ((w, width), (h, height)) if side]
    scale = max(scales) if mode == "mfit" else min(scales)
    return round(width * scale), round(height * scale)


def needed_bytes(image: Image.Image, stored: tuple[int, int], target: tuple[int, int]) -> int:
    """Return an upper limit of the bytes that decoding and resizing a picture need at one time.

    Args:
        image: the opened picture, not yet decoded, with the size at which it is decoded.
        stored: width and height in the file; a progressive JPEG is held by the decoder in this size.
        target: width and height of the result.
    """
    width, height = image.size
    needed = width * height * _PIXEL_BYTES.get(image.mode, 4)
    if image.mode in _CONVERTED_MODES:
        needed += width * height * 4
    if image.info.get("progressive") or image.info.get("progression"):
        needed += stored[0] * stored[1] * len(image.getbands()) * 2
    # Pillow first reduces by whole factors, then resizes the rows, then the columns.
    gap = _gap(image) or math.inf
    x, y = (max(1, int(own / side / gap)) for own, side in zip(image.size, target, strict=True))
    rows = -(-height // y)
    needed += (0 if x == y == 1 else -(-width // x) * rows * 4) + target[0] * rows * 4
    return needed + target[0] * target[1] * _RESULT_PIXEL_BYTES


def _fitted(image: Image.Image, target: tuple[int, int], options: dict[str, str]) -> tuple[bytes, str]:
    """Decode a picture, and return it with the target size as a file. The caller has passed the gate."""
    source_format = image.format or "PNG"
    if image.mode in ("P", "1"):
        image = image.convert("RGB")
    if options["m"] == "fill":
        image = image.resize(target, box=_centre(image.size, target), reducing_gap=_gap(image))
    elif options["m"] == "pad":
        image = _padded(image, target, f"#{options.get('color', 'FFFFFF')}")
    else:
        image = image.resize(target, reducing_gap=_gap(image))
    out = io.BytesIO()
    image.save(out, source_format)
    return out.getvalue(), _TYPES[source_format]


def _gap(image: Image.Image) -> float | None:
    """Return the gap for resizing in two steps; None for modes that Pillow cannot reduce, such as ``I;16``."""
    return None if ";" in image.mode else REDUCING_GAP


def _centre(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest centred part of a picture that has the proportions of the target."""
    scale = min(size[0] / target[0], size[1] / target[1])
    left, top = (size[0] - target[0] * scale) / 2, (size[1] - target[1] * scale) / 2
    return max(0.0, left), max(0.0, top), min(size[0], size[0] - left), min(size[1], size[1] - top)


def _padded(image: Image.Image, target: tuple[int, int], colour: str) -> Image.Image:
    """Return a canvas of the target size with the picture in its centre, as large as fits."""
    from PIL import Image, ImageColor  # noqa: PLC0415

    scale = min(target[0] / image.width, target[1] / image.height)
    inner = max(1, min(target[0], round(image.width * scale))), max(1, min(target[1], round(image.height * scale)))
    canvas = Image.new(image.mode, target, ImageColor.getcolor(colour, image.mode))
    place = (target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2
    canvas.paste(image.resize(inner, reducing_gap=_gap(image)), place)
    return canvas


_CACHED_BYTES = 1024
"""Memory of a cached result beside its bytes: thumbnails of small pictures need less themselves."""


class ImageCache:
    """Keeps the most recently used results, up to a number of bytes with their keys. Thread-safe."""

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._lock = threading.Lock()
        self._results: OrderedDict[Hashable, tuple[bytes, str]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], tuple[bytes, str]]) -> tuple[bytes, str]:
        """Return the result of a key; a missing one is made with ``make()``, without the lock, and kept."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]
        result = make()
        with self._lock:
            if key not in self._results and _cost(result) <= self._max_bytes:
                self._results[key] = result
                self._size += _cost(result)
            while self._size > self._max_bytes:
                _, dropped = self._results.popitem(last=False)
                self._size -= _cost(dropped)
        return result


def _cost(result: tuple[bytes, str]) -> int:
    return len(result[0]) + _CACHED_BYTES
