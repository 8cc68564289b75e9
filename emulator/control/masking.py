"""What of a request nobody needs to see: passwords, tokens, signatures. Each is shown as ``***``."""

from __future__ import annotations

import re
from typing import Any

import msgspec

MASK = "***"
_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-auth-token",
        "x-emulator-key",
        "x-obs-security-token",
        "x-subject-token",
    }
)
_MEMBERS = frozenset({"password", "secret", "secret_key", "secret_access_key", "sk", "original_password"})
_PARAMETERS = re.compile(
    r"""((?<![\w-])(?:X-Amz-|x-obs-)?(?:Signature|Security-Token|X-Auth-Token)=)[^&"'\s<]+""", re.IGNORECASE
)
# A member of a body that was cut and cannot be read as JSON any more; its value may be cut as well.
_TEXT = re.compile(rf'("(?:{"|".join(sorted(_MEMBERS))})"\s*:\s*")(?:[^"\\]|\\.)*', re.IGNORECASE)
_LOGIN = re.compile(r"/v3/auth/")


def masked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers with what is secret masked; names are lower case."""
    return {name: MASK if name in _HEADERS else masked_url(value) for name, value in headers.items()}


def masked_url(text: str) -> str:
    """A URL, or a text with URLs in it, without its signatures."""
    return _PARAMETERS.sub(rf"\g<1>{MASK}", text) if "=" in text else text


def masked_body(text: str, path: str) -> str:
    """A body without passwords and tokens; one of a login that cannot be read is masked as a whole."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return MASK if text and _LOGIN.match(path) else masked_url(_TEXT.sub(rf"\g<1>{MASK}", text))
    hidden, is_changed = _masked(value, is_token=False)
    return masked_url(msgspec.json.encode(hidden).decode() if is_changed else text)


def _masked(value: Any, *, is_token: bool) -> tuple[Any, bool]:
    """A JSON value without its secrets, and whether there were any."""
    if isinstance(value, dict):
        members = {name: _member(name, each, is_token=is_token) for name, each in value.items()}
        return {name: each for name, (each, _) in members.items()}, any(changed for _, changed in members.values())
    if isinstance(value, list):
        items = [_masked(each, is_token=False) for each in value]
        return [each for each, _ in items], any(changed for _, changed in items)
    return value, False


def _member(name: str, value: Any, *, is_token: bool) -> tuple[Any, bool]:
    is_secret = name.lower() in _MEMBERS or (is_token and name == "id")
    if is_secret and isinstance(value, str | int | float):
        return MASK, True
    # {"auth": {"identity": {"token": {"id": …}}}}
    return _masked(value, is_token=name == "token" and isinstance(value, dict) and value.keys() <= {"id", "duration"})
