"""The file format of a recording: JSON Lines, a header and then one exchange a line, without secrets."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO
from urllib.parse import urlsplit

import msgspec

from modelarts_emulator.control.request_log.masking import masked_body, masked_url
from modelarts_emulator.exceptions import UsageError

FORMAT = 1
MAX_BODY_BYTES = 4 * 1024 * 1024
"""Longer bodies are recorded by their size only; such an exchange is not replayed."""


class RecordingHeader(msgspec.Struct, kw_only=True):
    """The first line: the format, and the service that was recorded."""

    recording: int
    upstream: str


class RecordedBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A body: its text, or its bytes in base64, or only its size in bytes where it was too long."""

    text: str | None = None
    data: str | None = None
    size: int = 0

    @classmethod
    def of(cls, content: bytes, path: str) -> RecordedBody:
        """Return the recorded form of ``content``, with passwords, tokens and signatures masked."""
        if len(content) > MAX_BODY_BYTES:
            return cls(size=len(content))
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return cls(data=base64.b64encode(content).decode("ascii"), size=len(content))
        return cls(text=masked_body(text, path), size=len(content))

    @property
    def is_complete(self) -> bool:
        """Return whether the body can be sent again."""
        return self.size == 0 or self.text is not None or self.data is not None

    def content(self) -> bytes:
        """Return the bytes of the body; a body that was too long is empty."""
        if self.text is not None:
            return self.text.encode("utf-8")
        return base64.b64decode(self.data) if self.data is not None else b""


class RecordedExchange(msgspec.Struct, kw_only=True):
    """One request and its answer. ``path`` includes the query."""

    method: str
    path: str
    content_type: str = ""
    request: RecordedBody
    status: int
    response_type: str = ""
    response: RecordedBody


class RecordingWriter:
    """Append exchanges to a new file. Raises UsageError where the file exists or cannot be written."""

    def __init__(self, path: Path, upstream: str) -> None:
        self.count = 0
        self._lock = threading.Lock()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        self._write(RecordingHeader(recording=FORMAT, upstream=masked_url(upstream)))

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, exchange: RecordedExchange) -> None:
        """Append an exchange; it is in the file when this returns. Several threads may call it."""
        with self._lock:
            self._write(exchange)
            self.count += 1

    def _write(self, line: msgspec.Struct) -> None:
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()


def read_recording(path: Path) -> Iterator[RecordedExchange]:
    """Read the exchanges of a recording in their order. Raises UsageError for a file that is not a recording."""
    decode = msgspec.json.Decoder(RecordedExchange).decode
    try:
        with path.open("rb") as file:
            header = msgspec.json.decode(file.readline(), type=RecordingHeader)
            if header.recording > FORMAT:
                raise UsageError(f"{path}: format {header.recording} is newer than this version reads ({FORMAT})")
            for number, line in enumerate(file, 2):
                try:
                    exchange = decode(line)
                except msgspec.DecodeError as error:
                    raise UsageError(f"{path}: line {number} is not an exchange: {error}") from None
                if not exchange.path.startswith("/") or urlsplit(exchange.path).netloc:
                    raise UsageError(f"{path}: line {number}: {exchange.path!r} is not a path")
                yield exchange
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path} is not a recording: {error}") from None
