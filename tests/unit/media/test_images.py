"""Pictures: headers that lie, and resizing as it was asked for."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.media.images import MAX_FILE_BYTES, ImageCache, read_header, read_header_bytes
from modelarts_emulator.media.picture_gate import PictureGate
from tests.helpers.pictures import picture, process_file, turned_picture


def claims(width: int, height: int) -> bytes:
    """A small PNG whose header says that it is large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
@pytest.mark.parametrize(("mode", "depth"), [("RGB", 3), ("L", 1)])
def test_read_header_returns_width_height_and_channels(tmp_path: Path, kind: str, mode: str, depth: int) -> None:
    path = tmp_path / "a"
    Image.new(mode, (31, 17)).save(path, kind)
    assert read_header(path) == read_header_bytes(path.read_bytes()) == (31, 17, depth)


def test_read_header_huge_picture_is_not_decoded(tmp_path: Path) -> None:
    assert read_header_bytes(claims(60_000, 60_000)) == (60_000, 60_000, 3)
    (tmp_path / "huge.png").write_bytes(claims(60_000, 60_000))
    with pytest.raises(ApiError) as refusal:
        process_file(tmp_path / "huge.png", "image/resize,h_10")
    assert refusal.value.error == PARAMETER_INVALID


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_read_header_truncated_file_returns_none_or_the_right_shape(kind: str) -> None:
    data = picture(31, 17, kind=kind)
    found = {read_header_bytes(data[:end]) for end in range(len(data))}
    assert found <= {None, (31, 17, 3)}
    assert read_header_bytes(b"") is None
    assert read_header_bytes(b"a text file") is None


def test_read_header_missing_file_returns_none(tmp_path: Path) -> None:
    assert read_header(tmp_path / "missing.png") is None


@pytest.mark.parametrize(
    ("parameter", "size"),
    [
        ("image/resize,m_lfit,h_15", (20, 15)),
        ("image/resize,m_lfit,w_20,h_5", (7, 5)),
        ("image/resize,m_mfit,w_20,h_5", (20, 15)),
        ("image/resize,m_fill,w_10,h_10", (10, 10)),
        ("image/resize,m_pad,w_10,h_12", (10, 12)),
        ("image/resize,m_fixed,w_9,h_20", (9, 20)),
        ("image/resize,p_50", (20, 15)),
        ("image/resize,h_300", (40, 30)),
        ("image/resize,h_60,limit_0", (80, 60)),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_process_resize_modes_return_the_documented_size(
    tmp_path: Path, parameter: str, size: tuple[int, int], kind: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(picture(40, 30, kind=kind))
    data, content_type = process_file(path, parameter)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.size, image.format) == (size, kind)
    assert content_type == f"image/{kind.lower()}"


@pytest.mark.parametrize(
    "parameter",
    [
        "",
        "image/evil",
        "image/resize",
        "image/resize,w_0",
        "image/resize,w_99999",
        "image/resize,m_x,w_5",
        "image/info,w_5",
    ],
)
def test_process_invalid_parameter_is_refused(tmp_path: Path, parameter: str) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    with pytest.raises(ApiError):
        process_file(tmp_path / "a.png", parameter)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_process_info_returns_format_size_and_sides(tmp_path: Path, kind: str) -> None:
    data = picture(40, 30, kind=kind)
    (tmp_path / "a").write_bytes(data)
    body, content_type = process_file(tmp_path / "a", "image/info")
    assert json.loads(body) == {"format": kind, "height": 30, "size": len(data), "width": 40}
    assert content_type == "application/json"


def test_process_too_large_picture_is_described_but_not_resized(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(claims(40_000, 30_000))
    assert json.loads(process_file(tmp_path / "a.png", "image/info")[0])["width"] == 40_000
    with pytest.raises(ApiError, match="pixels"):
        process_file(tmp_path / "a.png", "image/resize,h_10")


@pytest.mark.parametrize("mode", ["m_fixed", "m_fill", "m_pad"])
def test_process_resize_too_large_result_is_refused(tmp_path: Path, mode: str) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    with pytest.raises(ApiError, match="pixels"):
        process_file(tmp_path / "a.png", f"image/resize,{mode},w_5000,h_5000")
    with pytest.raises(ApiError, match="from 1 to"):
        process_file(tmp_path / "a.png", f"image/resize,{mode},w_10000,h_10000")
    (tmp_path / "long.png").write_bytes(picture(1200, 2))
    with pytest.raises(ApiError, match="longer"):
        process_file(tmp_path / "long.png", f"image/resize,{mode},p_1000")


def test_process_info_of_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(ApiError):
        process_file(tmp_path / "a.png", "image/info")


def test_image_cache_is_bounded_and_makes_each_result_once() -> None:
    cache, made = ImageCache(max_bytes=2_200), []

    def make(name: str) -> tuple[bytes, str]:
        made.append(name)
        return name.encode() * 40, "image/png"

    for name in ("a", "a", "b", "c", "c", "a"):
        cache.get(name, lambda name=name: make(name))  # type: ignore[misc]
    assert made == ["a", "b", "c", "a"]


def test_image_cache_of_tiny_results_is_bounded_by_the_memory_of_their_keys() -> None:
    cache = ImageCache(max_bytes=100_000)
    for number in range(1_000):
        cache.get(number, lambda: (b"", "image/png"))
    assert len(cache._results) < 100


def test_process_file_over_the_limit_of_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture())
    with (tmp_path / "a.png").open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(ApiError, match="bytes"):
        process_file(tmp_path / "a.png", "image/resize,h_10")
    assert json.loads(process_file(tmp_path / "a.png", "image/info")[0])["size"] == MAX_FILE_BYTES + 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("option", ["m_lfit,w_10,h_10", "m_fill,w_10,h_10", "m_fixed,w_10,h_10,limit_0"])
def test_process_every_kind_of_pixel_is_resized(tmp_path: Path, mode: str, option: str) -> None:
    Image.new(mode, (200, 200)).save(tmp_path / "a.png")
    with Image.open(io.BytesIO(process_file(tmp_path / "a.png", f"image/resize,{option}")[0])) as image:
        assert image.size == (10, 10)


def test_process_fill_returns_the_centre_and_pad_the_whole_picture(tmp_path: Path) -> None:
    stored = Image.new("RGB", (300, 100), (0, 0, 255))
    stored.paste((255, 0, 0), (100, 0, 200, 100))
    stored.save(tmp_path / "a.png")
    with Image.open(io.BytesIO(process_file(tmp_path / "a.png", "image/resize,m_fill,w_20,h_20")[0])) as filled:
        assert {filled.getpixel(place) for place in ((2, 2), (10, 10), (17, 17))} == {(255, 0, 0)}
    with Image.open(
        io.BytesIO(process_file(tmp_path / "a.png", "image/resize,m_pad,w_30,h_30,color_00FF00")[0])
    ) as padded:
        colours = [padded.getpixel((15, row)) for row in (5, 15, 25)]
        assert colours == [(0, 255, 0), (255, 0, 0), (0, 255, 0)]
        assert padded.getpixel((3, 15)) == (0, 0, 255)


def test_process_large_jpeg_is_admitted_at_the_size_it_is_decoded_at(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture(4000, 4000, kind="JPEG"))
    gate = PictureGate()
    process_file(tmp_path / "a.jpg", "image/resize,h_100", gate)
    assert 0 < gate.peak_bytes < 4000 * 4000
    assert gate.used_bytes == 0


def test_process_progressive_jpeg_is_admitted_with_its_coefficients(tmp_path: Path) -> None:
    Image.new("RGB", (2000, 2000)).save(tmp_path / "a.jpg", progressive=True)
    gate = PictureGate()
    process_file(tmp_path / "a.jpg", "image/resize,h_100", gate)
    assert gate.peak_bytes > 2000 * 2000 * 3 * 2


def test_process_picture_over_the_whole_budget_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(claims(10_000, 10_000))
    gate = PictureGate(10_000 * 10_000)
    with pytest.raises(ApiError, match="memory") as refusal:
        process_file(tmp_path / "a.png", "image/resize,h_10", gate)
    assert refusal.value.error == PARAMETER_INVALID
    assert gate.peak_bytes == 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_process_turned_picture_counts_as_it_is_stored(tmp_path: Path, orientation: int, kind: str) -> None:
    data = turned_picture(orientation, kind)
    assert read_header_bytes(data) == (120, 80, 3)
    (tmp_path / "a").write_bytes(data)
    for option, size in (("h_40", (60, 40)), ("m_fill,w_60,h_40", (60, 40)), ("m_pad,w_60,h_40", (60, 40))):
        with Image.open(io.BytesIO(process_file(tmp_path / "a", f"image/resize,{option}")[0])) as image:
            assert (image.size, dict(image.getexif())) == (size, {})
            reds = [image.getpixel(place)[1] < 100 for place in ((15, 10), (45, 10), (15, 30))]  # type: ignore[index]
        assert reds == [True, False, False]
