"""Measure how many small faults in the rules the unit tests of their area notice.

    python -m tests.mutation                         all areas
    python -m tests.mutation samples/label_rules.py  one area
    python -m tests.mutation --least 90              exit with 1 below this percentage, in any area

Every mutant is a module with one fault (``<`` for ``<=``, ``or`` for ``and``, 31 for 30 days, a ``raise`` left out). It
is killed if the unit tests of its area fail with it, and survives if they pass. Source files are not touched: pytest
collects the tests once, and each mutant runs them in a forked process that has loaded the faulty code.
"""

from __future__ import annotations

import argparse
import os
import sys

import pytest

from tests.helpers.places import ROOT
from tests.mutation.areas import AREAS, TESTS
from tests.mutation.mutants import mutants
from tests.mutation.running import MutationRun


def main() -> int:
    """Print the survivors and the score of each area."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Test the unit tests of rules.")
    parser.add_argument("areas", nargs="*", help=f"modules, of: {', '.join(AREAS)}")
    parser.add_argument("--least", type=float, default=0, help="the percentage of mutants that must be killed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--list", action="store_true", help="list the mutants and run nothing")
    chosen = parser.parse_args()
    areas = {module: AREAS[module] for module in chosen.areas or AREAS}
    if chosen.list:
        for module in areas:
            print(*mutants(module), sep="\n")
        return 0
    os.chdir(ROOT)
    run = MutationRun(areas, chosen.jobs)
    places = sorted({str(TESTS / each) for area in areas.values() for each in area.tests})
    code = pytest.main(["-qq", "-n", "0", "-p", "no:cacheprovider", *places], plugins=[run])
    if code or not run.scores:
        print(f"the tests fail without any fault: run pytest {' '.join(places)}")
        return 2
    rows = [*run.scores, ("all", sum(row[1] for row in run.scores), sum(row[2] for row in run.scores))]
    print()
    for module, killed, total in rows:
        print(f"{module:28} {killed:5} of {total:5}  {100 * killed / max(total, 1):5.1f} %")
    return int(any(100 * killed < chosen.least * total for _, killed, total in rows))


if __name__ == "__main__":
    sys.exit(main())
