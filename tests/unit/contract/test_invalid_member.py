"""State the form of msgspec's errors that messages about invalid members are made of."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelarts_emulator.contract.invalid_member import InvalidMember, invalid_member


class Item(msgspec.Struct):
    name: str


class Document(msgspec.Struct):
    items: list[Item]
    ratios: dict[str, float] = {}


def refused(value: Any) -> msgspec.ValidationError:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, Document)
    return caught.value


@pytest.mark.parametrize(
    ("value", "member", "reason"),
    [
        (None, "", "Expected `object`, got `null`"),
        ({"items": 1}, "items", "Expected `array`, got `int`"),
        ({"items": [{"name": 1}]}, "items[0].name", "Expected `str`, got `int`"),
        ({"items": [{}]}, "items[0]", "Object missing required field `name`"),
        ({"items": [], "ratios": {"a": "b"}}, "ratios[...]", "Expected `float`, got `str`"),
    ],
)
def test_invalid_member_of_msgspecs_error_is_its_path_and_reason(value: Any, member: str, reason: str) -> None:
    assert invalid_member(refused(value)) == InvalidMember(member, reason)


def test_invalid_member_of_another_text_is_the_whole_reason() -> None:
    assert invalid_member(msgspec.ValidationError("not - at `all` of that form")) == (
        "",
        "not - at `all` of that form",
    )


def test_text_of_invalid_member_names_the_member_first() -> None:
    assert str(InvalidMember("items[0].name", "too long")) == "items[0].name: too long"
    assert str(InvalidMember("", "not an object")) == "not an object"
