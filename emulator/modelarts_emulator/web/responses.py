"""Responses: the head as bytes, the rules for bodies, and files that the server sends by itself."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, BinaryIO, NamedTuple

from modelarts_emulator.system.sockets import send_file

Headers = list[tuple[str, str]]

SMALL_FILE = 1 << 16
"""Files up to so many bytes are read and sent together with the head."""
_PIECE = 1 << 18
_LINE = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?[\t\x20-\x7e\x80-\xff]*"
_LINES = re.compile(_LINE + r"(?:\r\n" + _LINE + ")*")
_STATUS_LINE = re.compile(r"[2-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*")
# Some phrases differ between versions of Python; werkzeug has these, in capitals.
_PHRASES = {413: "Request Entity Too Large", 416: "Requested Range Not Satisfiable", 422: "Unprocessable Entity"}
_STATUS = {each.value: f"{each.value} {_PHRASES.get(each.value, each.phrase).upper()}" for each in HTTPStatus}
_WITHOUT_BODY = frozenset({"204", "304"})


class Disconnect(Exception):
    """Raised by an application's body to end the connection at once, without the rest of the response."""


CAN_TRY_LATER = "modelarts_emulator.can_try_later"
"""Key of an environment whose server supports ``TryLater``."""


class TryLater(BaseException):
    """Raised by an application that has to wait: the server calls it again with the same environment after a time.

    The request does not occupy a thread in between. Nothing of the response may have been produced. Derived from
    BaseException, so that frameworks pass it on to the server.
    """

    def __init__(self, after_s: float) -> None:
        super().__init__(f"in {after_s} s")
        self.after_s = after_s


class FileBody:
    """A body that is the rest of a file, from its position on: ``wsgi.file_wrapper``.

    ``size`` is how many bytes of it an early reply sends.
    """

    def __init__(self, file: BinaryIO, _block: int = _PIECE, *, size: int = 0) -> None:
        self.file, self.size = file, size

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.file.read(_PIECE):
            yield piece

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class Reply(NamedTuple):
    """A whole response, as the early dispatcher returns it; ``Content-Length`` is among the headers."""

    status: int
    headers: Headers
    body: bytes | FileBody


class FileSlice:
    """A part of a file on its way to a client."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._missing = file, size
        self._descriptor, self._offset = file.fileno(), file.tell()

    def send_to(self, sock: Any, *, by_system: bool) -> bool:
        """Send as much as fits; True at the end.

        Raises EOFError where the file has become shorter, BlockingIOError, OSError.
        """
        if by_system:
            sent = send_file(sock, self._descriptor, self._offset, min(self._missing, 1 << 20))
        else:
            self._file.seek(self._offset)
            piece = self._file.read(min(self._missing, _PIECE))
            sent = sock.send(piece) if piece else 0
        if not sent:
            raise EOFError
        self._offset += sent
        self._missing -= sent
        return not self._missing

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def file_size(file: BinaryIO) -> int | None:
    """Return how many bytes follow in a real file; None for anything else."""
    try:
        return max(0, os.fstat(file.fileno()).st_size - file.tell())
    except (OSError, AttributeError):
        return None


def has_body(method: str, status: str) -> bool:
    """Return whether a response has a body at all."""
    return method != "HEAD" and status[:3] not in _WITHOUT_BODY and not status.startswith("1")


def status_line(status: int) -> str:
    """Return code and reason, such as ``404 NOT FOUND``."""
    return _STATUS.get(status) or f"{status} UNKNOWN"


def encode_head(status: str, headers: Headers, connection: str = "", *, minor: int = 1) -> bytes:
    """Return status line, header fields and the empty line. Raises ValueError for what would forge another header."""
    lines = "\r\n".join([f"{name}: {value}" for name, value in headers])
    # The grammar takes a line end within a value for the end of a field; there must be no more than those put between.
    is_sound = not lines or (_LINES.fullmatch(lines) is not None and lines.count("\r\n") == len(headers) - 1)
    if not is_sound or _STATUS_LINE.fullmatch(status) is None:
        raise ValueError("the status or a header of the response cannot be sent")
    option = f"Connection: {connection}\r\n" if connection else ""
    end = "\r\n" if lines else ""
    return f"HTTP/1.{minor} {status}\r\n{lines}{end}Date: {_date(int(time.time()))}\r\n{option}\r\n".encode("latin-1")


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
