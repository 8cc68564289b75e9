"""Receive request bodies: small ones in memory, large ones in a temporary file, so that size never costs memory."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

from modelarts_emulator.system.temporary_files import temporary_file
from modelarts_emulator.web.heads import BadRequest, require_fields

MEMORY = 1 << 19
"""From so many bytes on, a body is kept in a temporary file."""

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_MAX_LINE = 4096
_MAX_TRAILERS = 1 << 16


class Body:
    """Bytes of a body as they arrive. ``limit`` is the largest body in bytes. Raises BadRequest, OSError."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._limit = limit
        self._file: BinaryIO = io.BytesIO()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes. Raises BadRequest where there are too many, OSError."""
        self.size += len(data)
        if self.size > self._limit:
            raise BadRequest(413, "the body is too large")
        if self.size > MEMORY and isinstance(self._file, io.BytesIO):
            file = temporary_file()
            file.write(self._file.getvalue())
            self._file = file
        self._file.write(data)

    def finish(self) -> BinaryIO:
        """Return a file with all bytes, at its beginning. Raises OSError."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Delete the bytes."""
        self._file.close()


class SizedBody:
    """A body of known length."""

    def __init__(self, length: int, limit: int) -> None:
        if length > limit:
            raise BadRequest(413, "the body is too large")
        self.body = Body(limit)
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

    def __init__(self, limit: int) -> None:
        self.body = Body(limit)
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
