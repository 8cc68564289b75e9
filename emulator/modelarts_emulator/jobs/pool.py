"""Background work of datasets: a small pool of named threads, and who is busy with what.

Which kinds of task exclude each other, the operations say when they claim one.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from modelarts_emulator.store import Unknown

log = logging.getLogger(__name__)

# How many can be under way, those included that rest.
_MAX_THREADS = 64


class TaskConflict(Exception):
    """A task that excludes the wanted one is open; ``kind`` says which."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Claim:
    """The right to run one task. As a context manager it is given back, unless ``run`` was called."""

    def __init__(self, tasks: TaskPool, dataset_id: str, kind: str) -> None:
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


class TaskPool:
    """Runs callables in the background, ``workers`` at a time; those that rest do not count.

    A task is open from its claim until its callable has returned.
    """

    def __init__(self, workers: int = 2) -> None:
        self._pool = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="task")
        self._turns = threading.Semaphore(workers)
        self._thread = threading.local()
        self._changed = threading.Condition()
        self._open: Counter[tuple[str, str]] = Counter()
        self._finished: Counter[tuple[str, str]] = Counter()
        """Of those, the tasks that have told their end."""
        self._stopping = False

    @property
    def open(self) -> int:
        """How many tasks have not ended."""
        with self._changed:
            return self._open.total()

    def open_tasks(self) -> list[tuple[str, str]]:
        """Dataset and kind of every task that has not ended."""
        with self._changed:
            return sorted(self._open.elements())

    def running(self, dataset_id: str) -> set[str]:
        """The kinds of task that have not told their end for a dataset."""
        with self._changed:
            if not self._open:
                return set()
            return {kind for owner, kind in self._open - self._finished if owner == dataset_id}

    def mark_finished(self, dataset_id: str, kind: str) -> None:
        """A task is telling its end, and is in nobody's way any more: a client that reads of it may go on at once.

        To be called where the end is written, while nobody else can write.
        """
        with self._changed:
            self._finished[dataset_id, kind] += 1

    def claim(self, dataset_id: str, kind: str, excluded: Collection[str] = ()) -> Claim:
        """Take the right to run a task, so that what is written for it cannot collide. Raises TaskConflict.

        ``excluded`` are the kinds it cannot run beside; name its own among them where there may be only one.
        """
        with self._changed:
            for other in excluded:
                if self._open[dataset_id, other] > self._finished[dataset_id, other]:
                    raise TaskConflict(other)
            self._open[dataset_id, kind] += 1
        return Claim(self, dataset_id, kind)

    def _submit(self, claim: Claim, work: Callable[[], None]) -> None:
        self._pool.submit(self._run, claim.dataset_id, claim.kind, work)

    def _release(self, dataset_id: str, kind: str) -> None:
        with self._changed:
            self._open[dataset_id, kind] -= 1
            self._finished[dataset_id, kind] -= 1
            self._open += Counter()  # drop what has come to zero
            self._finished += Counter()  # or below: it ended without a word
            self._changed.notify_all()

    def _run(self, dataset_id: str, kind: str, work: Callable[[], None]) -> None:
        try:
            with self._turns:
                if not self._stopping:
                    self._thread.has_turn = True
                    work()
        except Unknown:
            log.info("Dataset %s was deleted while its %s task was running", dataset_id, kind)
        except Exception:
            # The work itself records what goes wrong in its task; what arrives here is a defect of ours.
            log.exception("The %s task of dataset %s ended with an unexpected error", kind, dataset_id)
        finally:
            self._thread.has_turn = False
            self._release(dataset_id, kind)

    @contextmanager
    def without_turn(self) -> Iterator[None]:
        """Let another task run in the place of this one, which waits for something outside; no effect elsewhere."""
        if not getattr(self._thread, "has_turn", False):
            yield
            return
        self._turns.release()
        try:
            yield
        finally:
            self._turns.acquire()

    def wait_idle(self, timeout_s: float, dataset_ids: Collection[str] | None = None) -> bool:
        """Wait until no task is open, or none of some datasets. False when the time is over first."""

        def is_idle() -> bool:
            return all(dataset_ids is not None and owner not in dataset_ids for owner, _ in self._open)

        with self._changed:
            return self._changed.wait_for(is_idle, max(0.0, timeout_s))

    def stop(self) -> None:
        """Let running tasks end, drop those that have not begun, and join the threads."""
        self._stopping = True
        self._pool.shutdown(wait=True)
