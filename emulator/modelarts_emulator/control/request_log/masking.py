"""Mask secrets in logged requests: passwords, tokens, keys and signatures become ``***``.

A secret is recognized by the name of its header, parameter or body member.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from modelarts_emulator.control.request_log.truncated_json import close_truncated

MASK = "***"
# Parts of names, reduced to letters: ``X-Subject-Token``, ``secret_access_key``, ``adminPass``.
_SECRET = re.compile(
    r"password|passwd|passphrase|passcode|adminpass|secret|token|signature|authorization|cookie|credentials"
    r"|apikey|emulatorkey|privatekey|customerkey|sessionkey|sharedkey|clientassertion|^(?:pwd|pass|pw|sk|jwt)$"
)
# Positions in lists and names of signature methods are not secret.
_HARMLESS = re.compile(r"continuationtoken|nexttoken|pagetoken|signatureversion|signaturemethod")
_LETTERS = re.compile(r"[^a-z]+")

# name=value, as in a URL or a form; the name may be percent-encoded.
_PARAMETER = re.compile(r"""([\w.%~-]+)=([^&"'\s<>\\;,]+)""")
# "name": "value", which may be cut off. In JSON within a string everything that follows, since its end is escaped.
_MEMBER = re.compile(
    r"""(?P<name>(?P<quote>\\*["'])(?:[^"'\\]|\\u[0-9a-fA-F]{4}){1,80}(?P=quote)\s*:\s*)"""
    r"""(?P<value>"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|\\+["'].*|[^\s"',}\]\[{\\]+)""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_ELEMENT = re.compile(r"<([\w:-]{1,80})>([^<]+)")
_USER = re.compile(r"(?<=://)[^/?#@\s\"']+@")
_PARENTS = frozenset({"password", "token", "credentials"})
_LOGIN = re.compile(r"/+v[23](?:\.0)?/+(?:auth/|tokens)|/+v3\.0/OS-CREDENTIAL", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Return True if the value of this name has to be masked."""
    plain = _LETTERS.sub("", name.lower())
    return _SECRET.search(plain) is not None and _HARMLESS.search(plain) is None


def masked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Mask the values of secret headers, and secrets in URLs in other headers."""
    return {name: MASK if is_secret(name) else masked_url(value) for name, value in headers.items()}


def masked_url(text: str) -> str:
    """Mask passwords and signatures in a URL, a form, or a text with URLs."""
    if "@" in text:
        text = _USER.sub(f"{MASK}@", text)
    return _PARAMETER.sub(_masked_parameter, text) if "=" in text else text


def masked_body(text: str, path: str, *, is_cut: bool = False) -> str:
    """Mask the secrets of a body; a login body that cannot be parsed is masked as a whole.

    The last value of truncated JSON is removed, since its name may be missing.
    """
    try:
        return _masked_json(text)
    except (msgspec.DecodeError, RecursionError):
        if _LOGIN.match(unquote(path)):
            return MASK
    if is_cut and text.lstrip()[:1] in ("{", "["):
        beginning = close_truncated(text)
        with suppress(msgspec.DecodeError, RecursionError):
            return _masked_json(beginning.text + beginning.closing).removesuffix(beginning.closing)
    return _masked_text(text)


def _masked_json(text: str) -> str:
    value = msgspec.json.decode(text)
    hidden = _masked(value)
    return text if hidden == value else msgspec.json.encode(hidden).decode()


def _masked_text(text: str) -> str:
    """Mask a text that is not JSON, or is truncated JSON."""
    text = _ELEMENT.sub(lambda found: f"<{found[1]}>{MASK}" if is_secret(found[1]) else found[0], text)
    return masked_url(_MEMBER.sub(_masked_member, text))


def _masked_member(found: re.Match[str]) -> str:
    name = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found["name"])
    return f'{found["name"]}"{MASK}"' if is_secret(name) else found[0]


def _masked_parameter(found: re.Match[str]) -> str:
    name, value = found[1], found[2]
    if is_secret(unquote(name)):
        return f"{name}={MASK}"
    if "%3d" in value.lower():  # a URL in a URL
        plain = unquote(value)
        if (hidden := masked_url(plain)) != plain:
            return f"{name}={quote(hidden, safe='*')}"
    return found[0]


def _masked(value: Any, *, is_token: bool = False) -> Any:
    """Mask the secrets in a JSON value."""
    if isinstance(value, dict):
        return {name: _member(name, each, is_token=is_token) for name, each in value.items()}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return _masked_string(value) if isinstance(value, str) else value


def _masked_string(value: str) -> str:
    """Mask a string that may contain a URL or nested JSON."""
    if value[:1] in ("{", "["):
        return masked_body(value, "")
    return _masked_text(value) if "=" in value or ":" in value else value


def _member(name: str, value: Any, *, is_token: bool) -> Any:
    # Known objects such as {"auth": {"identity": {"token": {"id": …}}}}, of which only some members are secret.
    if isinstance(value, dict) and name in _PARENTS:
        return _masked(value, is_token=name == "token")
    if is_secret(name) or (is_token and name == "id"):
        return value if value in (None, "") else MASK
    return _masked(value)
