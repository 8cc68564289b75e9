"""State that all tests of a run share: clock, id seed, and faults and transitions without a project."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from modelarts_emulator.contract.errors import ApiError

if TYPE_CHECKING:
    from modelarts_emulator.server import Emulator


class GlobalState:
    """Saves the shared state when the first concurrent test begins, restores it when the last one ends. Thread-safe."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._lock = threading.Lock()
        self._running = 0
        self._restore: Callable[[], None] = lambda: None

    def enter(self) -> None:
        """Count one test as begun; before the first one, save the shared state."""
        with self._lock:
            if self._running == 0:
                self._restore = self._save()
            self._running += 1

    def leave(self) -> None:
        """Count one test as ended; after the last one, restore the shared state."""
        with self._lock:
            self._running -= 1
            if self._running == 0:
                self._restore()

    def _save(self) -> Callable[[], None]:
        clock, ids = self._emulator.clock, self._emulator.ids
        faults, transitions = self._emulator.faults, self._emulator.transitions
        adjustment, was_seeded = clock.adjustment, ids.is_seeded
        known, rules = {each.id for each in faults.active()}, transitions.rules()

        def restore() -> None:
            if clock.adjustment != adjustment:
                clock.adjust(adjustment)
            if ids.is_seeded and not was_seeded:
                ids.seed(None)
            for each in faults.active():
                if each.id not in known and each.fault.project_id is None:
                    with suppress(ApiError):  # removed by its owner in the same moment
                        faults.remove(each.id)
            if transitions.rules() != rules:
                transitions.replace(rules)

        return restore
