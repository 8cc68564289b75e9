"""Every member of every request body has an effect that can be seen, or is listed as being without one.

Each case does the same with the member and without it, and compares all that can be asked afterwards: the answer, the
dataset, its samples, statistics, versions and tasks, and the files that it has written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modelarts_emulator.contract.unsupported import WITHOUT_EFFECT
from tests.helpers.contract.answers import DATA, OPERATIONS
from tests.helpers.contract.effects import datasets, exports, imports, labels, samples, versions
from tests.helpers.contract.effects.without import WITHOUT
from tests.helpers.contract.project import Case, ContractProject, running

EFFECTS: dict[str, dict[str, Case]] = {
    operation: cases
    for family in (datasets, samples, labels, imports, exports, versions)
    for operation, cases in family.EFFECTS.items()
}


def cases(table: dict[str, dict[str, Case]]) -> list[Any]:
    return [
        pytest.param(path, case, id=f"{operation} {path}")
        for operation, members in table.items()
        for path, case in members.items()
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContractProject]:
    with running(tmp_path_factory.mktemp("effects")) as (project, _):
        yield project


@pytest.mark.parametrize(("path", "case"), cases(EFFECTS))
def test_member_changes_the_outcome(project: ContractProject, path: str, case: Case) -> None:
    assert project.outcome(case.do, case.with_it) != project.steady_outcome(case.do, case.without)


@pytest.mark.parametrize(("path", "case"), cases(WITHOUT))
def test_member_without_effect_changes_nothing_and_is_warned_about(
    project: ContractProject, path: str, case: Case
) -> None:
    without = project.steady_outcome(case.do, case.without)
    assert project.outcome(case.do, case.with_it) == without
    assert f"{path} has no effect" in project.warned


def members(fields: Any, prefix: str = "", inside: tuple[str, ...] = ()) -> Iterator[str]:
    """The dotted paths of all members of a body, those of nested objects too."""
    for field in fields or ():
        kind, shape = field["type"], ""
        if isinstance(kind, dict):
            ((shape, kind),) = kind.items()
        path = prefix + field["name"]
        yield path
        if kind in DATA["request_objects"] and kind not in inside:
            nested = DATA["request_objects"][kind]["fields"]
            yield from members(nested, f"{path}{'[]' if shape == 'array' else ''}.", (*inside, kind))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_members_are_tested_or_listed_as_without_effect(operation: str) -> None:
    listed = WITHOUT_EFFECT.get(operation, {})
    walked = {path for path in EFFECTS.get(operation, {}) if not path.startswith("?")}
    wanted = set(members(OPERATIONS[operation]["request_body"]))
    idle = {path for path in wanted if any((path + ".").startswith((f"{each}.", f"{each}[].")) for each in listed)}
    assert walked == wanted - idle
    assert set(WITHOUT.get(operation, {})) == {path for path in listed if not is_parameter(operation, path)}


def is_parameter(operation: str, name: str) -> bool:
    return name in {query["name"] for query in OPERATIONS[operation]["query"] or ()}
