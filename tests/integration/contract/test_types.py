"""The wire types against the contract, member by member and in both directions, nested objects included."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import Enum
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.contract.labels import LabelProperty
from modelarts_emulator.contract.samples import SampleLabelProperty, SampleMetadata
from tests.helpers.contract.answers import ALL_OPERATIONS, DATA
from tests.helpers.contract.deviations import TYPES

ROUTE = {route.operation: route for routes in ROUTES.values() for route in routes}
_GENERIC = re.compile(r"(Array|Map)<(?:String,)?(.+)>")
_SCALARS: dict[str, tuple[type, ...]] = {
    "String": (inspect.StrType,),
    "Integer": (inspect.IntType,),
    "Long": (inspect.IntType,),
    "Boolean": (inspect.BoolType,),
    "Double": (inspect.FloatType,),
    "Float": (inspect.FloatType,),
    "Object": (inspect.AnyType,),
}

# Objects that take members of the user's own too: they are kept as maps, and checked by these.
_OPEN = {"LabelProperty": LabelProperty, "SampleLabelProperty": SampleLabelProperty, "SampleMetadata": SampleMetadata}


@pytest.mark.parametrize("operation", ALL_OPERATIONS)
def test_types_are_those_of_the_contract(operation: str) -> None:
    found = sorted(fault for fault in faults(operation) if not is_listed(fault))
    assert found == []


def test_deviations_still_exist() -> None:
    found = [fault for operation in ALL_OPERATIONS for fault in faults(operation)]
    assert [pattern for pattern in TYPES if not any(re.search(pattern, fault) for fault in found)] == []


def is_listed(fault: str) -> bool:
    return any(re.search(pattern, fault) for pattern in TYPES)


def faults(operation: str) -> Iterator[str]:
    """Yield the differences between the types of an operation and the contract."""
    route, described = ROUTE[operation], ALL_OPERATIONS[operation]
    yield from struct_faults(f"{operation} ?", route.query, described["query"], "request_objects")
    yield from struct_faults(f"{operation} >", route.request, described["request_body"], "request_objects")
    answer = described["responses"].get(str(route.status))
    yield from struct_faults(f"{operation} <", route.response, answer, "response_objects")


def struct_faults(
    at: str, wire: type[msgspec.Struct] | None, fields: Any, objects: str, inside: Collection[str] = ()
) -> Iterator[str]:
    """Yield members that only one side has, and members that differ."""
    info = inspect.type_info(wire) if wire is not None else None
    known = {field.encode_name: field for field in info.fields} if isinstance(info, inspect.StructType) else {}
    told = {field["name"]: field for field in fields or ()}
    for name in sorted(known.keys() - told.keys()):
        yield f"{at}{name}: not in the contract"
    for name, field in told.items():
        if name not in known:
            yield f"{at}{name}: has no type here"
            continue
        yield from type_faults(f"{at}{name}", known[name].type, field["type"], objects, inside)
        if objects == "request_objects":
            yield from request_faults(f"{at}{name}", known[name], field)
        else:
            yield from option_faults(f"{at}{name}", known[name].type, field.get("options"))


def type_faults(at: str, wire: inspect.Type, told: Any, objects: str, inside: Collection[str]) -> Iterator[str]:
    """Whether a value is of the type that the contract says."""
    wire, shape, inner = plain(wire), "", told
    if isinstance(told, dict):
        ((shape, inner),) = told.items()
    elif found := _GENERIC.fullmatch(told):
        shape, inner = found[1].lower(), found[2]
    if shape in ("array", "map"):
        if isinstance(wire, inspect.ListType if shape == "array" else inspect.DictType):
            item = wire.item_type if isinstance(wire, inspect.ListType) else wire.value_type
            yield from type_faults(f"{at}[]", item, inner, objects, inside)
        else:
            yield f"{at}: {type(wire).__name__} instead of {shape}"
    elif inner in DATA[objects]:
        if inner in _OPEN and isinstance(wire, inspect.DictType):
            wire = inspect.type_info(_OPEN[inner])
        if not isinstance(wire, inspect.StructType):
            yield f"{at}: {type(wire).__name__} instead of {inner}"
        elif inner not in inside:
            fields = DATA[objects][inner]["fields"]
            yield from struct_faults(f"{at}.", wire.cls, fields, objects, {*inside, inner})
    elif not isinstance(kind_of(wire), _SCALARS[inner]):
        yield f"{at}: {type(wire).__name__} instead of {inner}"


def plain(wire: inspect.Type) -> inspect.Type:
    """Return a type without None and without the alternatives that it accepts out of leniency."""
    if isinstance(wire, inspect.UnionType):
        return next(kind for kind in wire.types if not isinstance(kind, inspect.NoneType))
    return wire


def kind_of(wire: inspect.Type) -> inspect.Type:
    """The type of the options of an enumeration."""
    if isinstance(wire, (inspect.EnumType, inspect.LiteralType)):
        return inspect.IntType() if all(isinstance(option, int) for option in options_of(wire)) else inspect.StrType()
    return wire


def options_of(wire: inspect.Type) -> list[Any]:
    if isinstance(wire, inspect.EnumType):
        return [member.value for member in wire.cls if isinstance(member, Enum)]
    return list(wire.values) if isinstance(wire, inspect.LiteralType) else []


def option_faults(at: str, wire: inspect.Type, told: Collection[str] | None) -> Iterator[str]:
    """Where an enumeration has other options than the contract."""
    known = {str(option) for option in options_of(plain(wire))}
    if known and told and known != set(told):
        yield f"{at}: options {sorted(known ^ set(told))} are only on one side"


def request_faults(at: str, wire: inspect.Field, told: Any) -> Iterator[str]:
    """Whether a member of a request is as mandatory and as limited as the contract says, and has its default."""
    if wire.required != told["mandatory"]:
        yield f"{at}: mandatory is {told['mandatory']}, here {wire.required}"
    default = as_text(wire.default) if not wire.required else None
    if told.get("default") is not None and default != told["default"]:
        yield f"{at}: default {told['default']}, here {default}"
    options = set(told.get("options") or ())
    known = {str(option) for option in options_of(plain(wire.type))}
    if options and known != options:
        yield f"{at}: options {sorted(known ^ options)} are only on one side"
    yield from limit_faults(at, plain(wire.type), told)


def as_text(value: Any) -> str | None:
    if value is None or value is msgspec.NODEFAULT:
        return None
    value = value.value if isinstance(value, Enum) else value
    return str(value).lower() if isinstance(value, bool) else str(value)


def limit_faults(at: str, wire: inspect.Type, told: Any) -> Iterator[str]:
    """Values at the documented limits, and beyond them."""
    low, high = told.get("length") or (0, None)
    limits = (getattr(wire, "min_length", None) or 0, getattr(wire, "max_length", None))
    if high is not None and limits != (low, high):
        yield f"{at}: length {[low, high]}, here {list(limits)}"
    if told.get("range") and told["range"] != [getattr(wire, "ge", None), getattr(wire, "le", None)]:
        yield f"{at}: range {told['range']}, here {[getattr(wire, 'ge', None), getattr(wire, 'le', None)]}"
    pattern = getattr(wire, "pattern", None) or ""
    middle = "a" * max(low - 1, 0)
    allowed = [c for c in told.get("forbidden_characters") or () if re.search(pattern, middle + c)]
    if allowed:
        yield f"{at}: {''.join(allowed)} are forbidden, not here"
    if told.get("characters") and not pattern.startswith(f"^{told['characters']}"):
        yield f"{at}: only {told['characters']}, here {pattern or 'any'}"
