"""Measure how many small faults in the rules the unit tests of their area notice.

    python -m tests.mutation                         all areas
    python -m tests.mutation samples/label_rules.py  one area
    python -m tests.mutation --least 90              exit with 1 below this percentage, in any area

Every mutant is a module with one fault (``<`` for ``<=``, ``or`` for ``and``, 30 for 31 days, a ``raise`` left out). It
is killed if the unit tests of its area fail with it, and survives if they pass. Source files are not touched: each
mutant runs in a forked process that loads the faulty module instead.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType
from typing import Any

from tests.helpers.places import ROOT
from tests.mutation.areas import AREAS, PACKAGE, TESTS
from tests.mutation.mutants import Mutant, mutants

LONGEST_S = 120
# Loaded once, before any process is forked: everything that tests need from elsewhere.
_SHARED = (
    "flask",
    "hypothesis",
    "msgspec",
    "orjson",
    "PIL.Image",
    "pytest",
    "requests",
    "tinydb",
    "watchdog.observers",
)


class _Faulty(MetaPathFinder, Loader):
    """Loads one module of the package from a mutant's syntax tree."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = ".".join(mutant.path.relative_to(PACKAGE.parent).with_suffix("").parts)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return spec_from_file_location(name, self._mutant.path, loader=self) if name == self._name else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.tree, str(self._mutant.path), "exec"), vars(module))


def passes(tests: list[str], mutant: Mutant | None = None) -> bool:
    """Run tests in a forked process, with a mutant in place of its module. A run that takes too long has failed."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            if mutant is not None:
                sys.meta_path.insert(0, _Faulty(mutant))
            import pytest

            places = [str(TESTS / each) for each in tests]
            options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--assert", "plain"]
            code = int(pytest.main([*options, *places]))
        finally:
            os._exit(code)
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def survivors(module: str, jobs: int) -> Iterator[tuple[Mutant, bool]]:
    """Yield each mutant of a module, and whether the tests of its area pass with it."""
    tests = AREAS[module]
    if not passes(tests):
        raise SystemExit(f"{module}: the tests fail without any fault: {', '.join(tests)}")
    with ThreadPoolExecutor(jobs) as pool:
        made = list(mutants(PACKAGE / module))
        yield from zip(made, pool.map(lambda mutant: passes(tests, mutant), made), strict=True)


def main() -> int:
    """Print the survivors and the score of each area."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Test the unit tests of rules.")
    parser.add_argument("areas", nargs="*", help=f"modules, of: {', '.join(AREAS)}")
    parser.add_argument("--least", type=float, default=0, help="the percentage of mutants that must be killed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    for name in _SHARED:
        __import__(name)
    rows = []
    for module in chosen.areas or AREAS:
        results = list(survivors(module, chosen.jobs))
        for mutant, survived in results:
            if survived:
                print(f"survived  {mutant}", flush=True)
        killed = sum(not survived for _, survived in results)
        rows.append((module, killed, len(results)))
        print(f"{module}: {killed} of {len(results)} killed", flush=True)
    print()
    for module, killed, total in [*rows, ("all", sum(row[1] for row in rows), sum(row[2] for row in rows))]:
        print(f"{module:28} {killed:5} of {total:5}  {100 * killed / max(total, 1):5.1f} %")
    return int(any(100 * killed < chosen.least * total for _, killed, total in rows))


if __name__ == "__main__":
    sys.exit(main())
