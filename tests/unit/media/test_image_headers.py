"""The quick look at a picture's first bytes says what Pillow says, or nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from random import Random

import pytest
from PIL import Image

from modelarts_emulator.media.image_headers import START_BYTES, parse_shape
from modelarts_emulator.media.images import Shape, _header

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr")
WRITTEN = [
    ("PNG", {}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"exif": b"Exif\0\0" + b"x" * 3000, "comment": b"hello"}),
    ("BMP", {}),
]


def by_pillow(data: bytes) -> Shape | None:
    return _header(io.BytesIO(data))


def pictures() -> Iterator[bytes]:
    for mode in MODES:
        for kind, options in WRITTEN:
            out = io.BytesIO()
            try:
                Image.new(mode, (17, 30)).save(out, kind, **options)
            except OSError:
                continue  # no such format has this mode
            yield out.getvalue()


PICTURES = list(pictures())


def test_parse_shape_ordinary_pictures_match_pillow() -> None:
    told = [parse_shape(data[:START_BYTES]) for data in PICTURES]
    assert all(shape in (None, by_pillow(data)) for shape, data in zip(told, PICTURES, strict=True))
    assert sum(shape is not None for shape in told) > 0.75 * len(told)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_parse_shape_broken_pictures_never_contradict_pillow(seed: int) -> None:
    chance = Random(seed)
    for data in PICTURES:
        for _ in range(40):
            broken = bytearray(data)
            for _ in range(chance.randrange(4)):
                broken[chance.randrange(min(len(data), 700))] = chance.randrange(256)
            if chance.random() < 0.5:
                del broken[chance.randrange(len(data)) :]
            start = bytes(broken[:START_BYTES])
            assert parse_shape(start) in (None, by_pillow(bytes(broken))), start


def test_parse_shape_long_header_returns_none() -> None:
    out = io.BytesIO()
    Image.new("RGB", (5, 6)).save(out, "JPEG", comment=b"x" * 60_000)
    assert parse_shape(out.getvalue()[:START_BYTES]) is None
    assert by_pillow(out.getvalue()) == (5, 6, 3)
