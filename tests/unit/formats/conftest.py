"""A bucket of files for readers and writers of formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.format_place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return an empty directory of a bucket."""
    return Place(tmp_path)
