"""Merge what the newest pages of the reference say into the contract: new members, options and limits.

A member or default that the newest page no longer has stays as it was, since older clients still send it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROWS = json.loads((Path(__file__).parent / "newer_members.json").read_text("utf-8"))["members"]
# Attributes of which the newer value holds; whether a member is mandatory is left as lenient as it was.
_ATTRIBUTES = ("options", "range", "length", "forbidden_characters")


def merge_newer(data: dict[str, Any]) -> None:
    """Merge the newer members into the contract, in place."""
    operations = {operation["operation"]: operation for operation in data["operations"]}
    for row in _ROWS:
        if row["newer"] is None or row["where"].startswith(("examples", "operation")):
            continue
        for fields in _fields(data, operations[row["operation"]], row["where"]):
            known = {field["name"]: field for field in fields}
            if row["older"] is None and row["name"] not in known:
                fields.append({"name": row["name"], "mandatory": False, **row["newer"]})
                continue
            for name in _ATTRIBUTES:
                newer, older = row["newer"].get(name), known[row["name"]].get(name)
                # Options that were dropped are still accepted.
                if newer is not None and not (name == "options" and older and set(newer) < set(older)):
                    known[row["name"]][name] = newer


def _fields(data: dict[str, Any], operation: dict[str, Any], where: str) -> Iterator[list[Any]]:
    part, _, name = where.partition(".")
    if part == "responses":
        yield operation["responses"][name]
    elif name:
        yield data[part][name]["fields"]
    else:
        if operation[part] is None:
            operation[part] = []
        yield operation[part]
