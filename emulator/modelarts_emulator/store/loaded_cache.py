"""A cache of loaded datasets and versions that counts its users, so that nothing in use is evicted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from modelarts_emulator.store.open_dataset import OpenDataset
from modelarts_emulator.store.version_samples import VersionSamples

CacheKey = tuple[str, str | None]
"""A dataset id, and a version id or None for the dataset itself."""

T = TypeVar("T", OpenDataset, VersionSamples)


@dataclass(eq=False)
class _CacheEntry(Generic[T]):
    loading: threading.Lock = field(default_factory=threading.Lock)
    value: T | None = None
    users: int = 0


class CacheLease(Generic[T]):
    """A context manager that keeps one cached value loaded while it is used.

    Written as a class: every request enters one, and ``contextlib.contextmanager`` takes several times as long.
    """

    __slots__ = ("_cache", "_entry", "_key", "_load")

    def __init__(self, cache: LoadedCache[T], key: CacheKey, load: Callable[[], T]) -> None:
        self._cache: LoadedCache[T] = cache
        self._load: Callable[[], T] = load
        self._key = key

    def __enter__(self) -> T:
        cache, key = self._cache, self._key
        with cache._guard:
            entry = cache._entries.get(key)
            if entry is None:
                entry = cache._entries[key] = _CacheEntry()
            else:
                cache._entries.move_to_end(key)
            entry.users += 1
        self._entry: _CacheEntry[T] = entry
        value = entry.value
        if value is not None:
            return value
        try:
            return cache._load(entry, self._load)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        cache, entry = self._cache, self._entry
        with cache._guard:
            entry.users -= 1
            if entry.value is None and not entry.users and cache._entries.get(self._key) is entry:
                del cache._entries[self._key]


class LoadedCache(Generic[T]):
    """Loaded values in the order of their last use. Thread-safe.

    Two kinds of lock: ``_guard`` protects the table of entries and is never held while a value is loaded; each entry
    has a ``loading`` lock, so that concurrent callers load a value once and wait only for that value.
    """

    def __init__(self, on_growth: Callable[[int], None]) -> None:
        """Make an empty cache. ``on_growth`` is called with the weight of each value that is added."""
        self._on_growth = on_growth
        self._guard = threading.Lock()
        self._entries: OrderedDict[CacheKey, _CacheEntry[T]] = OrderedDict()

    def lease(self, key: CacheKey, load: Callable[[], T]) -> CacheLease[T]:
        """Return a context manager that gives the value of a key, loaded with ``load`` if it is not cached.

        The value is not evicted inside the context. Entering it raises the exceptions of ``load``.
        """
        return CacheLease(self, key, load)

    def _load(self, entry: _CacheEntry[T], load: Callable[[], T]) -> T:
        with entry.loading:
            value = entry.value
            if value is not None:
                return value
            value = entry.value = load()
        self._on_growth(len(value))
        return value

    def put(self, key: CacheKey, value: T) -> None:
        """Add a value that is already loaded; it replaces the key's former value."""
        with self._guard:
            self._entries[key] = _CacheEntry(value=value)
        self._on_growth(len(value))

    def get(self, key: CacheKey) -> T | None:
        """Return a loaded value or None, without counting as a use."""
        entry = self._entries.get(key)
        return entry.value if entry else None

    def items(self) -> list[tuple[CacheKey, T]]:
        """Return all loaded values, the least recently used first."""
        with self._guard:
            return [(key, entry.value) for key, entry in self._entries.items() if entry.value is not None]

    def weight(self) -> int:
        """Return the number of loaded samples."""
        return sum(len(value) for _, value in self.items())

    def evict(self, key: CacheKey, *, unless: Callable[[T], bool] = lambda value: False) -> T | None:
        """Remove a value and return it. Return None if it is in use, or if ``unless`` returns True for it."""
        with self._guard:
            entry = self._entries.get(key)
            if entry is None or entry.value is None or entry.users or unless(entry.value):
                return None
            del self._entries[key]
            return entry.value

    def forget(self, key: CacheKey) -> None:
        """Remove a value even if it is in use; its present users keep their reference."""
        with self._guard:
            self._entries.pop(key, None)
