"""Temporary files without a name."""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast


def temporary_file(prefix: str = "modelarts-emulator-") -> BinaryIO:
    """Open a temporary file for reading and writing; closing it deletes it. Raises OSError.

    On Windows the file has a name while it is open.
    """
    return cast("BinaryIO", tempfile.TemporaryFile(prefix=prefix))
