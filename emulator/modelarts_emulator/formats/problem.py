"""Problems with single items of a file. The other items are read."""

from __future__ import annotations

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """A problem with one item: ``where`` names the item (``line 7``, ``cats/1.xml``), ``why`` describes the problem."""

    where: str
    why: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"
