"""A type checker accepts correct programs of users, and reports each typo in them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow


CORRECT = """
from pathlib import Path

from modelarts_emulator import ApiError, Emulator, EmulatorError, LoggedRequest, Settings, User
from modelarts_emulator.testing import DatasetFactory, Project, ReadyDataset

with Emulator() as emulator:
    url: str = emulator.url
    fault_id: str = emulator.faults.add(operation="ListSamples", status=503, times=2)
    emulator.transitions.set("publish", "time", ms=200)
    emulator.clock.advance(1000)
    found: list[LoggedRequest] = emulator.requests("ListSamples", project_id="p")
    emulator.assert_called("ListSamples", times=0)
    emulator.wait_idle()
    ids: dict[str, str] = emulator.samples("id")

Emulator(Settings(port=0, data_dir=Path("data"))).stop()
Emulator(data_dir="data", sync="manual", buckets={"b": "folder"}, users=[User("u", password="p")], auth="strict")
failed: type[EmulatorError] = ApiError


def test_labels(modelarts: Project, modelarts_dataset: DatasetFactory) -> None:
    dataset: ReadyDataset = modelarts_dataset(3, labels={"0000.jpg": "cat"}, description="cats")
    modelarts.fault(service="obs", cut="before")
    modelarts.transition("import", "fail", before="COMPLETED", code="TASK_FAILED")
    modelarts.assert_called("ListSamples", times=0)
    dataset.publish(version_name="V1")
    with modelarts.held("publish"):
        pass
"""

WRONG = """
from modelarts_emulator import Emulator, Settings
from modelarts_emulator.testing import DatasetFactory, Project

Emulator(prot=1)  # error
Emulator(Settings(), port=1)  # error
Emulator(sync="sometimes")  # error
Settings(nonsense=1)  # error
emulator = Emulator()
emulator.faults.add(opration="ListSamples", status=503)  # error
emulator.faults.add(operation="ListSample", status=503)  # error
emulator.faults.add(status="503")  # error
emulator.transitions.set("publsh", "hold")  # error
emulator.transitions.set("publish", "hld")  # error
emulator.transitions.set("publish", "time", msec=1)  # error
emulator.requests("ListSample")  # error
emulator.assert_called("ListSample", times=1)  # error
emulator.assert_called("ListSamples", time=1)  # error
emulator.wait_idle("10")  # error


def test_labels(modelarts: Project, modelarts_dataset: DatasetFactory) -> None:
    modelarts_dataset(3, lables={"0000.jpg": "cat"})  # error
    dataset = modelarts_dataset(3, descripton="cats")  # error
    dataset.publish(version_nam="V1")  # error
    modelarts.fault(opration="ListSamples", status=503)  # error
    modelarts.transition("publsh", "hold")  # error
    modelarts.held("publsh")  # error
    modelarts.assert_called("ListSample")  # error
"""


def check(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    (folder / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\nmypy_path = {ROOT / 'emulator'}\nfollow_imports = silent\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", str(folder / "cache")]
    return subprocess.run(
        [*command, "program.py"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


def test_mypy_accepts_a_correct_program(folder: Path) -> None:
    done = check(folder, CORRECT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_reports_every_typo(folder: Path) -> None:
    done = check(folder, WRONG)
    reported = {int(number) for number in re.findall(r"program\.py:(\d+): error", done.stdout)}
    expected = {number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# error")}
    assert reported == expected, done.stdout + done.stderr
