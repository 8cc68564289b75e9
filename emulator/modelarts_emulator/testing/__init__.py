"""For the tests of whoever uses the service: what the pytest plugin's fixtures give.

``Project`` is what ``modelarts`` is, ``ReadyDataset`` what ``modelarts_dataset`` makes; a call that helps a test raises
``Refused`` where it is answered with an error.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelarts_emulator.testing.dataset import ReadyDataset
    from modelarts_emulator.testing.project import Project, Refused

__all__ = ["Project", "ReadyDataset", "Refused"]


def __getattr__(name: str) -> object:
    # Only when it is asked for: every test run where the package is installed comes by here.
    if name in __all__:
        module = "dataset" if name == "ReadyDataset" else "project"
        return getattr(import_module(f"modelarts_emulator.testing.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
