"""The version number of the file format: refuse files of a later format, upgrade files of an earlier one.

Every file of a data directory states the format it was written in. ``FORMAT`` is the format that this release writes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

FORMAT = 1

Upgrade = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Convert one document to the next format. The arguments are the name of its table and the document."""

UPGRADES: dict[int, Upgrade] = {}
"""Upgrade functions by the format they start from: one for every format before ``FORMAT``.

Journals and checkpoints go through the same functions.
"""


class FormatTooNew(Exception):
    """A file was written by a later release. ``path`` is the file, ``found`` its format."""

    def __init__(self, path: Path, found: int) -> None:
        super().__init__(f"{path} has format {found}, written by a later release; this one reads up to {FORMAT}")
        self.path, self.found = path, found


class Damaged(Exception):
    """A file or folder does not contain valid data. ``path`` names it and ``reason`` says what is wrong."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = path, reason


def require_supported(path: Path, found: int) -> None:
    """Raise FormatTooNew if format ``found`` of file ``path`` is later than ``FORMAT``."""
    if found > FORMAT:
        raise FormatTooNew(path, found)


def upgrade(found: int, table: str, document: bytes | msgspec.Raw) -> bytes:
    """Convert a document of format ``found`` to the current format.

    Raises:
        msgspec.DecodeError: the document is not valid JSON.
    """
    if found >= FORMAT:
        return bytes(document)
    value = msgspec.json.decode(document)
    for step in range(found, FORMAT):
        value = UPGRADES[step](table, value)
    return msgspec.json.encode(value)
