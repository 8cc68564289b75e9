"""What the README shows is run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from modelarts_emulator.cli.main import main
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.control.pages.coverage import table
from modelarts_emulator.server import Emulator
from tests.helpers.emulator_api import picture
from tests.integration.testing.inner import passed

README = Path(__file__).parents[2] / "README.md"


def example(name: str, language: str = "python") -> str:
    found = re.search(rf"<!-- example: {name} -->\n```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize(
    ("name", "says"),
    [("requests", "obs://my-bucket/in/2.png digit"), ("otcextensions", "3 samples labelled; /my-bucket/")],
)
def test_the_main_job_runs_as_it_stands(name: str, says: str, bucket: Path, tmp_path: Path) -> None:
    for number in range(3):
        (bucket / f"in/{number}.png").write_bytes(picture())
    script = tmp_path / "example.py"
    script.write_text(example(name), "utf-8")
    assert len(example(name).splitlines()) <= 25
    with Emulator(Settings(port=0, data_dir=None, buckets={"my-bucket": bucket})) as emu:
        environment = {**os.environ, "EMULATOR_URL": emu.url, "EMULATOR_FOLDER": str(bucket)}
        done = subprocess.run(
            [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_the_pictures_of_the_main_job_are_there() -> None:
    [pattern] = re.findall(r"&& cp (fixtures/\S+) pictures/in\b", README.read_text("utf-8"))
    assert len(list(README.parent.glob(pattern))) > 3


def test_the_library_runs_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(example("library"), "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(README.parent / "emulator")}
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert "'total_number': 0" in done.stdout


def test_the_tests_run_as_they_stand(tmp_path: Path) -> None:
    said = passed(tmp_path, example("pytest"), "-W", "ignore")
    assert "5 passed" in said


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_control_api_does_as_it_says(tmp_path: Path) -> None:
    script = "set -eux\n" + example("control", "sh")
    with Emulator() as emu:
        requests.get(f"{emu.url}/v2/my-project/datasets", timeout=10)
        environment = {**os.environ, "EMULATOR_URL": emu.url}
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("+ curl") == script.count("\ncurl")
    for said in (
        '"fault-4"',
        '"mode":"hold"',
        '"idle":true',
        "2030-01-02T",
        '"seed":1',
        '"ListDatasets"',
        '"datasets":0',
    ):
        assert said in done.stdout
    assert "def test_recorded()" in (tmp_path / "test_recorded.py").read_text()


def test_the_seed_makes_what_it_describes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "pictures" / name).write_bytes(picture())
    (tmp_path / "seed.yaml").write_text(example("seed", "yaml"))
    with Emulator() as emu:
        assert main(["seed", "--url", emu.url, str(tmp_path / "seed.yaml")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "pets: 2 samples, 2 labelled, 1 versions",
        "boxes: 2 samples, 1 labelled, 0 versions",
        "people: 1 samples, 1 labelled, 0 versions",
    ]


def test_the_table_of_operations_is_what_the_coverage_says() -> None:
    found = re.search(r"<!-- operations -->\n(.*?)\n<!-- /operations -->", README.read_text("utf-8"), re.DOTALL)
    assert found
    assert found[1] == table()
