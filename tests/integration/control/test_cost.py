"""Measure the cost of the control API's request hooks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import create_environ

from modelarts_emulator.app import create_app
from modelarts_emulator.config.settings import Settings
from modelarts_emulator.runtime import Runtime

REQUESTS, ROUNDS = 1500, 9
# Some 5 µs on the machine that it was written on; a busy one may take its time.
MOST_S = 20e-6


@pytest.fixture
def emu() -> Iterator[Runtime]:
    made = Runtime(Settings(port=0, data_dir=None))
    made.start()
    yield made
    made.stop()


def seconds(app: Flask) -> float:
    """How long a request takes, without a web server around it."""
    environ = create_environ("/v2/project/datasets", "http://127.0.0.1")
    environs = [dict(environ) for _ in range(REQUESTS)]
    start = time.perf_counter()
    for each in environs:
        b"".join(app(each, lambda *_: lambda data: None))
    return (time.perf_counter() - start) / REQUESTS


@pytest.mark.slow
def test_request_hooks_cost_little(emu: Runtime) -> None:
    """Both are measured in turns, and of each the round in which the machine did least else."""
    watched, bare = create_app(emu), create_app(emu)
    control = bare.extensions["emulator-control"]
    bare.before_request_funcs[None].remove(control.before_request)
    bare.after_request_funcs[None].remove(control.after_request)
    rounds = [(seconds(watched), seconds(bare)) for _ in range(ROUNDS)]
    with_it, without = (min(each) for each in zip(*rounds, strict=True))
    assert with_it - without < MOST_S
