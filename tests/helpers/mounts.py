"""Mounted file systems that tests use."""

from __future__ import annotations

from pathlib import Path


class Bound:
    """A folder, and a FUSE mount of it: changes of the folder cause no events in the mount."""

    def __init__(self, original: Path, mounted: Path) -> None:
        self.original, self.mounted = original, mounted
