"""The journal: what has changed since the last checkpoint, one line a touched record, in atomic groups.

A group is its records' lines and a commit line with their number and checksum. What follows the last whole group, cut
short by a crash, is dropped. Writers append one after another; those that wait for the disk share one fsync.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

log = logging.getLogger("modelarts-emulator")


NOTHING = msgspec.Raw()
"""No document: the record is removed."""


class Change(msgspec.Struct, rename={"table": "t", "number": "k", "document": "v"}, omit_defaults=True):
    """One line: a document of a table was written, or, without ``document``, removed."""

    table: str
    number: int
    document: msgspec.Raw = NOTHING  # msgspec decodes no union of Raw and None


class Commit(msgspec.Struct, rename={"lines": "n", "checksum": "c"}):
    """The last line of a group."""

    lines: int
    checksum: int


_changes = msgspec.json.Decoder(Change)
_commits = msgspec.json.Decoder(Commit)


def encode_group(changes: Sequence[Change]) -> bytes:
    """A group as it is appended."""
    body = b"".join(msgspec.json.encode(change) + b"\n" for change in changes)
    return body + msgspec.json.encode(Commit(len(changes), crc32(body))) + b"\n"


class Journal:
    """An open journal. ``append`` is called by one writer at a time, ``sync`` by any number."""

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self.path, self._fsync = path, fsync
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self.size = os.fstat(self._file).st_size
        self._synced = self.size
        self._syncing = False
        self._turn = threading.Condition()

    def append(self, group: bytes) -> int:
        """Append a group and return where it ends. Raises OSError, in which case nothing of it is left behind."""
        start = self.size
        view = memoryview(group)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, start)
            raise
        self.size = start + len(group)
        return self.size

    def sync(self, end: int) -> None:
        """Return when everything up to ``end`` is on the disk. One caller syncs for all that wait. Raises OSError."""
        if not self._fsync:
            return
        with self._turn:
            while self._syncing and self._synced < end:
                self._turn.wait()
            if self._synced >= end:
                return
            self._syncing = True
            target = self.size
        try:
            os.fdatasync(self._file)
        except OSError:
            target = self._synced
            raise
        finally:
            with self._turn:
                self._syncing = False
                self._synced = max(self._synced, target)
                self._turn.notify_all()

    def close(self) -> None:
        """Sync what is not on the disk yet, and close. Raises OSError."""
        try:
            self.sync(self.size)
        finally:
            os.close(self._file)


def replay(path: Path) -> Iterator[list[Change]]:
    """The whole groups of a journal, in order; a torn end is cut off the file."""
    data = path.read_bytes()
    end = 0
    for group, end in _groups(data):  # noqa: B007  (the last end is needed after the loop)
        yield group
    if end < len(data):
        _drop(path, data, end)


def _drop(path: Path, data: bytes, end: int) -> None:
    """Cut a journal after its last whole group; where more than a torn group is cut off, a copy is set aside."""
    log.warning("%s: dropped %d bytes after the last whole group, left by a crash", path, len(data) - end)
    if b'\n{"n":' in data[end:]:
        aside = path.with_name(f"{path.name}.damaged-{path.stat().st_mtime_ns}")
        aside.write_bytes(data)
        log.error("%s is damaged at byte %d: it is set aside as %s", path, end, aside)
    os.truncate(path, end)


def _groups(data: bytes) -> Iterator[tuple[list[Change], int]]:
    start = position = 0
    changes: list[Change] = []
    while (newline := data.find(b"\n", position)) >= 0:
        line = data[position:newline]
        try:
            if line.startswith(b'{"n"'):
                commit = _commits.decode(line)
                if commit.lines != len(changes) or commit.checksum != crc32(data[start:position]):
                    return
                yield changes, newline + 1
                changes, start = [], newline + 1
            else:
                changes.append(_changes.decode(line))
        except msgspec.DecodeError:
            return
        position = newline + 1
