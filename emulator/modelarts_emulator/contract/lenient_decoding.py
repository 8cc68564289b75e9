"""Input as the service's JSON mapper reads it: ``5`` for a string, ``{}`` for an empty list, ``""`` for no number.

Members that nobody knows are left out and told. Decoding is strict first, since almost every request is right; only
what fails is mended and decoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

T = TypeVar("T")


OnUnknown = Callable[[str], None]


def decode(data: bytes | str, wanted: type[T], told: OnUnknown | None = None) -> T:
    """Decode JSON into a wire type; ``told`` hears the path of each unknown member (``labels[0].colour``).

    Raises msgspec.DecodeError, RecursionError.
    """
    try:
        return msgspec.json.decode(data, type=wanted, strict=False)
    except msgspec.ValidationError:
        return convert(msgspec.json.decode(data), wanted, told)


def convert(value: Any, wanted: type[T], told: OnUnknown | None = None) -> T:
    """Convert what JSON decodes to into a wire type, leniently. Raises msgspec.ValidationError."""
    mended = _Mender(told).mended(value, _type_info(cast(Hashable, wanted)), "")
    return msgspec.convert(mended, wanted, strict=False)


@cache
def _type_info(wanted: Any) -> inspect.Type:
    return inspect.type_info(wanted)


class _Mender:
    """Brings a value into the shape of a type, as far as that can be done."""

    def __init__(self, told: OnUnknown | None) -> None:
        self._told = told

    def mended(self, value: Any, info: inspect.Type, path: str) -> Any:
        """The value, mended; ``path`` says where it stands."""
        if isinstance(info, inspect.UnionType):
            return self._union(value, info, path)
        if isinstance(info, inspect.StructType) and isinstance(value, dict):
            return self._struct(value, info, path)
        if isinstance(info, inspect.ListType):
            return self._list(value, info, path)
        if isinstance(info, inspect.DictType) and isinstance(value, dict):
            return {key: self.mended(item, info.value_type, f"{path}.{key}") for key, item in value.items()}
        if isinstance(info, (inspect.StrType, inspect.EnumType, inspect.LiteralType)) and _is_textual(info):
            return _as_text(value)
        return value

    def _struct(self, value: dict[str, Any], info: inspect.StructType, path: str) -> dict[str, Any]:
        fields = {field.encode_name: field.type for field in info.fields}
        known: dict[str, Any] = {}
        for key, item in value.items():
            place = f"{path}.{key}" if path else key
            if key in fields:
                known[key] = self.mended(item, fields[key], place)
            elif not info.forbid_unknown_fields:
                known[key] = item
            elif self._told is not None:
                self._told(place)
        return known

    def _union(self, value: Any, info: inspect.UnionType, path: str) -> Any:
        kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        if len(kinds) > 1:
            # Several kinds of value are welcome: the one that fits is mended.
            for kind in kinds:
                if isinstance(kind, inspect.StructType if isinstance(value, dict) else inspect.ListType):
                    return self.mended(value, kind, path)
            return value
        if value == "" and not isinstance(kinds[0], inspect.StrType):
            return None
        return None if value is None else self.mended(value, kinds[0], path)

    def _list(self, value: Any, info: inspect.ListType, path: str) -> Any:
        if isinstance(value, dict):  # some clients type a list as one object
            value = [value] if value else []
        if not isinstance(value, list):
            return value
        return [self.mended(item, info.item_type, f"{path}[{number}]") for number, item in enumerate(value)]


def _is_textual(info: inspect.Type) -> bool:
    if isinstance(info, inspect.EnumType):
        return issubclass(info.cls, str)
    return not isinstance(info, inspect.LiteralType) or all(isinstance(option, str) for option in info.values)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value
