"""Scalars as the service's JSON mapper reads them: ``5`` for a string, ``{}`` for an empty list, ``""`` for no number.

Decoding is strict first, since almost every request is right; only what fails is mended and decoded again.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

T = TypeVar("T")


def decode(data: bytes, wanted: type[T]) -> T:
    """Decode JSON into a wire type. Raises msgspec.DecodeError, RecursionError."""
    try:
        return msgspec.json.decode(data, type=wanted, strict=False)
    except msgspec.ValidationError:
        return convert(msgspec.json.decode(data), wanted)


def convert(value: Any, wanted: type[T]) -> T:
    """Convert what JSON decodes to into a wire type, leniently. Raises msgspec.ValidationError."""
    return msgspec.convert(_mended(value, _type_info(cast(Hashable, wanted))), wanted, strict=False)


@cache
def _type_info(wanted: Any) -> inspect.Type:
    return inspect.type_info(wanted)


def _mended(value: Any, info: inspect.Type) -> Any:
    if isinstance(info, inspect.UnionType):
        return _mended_union(value, info)
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in info.fields}
        return {key: _mended(item, fields[key]) if key in fields else item for key, item in value.items()}
    if isinstance(info, inspect.ListType):
        return _mended_list(value, info)
    if isinstance(info, inspect.DictType) and isinstance(value, dict):
        return {key: _mended(item, info.value_type) for key, item in value.items()}
    if isinstance(info, (inspect.StrType, inspect.EnumType, inspect.LiteralType)) and _is_textual(info):
        return _as_text(value)
    return value


def _mended_union(value: Any, info: inspect.UnionType) -> Any:
    if not info.includes_none:
        return value  # several kinds of value are welcome as they are
    (inner,) = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)][:1]
    if value == "" and not isinstance(inner, inspect.StrType):
        return None
    return None if value is None else _mended(value, inner)


def _mended_list(value: Any, info: inspect.ListType) -> Any:
    if isinstance(value, dict):  # some clients type a list as one object
        value = [value] if value else []
    return [_mended(item, info.item_type) for item in value] if isinstance(value, list) else value


def _is_textual(info: inspect.Type) -> bool:
    if isinstance(info, inspect.EnumType):
        return issubclass(info.cls, str)
    return not isinstance(info, inspect.LiteralType) or all(isinstance(option, str) for option in info.values)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value
