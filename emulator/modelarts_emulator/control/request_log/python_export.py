"""Export logged requests as a Python script, or as a pytest test that expects the recorded statuses.

Ids of recorded answers become expressions that read the id from the new answer, and tokens are read from the new login:
the script runs against an emulator that generates other ids. Secrets are read from environment variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec

from modelarts_emulator.control.request_log.log import LoggedRequest, Message
from modelarts_emulator.control.request_log.masking import MASK
from modelarts_emulator.control.request_log.replay import (
    describe_request,
    is_replayable,
    is_truncated,
    replay_headers,
    without_signature,
)
from modelarts_emulator.control.request_log.truncated_json import close_truncated

_MIN_ID = 16  # characters; shorter values are names
_URL = 'URL = os.environ.get("MODELARTS_EMULATOR_URL", "http://127.0.0.1:8765")'
_TOKEN = 'TOKEN = os.environ.get("EMULATOR_TOKEN", "token")'
_PASSWORD = 'PASSWORD = os.environ.get("EMULATOR_PASSWORD", "password")'


def to_python(requests: Iterable[LoggedRequest]) -> str:
    """Write a script."""
    return "\n".join(["import os", "", "import requests", "", *_Script().lines(requests, is_test=False)]) + "\n"


def to_pytest(requests: Iterable[LoggedRequest]) -> str:
    """Write a test."""
    lines = [f"    {line}".rstrip() for line in _Script().lines(requests, is_test=True)]
    return "\n".join(["import os", "", "import requests", "", "", "def test_recorded():", *lines]) + "\n"


class _Script:
    """Write requests as Python source."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        """Python expression by recorded id."""

    def lines(self, requests: Iterable[LoggedRequest], *, is_test: bool) -> list[str]:
        """Return assignments of the settings, and a call for each request."""
        calls = [line for number, each in enumerate(requests, 1) for line in self._call(number, each, is_test)]
        text = "\n".join(calls)
        return [_URL, *([_TOKEN] if "TOKEN" in text else []), *([_PASSWORD] if "PASSWORD" in text else []), "", *calls]

    def _call(self, number: int, request: LoggedRequest, is_test: bool) -> Iterator[str]:
        yield describe_request(request)
        parts = urlsplit(without_signature(request.url))
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        arguments = [repr(request.method), f"URL + {self._source(path)}", *self._body(request), *self._headers(request)]
        name = f"answer_{number}"
        yield f"{name} = requests.request({', '.join([*arguments, 'timeout=30'])})"
        if is_test and is_replayable(request.request):
            yield f"assert {name}.status_code == {request.status}, {name}.text"
        if request.status == 201 and "x-subject-token" in request.response.headers:
            yield f'TOKEN = {name}.headers["X-Subject-Token"]'
        for text, expression in _ids(_beginning(request.response), f"{name}.json()"):
            self._known.setdefault(text, expression)

    def _headers(self, request: LoggedRequest) -> Iterator[str]:
        headers = replay_headers(request)
        if _json(request) and headers.get("content-type") == "application/json":
            del headers["content-type"]  # requests sets it
        if headers:
            pairs = (f"{n!r}: {'TOKEN' if v == MASK else self._source(v)}" for n, v in headers.items())
            yield f"headers={{{', '.join(pairs)}}}"

    def _body(self, request: LoggedRequest) -> Iterator[str]:
        message = request.request
        if decoded := _json(request):
            yield f"json={self._source(decoded[0])}"
        elif message.body:
            yield f"data={self._source(message.body)}.encode()"
        elif message.body_bytes:
            yield f"data=bytes({message.body_bytes})"

    def _source(self, value: Any) -> str:
        """Return the Python source of a JSON value, with known ids replaced by their expressions."""
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self._source(k)}: {self._source(v)}' for k, v in value.items())}}}"
        if isinstance(value, list):
            return f"[{', '.join(map(self._source, value))}]"
        if value == MASK:
            return "PASSWORD"
        return self._text(value) if isinstance(value, str) else repr(value)

    def _text(self, value: str) -> str:
        # The longest first: the id of an import task begins with that of its dataset.
        for known in sorted(self._known, key=len, reverse=True):
            before, found, after = value.partition(known)
            if found:
                return " + ".join(
                    [self._text(part) for part in (before,) if part] + [self._known[known]] + self._rest(after)
                )
        return repr(value)

    def _rest(self, after: str) -> list[str]:
        return [self._text(after)] if after else []


def _json(request: LoggedRequest) -> list[Any]:
    """Return the decoded body in a list; an empty list if it is truncated, not JSON, or an object's content."""
    message = request.request
    if not message.body or is_truncated(message) or request.service == "obs":
        return []
    try:
        return [msgspec.json.decode(message.body)]
    except (msgspec.DecodeError, RecursionError):
        return []


def _beginning(message: Message) -> Any:
    """Decode an answer's JSON, which may be truncated; None if there is none."""
    text = message.body or ""
    for candidate in (text, "".join(close_truncated(text))):
        try:
            return msgspec.json.decode(candidate)
        except (msgspec.DecodeError, RecursionError):
            continue
    return None


def _ids(value: Any, expression: str) -> Iterator[tuple[str, str]]:
    """Yield every id in an answer with the expression that reads it."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{expression}[{name!r}]"
            if isinstance(member, str) and len(member) >= _MIN_ID and (name.endswith("_id") or name in ("id", "info")):
                yield member, here
            yield from _ids(member, here)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _ids(member, f"{expression}[{index}]")
