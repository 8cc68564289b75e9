"""The source distribution is complete, and the wheel has its metadata, its data files and nothing else."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

from tests.helpers.places import ROOT

pytestmark = pytest.mark.slow

BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
SOURCES = ["docs", "emulator", "examples", "fixtures", "tests", ".ci"]
# Not part of a distribution: settings of version control, and caches.
LEFT_OUT = {".gitignore"}


def tracked(root: Path) -> set[str]:
    """Return the relative paths of all files of a copy of the repository."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def copy_repository(target: Path) -> None:
    """Copy what version control has; from an sdist, all but caches and environments."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
        return
    ignored = shutil.ignore_patterns(
        ".git", ".venv", "*_cache", "__pycache__", "*.egg-info", "_build", "build", "dist", "node_modules", "*-data"
    )
    shutil.copytree(ROOT, target, ignore=ignored)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the copied ``source``, the sdist, its unpacked contents and a wheel built from these."""
    folder = tmp_path_factory.mktemp("dist")
    copy_repository(folder / "source")
    shutil.copytree(folder / "source", folder / "work")
    build("build_sdist", folder / "work", folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "unpacked", filter="data")
    shutil.copytree(sdist(folder), folder / "wheel-work")  # a build leaves files behind
    build("build_wheel", folder / "wheel-work", folder)
    return folder


def build(kind: str, source: Path, target: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(target)],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sdist(dist: Path) -> Path:
    (folder,) = (dist / "unpacked").iterdir()
    return folder


def wheel_names(dist: Path) -> list[str]:
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def metadata(dist: Path) -> Message:
    (path,) = dist.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        return email.message_from_string(archive.read(name).decode())


def test_sdist_has_every_file_of_the_repository(dist: Path) -> None:
    wanted = tracked(dist / "source") - LEFT_OUT
    missing = sorted(wanted - tracked(sdist(dist)))
    assert missing == []


def test_sdist_has_no_other_files(dist: Path) -> None:
    added = tracked(sdist(dist)) - tracked(dist / "source")
    assert {name for name in added if ".egg-info/" not in name} == {"PKG-INFO"}


def test_sdist_tests_run_from_the_unpacked_directory(dist: Path, tmp_path: Path) -> None:
    tests = ["tests/unit/config", "tests/integration/test_main_job.py", "tests/unit/formats/test_voc.py"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON", "COV"))
    }
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "--basetemp",
            str(tmp_path),
            *tests,
        ],
        cwd=sdist(dist),
        env={**environment, "PYTHONPATH": "emulator"},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_has_the_package_and_its_data_files(dist: Path) -> None:
    package = dist / "source/emulator"
    wanted = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if path.is_file() and not path.match("*.egg-info/*")
    }
    names = wheel_names(dist)
    assert wanted - set(names) == set()
    assert {PurePosixPath(name).parts[0] for name in names} == {"modelarts_emulator", distinfo(names)}


def distinfo(names: list[str]) -> str:
    (folder,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    return folder


def test_wheel_has_the_licence_files_of_bundled_parts(dist: Path) -> None:
    licences = [name for name in wheel_names(dist) if ".dist-info/licenses/" in name]
    assert {PurePosixPath(name).name for name in licences} == {
        "LICENSE",
        "NOTICE",
        "swagger-ui-bundle.js.LICENSE.txt",
    }
    assert sum(name.endswith("/LICENSE") for name in licences) == 2


def test_metadata_is_complete(dist: Path) -> None:
    found = metadata(dist)
    assert found["Name"] == "modelarts-emulator"
    assert found["License-Expression"] == "Apache-2.0" or found["License"] == "Apache-2.0"
    assert found["Author"] and found["Keywords"] and found["Requires-Python"] == ">=3.10"
    urls = dict(each.split(", ") for each in found.get_all("Project-URL", []))
    assert {"Documentation", "Changelog", "Issues", "Source"} <= set(urls)
    assert all(url.startswith("https://") for url in urls.values())
    classifiers = found.get_all("Classifier", [])
    for wanted in ("Framework :: Pytest", "Operating System :: POSIX :: Linux", "Typing :: Typed"):
        assert wanted in classifiers
    assert {"tls", "test", "dev", "docs"} <= set(found.get_all("Provides-Extra", []))
    assert found.get_content_type() == "text/plain" and found["Description-Content-Type"].startswith("text/markdown")


# W002 is about equal files: licences of bundled parts are beside these parts, and in the metadata.
@pytest.mark.parametrize("checker", ["twine check --strict", "check_wheel_contents --ignore W002"])
def test_distributions_pass_the_checks_of_the_index(dist: Path, checker: str) -> None:
    """README and metadata are accepted by PyPI, and the wheel has no stray files."""
    files = [*dist.glob("*.whl"), *(dist.glob("*.tar.gz") if "twine" in checker else ())]
    command = [sys.executable, "-m", *checker.split(), *map(str, files)]
    done = subprocess.run(command, cwd=dist, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_in_an_empty_environment_answers(dist: Path, tmp_path: Path) -> None:
    """A wheel with its own dependencies alone starts, runs a command against itself, and stops."""
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "_MODEL"))
    }
    (wheel,) = dist.glob("*.whl")
    question = (
        "import os, urllib.request;"
        "print(urllib.request.urlopen(os.environ['MODELARTS_EMULATOR_URL'] + '/_emulator/ready').status)"
    )
    for command in (
        [scripts / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel],
        [scripts / "modelarts-emulator", "exec", "--memory", "--", scripts / "python", "-c", question],
    ):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "200" in done.stdout.split()
