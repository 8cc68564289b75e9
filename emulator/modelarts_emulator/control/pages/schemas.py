"""Build the JSON schemas of the OpenAPI document from the wire types and the docstrings of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from modelarts_emulator.contract import wire
from modelarts_emulator.contract.field_docs import field_docs

_REF = "#/components/schemas/{name}"
_PACKAGE = __name__.partition(".")[0]


class Schemas(NamedTuple):
    """The schemas of the surface's types, and the components that they refer to."""

    by_type: dict[Any, dict[str, Any]]
    components: dict[str, Any]

    def properties(self, kind: type[msgspec.Struct]) -> Iterator[tuple[str, dict[str, Any], bool]]:
        """Yield name, schema and whether it is required, for each property of a type."""
        schema = self.components[kind.__name__]
        for name, member in schema["properties"].items():
            yield name, member, name in schema.get("required", ())

    def needs_body(self, kind: type[msgspec.Struct]) -> bool:
        """Return True if a request body of this type has required properties."""
        return bool(self.components[kind.__name__].get("required"))


def build_schemas(types: Iterable[Any]) -> Schemas:
    """Build the schemas of types, with a description of every property."""
    ordered = sorted(set(types), key=str)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    _generalize(components)
    for name, kind in _structs():
        if name in components:
            _describe_properties(components[name], kind)
    for codes in (each for each in vars(wire).values() if isinstance(each, type) and issubclass(each, IntEnum)):
        if codes.__name__ in components:
            schema = components[codes.__name__]  # python -OO drops docstrings
            schema["description"] = f"{schema.get('description', '')} {_list_codes(codes)}.".lstrip()
    return Schemas(dict(zip(ordered, schemas, strict=True)), components)


def _structs(base: type[msgspec.Struct] = msgspec.Struct) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Yield every struct type of this package with its name."""
    for kind in base.__subclasses__():
        if kind.__module__.partition(".")[0] == _PACKAGE:
            yield kind.__name__, kind
        yield from _structs(kind)


def _describe_properties(schema: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    docs = field_docs(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in docs:
            schema["properties"][field.encode_name]["description"] = docs[field.name]


def _list_codes(codes: type[IntEnum]) -> str:
    """Return the meaning of each code, such as ``0 image classification, 1 object detection``."""
    return ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in codes)


def _generalize(schema: Any) -> None:
    """Allow unknown properties, which requests may have, and write patterns in ECMA syntax, in place."""
    if isinstance(schema, dict):
        if schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace(r"\Z", "$")
        for value in schema.values():
            _generalize(value)
    elif isinstance(schema, list):
        for value in schema:
            _generalize(value)
