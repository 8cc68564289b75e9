"""Sorted keys of 64 bits, eight bytes each, and a table that finds a document by its sample's id.

Both exist for the memory they do not need: a sample stands in half a dozen ordered indexes, and a million samples'
worth of Python integers and dictionary entries would weigh more than the samples.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

CHUNK = 4096
ID_PREFIX = b'{"id":"'
"""How a sample's document begins."""


def id_of(document: bytes) -> str:
    """The id of a sample's document that is in its canonical form."""
    return document[len(ID_PREFIX) : document.index(b'"', len(ID_PREFIX))].decode()


class KeyList:
    """Distinct keys, ascending, in chunks of arrays: to add and to remove costs a chunk, a slice costs itself."""

    __slots__ = ("_chunks", "_ends", "_size")

    def __init__(self, ascending: Sequence[int] = ()) -> None:
        self._chunks = [array("Q", ascending[start : start + CHUNK]) for start in range(0, len(ascending), CHUNK)]
        self._ends = [chunk[-1] for chunk in self._chunks]
        self._size = len(ascending)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        for chunk in self._chunks:
            yield from chunk

    def add(self, key: int) -> None:
        """Take in a key that is not there yet."""
        place = bisect_left(self._ends, key)
        self._size += 1
        if place == len(self._chunks):
            self._append(key)
            return
        chunk = self._chunks[place]
        insort(chunk, key)
        if len(chunk) > CHUNK:
            self._split(place)

    def remove(self, key: int) -> None:
        """Take out a key. Raises KeyError."""
        place = bisect_left(self._ends, key)
        chunk = self._chunks[place] if place < len(self._chunks) else array("Q")
        index = bisect_left(chunk, key)
        if index == len(chunk) or chunk[index] != key:
            raise KeyError(key)
        del chunk[index]
        self._size -= 1
        if not chunk:
            del self._chunks[place], self._ends[place]
        elif index == len(chunk):
            self._ends[place] = chunk[-1]

    def slice(self, start: int, stop: int) -> list[int]:
        """The keys from position ``start`` to before ``stop``; looked for from the nearer end."""
        start, stop = max(0, start), min(stop, self._size)
        found: list[int] = []
        place, before = self._locate(start)
        while before < stop and place < len(self._chunks):
            chunk = self._chunks[place]
            found += chunk[max(0, start - before) : stop - before]
            before += len(chunk)
            place += 1
        return found

    def to_array(self) -> array[int]:
        """All keys, copied."""
        keys = array("Q")
        for chunk in self._chunks:
            keys += chunk
        return keys

    def _locate(self, position: int) -> tuple[int, int]:
        """The chunk that holds a position, and how many keys stand before that chunk."""
        if position * 2 < self._size:
            place, before = 0, 0
            while place < len(self._chunks) and before + len(self._chunks[place]) <= position:
                before += len(self._chunks[place])
                place += 1
            return place, before
        place, before = len(self._chunks), self._size
        while place and before > position:
            place -= 1
            before -= len(self._chunks[place])
        return place, before

    def _append(self, key: int) -> None:
        # Keys mostly come in order; a full last chunk is left full.
        if self._chunks and len(self._chunks[-1]) < CHUNK:
            self._chunks[-1].append(key)
            self._ends[-1] = key
        else:
            self._chunks.append(array("Q", (key,)))
            self._ends.append(key)

    def _split(self, place: int) -> None:
        chunk = self._chunks[place]
        half = len(chunk) // 2
        self._chunks[place : place + 1] = [chunk[:half], chunk[half:]]
        self._ends[place : place + 1] = [chunk[half - 1], chunk[-1]]


class IdTable:
    """Document numbers by the hash of an id, in one array; which of them is meant, the documents tell.

    Numbers are 1 to 2³² - 2. Open addressing: at most two thirds of the slots are taken.
    """

    __slots__ = ("_mask", "_slots", "_taken")

    _FREE, _GONE = 0, 0xFFFFFFFF

    def __init__(self, expected: int = 0) -> None:
        size = 64
        while size * 2 < expected * 3:
            size *= 2
        self._slots = array("I", [self._FREE]) * size
        self._mask = size - 1
        self._taken = 0

    def find(self, sample_id: str, documents: Sequence[bytes | None]) -> int | None:
        """The number of an id among ``documents``, which are in their canonical form; None where it is not known."""
        slots, mask = self._slots, self._mask
        place = hash(sample_id) & mask
        wanted = sample_id.encode("utf-8", "surrogatepass") + b'"'
        while number := slots[place]:
            if number != self._GONE:
                document = documents[number]
                if document is not None and document.startswith(wanted, len(ID_PREFIX)):
                    return number
            place = (place + 1) & mask
        return None

    def add(self, sample_id: str, number: int) -> bool:
        """Take in an id that is not there yet. False where the table is full: make another, with all of them."""
        if self._taken * 3 >= len(self._slots) * 2:
            return False
        slots, mask = self._slots, self._mask
        place = hash(sample_id) & mask
        while slots[place]:
            place = (place + 1) & mask
        slots[place] = number
        self._taken += 1
        return True

    def remove(self, sample_id: str, number: int) -> None:
        """Take out an id with its number. Raises KeyError."""
        slots, mask = self._slots, self._mask
        place = hash(sample_id) & mask
        while slots[place] != number:
            if slots[place] == self._FREE:
                raise KeyError(sample_id)
            place = (place + 1) & mask
        slots[place] = self._GONE
