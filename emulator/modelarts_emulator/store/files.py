"""Files that are replaced as a whole: written beside, synced, renamed, so that a reader sees the old or the new one.

The JSON files are TinyDB's: tables by name, documents by number, one a line. The table ``meta`` says which format
it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from modelarts_emulator.store import format as formats
from modelarts_emulator.store.format import Damaged, upgrade


class Meta(msgspec.Struct):
    """What a file says of itself. ``generation`` counts the checkpoints of a dataset."""

    format: int = 1  # where a file does not say it; written it always is
    generation: int = 0


class Rows(NamedTuple):
    """A table's documents, encoded, beside their numbers."""

    numbers: list[int]
    documents: list[bytes]


Tables = dict[str, Rows]
_raw_tables = msgspec.json.Decoder(dict[str, dict[str, msgspec.Raw]])
_meta = msgspec.json.Decoder(Meta)


def read_meta(path: Path) -> Meta:
    """What a file says of itself, from its first line if that is enough. Raises as ``read_tables``."""
    with path.open("rb") as file:
        head = file.readline()
    if head.startswith(b'{"meta":{"1":') and head.endswith(b"}\n"):
        with suppress(msgspec.DecodeError):
            meta = _meta.decode(head[13:-2])
            formats.require_supported(path, meta.format)
            return meta
    return read_tables(path)[0]


class _LaidOutDifferently(Exception):
    """The file is not one document a line; it may be good all the same."""


def read_tables(path: Path) -> tuple[Meta, Tables]:
    """A file's tables in this release's format, not yet decoded. Raises FileNotFoundError, Damaged, FormatTooNew."""
    try:
        try:
            meta, tables = _read_lines(path)
        except (_LaidOutDifferently, ValueError):
            meta, tables = _read_whole(path)
    except (msgspec.DecodeError, KeyError, StopIteration, ValueError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error
    formats.require_supported(path, meta.format)
    for name, rows in tables.items() if meta.format < formats.FORMAT else ():
        rows.documents[:] = [upgrade(meta.format, name, document) for document in rows.documents]
    return meta, tables


def _read_lines(path: Path) -> tuple[Meta, Tables]:
    """As ``write_tables`` lays it out. Raises _LaidOutDifferently, ValueError."""
    tables: Tables = {}
    rows: Rows | None = None
    with path.open("rb") as file:
        head = file.readline()
        if not (head.startswith(b'{"meta":{"1":') and head.endswith(b"}\n")):
            raise _LaidOutDifferently
        meta = _meta.decode(head[13:-2])
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
                raise _LaidOutDifferently
    if not closed:
        raise _LaidOutDifferently
    return meta, tables


def _read_whole(path: Path) -> tuple[Meta, Tables]:
    """As another program may have laid it out. Raises msgspec.DecodeError, KeyError, StopIteration, ValueError."""
    found = _raw_tables.decode(path.read_bytes())
    meta = _meta.decode(next(iter(found.pop("meta").values())))
    return meta, {
        name: Rows([int(n) for n in rows], [bytes(raw) for raw in rows.values()]) for name, rows in found.items()
    }


def write_tables(
    path: Path, tables: Mapping[str, Iterable[tuple[int, bytes]]], *, generation: int = 0, fsync: bool
) -> None:
    """Replace a file by these tables, streamed: documents are (number, encoded) pairs. Raises OSError."""
    with replacing(path, fsync=fsync) as out:
        out.write(b'{"meta":{"1":%b}\n' % msgspec.json.encode(Meta(formats.FORMAT, generation)))
        for name, documents in tables.items():
            out.write(b',"%b":{\n' % name.encode())
            out.writelines(_joined(documents))
            out.write(b"}\n")
        out.write(b"}\n")


def _joined(documents: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    last = b""
    for number, document in documents:
        yield b'%b"%d":%b' % (last, number, document)
        last = b",\n"
    if last:
        yield b"\n"


@contextmanager
def replacing(path: Path, *, fsync: bool) -> Iterator[IO[bytes]]:
    """What is written takes the place of a file when all of it is on the disk; else nothing is left. Raises OSError."""
    temporary = _beside(path)
    try:
        with temporary.open("wb") as out:
            yield out
            out.flush()
            if fsync:
                os.fsync(out.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)  # on a full disk, its room is needed
        raise
    if fsync:
        sync_directory(path.parent)


def remove(path: Path) -> None:
    """Remove a file, and what is left of a write of it that was cut short."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")


def sync_directory(folder: Path) -> None:
    """Make a rename or a new name in a folder survive power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
