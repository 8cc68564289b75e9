"""A place for a data directory."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the path of a data directory that does not exist yet."""
    return tmp_path / "data"
