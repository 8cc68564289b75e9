"""The tests of object tree, watcher and imports pass with their folders on NTFS, on the portable branches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

SUITES = {
    "object tree": ["tests/unit/obs"],
    "watcher": ["tests/unit/watch"],
    "imports": [f"tests/integration/operations/test_{name}.py" for name in ("imports", "import_detection")],
}
UNFIT = [
    "tests/unit/obs/test_walk.py::test_walk_entries_have_size_time_and_path",  # NTFS counts time in 100 ns
    "tests/unit/obs/test_walk.py::test_walk_impossible_names_are_skipped_and_logged_once",  # it cannot hold such names
    "tests/unit/obs/test_listing.py::test_list_keys_impossible_names_are_skipped",
    # The driver replaces a file in two steps, between which its name is free.
    "tests/unit/obs/test_object_tree.py::test_read_concurrent_with_overwrites_returns_complete_objects",
]
"""The tests of abilities that NTFS or its driver does not have."""


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_suite_on_ntfs_passes(case_insensitive: Path, suite: str) -> None:
    arguments = ["-q", "-n", "0", "-p", "no:cacheprovider", "--tb=short", f"--basetemp={case_insensitive / 'tests'}"]
    arguments += [f"--deselect={each}" for each in UNFIT]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, *SUITES[suite]],
        check=False,
        cwd=ROOT,
        env={**os.environ, "_MODELARTS_EMULATOR_PORTABLE": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-20_000:]
