"""The error catalogue by name and by code, for whoever wants an error by what it is called."""

from __future__ import annotations

from modelarts_emulator.contract.errors import NAMES, Error

_BY_CODE: dict[str, Error] = {}
for _row, _name in NAMES.items():
    _BY_CODE.setdefault(_row.code, _row)  # of several with one code, the first
    _BY_CODE[_name] = _row


def row_of(code: str) -> Error | None:
    """The row of a name such as ``DATASET_NOT_FOUND`` or a code such as ``ModelArts.4352``; None if there is none."""
    return _BY_CODE.get(code)
