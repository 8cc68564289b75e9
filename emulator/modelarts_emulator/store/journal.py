"""The journal: what has changed since the last checkpoint, one line a touched record, in atomic groups.

The first line is the file's format. A group is its records' lines and a commit line with their number and checksum.
What follows the last whole group, cut short by a crash, is dropped. Writers append one after another; those that wait
for the disk share one fsync.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from modelarts_emulator.store import format as formats

log = logging.getLogger(__name__)

REMOVED = msgspec.Raw()
"""No document: the record is removed."""


class Change(msgspec.Struct, rename={"table": "t", "number": "k", "document": "v"}, omit_defaults=True):
    """One line: a document of a table was written, or, without ``document``, removed."""

    table: str
    number: int
    document: msgspec.Raw = REMOVED  # msgspec decodes no union of Raw and None


class Commit(msgspec.Struct, rename={"lines": "n", "checksum": "c"}):
    """The last line of a group."""

    lines: int
    checksum: int


class Head(msgspec.Struct):
    """The first line of a journal."""

    format: int


_heads = msgspec.json.Decoder(Head)
_changes = msgspec.json.Decoder(Change)
_commits = msgspec.json.Decoder(Commit)


def encode_group(changes: Sequence[Change]) -> bytes:
    """A group as it is appended."""
    body = b"".join(msgspec.json.encode(change) + b"\n" for change in changes)
    return body + msgspec.json.encode(Commit(len(changes), crc32(body))) + b"\n"


class Journal:
    """An open journal. ``append`` is called by one writer at a time, ``sync`` by any number.

    Where ``failed`` is set, the disk has refused in a way that leaves unknown what it holds: nothing more is appended.
    """

    def __init__(self, path: Path, *, fsync: bool) -> None:
        self.path, self._fsync = path, fsync
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.size = os.fstat(self._file).st_size
        self.failed = False
        self._synced = self.size
        self._syncing = False
        self._turn = threading.Condition()

    def append(self, group: bytes) -> int:
        """Append a group and return where it ends. Raises OSError, in which case nothing of it is left behind."""
        start = self.size
        if not start:
            group = msgspec.json.encode(Head(formats.FORMAT)) + b"\n" + group
        view = memoryview(group)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            self._roll_back(start)
            raise
        self.size = start + len(group)
        return self.size

    def _roll_back(self, start: int) -> None:
        try:
            os.ftruncate(self._file, start)
        except OSError:
            self.failed = True
            raise

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
            # A second try may succeed without having written anything.
            target, self.failed = self._synced, True
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
            file, self._file = self._file, -1  # whoever still waits must not sync another file of this number
            os.close(file)


class Tail(NamedTuple):
    """How a journal ends: ``end`` is where its last whole group does, ``size`` where the file does, in bytes."""

    end: int
    size: int
    damaged: bool
    """Whether groups follow that were whole once: this is more than what a crash leaves."""


class JournalFile:
    """A journal as it lies on disk. Raises FormatTooNew, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = path.read_bytes()
        self._start = 0
        self.format = 1
        newline = self._data.find(b"\n")
        if self._data.startswith(b'{"format"') and newline >= 0:
            try:
                self.format = _heads.decode(self._data[:newline]).format
            except msgspec.DecodeError:
                pass
            else:
                self._start = newline + 1
        formats.require_supported(path, self.format)
        self.tail = Tail(self._start, len(self._data), False)

    def groups(self) -> Iterator[list[Change]]:
        """The whole groups in order; ``tail`` then tells what follows them."""
        end = self._start
        for group, end in _groups(self._data, self._start):  # noqa: B007  (the last end is needed after the loop)
            yield group
        commit = self._data.find(b'\n{"n":', end)
        whole = commit >= 0 and self._data.find(b"\n", commit + 1) >= 0
        self.tail = Tail(end, len(self._data), whole)

    def truncate_tail(self) -> None:
        """Cut off what follows the last whole group; where that is more than a torn group, set a copy aside."""
        end, size, damaged = self.tail
        if end == size:
            return
        log.warning("%s: dropped %d bytes after the last whole group, left by a crash", self.path, size - end)
        if damaged:
            aside = self.path.with_name(f"{self.path.name}.damaged-{self.path.stat().st_mtime_ns}")
            aside.write_bytes(self._data)
            log.error("%s is damaged at byte %d: it is set aside as %s", self.path, end, aside)
        os.truncate(self.path, end if end > self._start else 0)


def _groups(data: bytes, start: int) -> Iterator[tuple[list[Change], int]]:
    position = start
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
