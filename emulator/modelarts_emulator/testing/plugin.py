"""The pytest plugin: one emulator for a test run, and a project with a bucket for every test.

Every pytest run with the package installed loads this module, so it imports nothing but pytest. The emulator is
imported by the first test that requests a fixture.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from modelarts_emulator.server import Emulator
    from modelarts_emulator.testing.dataset import DatasetFactory
    from modelarts_emulator.testing.project import Project, ProjectFactory
    from modelarts_emulator.testing.team import TeamFactory

_NEEDED = "modelarts_cloud needs otcextensions: pip install otcextensions"

# Options ``--modelarts-<name>``, in the ini file ``modelarts_<name>``: the setting, its values (default first), help.
_CHOICES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "sync": ("sync", ("auto", "manual"), "apply changed files at once (default), or only on sync-data"),
    "input": (
        "strict_input",
        ("lenient", "strict"),
        "ignore unknown input, as the service does (default), or refuse it",
    ),
    "auth": ("auth", ("open", "strict"), "accept every client (default), or only the accounts of the fixtures"),
    "durability": ("durability", ("process", "full"), "data survive the end of the process (default), or power loss"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("modelarts", "ModelArts emulator")
    for name, (_, choices, text) in _CHOICES.items():
        group.addoption(f"--modelarts-{name}", choices=choices, default=None, help=text)
        parser.addini(f"modelarts_{name}", text, default="")
    text = "keep the data of the tests in this directory (default: in memory)"
    group.addoption("--modelarts-data-dir", metavar="DIR", default=None, help=text)
    parser.addini("modelarts_data_dir", text, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before any test runs. Raises UsageError."""
    for name in _CHOICES:
        _option(config, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the requests of clients to the report of a failed test."""
    report = yield
    project: Project | None = getattr(item, "funcargs", {}).get("modelarts")
    if project is not None and call.when == "call" and report.failed and (summary := project.request_summary()):
        report.sections.append(("ModelArts requests", summary))
    return report


@pytest.fixture(scope="session")
def modelarts_emulator(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run the emulator of the test run, in threads of this process, on a free port; one for each pytest-xdist worker.

    All tests share it; use ``modelarts`` for a project of the test's own. Its host is added to ``NO_PROXY``.
    """
    from modelarts_emulator.embedding.proxies import no_proxy  # noqa: PLC0415
    from modelarts_emulator.server import Emulator  # noqa: PLC0415
    from modelarts_emulator.testing.project import account_settings  # noqa: PLC0415

    given: dict[str, Any] = {"temporary_dir": tmp_path_factory.mktemp("modelarts-emulator")}
    given |= _settings(pytestconfig)
    given |= account_settings(strict=given.get("auth") == "strict")
    if given.get("data_dir"):
        given["data_dir"] /= _worker(pytestconfig)
    with Emulator(**given) as emulator, pytest.MonkeyPatch.context() as monkeypatch:
        for name, hosts in no_proxy(emulator.url, os.environ).items():
            monkeypatch.setenv(name, hosts)
        yield emulator


@pytest.fixture(scope="session")
def _modelarts_projects(modelarts_emulator: Emulator) -> ProjectFactory:
    from modelarts_emulator.testing.project import ProjectFactory  # noqa: PLC0415

    return ProjectFactory(modelarts_emulator, keep=modelarts_emulator.settings.data_dir is not None)


@pytest.fixture
def modelarts(_modelarts_projects: ProjectFactory) -> Iterator[Project]:
    """Provide an empty project and bucket, deleted after the test: a ``Project``."""
    with _modelarts_projects.one() as project:
        yield project


@pytest.fixture
def modelarts_dataset(modelarts: Project) -> DatasetFactory:
    """Provide a function that creates a dataset and returns it when it is ready: a ``DatasetFactory``."""
    from functools import partial  # noqa: PLC0415

    from modelarts_emulator.testing.dataset import create_dataset  # noqa: PLC0415

    return partial(create_dataset, modelarts)


@pytest.fixture
def modelarts_team(modelarts: Project) -> TeamFactory:
    """Provide a function that creates a labelling team with members: a ``TeamFactory``."""
    from functools import partial  # noqa: PLC0415

    from modelarts_emulator.testing.team import create_team  # noqa: PLC0415

    return partial(create_team, modelarts)


@pytest.fixture
def modelarts_cloud(modelarts: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Connect the OpenStack SDK to the test's project; skip the test if otcextensions is not installed.

    Cloud profiles, environment variables and proxies of the user have no effect on it.
    """
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of the SDK's own
        openstack = pytest.importorskip("openstack", reason=_NEEDED)
        pytest.importorskip("otcextensions", reason=_NEEDED)
        cloud = openstack.connect(**modelarts.cloud)
    try:
        yield cloud
    finally:
        cloud.close()


def _settings(config: pytest.Config) -> dict[str, Any]:
    """Return the settings of the emulator: of the command line, else of the ini file, else of ``pyproject.toml``."""
    from modelarts_emulator.exceptions import UsageError  # noqa: PLC0415
    from modelarts_emulator.testing.plugin_settings import table_settings  # noqa: PLC0415

    try:
        given = table_settings(config.rootpath / "pyproject.toml")
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    for option, (name, *_) in _CHOICES.items():
        if value := _option(config, option):
            given[name] = value == "strict" if name == "strict_input" else value
    if folder := _data_dir(config):
        given["data_dir"] = folder
    return given


def _option(config: pytest.Config, name: str) -> str | None:
    """Return an option of the command line, else of the ini file. Raises UsageError for an unknown value."""
    value = config.getoption(f"modelarts_{name}") or config.getini(f"modelarts_{name}")
    choices = _CHOICES[name][1]
    if not value:
        return None
    if value not in choices:
        raise pytest.UsageError(f"modelarts_{name}: {value!r} is not one of {', '.join(choices)}")
    return str(value)


def _data_dir(config: pytest.Config) -> Path | None:
    """Return the directory to keep data in: of the command line, or of the ini file, relative to the root directory."""
    if given := config.getoption("modelarts_data_dir"):
        return config.invocation_params.dir / str(given)
    found = str(config.getini("modelarts_data_dir"))
    return config.rootpath / found if found else None


def _worker(config: pytest.Config) -> str:
    """Return the name of the pytest-xdist worker; each needs a data directory of its own."""
    found: dict[str, str] = getattr(config, "workerinput", {"workerid": "main"})
    return found["workerid"]
