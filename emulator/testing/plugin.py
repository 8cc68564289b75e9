"""The pytest plugin: an emulator for the test run, and in it a project and a bucket for every test.

Loaded by every pytest run where the package is installed, so it imports nothing but pytest: the emulator itself comes
with the first test that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from emulator.server import Emulator
    from emulator.testing.dataset import ReadyDataset
    from emulator.testing.project import Project

# Options by name, as ``--modelarts-<name>`` and in the ini file ``modelarts_<name>``: what they set, and their help.
_CHOICES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "sync": ("sync", ("auto", "manual"), "take in changed files at once (default), or only on sync-data"),
    "input": (
        "strict_input",
        ("lenient", "strict"),
        "accept unknown input, as the service does (default), or not",
    ),
    "durability": ("durability", ("process", "full"), "survive the end of the process (default), or power loss"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("modelarts", "ModelArts emulator")
    for name, (_, choices, text) in _CHOICES.items():
        group.addoption(f"--modelarts-{name}", choices=choices, default=None, help=text)
        parser.addini(f"modelarts_{name}", text, default=choices[0])
    text = "keep the emulator's data in this directory, to look at afterwards (default: in memory)"
    group.addoption("--modelarts-data-dir", metavar="DIR", default=None, help=text)
    parser.addini("modelarts_data_dir", text, default="")


@pytest.fixture(scope="session")
def modelarts_emulator(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator in threads of this process, on a free port; with pytest-xdist every worker has its own.

    It is everybody's: a test that resets it, or moves its clock, does so for those after it as well.
    """
    from emulator.server import Emulator, embedded  # noqa: PLC0415

    given: dict[str, Any] = {name: _option(pytestconfig, option) for option, (name, *_) in _CHOICES.items()}
    given["strict_input"] = given["strict_input"] == "strict"
    if folder := pytestconfig.getoption("modelarts_data_dir") or pytestconfig.getini("modelarts_data_dir"):
        given["data_dir"] = f"{folder}/{_worker(pytestconfig)}"
    with Emulator(embedded(**given, temporary_dir=tmp_path_factory.mktemp("modelarts-emulator"))) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def _modelarts_projects(modelarts_emulator: Emulator) -> Callable[[], Project]:
    from emulator.testing.project import projects  # noqa: PLC0415

    return projects(modelarts_emulator)


@pytest.fixture
def modelarts(_modelarts_projects: Callable[[], Project]) -> Iterator[Project]:
    """A project and a bucket of the test's own: empty, and gone afterwards with all that was made in them."""
    project = _modelarts_projects()
    try:
        yield project
    finally:
        project.remove()


@pytest.fixture
def modelarts_dataset(modelarts: Project) -> Callable[..., ReadyDataset]:
    """A function that makes a dataset which is ready; see ``emulator.testing.dataset.make``."""
    from functools import partial  # noqa: PLC0415

    from emulator.testing.dataset import make  # noqa: PLC0415

    return partial(make, modelarts)


@pytest.fixture
def modelarts_cloud(modelarts: Project) -> Iterator[Any]:
    """A connection of the OpenStack SDK to the test's project; skips the test where otcextensions is not installed."""
    openstack = pytest.importorskip("openstack", reason="modelarts_cloud needs otcextensions")
    pytest.importorskip("otcextensions", reason="modelarts_cloud needs otcextensions")
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


def _worker(config: pytest.Config) -> str:
    """The name of the pytest-xdist worker: no two emulators can have one data directory."""
    found: dict[str, str] = getattr(config, "workerinput", {"workerid": "main"})
    return found["workerid"]
