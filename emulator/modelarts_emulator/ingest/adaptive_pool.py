"""Who reads many files: one thread while they lie in memory, several where the disk keeps one waiting.

Reading the headers of pictures is work for the interpreter, which several threads only disturb each other at: 134,000
a second with one, 64,000 with four. From a disk it is mostly waiting: 18,000 with one, 33,000 with four.
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

# Waiting for the disk is when the time that passes is so many times what the thread works.
_WAITING = 2.0
_WORTH_IT = 100
_MOST = 8


class AdaptivePool:
    """Maps over batches in order; a context manager that ends its threads, if it ever began any."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._threads = min(_MOST, 2 * (os.cpu_count() or 1))

    def __enter__(self) -> AdaptivePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    @property
    def threads(self) -> int:
        """How many are reading now."""
        return 1 if self._pool is None else self._threads

    def map(self, read: Callable[[T], R], batch: Sequence[T]) -> list[R]:
        """What reading each gives, in order. Raises what the first one raises that fails."""
        if self._pool is not None:
            share = -(-len(batch) // self._threads)
            shares = [batch[start : start + share] for start in range(0, len(batch), share or 1)]
            return [
                each for part in self._pool.map(lambda some: [read(item) for item in some], shares) for each in part
            ]
        began, worked = time.perf_counter(), time.thread_time()
        results = [read(each) for each in batch]
        if len(batch) >= _WORTH_IT and time.perf_counter() - began > _WAITING * (time.thread_time() - worked):
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="reader")
        return results
