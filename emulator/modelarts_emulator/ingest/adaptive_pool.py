"""A thread pool that starts only if reading files waits for the disk.

Parsing the headers of images is work for the interpreter, at which several threads only disturb each other: 134,000
a second with one thread, 64,000 with four, as long as the files are in the page cache. From a disk, reading is mostly
waiting: 18,000 a second with one thread, 33,000 with four.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_WAIT_RATIO = 2.0
"""Reading waits for the disk if the elapsed time is more than this many times the thread's CPU time."""
_MIN_BATCH = 100
"""Batches that are smaller than this are not measured."""
_MAX_THREADS = 8


class AdaptivePool:
    """Maps a function over batches, in order. A context manager; at its end it stops the threads that it started."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._threads = min(_MAX_THREADS, 2 * (os.cpu_count() or 1))

    def __enter__(self) -> AdaptivePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    @property
    def threads(self) -> int:
        """The number of threads that read now."""
        return 1 if self._pool is None else self._threads

    def map(self, read: Callable[[T], R], batch: Sequence[T]) -> list[R]:
        """Return the result of ``read`` for each item, in order. Raises the exception of the first item that fails."""
        if self._pool is not None:
            share = -(-len(batch) // self._threads)
            shares = [batch[start : start + share] for start in range(0, len(batch), share or 1)]
            return [
                each for part in self._pool.map(lambda some: [read(item) for item in some], shares) for each in part
            ]
        began, worked = time.perf_counter(), time.thread_time()
        results = [read(each) for each in batch]
        elapsed, worked = time.perf_counter() - began, time.thread_time() - worked
        if len(batch) >= _MIN_BATCH and elapsed > _WAIT_RATIO * worked:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="reader")
        return results
