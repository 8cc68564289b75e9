"""Temporary files without a name."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO, cast


def temporary_file(prefix: str = "modelarts-emulator-", *, folder: Path | None = None) -> BinaryIO:
    """Open a temporary file for reading and writing, in a folder or the system's own; closing it deletes it.

    Raises OSError.

    On Windows the file has a name while it is open.
    """
    return cast("BinaryIO", tempfile.TemporaryFile(prefix=prefix, dir=folder))
