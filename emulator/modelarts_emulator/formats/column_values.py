"""The values of table columns: which texts fit the type of a column.

Reference: user manual, "Creating a Dataset", table of schema types: an import does not refuse a value that does not fit
its column, but sets it to null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from modelarts_emulator.contract.datasets import Field

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf(inity)?|nan)", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_TIMESTAMP = re.compile(
    _DATE.pattern + r"([ T]([0-9]{1,2}):([0-9]{2})(:([0-9]{2})([.,][0-9]{1,9})?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)


def _whole(bits: int) -> Callable[[str], bool]:
    """Return a test for whole numbers of a size."""
    limit = 1 << (bits - 1)
    return lambda text: bool(_INTEGER.fullmatch(text)) and -limit <= int(text) < limit


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    return found is not None and _exists(date, found.groups())


def _is_timestamp(text: str) -> bool:
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return False
    year, month, day, _, hour, minute, _, second, *_ = found.groups()
    return _exists(datetime, (year, month, day, hour or "0", minute or "0", second or "0"))


def _exists(kind: Callable[..., Any], parts: Sequence[str]) -> bool:
    try:
        kind(*map(int, parts))
    except ValueError:
        return False
    return True


_TESTS: dict[str, Callable[[str], bool]] = {
    "BYTE": _whole(8),
    "SHORT": _whole(16),
    "INT": _whole(32),
    "LONG": _whole(64),
    "FLOAT": lambda text: bool(_DECIMAL.fullmatch(text)),
    "DOUBLE": lambda text: bool(_DECIMAL.fullmatch(text)),
    "BOOL": lambda text: text.upper() in ("TRUE", "FALSE"),
    "BOOLEAN": lambda text: text.upper() in ("TRUE", "FALSE"),
    "DATE": _is_date,
    "TIMESTAMP": _is_timestamp,
}
"""By type of column, whether a text without surrounding blanks is a value. Every text fits the other types."""


def fitting_values(row: Sequence[str], schema: Sequence[Field]) -> list[str | None]:
    """Return the cells of a row, None for each that does not fit its column."""
    values: list[str | None] = list(row)
    for position, field in enumerate(schema[: len(row)]):
        test = _TESTS.get((field.type or "").upper())
        if test is not None and not test(row[position].strip()):
            values[position] = None
    return values
