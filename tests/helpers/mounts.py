"""Mounted file systems that tests use."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class Bound:
    """A folder, and a FUSE mount of it: changes of the folder cause no events in the mount."""

    def __init__(self, original: Path, mounted: Path) -> None:
        self.original, self.mounted = original, mounted


class SmallDisk:
    """A disk that can be filled up to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with suppress(OSError), (self.folder / "filler").open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)

    def free(self) -> None:
        (self.folder / "filler").unlink()
