"""Test runs of their own, in processes that know nothing of this one but the package."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from tests.helpers.places import ROOT

PLUGIN = "modelarts_emulator.testing.plugin"


def is_installed() -> bool:
    """Whether pytest finds the plugin by itself."""
    return any(point.value == PLUGIN for point in entry_points(group="pytest11"))


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over a folder; warnings are errors. All that it writes, or should, is below the folder."""
    for name in ("temporary", "home"):
        (folder / name).mkdir(exist_ok=True)
    plugin = [] if is_installed() else ["-p", PLUGIN]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "OS_", "COV"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *plugin, "--basetemp", str(folder / "base"), *arguments],
        cwd=folder,
        env={
            **inherited,
            "PYTHONPATH": str(ROOT / "emulator"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(folder / "temporary"),
            "HOME": str(folder / "home"),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def passed(folder: Path, test: str, *arguments: str, **variables: str) -> str:
    """Run one file of tests, all of which must pass; what pytest said."""
    (folder / "test_inner.py").write_text(test, "utf-8")
    done = run(folder, "-p", "no:cacheprovider", *arguments, "test_inner.py", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
