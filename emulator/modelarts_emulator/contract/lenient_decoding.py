"""Decode JSON as leniently as the service: ``5`` for a string, ``{}`` for an empty list, ``""`` for no number.

Unknown members are dropped and reported. Decoding is strict first, since almost every request is valid; only input that
fails is adapted and decoded again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

T = TypeVar("T")


OnUnknown = Callable[[str], None]
"""Callback that is given the path of each unknown member, such as ``labels[0].colour``."""


PREPARED: set[type] = set()
"""The types that :func:`prepare` has prepared; look here first, since almost every type is."""

_preparing = threading.Lock()


def prepare(wanted: type) -> None:
    """Build msgspec's description of a type while no other thread does.

    msgspec builds it on first use, without a lock: two threads that decode the same type for the first time at the same
    moment have crashed the process.
    """
    with _preparing:
        msgspec.json.Decoder(wanted)
        PREPARED.add(wanted)


def decode(data: bytes | str, wanted: type[T], on_unknown: OnUnknown | None = None) -> T:
    """Decode JSON into a wire type; ``on_unknown`` is called with the path of each unknown member.

    Raises:
        msgspec.DecodeError: the text is not JSON, or does not fit the type.
        RecursionError: the JSON is nested too deeply.

    Example:
        >>> from modelarts_emulator.contract.labels import Label
        >>> decode('{"name": 5, "colour": "red"}', Label, print).name
        colour
        '5'
    """
    if wanted not in PREPARED:
        prepare(wanted)
    try:
        return msgspec.json.decode(data, type=wanted, strict=False)
    except msgspec.ValidationError:
        return convert(msgspec.json.decode(data), wanted, on_unknown)


def convert(value: Any, wanted: type[T], on_unknown: OnUnknown | None = None) -> T:
    """Convert decoded JSON into a wire type, leniently. Raises msgspec.ValidationError."""
    adapted = _Adapter(on_unknown).adapt(value, _type_info(cast(Hashable, wanted)), "")
    return msgspec.convert(adapted, wanted, strict=False)


@cache
def _type_info(wanted: Any) -> inspect.Type:
    return inspect.type_info(wanted)


class _Adapter:
    """Adapts a decoded value to the shape of a type as far as possible."""

    def __init__(self, on_unknown: OnUnknown | None) -> None:
        self._on_unknown = on_unknown

    def adapt(self, value: Any, info: inspect.Type, path: str) -> Any:
        """Return the adapted value; ``path`` is its position in the whole."""
        if isinstance(info, inspect.UnionType):
            return self._union(value, info, path)
        if isinstance(info, inspect.StructType) and isinstance(value, dict):
            return self._struct(value, info, path)
        if isinstance(info, inspect.StructType) and isinstance(value, str) and hasattr(info.cls, "TEXT_MEMBER"):
            return {info.cls.TEXT_MEMBER: value}
        if isinstance(info, inspect.ListType):
            return self._list(value, info, path)
        if isinstance(info, inspect.DictType) and isinstance(value, dict):
            return {key: self.adapt(item, info.value_type, f"{path}.{key}") for key, item in value.items()}
        if isinstance(info, (inspect.StrType, inspect.EnumType, inspect.LiteralType)) and _is_textual(info):
            return _as_text(value)
        return value

    def _struct(self, value: dict[str, Any], info: inspect.StructType, path: str) -> dict[str, Any]:
        fields = {field.encode_name: field.type for field in info.fields}
        known: dict[str, Any] = {}
        for key, item in value.items():
            member_path = f"{path}.{key}" if path else key
            if key in fields:
                known[key] = self.adapt(item, fields[key], member_path)
            elif not info.forbid_unknown_fields:
                known[key] = item
            elif self._on_unknown is not None:
                self._on_unknown(member_path)
        return known

    def _union(self, value: Any, info: inspect.UnionType, path: str) -> Any:
        kinds = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
        if len(kinds) > 1:
            # The type accepts several kinds of value: adapt to the one that fits.
            for kind in kinds:
                if isinstance(kind, inspect.StructType if isinstance(value, dict) else inspect.ListType):
                    return self.adapt(value, kind, path)
            return value
        if value == "" and not _accepts_empty_text(kinds[0]):
            return None
        return None if value is None else self.adapt(value, kinds[0], path)

    def _list(self, value: Any, info: inspect.ListType, path: str) -> Any:
        if isinstance(value, dict):  # some clients send a list of one object as that object
            value = [value] if value else []
        if not isinstance(value, list):
            return value
        return [self.adapt(item, info.item_type, f"{path}[{number}]") for number, item in enumerate(value)]


def _accepts_empty_text(info: inspect.Type) -> bool:
    if isinstance(info, inspect.EnumType):
        return any(option.value == "" for option in info.cls)
    return isinstance(info, inspect.StrType)


def _is_textual(info: inspect.Type) -> bool:
    if isinstance(info, inspect.EnumType):
        return issubclass(info.cls, str)
    return not isinstance(info, inspect.LiteralType) or all(isinstance(option, str) for option in info.values)


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value
