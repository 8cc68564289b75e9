"""The benchmark runs; what it says of speed is for people to judge."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

from tests.helpers.places import ROOT


def test_quick_benchmark_measures_every_row(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(file.read_text("utf-8"))
    assert int(figures["machine"]["cores"]) > 0
    assert len(figures["rows"]) == 9 + 6 + 7 + 4
    assert all(math.isfinite(row["ratio"]) and row["ratio"] > 0 for row in figures["rows"])
    assert all(row["what"] in done.stdout for row in figures["rows"])
