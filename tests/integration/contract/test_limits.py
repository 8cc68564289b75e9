"""Walk every field of every request: values at a documented limit are accepted, values beyond it are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.contract.lenient_decoding import convert
from tests.helpers.contract.answers import ALL_OPERATIONS, DATA

ROUTE = {route.operation: route for routes in ROUTES.values() for route in routes}
OBJECTS = DATA["request_objects"]
# Objects with members of the user's own: the rules of labels and samples check them.
OPEN = ("LabelProperty", "SampleLabelProperty", "SampleMetadata")
# Limits that are checked by rules after decoding, or are wider here; see the deviations.
ELSEWHERE = {
    r"_separator$": "any character is accepted",
    r"\.score$": "the label rules check it",
    r"\.annotated_by$": "names of users are accepted",
    r"\.hard$|sample_time$": "the search rules check it",
}
BEYOND = "no-such-option"


class Case(NamedTuple):
    """A value for a field of a request. ``path`` is its position in the body or query."""

    operation: str
    part: str
    path: str
    value: Any
    is_accepted: bool


def cases() -> Iterator[Case]:
    for operation, described in ALL_OPERATIONS.items():
        for part in ("query", "request_body"):
            for path, field in walk(described[part] or ()):
                for value, is_accepted in values(path, field):
                    if part == "query" and isinstance(value, (list, dict)):
                        continue  # a query has texts only
                    yield Case(operation, part, path, value, is_accepted)


def walk(fields: Any, prefix: str = "", inside: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every field with its path, nested objects once."""
    for field in fields:
        path = prefix + field["name"]
        yield path, field
        kind, shape = field["type"], ""
        if isinstance(kind, dict):
            ((shape, kind),) = kind.items()
        if kind in OBJECTS and kind not in (*inside, *OPEN):
            yield from walk(OBJECTS[kind]["fields"], f"{path}{'[]' if shape == 'array' else ''}.", (*inside, kind))


def values(path: str, field: Any) -> Iterator[tuple[Any, bool]]:
    """Yield values at and beyond the limits of a field."""
    yield from ((value, False) for value in wrong_types(field["type"]) if path != "emails" or value != ["x"])
    if any(re.search(pattern, path) for pattern in ELSEWHERE):
        return
    if length := field.get("length"):
        low, high = length
        yield from (("a" * low, True), ("a" * high, True), ("a" * (high + 1), False))
        if low:
            yield "a" * (low - 1), False
    if limits := field.get("range"):
        low, high = limits
        yield from ((low, True), (high, True), (low - 1, False), (high + 1, False))
    if options := field.get("options"):
        yield from ((option, True) for option in options if option != "3" and "Literal" not in option)
        yield (BEYOND if field["type"] == "String" else 99_991), False
    for letter in field.get("forbidden_characters") or ():
        yield f"aaa{letter}aaa", False
    if field.get("characters"):
        yield from (("ä" * 4, False), ("a.b", False), ("a b", False), ("aB9_-", True))
    if field["type"] == "Integer" and not field.get("options") and not field.get("range"):
        yield 2**31, False
    if field["type"] == "Long":
        yield from ((2**63 - 1, True), (2**63, False))


def wrong_types(kind: Any) -> list[Any]:
    if isinstance(kind, dict):
        ((shape, _),) = kind.items()
        return {"array": ["x", 5], "map": ["x", 5, ["x"]], "object": ["x", 5, ["x"]]}[shape]
    return {
        "String": [["x"], {"x": 1}],
        "Integer": ["x", ["x"], {"x": 1}, 1.5],
        "Long": ["x", ["x"], {"x": 1}, 1.5],
        "Boolean": ["perhaps", ["x"], {"x": 1}, 7],
        "Float": ["x", ["x"]],
        "Double": ["x", ["x"]],
    }.get(kind, [])


def request_with(fields: Any, path: str, value: Any) -> dict[str, Any]:
    """Return a request that has the value at a path, and valid values of mandatory fields."""
    made = {field["name"]: valid(field) for field in fields if field.get("mandatory")}
    name, _, rest = path.partition(".")
    plain = name.removesuffix("[]")
    if not rest:
        made |= {"dataset_type": 400} if value == "CarbonData" else {}  # only tables have this format
        made[plain] = value
        return made
    (field,) = [each for each in fields if each["name"] == plain]
    ((_, kind),) = field["type"].items()
    inner = request_with(OBJECTS[kind]["fields"], rest, value)
    made[plain] = [inner] if name.endswith("[]") else inner
    return made


def valid(field: Any) -> Any:
    if field.get("options"):
        return next(iter(field["options"]))
    if isinstance(field["type"], dict):
        return [] if "array" in field["type"] else {}
    return "aaa" if field["type"] == "String" else 0


@pytest.mark.parametrize("operation", ALL_OPERATIONS)
def test_request_fields_accept_values_at_their_limits_and_refuse_values_beyond(operation: str) -> None:
    wrong = []
    for case in CASES[operation]:
        route = ROUTE[operation]
        kind = route.query if case.part == "query" else route.request
        assert kind is not None
        value = str(case.value) if case.part == "query" and not isinstance(case.value, str) else case.value
        fields = ALL_OPERATIONS[operation][case.part]
        try:
            convert(request_with(fields, case.path, value), kind)
            is_accepted = True
        except msgspec.ValidationError:
            is_accepted = False
        if is_accepted != case.is_accepted:
            wrong.append(f"{case.part} {case.path}: {str(case.value)[:40]!r} is accepted: {is_accepted}")
    assert wrong == []


CASES: dict[str, list[Case]] = {operation: [] for operation in ALL_OPERATIONS}
for each in cases():
    CASES[each.operation].append(each)


def test_limits_of_all_requests_are_walked() -> None:
    assert sum(map(len, CASES.values())) > 1500
