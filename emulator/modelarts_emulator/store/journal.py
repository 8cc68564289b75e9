"""The journal: the changes since the last checkpoint, one line per changed record, in atomic groups.

The first line states the format of the file. It is there from the beginning: a journal that has lost its content is not
taken for one without changes. A group consists of a line per record and a commit line with their number
and a checksum. A reader ignores everything after the last complete group: a crash can only cut off the end. Writers
append one after another; those that wait for the disk share one flush (group commit).
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from modelarts_emulator.store import format as formats
from modelarts_emulator.store.files import UNREADABLE, replacing
from modelarts_emulator.system.durability import flush_data
from modelarts_emulator.system.file_limit import file_limit
from modelarts_emulator.system.folder import BINARY, CLOEXEC

log = logging.getLogger(__name__)

_APPENDING = os.O_RDWR | os.O_APPEND | BINARY | CLOEXEC

REMOVED = msgspec.Raw()
"""The document of a change that removes a record."""


class DocumentChange(msgspec.Struct, rename={"table": "t", "number": "k", "document": "v"}, omit_defaults=True):
    """One line: a document that was written, or removed if ``document`` is ``REMOVED``."""

    table: str
    number: int
    document: msgspec.Raw = REMOVED  # msgspec decodes no union of Raw and None


class Commit(msgspec.Struct, rename={"lines": "n", "checksum": "c"}):
    """The last line of a group: the number of lines before it, and their CRC-32."""

    lines: int
    checksum: int


class JournalHead(msgspec.Struct, rename={"checksum": "c"}):
    """The first line of a journal: the format, and the CRC-32 of its digits. Earlier releases wrote no checksum."""

    format: int
    checksum: int | None = None

    @classmethod
    def new(cls) -> JournalHead:
        """Return the head of a journal that is written now."""
        return cls(formats.FORMAT, crc32(b"%d" % formats.FORMAT))

    @property
    def is_intact(self) -> bool:
        """Whether the format is the one that was written, as far as the checksum shows."""
        return self.checksum is None or self.checksum == crc32(b"%d" % self.format)


_encode_lines = msgspec.json.Encoder().encode_lines
_heads = msgspec.json.Decoder(JournalHead)
_changes = msgspec.json.Decoder(DocumentChange)
_commits = msgspec.json.Decoder(Commit)


def encode_group(changes: Sequence[DocumentChange]) -> bytes:
    """Encode a group as it is appended to a journal."""
    body = _encode_lines(changes)
    return body + msgspec.json.encode(Commit(len(changes), crc32(body))) + b"\n"


def first_line() -> bytes:
    """Return the first line of a journal that is written now; a journal that is not larger has no groups."""
    return msgspec.json.encode(JournalHead.new()) + b"\n"


def create_journal(path: Path, *, fsync: bool) -> None:
    """Create a journal without groups in one step; a file that exists stays. Raises OSError.

    The content is durable when this returns, and the name as soon as the caller flushes the folder.
    """
    if not path.exists():
        with replacing(path, fsync=fsync, flush_name=False) as file:
            file.write(first_line())


class OpenJournals:
    """The journals that hold a descriptor: at most ``limit``, apart from those in use. Thread-safe.

    Every loaded dataset has a journal, and a process has few descriptors: 1,024 on most systems.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._journals: OrderedDict[Journal, None] = OrderedDict()
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._journals)

    def add(self, journal: Journal) -> None:
        """Count a journal as the latest used one, and close the descriptors of those used longest ago."""
        with self._guard:
            self._journals[journal] = None
            self._journals.move_to_end(journal)
            for each in list(self._journals)[: max(0, len(self._journals) - self.limit)]:
                if each.release():
                    del self._journals[each]

    def discard(self, journal: Journal) -> None:
        """Forget a journal that is closed."""
        with self._guard:
            self._journals.pop(journal, None)


OPEN_JOURNALS = OpenJournals(max(8, min(256, file_limit() // 8)))
"""The open journals of this process: several emulators in one process share its descriptors."""


class Journal:
    """A journal for appending. Its descriptor is closed while many others are used, and opened again when needed.

    ``append`` is called by one thread at a time, under the dataset's writer lock; ``sync`` by any number of threads.
    ``failed`` is set when the state of the file on disk is unknown. Then nothing more may be appended.
    """

    def __init__(self, path: Path, *, fsync: bool) -> None:
        """Open or create the file. With ``fsync`` False, ``sync`` does nothing."""
        create_journal(path, fsync=fsync)
        self.path, self._fsync = path, fsync
        self._file = os.open(path, _APPENDING)
        self.size = self._synced = os.fstat(self._file).st_size
        if not self.size:  # an earlier release created it, or its content was lost
            self.size = os.write(self._file, first_line())
        self.failed = False
        self._syncing = self._appending = self._is_closed = False
        self._turn = threading.Condition()
        OPEN_JOURNALS.add(self)

    @property
    def size_of_groups(self) -> int:
        """Size in bytes of all groups; 0 without one."""
        return max(0, self.size - len(first_line()))

    def append(self, group: bytes) -> int:
        """Append a group and return the file offset of its end.

        Raises:
            OSError: the disk refuses. The group is rolled back, or ``failed`` is set if that fails too.
        """
        start = self.size
        with self._turn:
            if self._file < 0:
                self._reopen()
            self._appending = True  # keeps the descriptor open
        try:
            OPEN_JOURNALS.add(self)
            view = memoryview(group)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            error.filename = str(self.path)
            self._roll_back(start)
            raise
        finally:
            self._appending = False
        self.size = start + len(group)
        return self.size

    def _reopen(self) -> None:
        if self._is_closed:
            raise OSError(errno.EBADF, "the journal is closed", str(self.path))
        file = os.open(self.path, _APPENDING)
        if os.fstat(file).st_size != self.size:
            os.close(file)
            self.failed = True
            raise OSError(errno.EIO, "another program has changed the journal", str(self.path))
        self._file = file

    def release(self) -> bool:
        """Close the descriptor for now, unless it is in use or has data to flush; return whether it is closed."""
        with self._turn:
            if self._appending or self._syncing or (self._fsync and self._synced < self.size):
                return False
            self._close_file()
            return True

    def _close_file(self) -> None:
        # The number of a closed descriptor is given to the next file: a late caller of sync must not flush that.
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _roll_back(self, start: int) -> None:
        try:
            os.ftruncate(self._file, start)
        except OSError:
            self.failed = True
            raise

    def sync(self, end: int) -> None:
        """Wait until everything up to offset ``end`` is durable.

        One of the waiting threads flushes the file for all of them.

        Raises:
            OSError: the disk refuses. ``failed`` is set: the kernel may report the next flush as successful although
                it has dropped the data of the failed one.
        """
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
            flush_data(self._file)
        except OSError:
            target, self.failed = self._synced, True
            raise
        finally:
            with self._turn:
                self._syncing = False
                self._synced = max(self._synced, target)
                self._turn.notify_all()

    def close(self) -> None:
        """Sync and close the file. Raises OSError."""
        try:
            self.sync(self.size)
        finally:
            with self._turn:
                self._is_closed = True
                self._close_file()
            OPEN_JOURNALS.discard(self)


class JournalTail(NamedTuple):
    """The end of a journal file, in bytes from its start."""

    end: int
    """End of the last complete group."""
    size: int
    """End of the file."""
    damaged: bool
    """Whether the rest cannot be a group that a crash has cut off: data before it, or in it, was changed."""


class JournalFile:
    """A journal on disk, for reading.

    Raises:
        FormatTooNew: a later release wrote the file.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = _read(path)
        self._start = 0
        self.format = 1
        self.is_head_damaged = False
        newline = self._data.find(b"\n")
        if not self._data.startswith((b'{"t":', b'{"n":')) and newline >= 0:
            self._start = newline + 1
            self._read_head(self._data[:newline])
        formats.require_supported(path, self.format)
        self.tail = JournalTail(self._start, len(self._data), False)

    def _read_head(self, line: bytes) -> None:
        """Set the format; that of a damaged head is the current one: the groups have checksums of their own."""
        try:
            head = _heads.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            head = None
        if head is None or not head.is_intact:
            self.is_head_damaged, self.format = True, formats.FORMAT
        else:
            self.format = head.format

    def groups(self) -> Iterator[list[DocumentChange]]:
        """Yield the complete groups in order; afterwards ``tail`` describes the rest of the file."""
        end = self._start
        for group, end in _groups(self._data, self._start):  # noqa: B007  (the last end is used after the loop)
            yield group
        self.tail = JournalTail(end, len(self._data), not _is_cut_off(self._data[end:]))

    def truncate_tail(self) -> None:
        """Cut off everything after the last complete group; a copy of damaged data is quarantined first."""
        end, size, damaged = self.tail
        if end == size:
            return
        log.warning("%s: dropped %d bytes after the last complete group", self.path, size - end)
        if damaged:
            copy = self.path.with_name(f"{self.path.name}.damaged-{self.path.stat().st_mtime_ns}")
            copy.write_bytes(self._data)
            log.error("%s is damaged at byte %d; a copy is quarantined as %s", self.path, end, copy)
        os.truncate(self.path, 0 if self.is_head_damaged and end == self._start else end)


def _groups(data: bytes, start: int) -> Iterator[tuple[list[DocumentChange], int]]:
    """Yield complete groups, each with the offset of its end."""
    position = start
    changes: list[DocumentChange] = []
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
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        position = newline + 1


def _is_cut_off(rest: bytes) -> bool:
    """Return whether the rest of a journal is the beginning of one group, as a crash leaves it.

    All complete lines are then valid changes, and there is no commit line.
    """
    *lines, last = rest.split(b"\n")
    try:
        for line in lines:
            _changes.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    # A commit line whose line end was changed: nothing of a group follows its closing brace.
    return not (last.startswith(b'{"n":') and b"}" in last[:-1])


def _read(path: Path) -> bytes:
    """Return the content of a journal. Raises Damaged, OSError."""
    try:
        return path.read_bytes()
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        raise formats.Damaged(path, f"cannot be read: {error.strerror}") from error
