"""What is wrong with one item of a file; the others are not concerned."""

from __future__ import annotations

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """``where`` names the item (``line 7``, ``cats/1.xml``), ``why`` says what is wrong with it."""

    where: str
    why: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"
