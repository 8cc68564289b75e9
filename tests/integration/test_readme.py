"""Run the README's examples as they are printed there."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from modelarts_emulator import Emulator
from tests.helpers.inner_pytest import passed
from tests.helpers.pictures import picture
from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow

README = ROOT / "README.md"
TEXT = README.read_text("utf-8")


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert found, name
    return found[1]


def test_readme_main_job_runs(bucket: Path, tmp_path: Path) -> None:
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture())
    with Emulator(buckets={"my-bucket": bucket}) as emu:
        script = example("requests").replace("http://127.0.0.1:8765", emu.url)
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        emu.wait_idle()
    assert done.returncode == 0, done.stderr
    assert "version_id" in done.stdout
    [manifest] = bucket.glob("out/*/annotation/*/*.manifest")
    assert manifest.read_text("utf-8").count('"cat"') == 3


def test_readme_main_job_takes_ten_lines() -> None:
    lines = [line for line in example("requests").splitlines() if line and not line.startswith("import")]
    assert len(lines) <= 10


def test_readme_tests_pass(tmp_path: Path) -> None:
    assert "2 passed" in passed(tmp_path, example("pytest"), "-W", "ignore")


def test_readme_has_at_most_a_hundred_lines() -> None:
    assert len(TEXT.splitlines()) <= 100


def test_readme_links_are_absolute_and_lead_to_files() -> None:
    """PyPI shows the README without the repository around it."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    source = settings["metadata"]["url"]
    raw = source.replace("://github.com/", "://raw.githubusercontent.com/")
    links = re.findall(r"\]\(([^)#]+)", TEXT)
    assert links
    for link in links:
        assert link.startswith((f"{source}/blob/main/", f"{raw}/main/")), link
        assert (ROOT / link.partition("/main/")[2]).exists(), link
