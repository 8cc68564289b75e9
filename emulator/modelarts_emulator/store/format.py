"""The format of what lies on disk: every file says which it has, a later one is refused, an earlier one upgraded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

FORMAT = 1

Upgrade = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Makes a document of a table (its name) one of the next format."""

UPGRADES: dict[int, Upgrade] = {}
"""From which format; one for every format before this one. Journals and checkpoints are read through them alike."""


class FormatTooNew(Exception):
    """A file was written by a later release; the text names the file and both formats."""


class Damaged(Exception):
    """A file does not hold what it should; the text says where."""


def require(path: Path, found: int) -> None:
    """Raise FormatTooNew for a file of a later format."""
    if found > FORMAT:
        raise FormatTooNew(f"{path} has format {found}, written by a later release; this one reads up to {FORMAT}")


def upgraded(found: int, table: str, document: bytes | msgspec.Raw) -> bytes:
    """A document of format ``found`` as one of this format. Raises msgspec.DecodeError."""
    if found >= FORMAT:
        return bytes(document)
    value = msgspec.json.decode(document)
    for step in range(found, FORMAT):
        value = UPGRADES[step](table, value)
    return msgspec.json.encode(value)
