"""Receive request bodies: small ones in memory, large ones in a temporary file, so that size never costs memory."""

from __future__ import annotations

import io
import logging
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from modelarts_emulator.system.file_limit import OUT_OF_FILES
from modelarts_emulator.system.temporary_files import temporary_file
from modelarts_emulator.web.heads import BadRequest, require_fields
from modelarts_emulator.web.responses import Disconnect

log = logging.getLogger(__name__)

MEMORY = 1 << 19
"""From so many bytes on, a body is kept in a temporary file."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_MAX_LINE = 4096
_MAX_TRAILERS = 1 << 16


class Spool:
    """Temporary files for large bodies, in ``folder``, or in the system's own folder for such files."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def require_room(self, size: int) -> None:
        """Check that a body of ``size`` bytes fits on the disk. Raises BadRequest."""
        if self._folder is not None and size > MEMORY and size > shutil.disk_usage(self._folder).free:
            raise self.is_full(f"a body of {size} bytes is announced")

    def open(self) -> BinaryIO:
        """Open an empty file. Raises BadRequest."""
        try:
            return temporary_file(folder=self._folder)
        except OSError as error:
            if error.errno in OUT_OF_FILES:
                raise BadRequest(503, "too many files are open; please try again") from None
            raise self.is_full(str(error.strerror or error)) from None

    def is_full(self, why: str) -> BadRequest:
        """Return the refusal of a body that cannot be kept, and log it."""
        log.error("A request body cannot be kept in %s: %s", self._folder or "the temporary directory", why)
        return BadRequest(507, "the disk has no room for the body")


class RefusedBody(io.RawIOBase):
    """The body of a request that is refused from its head: reading it closes the connection."""

    def readable(self) -> bool:
        """Return True: code that reads meets the refusal rather than an empty body."""
        return True

    def readinto(self, buffer: object) -> int:
        """Raise Disconnect: the bytes were not received."""
        raise Disconnect


class Body:
    """Bytes of a body as they arrive. ``limit`` is the largest body in bytes. Raises BadRequest."""

    def __init__(self, limit: int, spool: Spool | None = None) -> None:
        self.size = 0
        self._limit = limit
        self._spool = spool or Spool()
        self._file: BinaryIO = io.BytesIO()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes. Raises BadRequest where there are too many, or no room for them."""
        self.size += len(data)
        if self.size > self._limit:
            raise BadRequest(413, "the body is too large")
        if self.size > MEMORY and isinstance(self._file, io.BytesIO):
            begun, self._file = self._file.getvalue(), self._spool.open()
            self._append(begun)
        self._append(data)

    def finish(self) -> BinaryIO:
        """Return a file with all bytes, at its beginning. Raises BadRequest where the last of them have no room."""
        try:
            self._file.seek(0)  # writes what is still buffered
        except OSError as error:
            raise self._spool.is_full(str(error.strerror or error)) from None
        return self._file

    def _append(self, data: bytes | bytearray) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise self._spool.is_full(str(error.strerror or error)) from None

    def close(self) -> None:
        """Delete the bytes."""
        with suppress(OSError):  # buffered bytes that have no room
            self._file.close()


class SizedBody:
    """A body of known length."""

    def __init__(self, length: int, limit: int, spool: Spool | None = None) -> None:
        if length > limit:
            raise BadRequest(413, "the body is too large")
        spool = spool or Spool()
        spool.require_room(length)
        self.body = Body(limit, spool)
        self._missing = length

    def feed(self, data: bytearray) -> bool:
        """Take the body's bytes from the beginning of ``data``; True when it is complete. Raises as ``Body``."""
        if len(data) <= self._missing:
            self.body.write(data)
            self._missing -= len(data)
            data.clear()
        else:
            self.body.write(data[: self._missing])
            del data[: self._missing]
            self._missing = 0
        return not self._missing


class ChunkedBody:
    """A body in chunks, decoded; trailer fields are checked and dropped."""

    def __init__(self, limit: int, spool: Spool | None = None) -> None:
        self.body = Body(limit, spool)
        self._missing = 0  # bytes of the current chunk
        self._step = self._size_line

    def feed(self, data: bytearray) -> bool:
        """Take the body's bytes from the beginning of ``data``; True when it is complete. Raises as ``Body``."""
        while (done := self._step(data)) is None:
            pass
        return done

    # Each step returns None to go on with the next, False to wait for more bytes, True at the end of the body.

    def _size_line(self, data: bytearray) -> bool | None:
        end = data.find(b"\r\n", 0, _MAX_LINE)
        if end < 0:
            if len(data) >= _MAX_LINE or b"\n" in data:
                raise BadRequest(400, "a chunk's size is malformed")
            return False
        found = _SIZE_LINE.fullmatch(data, 0, end)
        if found is None:
            raise BadRequest(400, "a chunk's size is malformed")
        self._missing = int(found[1], 16)
        del data[: end + 2]
        self._step = self._data if self._missing else self._trailers
        return None

    def _data(self, data: bytearray) -> bool | None:
        if self._missing:
            piece = data[: self._missing]
            self.body.write(piece)
            self._missing -= len(piece)
            del data[: len(piece)]
        if self._missing or len(data) < 2:
            return False
        if not data.startswith(b"\r\n"):
            raise BadRequest(400, "a chunk is longer than its size")
        del data[:2]
        self._step = self._size_line
        return None

    def _trailers(self, data: bytearray) -> bool | None:
        if data.startswith(b"\r\n"):
            del data[:2]
            return True
        end = data.find(b"\r\n\r\n", 0, _MAX_TRAILERS)
        if end < 0:
            if len(data) >= _MAX_TRAILERS:
                raise BadRequest(431, "the trailer is too long")
            return False
        require_fields(bytes(data[: end + 2]))
        del data[: end + 4]
        return True
