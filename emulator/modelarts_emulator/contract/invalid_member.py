"""Read from an error of msgspec which member is invalid.

msgspec gives the member only in the text of its error. Only this module reads that text, for what a person reads: in
another form, the text is the reason as a whole. ``tests/unit/contract/test_invalid_member.py`` states the form.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_AT = re.compile(r"(?P<reason>.*) - at `\$(?P<member>.*)`", re.DOTALL)


class InvalidMember(NamedTuple):
    """A member that has a wrong type or value."""

    member: str
    """Its path, such as ``labels[0].name``; empty for the whole document."""
    reason: str
    """The expected and the given type or value, such as ``Expected `str`, got `int```."""

    def __str__(self) -> str:
        return f"{self.member}: {self.reason}" if self.member else self.reason


def invalid_member(error: msgspec.ValidationError) -> InvalidMember:
    """Return which member is invalid and why."""
    found = _AT.fullmatch(str(error))
    if not found:
        return InvalidMember("", str(error))
    return InvalidMember(found["member"].removeprefix("."), found["reason"])
