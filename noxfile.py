"""The tasks of this repository: ``nox -l`` lists them, ``nox -s lint types`` runs two of them.

``.ci/run`` runs the same sessions. nox is a Python program like everything else here, and it makes an environment for
every supported interpreter, which ``just`` and ``make`` leave to the reader.
"""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
FASTER = ("-m", "not slow")
PORTABLE = [f"tests/unit/{name}" for name in ("system", "obs", "store", "watch")]
PORTABLE += [f"tests/integration/{name}" for name in ("s3", "operations", "test_following.py", "test_restart.py")]
PORTABLE += ["tests/integration/cli/test_detached.py", "tests/integration/cli/test_output.py"]

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = False


def _install(session: nox.Session, extra: str) -> None:
    """Install the package with an extra; with ``--no-venv`` everything is expected to be there."""
    if session.virtualenv.is_sandboxed:
        session.install("-q", "-e", f".[{extra}]")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests. Arguments go to pytest: ``nox -s tests -- tests/unit -k split``."""
    _install(session, "test")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that are not marked as slow: about a minute."""
    _install(session, "test")
    session.run("python", "-m", "pytest", "-q", *FASTER, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, docstrings and spelling."""
    _install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package for each operating system."""
    _install(session, "dev")
    for platform in ("linux", "darwin", "win32"):
        session.run("mypy", "--platform", platform)


@nox.session
def portable(session: nox.Session) -> None:
    """Run the tests of the platform layer's users on its portable branches, as far as possible those of Windows."""
    _install(session, "test")
    session.run("python", "-m", "pytest", "-q", *PORTABLE, env={"_MODELARTS_EMULATOR_PORTABLE": "1"})


@nox.session
def coverage(session: nox.Session) -> None:
    """Run all tests with branch coverage, subprocesses included, and compare with the floor in pyproject.toml."""
    _install(session, "test")
    session.run("coverage", "erase")
    environment = {"COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml")}
    session.run("python", "-m", "pytest", *session.posargs, env=environment)
    coverage_report(session)


@nox.session(name="coverage-report")
def coverage_report(session: nox.Session) -> None:
    """Combine what an earlier run has measured, and compare with the floor in pyproject.toml."""
    _install(session, "test")
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report", "--skip-covered", "--skip-empty")


@nox.session
def mutation(session: nox.Session) -> None:
    """Measure how many small faults in the rules their unit tests notice: at least 90 % of each area."""
    _install(session, "test")
    session.run("python", "-m", "tests.mutation", "--least", "90", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into ``docs/_build/html``; every warning is an error."""
    _install(session, "docs")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "html", "docs", "docs/_build/html")


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """Run the faster unit and integration tests with every supported interpreter that is installed."""
    session.install("-q", "-e", ".[test]")
    session.run("python", "-m", "pytest", "-q", *FASTER, "tests/unit", "tests/integration", *session.posargs)


@nox.session(python=PYTHONS[0])
def floors(session: nox.Session) -> None:
    """Run the same tests on the oldest interpreter, with the lowest versions that setup.cfg allows."""
    session.install("-q", "-e", ".[test]")
    session.install("-q", *_lowest_versions())
    session.run("python", "-m", "pip", "check")
    session.run("python", "-m", "pytest", "-q", *FASTER, "tests/unit", "tests/integration", *session.posargs)


def _lowest_versions() -> list[str]:
    """Read the run-time dependencies from setup.cfg, each at its lower bound: ``flask>=3.0`` as ``flask==3.0``."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", "utf-8")
    lines = settings["options"]["install_requires"].splitlines()
    required = [line.split(",")[0] for line in lines if line and not line.startswith("#")]
    return [line.replace(">=", "==") for line in required]
