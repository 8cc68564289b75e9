"""Run the collected tests against mutants, each in a forked process."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from types import ModuleType

import pytest

from tests.mutation.areas import TESTS, Area, module_name
from tests.mutation.mutants import Mutant, mutants

LONGEST_S = 300


class MutationRun:
    """A pytest plugin that replaces the run of the collected tests. ``scores`` has module, killed and total."""

    def __init__(self, areas: dict[str, Area], jobs: int) -> None:
        self._areas, self._jobs = areas, jobs
        self.scores: list[tuple[str, int, int]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests of every area without a fault, then with each of its mutants."""
        session.config.pluginmanager.unregister(name="terminalreporter")  # thousands of failures are expected
        for module, area in self._areas.items():
            places = [TESTS / each for each in area.tests]
            items = [item for item in session.items if item.path in places]
            if not items or _in_processes([lambda items=items: _passes(items)], 1) != [True]:
                session.testsfailed = 1
                return True
            made = list(mutants(module))
            survived = _in_processes((_with(mutant, items) for mutant in made), self._jobs)
            for mutant, lives in zip(made, survived, strict=True):
                if lives:
                    print(f"survived  {mutant}", flush=True)
            self.scores.append((module, survived.count(False), len(made)))
            print("{}: {} of {} killed".format(*self.scores[-1]), flush=True)
        return True


def _with(mutant: Mutant, items: list[pytest.Item]) -> Callable[[], bool]:
    def run() -> bool:
        install(mutant)
        return _passes(items)

    return run


def _passes(items: list[pytest.Item]) -> bool:
    """Run tests until one fails."""
    session = items[0].session
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return False
    return True


def _in_processes(actions: Iterable[Callable[[], bool]], jobs: int) -> list[bool]:
    """Run each action in a forked process. One that raises, exits or takes too long counts as False."""
    running: dict[int, tuple[int, float]] = {}
    results: dict[int, bool] = {}

    def collect(most: int) -> None:
        while len(running) > most:
            for child, (number, deadline) in list(running.items()):
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    results[number] = status == 0
                    del running[child]
                elif time.monotonic() > deadline:
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.002)

    for number, action in enumerate(actions):
        collect(jobs - 1)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                quiet = os.open(os.devnull, os.O_WRONLY)
                os.dup2(quiet, 1)
                os.dup2(quiet, 2)
                code = 0 if action() else 1
            finally:
                os._exit(code)
        running[child] = number, time.monotonic() + LONGEST_S
    collect(0)
    return [results[number] for number in sorted(results)]


def install(mutant: Mutant) -> None:
    """Run the faulty code in place of its module's, and give it to every module that has imported from there."""
    module = sys.modules[module_name(mutant.module)]
    before = dict(vars(module))
    exec(compile(mutant.tree, module.__file__ or "", "exec"), vars(module))
    for name, old in before.items():
        new = vars(module).get(name)
        if new is old or name.startswith("__"):
            continue
        if isinstance(old, type) and isinstance(new, type) and old.__module__ == module.__name__:
            _take_over(old, new)  # instances of the class exist already
            setattr(module, name, old)
            continue
        for other in _users():
            for key, value in list(vars(other).items()):
                if value is old and (key == name or callable(old)):
                    setattr(other, key, new)


def _take_over(old: type, new: type) -> None:
    """Give a class the methods of another one."""
    for name, member in vars(new).items():
        if callable(member) or isinstance(member, (classmethod, staticmethod, property)):
            try:
                setattr(old, name, member)
            except (AttributeError, TypeError):
                continue  # what the interpreter makes itself


def _users() -> list[ModuleType]:
    return [module for name, module in list(sys.modules.items()) if name.startswith(("modelarts_emulator.", "tests."))]
