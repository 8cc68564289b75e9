"""A small table of a loaded dataset, kept decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec

R = TypeVar("R")


class RecordTable(Generic[R]):
    """A small table that is kept decoded, in order of creation."""

    def __init__(self, name: str, record: type[R], key: Callable[[R], Any]) -> None:
        """Make an empty table; ``key`` returns the unique key of a record."""
        self.name, self.key = name, key
        self._decoder = msgspec.json.Decoder(record)
        self._keys: dict[int, Any] = {}
        self.rows: dict[Any, tuple[int, R]] = {}
        """Document number and record by key."""
        self.next_number = 1

    def put(self, number: int, document: bytes | msgspec.Raw) -> None:
        """Write a document."""
        record = self._decoder.decode(document)
        key = self._keys[number] = self.key(record)
        self.rows[key] = (number, record)
        self.next_number = max(self.next_number, number + 1)

    def remove(self, number: int) -> None:
        """Remove a document; no effect if it does not exist."""
        key = self._keys.pop(number, None)
        if key in self.rows and self.rows[key][0] == number:
            del self.rows[key]

    def documents(self) -> Iterator[tuple[int, bytes]]:
        """Return (number, encoded document) pairs as of now; each is encoded when it is read."""
        rows = list(self.rows.values())
        return ((number, msgspec.json.encode(record)) for number, record in rows)
