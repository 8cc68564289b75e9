"""Pack a snapshot's folder into a zip archive, and unpack one after checking every entry."""

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
# Zip bombs: contents above the first limit must not be more than this many times larger than the archive.
_SMALL_BYTES, _MAX_RATIO = 256 << 20, 200
_KNOWN = frozenset({"snapshot.json", "teams.json", "objects.json", "metadata.json", "datasets", "buckets", "uploads"})
_EPOCH = (1980, 1, 1, 0, 0, 0)  # fixed, so that the same content gives the same bytes
_PIECE = 1 << 20
_ENCRYPTED = 1
# Exceptions of zipfile for malformed archives.
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
    """Write a folder into an archive; the same folder gives the same bytes. Raises OSError."""
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
    """Unpack an archive into an empty folder.

    Raises:
        ApiError: INVALID_SNAPSHOT, if the archive is malformed, unsafe, or not a snapshot.
        OSError: the disk refuses a write.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = list(_checked_entries(archive, size, shutil.disk_usage(folder).free))
            for entry, place in entries:
                target = folder / place
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                _extract(archive, entry, target)
    except _UNREADABLE as error:
        raise ApiError(INVALID_SNAPSHOT, f"not a readable zip archive: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise ApiError(INVALID_SNAPSHOT, "a name in the archive is both a file and a folder") from None
    except OSError as error:
        if error.errno in (
            errno.ENAMETOOLONG,
            errno.EINVAL,
            errno.EILSEQ,
        ):  # a name that the file system refuses, or a bad offset
            raise ApiError(INVALID_SNAPSHOT, f"the archive cannot be unpacked: {error.strerror}") from None
        raise


def _checked_entries(archive: zipfile.ZipFile, size: int, free: int) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Yield every entry with its path below the folder. Raises INVALID_SNAPSHOT."""
    entries = archive.infolist()
    if len(entries) > MAX_FILES:
        raise ApiError(INVALID_SNAPSHOT, f"more than {MAX_FILES} files")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > min(MAX_BYTES, free // 2):
        raise ApiError(INVALID_SNAPSHOT, "the unpacked content does not fit on the disk")
    if unpacked > max(_SMALL_BYTES, _MAX_RATIO * size):
        raise ApiError(
            INVALID_SNAPSHOT, f"the unpacked content is more than {_MAX_RATIO} times as large as the archive"
        )
    if sum(entry.compress_size for entry in entries) > size:
        raise ApiError(INVALID_SNAPSHOT, "its entries overlap")
    seen: set[PurePosixPath] = set()
    for entry in entries:
        place = _safe_path(entry)
        if place in seen:
            raise ApiError(INVALID_SNAPSHOT, f"{entry.filename[:100]!r} appears twice")
        seen.add(place)
        yield entry, place


def _safe_path(entry: zipfile.ZipInfo) -> PurePosixPath:
    name = entry.orig_filename  # as stored; `filename` is cut at a NUL
    place = PurePosixPath(name)
    mode = entry.external_attr >> 16
    is_plain = not stat.S_IFMT(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    is_inside = name == entry.filename and not place.is_absolute() and ".." not in place.parts and "//" not in name
    if not (is_plain and is_inside) or "\\" in name or "\0" in name or name.startswith("./") or "/./" in name:
        raise ApiError(INVALID_SNAPSHOT, f"{name[:100]!r} is not a safe name")
    if not place.parts or place.parts[0] not in _KNOWN:
        raise ApiError(INVALID_SNAPSHOT, f"unexpected entry {name[:100]!r}")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ApiError(INVALID_SNAPSHOT, f"{name[:100]!r} is encrypted, or neither stored nor deflated")
    return place


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Write an entry's bytes, at most as many as it announces. Raises INVALID_SNAPSHOT."""
    rest = entry.file_size
    with archive.open(entry) as source, target.open("xb") as out:
        while piece := source.read(_PIECE):
            rest -= len(piece)
            if rest < 0:
                raise ApiError(INVALID_SNAPSHOT, f"{entry.filename[:100]!r} is larger than announced")
            out.write(piece)
