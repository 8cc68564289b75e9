"""Background work of datasets: a small pool of named threads, and who is busy with what.

Which kinds of task exclude each other, the operations say when they claim one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from emulator.store import Unknown

log = logging.getLogger("modelarts-emulator")


class Busy(Exception):
    """A task that excludes the wanted one is open; ``kind`` says which."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Claim:
    """The right to run one task. As a context manager it is given back, unless ``run`` was called."""

    def __init__(self, tasks: Tasks, dataset_id: str, kind: str) -> None:
        self._tasks, self.dataset_id, self.kind = tasks, dataset_id, kind
        self._running = False

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._running:
            self._tasks._release(self.dataset_id, self.kind)

    def run(self, work: Callable[[], None]) -> None:
        """Run ``work`` in the background; the right ends with it."""
        self._running = True
        self._tasks._submit(self, work)


class Tasks:
    """Runs callables in the background. A task is open from its claim until its callable has returned."""

    def __init__(self, workers: int = 2) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="task")
        self._quiet = threading.Condition()
        self._open: Counter[tuple[str, str]] = Counter()
        self._stopping = False

    @property
    def open(self) -> int:
        """How many tasks have not ended."""
        with self._quiet:
            return self._open.total()

    def running(self, dataset_id: str) -> set[str]:
        """The kinds of task that have not ended for a dataset."""
        with self._quiet:
            return {kind for owner, kind in self._open if owner == dataset_id}

    def claim(self, dataset_id: str, kind: str, excluded: Collection[str] = ()) -> Claim:
        """Take the right to run a task, so that what is written for it cannot collide. Raises Busy.

        ``excluded`` are the kinds it cannot run beside; name its own among them where there may be only one.
        """
        with self._quiet:
            for other in excluded:
                if self._open[dataset_id, other]:
                    raise Busy(other)
            self._open[dataset_id, kind] += 1
        return Claim(self, dataset_id, kind)

    def _submit(self, claim: Claim, work: Callable[[], None]) -> None:
        self._pool.submit(self._run, claim.dataset_id, claim.kind, work)

    def _release(self, dataset_id: str, kind: str) -> None:
        with self._quiet:
            self._open[dataset_id, kind] -= 1
            self._open += Counter()  # drop what has come to zero
            self._quiet.notify_all()

    def _run(self, dataset_id: str, kind: str, work: Callable[[], None]) -> None:
        try:
            if not self._stopping:
                work()
        except Unknown:
            log.info("Dataset %s was deleted while its %s task was running", dataset_id, kind)
        except Exception:
            # The work itself records what goes wrong in its task; what arrives here is a defect of ours.
            log.exception("The %s task of dataset %s ended with an unexpected error", kind, dataset_id)
        finally:
            self._release(dataset_id, kind)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no task is open. False when the time is over first."""
        deadline = time.monotonic() + timeout_s
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._open, max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Let running tasks end, drop those that have not begun, and join the threads."""
        self._stopping = True
        self._pool.shutdown(wait=True)
