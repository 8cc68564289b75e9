"""What is loaded: datasets and versions, loaded on first use by one caller while others wait for it alone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from modelarts_emulator.store.open_dataset import OpenDataset
from modelarts_emulator.store.version_samples import Frozen

Key = tuple[str, str | None]
"""A dataset's id, and the id of one of its versions or None for the dataset itself."""

T = TypeVar("T", OpenDataset, Frozen)


@dataclass(eq=False)
class _Resident(Generic[T]):
    loading: threading.Lock = field(default_factory=threading.Lock)
    value: T | None = None
    users: int = 0


class Use(Generic[T]):
    """One use of something that is loaded: a context manager, written out since every request is one."""

    __slots__ = ("_key", "_load", "_resident", "_residents")

    def __init__(self, residents: Residents[T], key: Key, load: Callable[[], T]) -> None:
        self._residents: Residents[T] = residents
        self._load: Callable[[], T] = load
        self._key = key

    def __enter__(self) -> T:
        resident, value = self._residents._enter(self._key, self._load)
        self._resident: _Resident[T] = resident
        return value

    def __exit__(self, *error: object) -> None:
        self._residents._leave(self._key, self._resident)


class Residents(Generic[T]):
    """Loaded things in the order of their last use. Thread-safe; its own lock is held for moments only.

    ``on_growth`` is called when something has been loaded.
    """

    def __init__(self, on_growth: Callable[[], None]) -> None:
        self._on_growth = on_growth
        self._guard = threading.Lock()
        self._residents: OrderedDict[Key, _Resident[T]] = OrderedDict()

    def using(self, key: Key, load: Callable[[], T]) -> Use[T]:
        """A context with what has a key, loaded if need be; it stays while it is used.

        To enter it raises what ``load`` raises.
        """
        return Use(self, key, load)

    def _enter(self, key: Key, load: Callable[[], T]) -> tuple[_Resident[T], T]:
        with self._guard:
            resident = self._residents.get(key)
            if resident is None:
                resident = self._residents[key] = _Resident()
            else:
                self._residents.move_to_end(key)
            resident.users += 1
        value = resident.value
        if value is not None:
            return resident, value
        try:
            return resident, self._load(resident, load)
        except BaseException:
            self._leave(key, resident)
            raise

    def _leave(self, key: Key, resident: _Resident[T]) -> None:
        with self._guard:
            resident.users -= 1
            if resident.value is None and not resident.users and self._residents.get(key) is resident:
                del self._residents[key]

    def _load(self, resident: _Resident[T], load: Callable[[], T]) -> T:
        with resident.loading:
            value = resident.value
            if value is not None:
                return value
            value = resident.value = load()
        self._on_growth()
        return value

    def put(self, key: Key, value: T) -> None:
        """Note something as loaded."""
        with self._guard:
            self._residents[key] = _Resident(value=value)
        self._on_growth()

    def get(self, key: Key) -> T | None:
        """What is loaded under a key; this is no use of it."""
        resident = self._residents.get(key)
        return resident.value if resident else None

    def items(self) -> list[tuple[Key, T]]:
        """Everything that is loaded, what was used longest ago first."""
        with self._guard:
            return [(key, resident.value) for key, resident in self._residents.items() if resident.value is not None]

    def weight(self) -> int:
        """How many samples are loaded."""
        return sum(len(value) for _, value in self.items())

    def drop(self, key: Key, *, unless: Callable[[T], bool] = lambda value: False) -> T | None:
        """Forget what has a key, and return it; None if it is in use, or ``unless`` says so."""
        with self._guard:
            resident = self._residents.get(key)
            if resident is None or resident.value is None or resident.users or unless(resident.value):
                return None
            del self._residents[key]
            return resident.value

    def forget(self, key: Key) -> None:
        """Forget what has a key; who uses it keeps what they have."""
        with self._guard:
            self._residents.pop(key, None)
