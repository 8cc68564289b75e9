"""The tests of a user's project with the package installed: alone and with four workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, and install both packages into an environment beside it."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "fixtures/sample_project", folder / "sample_project")
    package = folder / "emulator"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "tests", "fixtures", "build")
    shutil.copytree(ROOT, package, ignore=ignored)
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    # The dependencies of both are taken from this environment, so that nothing is downloaded.
    purelib = sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)})
    (Path(purelib) / "others.pth").write_text(sysconfig.get_path("purelib"))
    wheels = folder / "wheels"
    for source in (package, folder / "sample_project"):
        pip(sys.executable, "wheel", "--no-build-isolation", "--wheel-dir", str(wheels), str(source))
    pip(python(folder), "install", *map(str, wheels.iterdir()))
    return folder


def pip(interpreter: str, command: str, *arguments: str) -> None:
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(
        [interpreter, "-m", "pip", command, *options, *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=clean(),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def python(folder: Path) -> str:
    return str(folder / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python")


def clean() -> dict[str, str]:
    left_out = ("PYTHON", "PYTEST", "OS_", "PIP_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}


@pytest.mark.parametrize("arguments", [[], ["-n", "4"]], ids=["alone", "four workers"])
def test_sample_project_tests_pass(project: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [python(project), "-m", "pytest", "-q", *arguments],
        cwd=project / "sample_project",
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env=clean(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_sample_project_uses_the_installed_package(project: Path) -> None:
    code = "import modelarts_emulator; print(modelarts_emulator.__file__)"
    found = subprocess.run(
        [python(project), "-c", code], cwd=project, capture_output=True, text=True, check=True, env=clean()
    )
    assert (project / "environment").resolve() in Path(found.stdout.strip()).resolve().parents
    assert sys.executable != python(project)


def test_project_with_its_own_emulator_package_runs_its_tests_with_the_plugin_active(
    project: Path, tmp_path: Path
) -> None:
    own = tmp_path / "emulator"
    own.mkdir()
    (own / "__init__.py").write_text("NAME = 'a package of the project'\n")
    (tmp_path / "test_own.py").write_text(
        "import emulator\n\n\n"
        "def test_both(modelarts):\n"
        "    assert emulator.NAME == 'a package of the project'\n"
        "    assert modelarts.url.startswith('http://')\n"
    )
    command = [python(project), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False, env=clean())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_nothing_of_the_emulator_is_importable_as_emulator(project: Path, tmp_path: Path) -> None:
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec('emulator') is not None)"
    found = subprocess.run([python(project), "-c", code], cwd=tmp_path, check=False, env=clean())
    assert found.returncode == 0
