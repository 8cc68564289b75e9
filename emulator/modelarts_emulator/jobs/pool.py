"""The pool that runs background tasks of datasets, and the claims that keep conflicting tasks apart.

The caller of :meth:`TaskPool.claim` passes the task kinds that its task must not overlap with.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from modelarts_emulator.store import DoesNotExist

log = logging.getLogger(__name__)


class TaskConflict(Exception):
    """Raised if a task of the given ``kind`` is open that conflicts with the claimed one."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class TooManyTasks(Exception):
    """Raised if ``limit`` tasks of the given ``kind`` are open."""

    def __init__(self, kind: str, limit: int) -> None:
        super().__init__(kind, limit)
        self.kind, self.limit = kind, limit


class TaskClaim:
    """The right to run one task. As a context manager it is released, unless ``run`` was called."""

    def __init__(self, tasks: TaskPool, dataset_id: str, kind: str) -> None:
        self._tasks, self.dataset_id, self.kind = tasks, dataset_id, kind
        self._running = False
        self.is_marked = False
        """Whether ``mark_finished`` was called for this task. A request that stops a running one can mark it, too."""

    def __enter__(self) -> TaskClaim:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._running:
            self._tasks._release(self.dataset_id, self.kind, was_marked=self.is_marked)

    def run(self, work: Callable[[], None]) -> None:
        """Run ``work`` in the background; the claim is released at its end."""
        self._running = True
        self._tasks._submit(self, work)


class TaskPool:
    """Runs callables in background threads, at most ``workers`` at a time.

    A task that waits for something gives up its turn and keeps its thread; tasks without a turn yet need none.
    At most ``max_open`` tasks of a kind that does not exclude itself are open: they could be claimed faster than run.
    A task is open from its claim until its callable has returned.
    """

    def __init__(self, workers: int = 2, *, max_open: int = 1_000) -> None:
        self._max_open = max_open
        self._free = workers
        """The number of turns that no task has."""
        self._returning = 0
        """The number of tasks that have given up their turn and want it back."""
        self._queue: deque[tuple[TaskClaim, Callable[[], None]]] = deque()
        self._threads: set[threading.Thread] = set()
        self._numbers = itertools.count()
        self._thread = threading.local()
        self._changed = threading.Condition()
        self._open: Counter[tuple[str, str]] = Counter()
        self._finished: Counter[tuple[str, str]] = Counter()
        """The tasks in ``_open`` whose final status is already stored."""
        self.stopping = threading.Event()
        """Set when the pool stops: tasks that wait for something end."""

    @property
    def open(self) -> int:
        """The number of open tasks."""
        with self._changed:
            return self._open.total()

    def open_tasks(self) -> list[tuple[str, str]]:
        """Return dataset id and kind of every open task, sorted."""
        with self._changed:
            return sorted(self._open.elements())

    def running(self, dataset_id: str) -> set[str]:
        """Return the kinds of the open tasks of a dataset whose final status is not stored yet."""
        with self._changed:
            if not self._open:
                return set()
            return {kind for owner, kind in self._open - self._finished if owner == dataset_id}

    def mark_finished(self, dataset_id: str, kind: str) -> None:
        """Mark a task as finished, so that it no longer conflicts with others.

        Call this in the write transaction that stores the final status: a client that reads this status can start the
        next task immediately.
        """
        with self._changed:
            self._finished[dataset_id, kind] += 1

    def claim(self, dataset_id: str, kind: str, excluded: Collection[str] = ()) -> TaskClaim:
        """Claim the right to run a task. Raises TaskConflict, TooManyTasks.

        ``excluded`` are the kinds that it must not overlap with, its own kind included if there may be only one.
        """
        with self._changed:
            for other in excluded:
                if self._open[dataset_id, other] > self._finished[dataset_id, other]:
                    raise TaskConflict(other)
            if kind not in excluded and self._open.total() >= self._max_open:
                count = sum(number for (_, each), number in self._open.items() if each == kind)
                if count >= self._max_open:
                    raise TooManyTasks(kind, self._max_open)
            self._open[dataset_id, kind] += 1
        return TaskClaim(self, dataset_id, kind)

    def _submit(self, claim: TaskClaim, work: Callable[[], None]) -> None:
        with self._changed:
            self._queue.append((claim, work))
            self._start_next()

    def _start_next(self) -> None:
        """Give free turns to tasks of the queue, each in a new thread. Call this with ``_changed`` held."""
        while self._free > self._returning and self._queue:
            self._free -= 1
            thread = threading.Thread(target=self._work, name=f"task-{next(self._numbers)}", daemon=True)
            thread.start()
            self._threads = {*filter(threading.Thread.is_alive, self._threads), thread}

    def _work(self) -> None:
        """Run tasks of the queue with one turn, until there are none or a waiting task wants the turn back."""
        self._thread.has_turn = True
        while True:
            with self._changed:
                if not self._queue or self._returning:
                    self._free += 1
                    self._start_next()
                    self._changed.notify_all()
                    return
                claim, work = self._queue.popleft()
            self._run(claim.dataset_id, claim.kind, work)

    def _release(self, dataset_id: str, kind: str, *, was_marked: bool) -> None:
        with self._changed:
            self._open[dataset_id, kind] -= 1
            if was_marked:  # a refused task must not take the mark of one that ends at the same moment
                self._finished[dataset_id, kind] -= 1
            self._open += Counter()  # removes the entries that are zero
            self._finished += Counter()  # or negative, because a task was released without mark_finished
            self._changed.notify_all()

    def _run(self, dataset_id: str, kind: str, work: Callable[[], None]) -> None:
        try:
            if not self.stopping.is_set():
                work()
        except DoesNotExist:
            log.info("Dataset %s was deleted while its %s task was running", dataset_id, kind)
        except Exception:
            # TaskRun records every error in its task; an exception that arrives here is a bug of the emulator.
            log.exception("The %s task of dataset %s ended with an unexpected error", kind, dataset_id)
        finally:
            self._release(dataset_id, kind, was_marked=True)

    @contextmanager
    def without_turn(self) -> Iterator[None]:
        """Give up the turn of the current task while it waits, so that another task can run.

        No effect in a thread that runs no task.
        """
        if not getattr(self._thread, "has_turn", False):
            yield
            return
        with self._changed:
            self._free += 1
            self._start_next()
            self._changed.notify_all()
        self._thread.has_turn = False
        try:
            yield
        finally:
            with self._changed:
                self._returning += 1
                self._changed.wait_for(lambda: self._free > 0)
                self._returning -= 1
                self._free -= 1
            self._thread.has_turn = True

    def wait_idle(self, timeout_s: float, dataset_ids: Collection[str] | None = None) -> bool:
        """Wait until no task is open, or none of the given datasets. Returns False after the time-out."""

        def is_idle() -> bool:
            return all(dataset_ids is not None and owner not in dataset_ids for owner, _ in self._open)

        with self._changed:
            return self._changed.wait_for(is_idle, max(0.0, timeout_s))

    def stop(self) -> None:
        """Wait for running tasks, drop those that have not begun, and join the threads."""
        self.stopping.set()
        with self._changed:
            self._changed.wait_for(lambda: not self._queue)
            threads = list(self._threads)
        for thread in threads:
            thread.join()
