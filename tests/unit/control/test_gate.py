"""The request gate: exclusive parts and requests never overlap."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet  # before Python 3.11 not the built-in one

import pytest

from modelarts_emulator.control.gate import RequestGate
from tests.helpers.polling import poll


class GatedCalls:
    """A gate, and requests that stay inside until they are let go."""

    def __init__(self) -> None:
        self.gate, self.inside, self.ends = RequestGate(), 0, threading.Event()
        self.pool = ThreadPoolExecutor(20)
        self._counting = threading.Lock()

    def request(self) -> Future[None]:
        return self.pool.submit(self._serve)

    def _serve(self) -> None:
        self.gate.enter()
        with self._counting:
            self.inside += 1
        self.ends.wait(20)
        with self._counting:
            self.inside -= 1
        self.gate.leave()


@pytest.fixture
def gated() -> Iterator[GatedCalls]:
    made = GatedCalls()
    yield made
    made.ends.set()
    made.pool.shutdown()


def test_exclusive_waits_for_running_requests(gated: GatedCalls) -> None:
    gated.request()
    poll(lambda: gated.inside == 1, "inside")

    def close() -> int:
        with gated.gate.exclusive():
            return gated.inside

    closing = gated.pool.submit(close)
    with pytest.raises(NotYet):
        closing.result(0.1)
    gated.ends.set()
    assert closing.result(10) == 0


def test_enter_waits_while_exclusive(gated: GatedCalls) -> None:
    gated.ends.set()
    with gated.gate.exclusive():
        waiting = gated.request()
        with pytest.raises(NotYet):
            waiting.result(0.1)
    waiting.result(10)


def test_enter_never_overlaps_with_exclusive(gated: GatedCalls) -> None:
    """Many come and go while it is closed and opened again and again."""
    gated.ends.set()
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            gated._serve()

    comers = [gated.pool.submit(come_and_go) for _ in range(6)]
    for _ in range(300):
        with gated.gate.exclusive():
            assert gated.inside == 0
    ended.set()
    for comer in comers:
        comer.result(10)


def test_leave_without_enter_has_no_effect(gated: GatedCalls) -> None:
    gated.gate.leave()
    with gated.gate.exclusive():
        gated.gate.leave()
