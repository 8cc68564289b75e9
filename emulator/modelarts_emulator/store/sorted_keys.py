"""A sorted list of distinct 64-bit integers that uses eight bytes per integer.

A sample has a key in about six ordered indexes. Python integers in lists would use more memory than the samples.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

CHUNK = 4096
"""Maximum number of keys in one array."""


class SortedKeys:
    """Distinct ascending keys, stored in a list of arrays ("chunks") of at most ``CHUNK`` keys.

    Adding or removing a key moves the keys of one chunk only. Reading a slice costs the length of the slice plus the
    number of chunks before it.
    """

    __slots__ = ("_chunks", "_ends", "size")

    def __init__(self, ascending: Sequence[int] = ()) -> None:
        self._chunks = [array("Q", ascending[start : start + CHUNK]) for start in range(0, len(ascending), CHUNK)]
        self._ends = [chunk[-1] for chunk in self._chunks]
        self.size = len(ascending)
        """The number of keys; ``len()`` costs a call more."""

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        for chunk in self._chunks:
            yield from chunk

    def add(self, key: int) -> None:
        """Insert a key that is not in the list."""
        position = bisect_left(self._ends, key)
        self.size += 1
        if position == len(self._chunks):
            self._append(key)
            return
        chunk = self._chunks[position]
        insort(chunk, key)
        if len(chunk) > CHUNK:
            self._split(position)

    def remove(self, key: int) -> None:
        """Remove a key.

        Raises:
            KeyError: the key is not in the list.
        """
        position = bisect_left(self._ends, key)
        chunk = self._chunks[position] if position < len(self._chunks) else array("Q")
        index = bisect_left(chunk, key)
        if index == len(chunk) or chunk[index] != key:
            raise KeyError(key)
        del chunk[index]
        self.size -= 1
        if not chunk:
            del self._chunks[position], self._ends[position]
        elif index == len(chunk):
            self._ends[position] = chunk[-1]

    def slice(self, start: int, stop: int) -> list[int]:
        """Return the keys at positions ``start`` to ``stop`` - 1; positions out of range are ignored."""
        start, stop = max(0, start), min(stop, self.size)
        found: list[int] = []
        position, before = self._locate(start)
        while before < stop and position < len(self._chunks):
            chunk = self._chunks[position]
            found += chunk[max(0, start - before) : stop - before]
            before += len(chunk)
            position += 1
        return found

    def to_array(self) -> array[int]:
        """Return a copy of all keys."""
        keys = array("Q")
        for chunk in self._chunks:
            keys += chunk
        return keys

    def _locate(self, index: int) -> tuple[int, int]:
        """Return the chunk that contains a key's index, and how many keys precede that chunk.

        The search starts at the nearer end: a first or last page is found at once in a list of any size.
        """
        if index * 2 < self.size:
            position, before = 0, 0
            while position < len(self._chunks) and before + len(self._chunks[position]) <= index:
                before += len(self._chunks[position])
                position += 1
            return position, before
        position, before = len(self._chunks), self.size
        while position and before > index:
            position -= 1
            before -= len(self._chunks[position])
        return position, before

    def _append(self, key: int) -> None:
        """Add a key that is larger than all others.

        Keys mostly arrive in ascending order. A full last chunk stays full instead of being split in halves.
        """
        if self._chunks and len(self._chunks[-1]) < CHUNK:
            self._chunks[-1].append(key)
            self._ends[-1] = key
        else:
            self._chunks.append(array("Q", (key,)))
            self._ends.append(key)

    def _split(self, position: int) -> None:
        chunk = self._chunks[position]
        half = len(chunk) // 2
        self._chunks[position : position + 1] = [chunk[:half], chunk[half:]]
        self._ends[position : position + 1] = [chunk[half - 1], chunk[-1]]
