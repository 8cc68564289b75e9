"""Types of the pytest plugin's fixtures, for annotations: ``def test_labels(modelarts: Project) -> None``.

``modelarts`` is a ``Project``, ``modelarts_dataset`` a ``DatasetFactory`` that returns a ``ReadyDataset``, and
``modelarts_team`` a ``TeamFactory`` that returns a ``ReadyTeam``. A call of a fixture that is answered with
an error raises ``RequestRefused``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_emulator.testing.dataset import DatasetFactory, ReadyDataset
    from modelarts_emulator.testing.project import Project, ProjectFactory, RequestRefused
    from modelarts_emulator.testing.team import ReadyTeam, ReadyTeamTask, TeamFactory

__all__ = [
    "DatasetFactory",
    "Project",
    "ProjectFactory",
    "ReadyDataset",
    "ReadyTeam",
    "ReadyTeamTask",
    "RequestRefused",
    "TeamFactory",
]
_MODULES = {
    "DatasetFactory": "dataset",
    "ReadyDataset": "dataset",
    "ReadyTeam": "team",
    "ReadyTeamTask": "team",
    "TeamFactory": "team",
}


def __getattr__(name: str) -> object:
    # Loaded on first use: every pytest run with the package installed imports this package.
    if name in __all__:
        module = _MODULES.get(name, "project")
        return getattr(import_module(f"modelarts_emulator.testing.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
