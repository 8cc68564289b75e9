"""The examples in the docstrings of the public API run, and every public callable has one."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from types import FunctionType

import pytest

from modelarts_emulator import Emulator
from modelarts_emulator.embedding.faults import FaultControl
from modelarts_emulator.embedding.task_transitions import TransitionControl
from modelarts_emulator.testing import Project, ProjectFactory, ReadyDataset, ReadyTeam, ReadyTeamTask, TeamFactory
from modelarts_emulator.testing.dataset import DatasetFactory, create_dataset
from modelarts_emulator.testing.team import create_team

MODULES = [
    "modelarts_emulator",
    "modelarts_emulator.config.settings",
    "modelarts_emulator.embedding.faults",
    "modelarts_emulator.embedding.task_transitions",
    "modelarts_emulator.exceptions",
    "modelarts_emulator.server",
    "modelarts_emulator.testing.dataset",
    "modelarts_emulator.testing.project",
    "modelarts_emulator.testing.sample_labels",
    "modelarts_emulator.testing.team",
    "modelarts_emulator.teamwork.allotment",
    "modelarts_emulator.teamwork.judgement",
    "modelarts_emulator.service.teams",
]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WITHOUT_EXAMPLE = {
    "Emulator.stop",  # in the example of ``start``
    "Emulator.samples",  # in the examples of ``ReadyDataset``
    "Emulator.restore",  # in the example of ``snapshot``
    "Emulator.scan_progress",  # for the progress bar of the command line
    "Project.end",  # called by the fixture
    "Project.remove",
    "DatasetFactory.__call__",  # in the example of the class
    "TeamFactory.__call__",
}


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in MODULES:
        yield from (test for test in finder.find(import_module(name), name) if test.examples)


@pytest.mark.parametrize("example", list(examples()), ids=lambda test: test.name)
def test_docstring_example_runs(example: doctest.DocTest) -> None:
    report: list[str] = []
    with Emulator() as emulator, ProjectFactory(emulator).one() as project:
        example.globs.update(
            emu=emulator,
            modelarts=project,
            modelarts_dataset=partial(create_dataset, project),
            create_dataset=create_dataset,
            modelarts_team=partial(create_team, project),
            create_team=create_team,
        )
        doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append, clear_globs=False)
    assert not report, "".join(report)


PUBLIC = [Emulator, FaultControl, TransitionControl, Project, ReadyDataset, DatasetFactory]
PUBLIC += [ReadyTeam, ReadyTeamTask, TeamFactory]


@pytest.mark.parametrize("kind", PUBLIC)
def test_public_callable_has_an_example(kind: type) -> None:
    missing = []
    for name, member in vars(kind).items():
        function = inspect.unwrap(member) if isinstance(member, FunctionType) else None
        if function is None or name.startswith("_") or f"{kind.__name__}.{name}" in WITHOUT_EXAMPLE:
            continue
        if ">>>" not in (function.__doc__ or ""):
            missing.append(name)
    assert missing == []
