"""A cache with a maximum number of values."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar, cast

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Lru(Generic[V]):
    """Keeps the most recently used values. Thread-safe.

    Example:
        >>> squares: Lru[int] = Lru(2)
        >>> squares.get(3, lambda: 9)
        9
    """

    def __init__(self, size: int) -> None:
        """Make an empty cache for at most ``size`` values."""
        self._size = size
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get_all(self, keys: Sequence[K], make_all: Callable[[list[K]], list[V]]) -> list[V]:
        """Return the values of keys; the missing ones are made with ``make_all`` and kept. None is not kept."""
        with self._lock:
            values = list(map(self._values.get, keys))
            # The order of use matters only when the cache is more than half full: before that, nothing is evicted soon.
            if 2 * len(self._values) > self._size:
                for key, value in zip(keys, values, strict=True):
                    if value is not None:
                        self._values.move_to_end(key)
        if None not in values:
            return cast("list[V]", values)
        missing = [key for key, value in dict(zip(keys, values, strict=True)).items() if value is None]
        made: dict[Hashable, V] = dict(zip(missing, make_all(missing), strict=True))
        with self._lock:
            self._values.update(made)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return [made[key] if value is None else value for key, value in zip(keys, values, strict=True)]

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return the value of a key; a missing value is made with ``make()`` and kept.

        ``make`` is called without the lock: concurrent callers may each make the value.
        """
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

    def discard(self, is_outdated: Callable[[Hashable], bool]) -> None:
        """Drop the values of some keys."""
        with self._lock:
            for key in list(filter(is_outdated, self._values)):
                del self._values[key]
