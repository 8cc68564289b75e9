"""What a test costs that uses the pytest plugin."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator

from modelarts_emulator.server import Emulator
from modelarts_emulator.testing.dataset import create_dataset
from modelarts_emulator.testing.project import Project, ProjectFactory
from tests.benchmarks import worlds
from tests.benchmarks.measure import Row, bound, milliseconds

LABELS = {f"{number:04d}.jpg": "cat" for number in range(20)}


def measured(tests: int) -> Iterator[Row]:
    """The medians of so many tests, from before their set-up to after their end, and of so many loads."""
    with Emulator() as emulator:
        projects = ProjectFactory(emulator)
        yield bound("a test with a project and a bucket", 0, "ms", _test(projects, tests, lambda project: None), 2)
        yield bound(
            "a test with a dataset of files",
            20,
            "ms",
            _test(projects, tests, lambda project: create_dataset(project, 20)),
            20,
        )
        yield bound(
            "a test with a dataset of labelled files",
            20,
            "ms",
            _test(projects, tests, lambda project: create_dataset(project, 20, LABELS)),
            20,
        )
    yield bound("the plugin in a test run that does not use it", 0, "ms", min(_load() for _ in range(5)), 10)


def _test(projects: ProjectFactory, tests: int, body: Callable[[Project], object]) -> float:
    def run() -> None:
        with projects.one() as project:
            body(project)

    run()  # once for nothing: whatever is loaded on first use is no part of it
    return statistics.median(milliseconds(run) for _ in range(tests))


def _load() -> float:
    script = (
        "import pytest, time; start = time.perf_counter(); import modelarts_emulator.testing.plugin;"
        "print((time.perf_counter() - start) * 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=worlds.environment()
    )
    return float(done.stdout)
