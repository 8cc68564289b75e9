"""JSON files that are replaced in one step: written beside the old file, flushed, and renamed over it.

A reader sees the old content or the new one, never a mixture. The files are TinyDB files: tables by name, documents by
number, one document per line. The table ``meta`` states the format. The table ``checksum``, at the end, has the CRC-32
of everything before it, so that a changed bit is noticed. A file of another program has none in this
place, and is read without one.
"""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from zlib import crc32

import msgspec

from modelarts_emulator.store import format as formats
from modelarts_emulator.store.format import Damaged, upgrade
from modelarts_emulator.system.durability import flush_file, flush_folder, replace_file

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Meta(msgspec.Struct):
    """The document of the table ``meta``."""

    format: int = 1
    """Format of the file. It is always written; a file without it has format 1."""
    generation: int = 0
    """Number of the dataset's checkpoint."""
    checksum: bool = False
    """Whether the file ends with a checksum."""
    heads: bool = False
    """Whether each journal since this checkpoint has its first line from the beginning, so that an empty one has lost
    its content. Earlier releases created empty journals."""


class Rows(NamedTuple):
    """The encoded documents of a table, and their numbers."""

    numbers: list[int]
    documents: list[bytes]


Tables = dict[str, Rows]
_raw_tables = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
_meta = msgspec.json.Decoder(Meta)
_META_START = b'{"meta":{"1":'
_CHECKSUM = "checksum"
_TRAILER = b',"checksum":{\n"1":{"crc32":%d}\n}\n}\n'
_TRAILER_PATTERN = re.compile(re.escape(_TRAILER % 0).replace(b"0", rb"(\d{1,10})") + rb"\Z")
_MAX_TRAILER = len(_TRAILER) + 10
_PIECE = 1 << 20
UNREADABLE = frozenset({errno.EIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP})
"""Error codes that mean that this file is damaged, not that the disk or the rights are at fault."""


def read_meta(path: Path) -> Meta:
    """Return the meta document of a file, from the first line if possible. Raises as ``read_tables``."""
    try:
        with path.open("rb") as file:
            head = file.readline()
    except IsADirectoryError as error:
        raise Damaged(path, f"cannot be read: {error.strerror}") from error
    if head.startswith(_META_START) and head.endswith(b"}\n"):
        with suppress(msgspec.DecodeError):
            meta = _meta.decode(head[len(_META_START) : -2])
            formats.require_supported(path, meta.format)
            return meta
    return read_tables(path)[0]


class _OtherLayout(Exception):
    """The file does not have one document per line; it may be valid JSON all the same."""


def read_tables(path: Path) -> tuple[Meta, Tables]:
    """Return a file's tables, converted to the current format but not decoded.

    Raises:
        FileNotFoundError: the file does not exist.
        Damaged: the file is not valid.
        FormatTooNew: a later release wrote the file.
    """
    try:
        _require_intact(path)
        try:
            meta, tables = _read_lines(path)
        except (_OtherLayout, ValueError):
            meta, tables = _read_any_layout(path)
    except (msgspec.DecodeError, KeyError, StopIteration, ValueError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        raise Damaged(path, f"cannot be read: {error.strerror}") from error
    formats.require_supported(path, meta.format)
    tables.pop(_CHECKSUM, None)
    for name, rows in tables.items() if meta.format < formats.FORMAT else ():
        rows.documents[:] = [upgrade(meta.format, name, document) for document in rows.documents]
    return meta, tables


def _require_intact(path: Path) -> None:
    """Compare a file with its checksum. Raises Damaged, FormatTooNew, OSError."""
    with path.open("rb") as file:
        head = file.readline()
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _MAX_TRAILER))
        tail = file.read()
        found = _TRAILER_PATTERN.search(tail)
        if found is None:
            _require_without_checksum(path, head)
            return
        file.seek(0)
        left, checksum = size - len(found[0]), 0
        while left and (piece := file.read(min(_PIECE, left))):
            checksum = crc32(piece, checksum)
            left -= len(piece)
    if checksum != int(found[1]):
        raise Damaged(path, "its content does not have its checksum")


def _require_without_checksum(path: Path, head: bytes) -> None:
    """Check that the head of a file without a checksum does not announce one. Raises Damaged, FormatTooNew."""
    if not (head.startswith(_META_START) and head.endswith(b"}\n")):
        return  # written by another program
    with suppress(msgspec.DecodeError):
        meta = _meta.decode(head[len(_META_START) : -2])
        formats.require_supported(path, meta.format)  # the checksums of a later release may differ
        if meta.checksum:
            raise Damaged(path, "its checksum is missing")


def _read_lines(path: Path) -> tuple[Meta, Tables]:
    """Read a file in the layout of ``write_tables``. Raises _OtherLayout, ValueError."""
    tables: Tables = {}
    rows: Rows | None = None
    with path.open("rb") as file:
        head = file.readline()
        if not (head.startswith(_META_START) and head.endswith(b"}\n")):
            raise _OtherLayout
        meta = _meta.decode(head[len(_META_START) : -2])
        closed = False
        for line in file:
            if line[:1] == b'"' and rows is not None:
                end = line.index(b":")
                rows.numbers.append(int(line[1 : end - 1]))
                rows.documents.append(line[end + 1 : -2 if line[-2] == 44 else -1])  # 44 is a comma
            elif line.startswith(b',"') and line.endswith(b'":{\n') and rows is None:
                rows = tables[line[2:-4].decode()] = Rows([], [])
            elif line == b"}\n" and not closed:
                rows, closed = None, rows is None
            else:
                raise _OtherLayout
    if not closed:
        raise _OtherLayout
    return meta, tables


def _read_any_layout(path: Path) -> tuple[Meta, Tables]:
    """Read a file that another program has written. Raises DecodeError, KeyError, StopIteration, ValueError."""
    found = _raw_tables.decode(path.read_bytes())
    meta = _meta.decode(next(iter(found.pop("meta").values())))
    return meta, {
        name: Rows([int(n) for n in rows], [bytes(raw) for raw in rows.values()]) for name, rows in found.items()
    }


def write_tables(
    path: Path, tables: Mapping[str, Iterable[tuple[int, bytes]]], *, generation: int = 0, fsync: bool
) -> None:
    """Replace a file with these tables, written as a stream.

    Args:
        path: the file.
        tables: (number, encoded document) pairs by table name.
        generation: number of the checkpoint.
        fsync: whether the new file is durable when this returns.

    Raises:
        OSError: the disk refuses; the old file is unchanged.
    """
    with replacing(path, fsync=fsync) as out:
        summed = _ChecksumWriter(out)
        with io.BufferedWriter(summed, _PIECE) as lines:
            meta = Meta(formats.FORMAT, generation, checksum=True, heads=True)
            lines.write(_META_START + msgspec.json.encode(meta) + b"}\n")
            for name, documents in tables.items():
                lines.write(b',"%b":{\n' % name.encode())
                lines.writelines(_joined(documents))
                lines.write(b"}\n")
        out.write(_TRAILER % summed.checksum)


class _ChecksumWriter(io.RawIOBase):
    """Computes the CRC-32 of all bytes that are written through it; closing it leaves the file open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.checksum = 0

    def writable(self) -> bool:
        """Return True: ``io.BufferedWriter`` asks."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Write bytes."""
        self.checksum = crc32(data, self.checksum)
        return self._file.write(data)


def _joined(documents: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    separator = b""
    for number, document in documents:
        yield b'%b"%d":%b' % (separator, number, document)
        separator = b",\n"
    if separator:
        yield b"\n"


@contextmanager
def replacing(path: Path, *, fsync: bool, flush_name: bool = True) -> Iterator[IO[bytes]]:
    """Give a new file to write to; it replaces ``path`` at the end, and is removed after an error.

    With ``fsync`` the data is flushed before the rename, and the folder after it: the name then never refers to a file
    without data, and survives power loss. With ``flush_name`` False the caller flushes the folder.

    Raises:
        OSError: the disk refuses; the old file is unchanged.
    """
    temporary = _temporary(path)
    try:
        with temporary.open("wb") as out:
            yield out
            out.flush()
            if fsync:
                flush_file(out.fileno())
        replace_file(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)  # on a full disk its space is needed
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise
    if fsync and flush_name:
        flush_folder(path.parent)


def remove(path: Path) -> None:
    """Delete a file, and the temporary file of an interrupted write of it."""
    path.unlink(missing_ok=True)
    _temporary(path).unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")
