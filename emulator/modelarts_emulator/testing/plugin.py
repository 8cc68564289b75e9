"""The pytest plugin: an emulator for the test run, and in it a project and a bucket for every test.

Loaded by every pytest run where the package is installed, so it imports nothing but pytest: the emulator itself comes
with the first test that asks for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from modelarts_emulator.server import Emulator
    from modelarts_emulator.testing.dataset import ReadyDataset
    from modelarts_emulator.testing.project import Project, ProjectFactory

_NEEDED = "modelarts_cloud needs otcextensions: pip install otcextensions"

# Options by name, as ``--modelarts-<name>`` and in the ini file ``modelarts_<name>``: what they set, and their help.
_CHOICES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "sync": ("sync", ("auto", "manual"), "take in changed files at once (default), or only on sync-data"),
    "input": (
        "strict_input",
        ("lenient", "strict"),
        "accept unknown input, as the service does (default), or not",
    ),
    "auth": ("auth", ("open", "strict"), "let everybody in (default), or only who logs in as the fixtures say"),
    "durability": ("durability", ("process", "full"), "survive the end of the process (default), or power loss"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("modelarts", "ModelArts emulator")
    for name, (_, choices, text) in _CHOICES.items():
        group.addoption(f"--modelarts-{name}", choices=choices, default=None, help=text)
        parser.addini(f"modelarts_{name}", text, default=choices[0])
    text = "keep what tests make in this directory, to be looked at afterwards (default: in memory, and gone)"
    group.addoption("--modelarts-data-dir", metavar="DIR", default=None, help=text)
    parser.addini("modelarts_data_dir", text, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be used before anything runs. Raises UsageError."""
    for name in _CHOICES:
        _option(config, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what clients have sent to the project of a test that has failed."""
    report = yield
    project: Project | None = getattr(item, "funcargs", {}).get("modelarts")
    if project is not None and call.when == "call" and report.failed and (told := project.told()):
        report.sections.append(("ModelArts requests", told))
    return report


@pytest.fixture(scope="session")
def modelarts_emulator(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator in threads of this process, on a free port; with pytest-xdist every worker has its own.

    It is everybody's: a test that resets it, or moves its clock, does so for those after it as well.
    """
    from modelarts_emulator.server import Emulator, embedded  # noqa: PLC0415
    from modelarts_emulator.testing.project import account_settings  # noqa: PLC0415

    given: dict[str, Any] = {name: _option(pytestconfig, option) for option, (name, *_) in _CHOICES.items()}
    given["strict_input"] = given["strict_input"] == "strict"
    given |= account_settings(strict=given["auth"] == "strict")
    if folder := _data_dir(pytestconfig):
        given["data_dir"] = folder / _worker(pytestconfig)
    with Emulator(embedded(**given, temporary_dir=tmp_path_factory.mktemp("modelarts-emulator"))) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def _modelarts_projects(pytestconfig: pytest.Config, modelarts_emulator: Emulator) -> ProjectFactory:
    from modelarts_emulator.testing.project import ProjectFactory  # noqa: PLC0415

    return ProjectFactory(modelarts_emulator, keep=_data_dir(pytestconfig) is not None)


@pytest.fixture
def modelarts(_modelarts_projects: ProjectFactory) -> Iterator[Project]:
    """A project and a bucket of the test's own: empty, and gone afterwards with all that was made in them."""
    with _modelarts_projects.one() as project:
        yield project


@pytest.fixture
def modelarts_dataset(modelarts: Project) -> Callable[..., ReadyDataset]:
    """A function that makes a dataset which is ready; see ``modelarts_emulator.testing.dataset.make``."""
    from functools import partial  # noqa: PLC0415

    from modelarts_emulator.testing.dataset import create_dataset  # noqa: PLC0415

    return partial(create_dataset, modelarts)


@pytest.fixture
def modelarts_cloud(modelarts: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection of the OpenStack SDK to the test's project; skips the test where otcextensions is not installed.

    No profile, variable or proxy of this machine matters to it.
    """
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the SDK has to say of itself is no news of the test's
        openstack = pytest.importorskip("openstack", reason=_NEEDED)
        pytest.importorskip("otcextensions", reason=_NEEDED)
        cloud = openstack.connect(**modelarts.cloud)
    try:
        yield cloud
    finally:
        cloud.close()


def _option(config: pytest.Config, name: str) -> str:
    """The command line's word, else the ini file's. Raises UsageError for one that is none of the choices."""
    value = config.getoption(f"modelarts_{name}") or config.getini(f"modelarts_{name}")
    choices = _CHOICES[name][1]
    if value not in choices:
        raise pytest.UsageError(f"modelarts_{name}: {value!r} is not one of {', '.join(choices)}")
    return str(value)


def _data_dir(config: pytest.Config) -> Path | None:
    """Where data is to be kept: as the command line says from here, or as the ini file says from the root directory."""
    if given := config.getoption("modelarts_data_dir"):
        return config.invocation_params.dir / str(given)
    found = str(config.getini("modelarts_data_dir"))
    return config.rootpath / found if found else None


def _worker(config: pytest.Config) -> str:
    """The name of the pytest-xdist worker: no two emulators can have one data directory."""
    found: dict[str, str] = getattr(config, "workerinput", {"workerid": "main"})
    return found["workerid"]
