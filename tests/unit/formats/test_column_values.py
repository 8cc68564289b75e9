"""Values of table columns that fit their types."""

from __future__ import annotations

import pytest

from modelarts_emulator.contract.datasets import COLUMN_TYPES, Field
from modelarts_emulator.formats.column_values import fitting_values

FITTING = {
    "STRING": ["", "anything", "\u2028"],
    "SHORT": ["-32768", "32767", "+5", " 7 "],
    "INT": ["-2147483648", "2147483647"],
    "LONG": ["-9223372036854775808", "9223372036854775807"],
    "BYTE": ["-128", "127"],
    "DOUBLE": ["1", "-1.5", ".5", "1e300", "NaN", "-Infinity"],
    "FLOAT": ["1.", "2E-3"],
    "DATE": ["2024-02-29", "2024/1/5"],
    "TIMESTAMP": ["2024-02-29", "2024-02-29 23:59:59", "2024-02-29T23:59:59.123Z", "2024-01-01 10:00:00 +08:00"],
    "BOOL": ["true", "FALSE"],
    "BOOLEAN": ["True", "false"],
}
OTHER = {
    "SHORT": ["", "-32769", "32768", "1.0", "1_0", "\u0661"],
    "INT": ["2147483648", "0x10", "one"],
    "LONG": ["9223372036854775808", "1" * 30],
    "BYTE": ["128", "-129"],
    "DOUBLE": ["", "1,5", "1_0", "one", "--1"],
    "FLOAT": ["."],
    "DATE": ["", "2023-02-29", "29.2.2024", "2024-02-29 10:00:00"],
    "TIMESTAMP": ["", "2024-02-30 10:00:00", "2024-02-29 25:00:00", "yesterday"],
    "BOOL": ["", "1", "yes"],
    "BOOLEAN": ["0"],
}


def test_cases_name_every_column_type() -> None:
    assert set(FITTING) == COLUMN_TYPES
    assert set(OTHER) == COLUMN_TYPES - {"STRING"}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FITTING.items() for text in texts])
def test_value_that_fits_its_column_is_kept(kind: str, text: str) -> None:
    for name in (kind, kind.lower(), kind.capitalize()):
        assert fitting_values([text], [Field(name="a", type=name)]) == [text]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in OTHER.items() for text in texts])
def test_value_that_does_not_fit_its_column_becomes_none(kind: str, text: str) -> None:
    assert fitting_values(["first", text], [Field(name="a"), Field(name="b", type=kind)]) == ["first", None]
