"""What is everybody's in an emulator, and is put back when no test is left that may have changed it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from modelarts_emulator.contract.errors import ApiError

if TYPE_CHECKING:
    from modelarts_emulator.server import Emulator


class GlobalState:
    """The clock, the seed of ids, and the faults and transitions that name no project. Thread-safe.

    The first test notes how they are, and the last of those that run at a time puts them back.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._lock = threading.Lock()
        self._running = 0
        self._put_back: Callable[[], None] = lambda: None

    def enter(self) -> None:
        """Begin a test."""
        with self._lock:
            if self._running == 0:
                self._put_back = self._noted()
            self._running += 1

    def leave(self) -> None:
        """End a test."""
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._put_back()

    def _noted(self) -> Callable[[], None]:
        runtime, faults = self._emulator.runtime, self._emulator.control.faults
        adjustment, was_seeded = runtime.clock.adjustment, runtime.ids.is_seeded
        known, rules = {each.id for each in faults.active}, runtime.transitions.rules()

        def put_back() -> None:
            if runtime.clock.adjustment != adjustment:
                runtime.clock.adjust(adjustment)
            if runtime.ids.is_seeded and not was_seeded:
                runtime.ids.seed(None)
            for each in faults.active:
                if each.id not in known and each.fault.project_id is None:
                    with suppress(ApiError):
                        faults.remove_fault(each.id)
            if runtime.transitions.rules() != rules:
                runtime.transitions.put(rules)

        return put_back
