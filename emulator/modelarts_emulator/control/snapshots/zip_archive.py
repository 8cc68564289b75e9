"""A snapshot's folder as one ``.zip`` file, and back. What comes from elsewhere is judged before it is unpacked."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT

MAX_FILES = 1_000_000
MAX_BYTES = 64 << 30
# More than this must not come out of a file that is so many times smaller.
_SMALL_BYTES, _MOST_TIMES = 256 << 20, 200
_KNOWN = frozenset({"snapshot.json", "objects.json", "metadata.json", "datasets", "buckets", "uploads"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content is the same file
_PIECE = 1 << 20
_ENCRYPTED = 1
# What zipfile raises for bytes that it cannot make sense of.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ArithmeticError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def pack(folder: Path, file: IO[bytes]) -> None:
    """Write a folder as an archive; the same folder gives the same bytes. Raises OSError."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_dir():
                archive.writestr(zipfile.ZipInfo(f"{name}/", _EPOCH), b"")
                continue
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _PIECE)


def unpack(file: IO[bytes], folder: Path) -> None:
    """Unpack an archive into an empty folder. Raises INVALID_SNAPSHOT for what is no snapshot or not safe; OSError."""
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = list(_judged(archive, size, shutil.disk_usage(folder).free))
            for entry, place in entries:
                target = folder / place
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                _extract(archive, entry, target)
    except _UNREADABLE as error:
        raise ApiError(INVALID_SNAPSHOT, f"this is no archive that can be read: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ApiError(INVALID_SNAPSHOT, "a name in the archive is a file and a folder") from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):  # a name, or a place in the file
            raise ApiError(INVALID_SNAPSHOT, f"this is no archive that can be unpacked: {error.strerror}") from None
        raise


def _judged(archive: zipfile.ZipFile, size: int, free: int) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Every entry with its place below the folder. Raises INVALID_SNAPSHOT."""
    entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise ApiError(INVALID_SNAPSHOT, f"more than {MAX_FILES} files")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > min(MAX_BYTES, free // 2):
        raise ApiError(INVALID_SNAPSHOT, "it is larger, unpacked, than there is room for")
    if unpacked > max(_SMALL_BYTES, _MOST_TIMES * size):
        raise ApiError(INVALID_SNAPSHOT, f"it is more than {_MOST_TIMES} times as large, unpacked")
    if sum(entry.compress_size for entry in entries) > size:
        raise ApiError(INVALID_SNAPSHOT, "its files overlap")
    seen: set[PurePosixPath] = set()
    for entry in entries:
        place = _place(entry)
        if place in seen:
            raise ApiError(INVALID_SNAPSHOT, f"{entry.filename[:100]!r} is there twice")
        seen.add(place)
        yield entry, place


def _place(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = entry.orig_filename  # as it is written; the other one ends at a NUL
    place = PurePosixPath(name)
    mode = entry.external_attr >> 16
    is_plain = not stat.S_IFMT(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    is_inside = name == entry.filename and not place.is_absolute() and ".." not in place.parts and "//" not in name
    if not (is_plain and is_inside) or "\\" in name or "\0" in name or name.startswith("./") or "/./" in name:
        raise ApiError(INVALID_SNAPSHOT, f"{name[:100]!r} is no name that a snapshot has")
    is_packed_so = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not place.parts or place.parts[0] not in _KNOWN or entry.flag_bits & _ENCRYPTED or not is_packed_so:
        raise ApiError(INVALID_SNAPSHOT, f"{name[:100]!r} belongs to no snapshot")
    return place


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write an entry's bytes, no more than it claims to have. Raises INVALID_SNAPSHOT."""
    rest = entry.file_size
    with archive.open(entry) as source, target.open("xb") as out:
        while piece := source.read(_PIECE):
            rest -= len(piece)
            if rest < 0:
                raise ApiError(INVALID_SNAPSHOT, f"{entry.filename[:100]!r} is larger than it says")
            out.write(piece)
