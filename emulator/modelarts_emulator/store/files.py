"""JSON files that are replaced in one step: written beside the old file, flushed, and renamed over it.

A reader sees the old content or the new one, never a mixture. The files are TinyDB files: tables by name, documents by
number, one document per line. The table ``meta`` states the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from modelarts_emulator.store import format as formats
from modelarts_emulator.store.format import Damaged, upgrade
from modelarts_emulator.system.durability import flush_file, flush_folder, replace_file


class Meta(msgspec.Struct):
    """The document of the table ``meta``."""

    format: int = 1
    """Format of the file. It is always written; a file without it has format 1."""
    generation: int = 0
    """Number of the dataset's checkpoint."""


class Rows(NamedTuple):
    """The encoded documents of a table, and their numbers."""

    numbers: list[int]
    documents: list[bytes]


Tables = dict[str, Rows]
_raw_tables = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
_meta = msgspec.json.Decoder(Meta)
_META_START = b'{"meta":{"1":'


def read_meta(path: Path) -> Meta:
    """Return the meta document of a file, from the first line if possible. Raises as ``read_tables``."""
    with path.open("rb") as file:
        head = file.readline()
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
        try:
            meta, tables = _read_lines(path)
        except (_OtherLayout, ValueError):
            meta, tables = _read_any_layout(path)
    except (msgspec.DecodeError, KeyError, StopIteration, ValueError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error
    formats.require_supported(path, meta.format)
    for name, rows in tables.items() if meta.format < formats.FORMAT else ():
        rows.documents[:] = [upgrade(meta.format, name, document) for document in rows.documents]
    return meta, tables


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
        out.write(_META_START + msgspec.json.encode(Meta(formats.FORMAT, generation)) + b"}\n")
        for name, documents in tables.items():
            out.write(b',"%b":{\n' % name.encode())
            out.writelines(_joined(documents))
            out.write(b"}\n")
        out.write(b"}\n")


def _joined(documents: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    separator = b""
    for number, document in documents:
        yield b'%b"%d":%b' % (separator, number, document)
        separator = b",\n"
    if separator:
        yield b"\n"


@contextmanager
def replacing(path: Path, *, fsync: bool) -> Iterator[IO[bytes]]:
    """Give a new file to write to; it replaces ``path`` at the end, and is removed after an error.

    With ``fsync`` the data is flushed before the rename, and the folder after it: the name then never refers to a file
    without data, and survives power loss.

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
    except BaseException:
        temporary.unlink(missing_ok=True)  # on a full disk its space is needed
        raise
    if fsync:
        flush_folder(path.parent)


def remove(path: Path) -> None:
    """Delete a file, and the temporary file of an interrupted write of it."""
    path.unlink(missing_ok=True)
    _temporary(path).unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")
