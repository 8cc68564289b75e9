"""The contract's data, and the check of answers against it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from tests.helpers.contract.newer import merge_newer

DATA = json.loads((Path(__file__).parent / "operations.json").read_text("utf-8"))
merge_newer(DATA)
OPERATIONS = {operation["operation"]: operation for operation in DATA["operations"]}
TEAMS = json.loads((Path(__file__).parent / "teams.json").read_text("utf-8"))
INTELLIGENT = json.loads((Path(__file__).parent / "intelligent_tasks.json").read_text("utf-8"))
NEWER_OPERATIONS = {
    operation["operation"]: operation for data in (TEAMS, INTELLIGENT) for operation in data["operations"]
}
for _part in ("request_objects", "response_objects"):
    DATA[_part] = INTELLIGENT[_part] | TEAMS[_part] | DATA[_part]
ALL_OPERATIONS = OPERATIONS | NEWER_OPERATIONS
OBJECTS = DATA["response_objects"]

UNKNOWN = "not in the contract"
_NUMBERS = {"Integer": 2**31, "Long": 2**63}
_GENERIC = re.compile(r"(Array|Map)<(?:String,)?(.+)>")


def faults(operation: str, status: int, body: Any, shown: Collection[str] = ()) -> Iterator[str]:
    """Yield the differences of an answer from the contract: unknown members, wrong types, values outside the options.

    Members that the tables forget but the example shows (``shown``) are known as well.
    """
    fields = ALL_OPERATIONS[operation]["responses"].get(str(status), [])
    for fault in _struct_faults(operation, body or {}, fields):
        path = fault.partition(": ")[0].partition(".")[2]
        if not (fault.endswith(UNKNOWN) and path in shown):
            yield fault


def _struct_faults(path: str, value: Any, fields: list[Any]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: no object"
        return
    known = {field["name"]: field for field in fields}
    for name, member in value.items():
        place = f"{path}.{name}"
        if name not in known:
            yield f"{place}: {UNKNOWN}"
            continue
        yield from _faults(place, member, known[name]["type"])
        options = known[name].get("options")
        if options and not isinstance(member, (list, dict)) and str(member).lower() not in {o.lower() for o in options}:
            yield f"{place}: {member!r} is none of the options"


def _faults(path: str, value: Any, kind: Any) -> Iterator[str]:
    if isinstance(kind, dict):
        ((shape, inner),) = kind.items()
        yield from _shaped_faults(path, value, shape, inner)
    elif found := _GENERIC.fullmatch(kind):
        yield from _shaped_faults(path, value, found[1].lower(), found[2])
    elif kind in OBJECTS:
        yield from _struct_faults(path, value, OBJECTS[kind]["fields"])
    elif not _is(kind, value):
        yield f"{path}: {value!r} is no {kind}"


def _shaped_faults(path: str, value: Any, shape: str, inner: Any) -> Iterator[str]:
    if shape == "array":
        if not isinstance(value, list):
            yield f"{path}: no array"
            return
        for item in value:
            yield from _faults(f"{path}[]", item, inner)
    elif shape == "map":
        if not isinstance(value, dict):
            yield f"{path}: no map"
            return
        for item in value.values():
            yield from _faults(f"{path}{{}}", item, inner)
    else:
        yield from _faults(path, value, inner)


def _is(kind: str, value: Any) -> bool:
    if kind in _NUMBERS:
        return type(value) is int and -_NUMBERS[kind] <= value < _NUMBERS[kind]
    if kind in ("Double", "Float"):
        return type(value) in (int, float)
    return {"String": str, "Boolean": bool}.get(kind, object) in (type(value), object)


def members(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all members; those of a map of times or ids are taken as one."""
    if isinstance(value, dict):
        for name, member in value.items():
            place = f"{path}.{'#' if name.isdigit() else name}".lstrip(".")
            yield place
            yield from members(member, place)
    elif isinstance(value, list):
        for item in value:
            yield from members(item, f"{path}[]")
