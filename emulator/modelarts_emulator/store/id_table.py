"""A compact hash table from sample ids to document numbers.

A Python dictionary of a million ids would use more memory than the samples. This table stores four bytes per slot and
no ids: a hit is confirmed by comparing the id with the document itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

ID_PREFIX = b'{"id":"'
"""The first bytes of every sample document in canonical form."""


def id_of(document: bytes) -> str:
    """Return the sample id of a document in canonical form, without decoding the rest."""
    return document[len(ID_PREFIX) : document.index(b'"', len(ID_PREFIX))].decode()


class IdTable:
    """Map sample ids to document numbers with open addressing and linear probing.

    Document numbers are 1 to 2³² - 2. At most two thirds of the slots are used.
    """

    __slots__ = ("_mask", "_slots", "_used")

    _FREE, _REMOVED = 0, 0xFFFFFFFF

    def __init__(self, expected: int = 0) -> None:
        """Make a table with room for ``expected`` ids."""
        size = 64
        while size * 2 < expected * 3:
            size *= 2
        self._slots = array("I", [self._FREE]) * size
        self._mask = size - 1
        self._used = 0

    def find(self, sample_id: str, documents: Sequence[bytes | None]) -> int | None:
        """Return the document number of a sample id, or None if the id is unknown.

        ``documents`` are the documents by number, in canonical form: different ids can share a hash, so the id in the
        document decides.
        """
        slots, mask = self._slots, self._mask
        slot = hash(sample_id) & mask
        wanted = sample_id.encode("utf-8", "surrogatepass") + b'"'
        while number := slots[slot]:
            if number != self._REMOVED:
                document = documents[number]
                if document is not None and document.startswith(wanted, len(ID_PREFIX)):
                    return number
            slot = (slot + 1) & mask
        return None

    def add(self, sample_id: str, number: int) -> bool:
        """Add an id that is not in the table; return False if it is full.

        The caller then builds a larger table.
        """
        if self._used * 3 >= len(self._slots) * 2:
            return False
        slots, mask = self._slots, self._mask
        slot = hash(sample_id) & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot] = number
        self._used += 1
        return True

    def remove(self, sample_id: str, number: int) -> None:
        """Remove an id and its document number.

        The slot is marked as removed, not as free: a free slot would end the probing for ids stored behind it.

        Raises:
            KeyError: the table does not contain the pair.
        """
        slots, mask = self._slots, self._mask
        slot = hash(sample_id) & mask
        while slots[slot] != number:
            if slots[slot] == self._FREE:
                raise KeyError(sample_id)
            slot = (slot + 1) & mask
        slots[slot] = self._REMOVED
