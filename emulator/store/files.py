"""Files that are replaced as a whole: written beside, synced, renamed, so that a reader sees the old or the new one.

The JSON files are TinyDB's: tables by name, documents by number. The table ``meta`` says which format it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import orjson
from tinydb.storages import Storage

FORMAT = 1


class FormatTooNew(Exception):
    """A file was written by a later release; the text names the file and both formats."""


class Damaged(Exception):
    """A file does not hold what it should; the text says where."""


class Meta(msgspec.Struct, omit_defaults=True):
    """What a file says of itself. ``generation`` counts the checkpoints of a dataset."""

    format: int = FORMAT
    generation: int = 0


Tables = dict[str, dict[str, msgspec.Raw]]
_decoder = msgspec.json.Decoder(Tables)


def read_tables(path: Path) -> tuple[Meta, Tables]:
    """A file's tables, their documents undecoded. Raises FileNotFoundError, Damaged, FormatTooNew."""
    try:
        tables = _decoder.decode(path.read_bytes())
        meta = msgspec.json.decode(next(iter(tables.pop("meta").values())), type=Meta)
    except (msgspec.DecodeError, KeyError, StopIteration) as error:
        raise Damaged(f"{path} cannot be read: {error}") from error
    if meta.format > FORMAT:
        raise FormatTooNew(
            f"{path} has format {meta.format}, written by a later release; this one reads up to {FORMAT}"
        )
    return meta, tables


def write_tables(path: Path, meta: Meta, tables: Mapping[str, Iterable[tuple[int, bytes]]], *, fsync: bool) -> None:
    """Replace a file by these tables, streamed: documents are (number, encoded) pairs."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as out:
        out.write(b'{"meta":{"1":%b}' % msgspec.json.encode(meta))
        for name, documents in tables.items():
            out.write(b',"%b":{' % name.encode())
            out.writelines(_joined(documents))
            out.write(b"}")
        out.write(b"}\n")
        out.flush()
        if fsync:
            os.fsync(out.fileno())
    temporary.replace(path)
    if fsync:
        sync_directory(path.parent)


def _joined(documents: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    separator = b"\n"
    for number, document in documents:
        yield b'%b"%d":%b' % (separator, number, document)
        separator = b",\n"


def sync_directory(folder: Path) -> None:
    """Make a rename or a new name in a folder survive power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class AtomicJSONStorage(Storage):
    """A TinyDB storage that replaces its file as a whole, so that a write cut short leaves the old one."""

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        self._path, self._fsync = path, fsync

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The tables, or None where there is no file yet."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        tables: dict[str, dict[str, Any]] = orjson.loads(data)
        return tables

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the file."""
        temporary = self._path.with_name(self._path.name + ".tmp")
        with temporary.open("wb") as out:
            out.write(orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS))
            out.flush()
            if self._fsync:
                os.fsync(out.fileno())
        temporary.replace(self._path)
