"""A bounded memory of what was made already."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[V]):
    """Keeps the values that were used latest, up to a number of them. Thread-safe."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get_all(self, keys: Sequence[K], make: Callable[[K], V]) -> list[V]:
        """The values kept under keys; those that are not are of ``make``, which gets the key."""
        with self._lock:
            values = list(map(self._values.get, keys))
            # The order of use only matters when something has to go soon.
            if 2 * len(self._values) > self._size:
                for key, value in zip(keys, values, strict=True):
                    if value is not None:
                        self._values.move_to_end(key)
        if None not in values:
            return cast("list[V]", values)
        pairs = zip(keys, values, strict=True)
        return [value if value is not None else self.get(key, partial(make, key)) for key, value in pairs]

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value kept under ``key``, or that of ``make``, which is called outside the lock."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                return value
        value = make()
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        return value
