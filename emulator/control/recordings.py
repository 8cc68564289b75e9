"""Logged requests in forms to be run again: ``curl``, Python, a pytest test; and HAR, which browsers show.

In Python, ids that came with an answer are taken from the new answer where they are sent again: a recording runs
against an emulator that draws other ids.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

import emulator
from emulator.control.masking import MASK
from emulator.control.requests import LoggedRequest, Message

# What every client adds by itself.
_OWN = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "host", "transfer-encoding", "user-agent"}
)
_MIN_ID = 16  # shorter ones are names


def to_curl(requests: Iterable[LoggedRequest]) -> str:
    """One command each; set TOKEN where they need one."""
    return "".join(f"{_comment(each)}\n{' '.join(_curl(each))}\n" for each in requests)


def to_python(requests: Iterable[LoggedRequest]) -> str:
    """A script."""
    return _Script(requests).text(is_test=False)


def to_pytest(requests: Iterable[LoggedRequest]) -> str:
    """A test that expects every answer to have the status it had."""
    return _Script(requests).text(is_test=True)


def to_har(requests: Iterable[LoggedRequest]) -> str:
    """An HTTP archive, version 1.2."""
    creator = {"name": "ModelArts emulator", "version": emulator.__version__}
    log = {"version": "1.2", "creator": creator, "entries": [_har(each) for each in requests]}
    return msgspec.json.encode({"log": log}).decode()


def _comment(request: LoggedRequest) -> str:
    notes = [f"{request.number}: {request.operation or request.service}, {request.status}"]
    if request.error_code:
        notes.append(request.error_code)
    if _is_cut(request.request):
        notes.append(f"the body had {request.request.body_bytes} bytes")
    if request.request.headers.get("authorization") == MASK:
        notes.append("it was signed, which is left out")
    return "# " + "; ".join(notes)


def _is_cut(message: Message) -> bool:
    return len((message.body or "").encode()) < message.body_bytes and MASK not in (message.body or "")


def _curl(request: LoggedRequest) -> Iterator[str]:
    yield f"curl -X {request.method} {shlex.quote(request.url)}"
    for name, value in _headers(request).items():
        yield f'-H "{name}: $TOKEN"' if value == MASK else f"-H {shlex.quote(f'{name}: {value}')}"
    if request.request.body:
        yield f"--data-binary {shlex.quote(request.request.body)}"
    elif request.request.body_bytes:
        yield "--data-binary @body"


def _headers(request: LoggedRequest) -> dict[str, str]:
    left_out = _OWN | {"authorization", "x-sdk-date"}
    return {name: value for name, value in request.request.headers.items() if name not in left_out}


class _Script:
    """Writes requests as Python."""

    def __init__(self, requests: Iterable[LoggedRequest]) -> None:
        self._requests = list(requests)
        self._known: dict[str, str] = {}
        """Expressions for ids by the id that was recorded."""

    def text(self, *, is_test: bool) -> str:
        """The whole script."""
        calls = [line for number, each in enumerate(self._requests, 1) for line in self._call(number, each, is_test)]
        lines = [
            "import os",
            "",
            "import requests",
            "",
            'URL = os.environ.get("EMULATOR_URL", "http://127.0.0.1:8765")',
        ]
        lines.append('TOKEN = os.environ.get("EMULATOR_TOKEN", "token")')
        if is_test:
            lines += ["", "", "def test_recorded():"]
            calls = [f"    {line}" for line in calls] or ["    pass"]
        return "\n".join([*lines, *([] if is_test else [""]), *calls]) + "\n"

    def _call(self, number: int, request: LoggedRequest, is_test: bool) -> Iterator[str]:
        yield _comment(request)
        parts = urlsplit(request.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        arguments = [repr(request.method), f"URL + {self._source(path)}", *self._body(request.request)]
        headers = {name: value for name, value in _headers(request).items() if name != "content-type"}
        if request.request.body and not _json(request.request) and "content-type" in request.request.headers:
            headers["content-type"] = request.request.headers["content-type"]
        if headers:
            pairs = (f"{name!r}: {'TOKEN' if v == MASK else self._source(v)}" for name, v in headers.items())
            arguments.append(f"headers={{{', '.join(pairs)}}}")
        name = f"answer_{number}"
        yield f"{name} = requests.request({', '.join([*arguments, 'timeout=30'])})"
        if is_test:
            yield f"assert {name}.status_code == {request.status}, {name}.text"
        self._learn(_json(request.response), f"{name}.json()")

    def _body(self, message: Message) -> Iterator[str]:
        if decoded := _json(message):
            yield f"json={self._source(decoded[0])}"
        elif message.body:
            yield f"data={self._source(message.body)}.encode()"

    def _learn(self, found: Any, expression: str) -> None:
        for value in found or ():
            for text, path in _ids(value, expression):
                self._known.setdefault(text, path)

    def _source(self, value: Any) -> str:
        """A JSON value as Python source, with known ids as where they come from."""
        if isinstance(value, dict):
            return f"{{{', '.join(f'{self._source(k)}: {self._source(v)}' for k, v in value.items())}}}"
        if isinstance(value, list):
            return f"[{', '.join(map(self._source, value))}]"
        if not isinstance(value, str):
            return repr(value)
        return self._text(value)

    def _text(self, value: str) -> str:
        for known, expression in self._known.items():
            before, found, after = value.partition(known)
            if found:
                return " + ".join([self._text(part) for part in (before,) if part] + [expression] + self._rest(after))
        return repr(value)

    def _rest(self, after: str) -> list[str]:
        return [self._text(after)] if after else []


def _json(message: Message) -> list[Any]:
    """The body, alone in a list, if it is whole and JSON."""
    if not message.body or _is_cut(message):
        return []
    try:
        return [msgspec.json.decode(message.body)]
    except (msgspec.DecodeError, RecursionError):
        return []


def _ids(value: Any, expression: str) -> Iterator[tuple[str, str]]:
    """Every id in an answer, with where it is found."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{expression}[{name!r}]"
            if isinstance(member, str) and len(member) >= _MIN_ID and (name.endswith("_id") or name in ("id", "info")):
                yield member, here
            yield from _ids(member, here)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _ids(member, f"{expression}[{index}]")


def _har(request: LoggedRequest) -> dict[str, Any]:
    started = datetime.fromtimestamp((request.time_ms - request.duration_ms) / 1000, timezone.utc)
    sent = {
        "method": request.method,
        "url": request.url,
        "queryString": _pairs(parse_qsl(urlsplit(request.url).query, keep_blank_values=True)),
        **_har_message(request.request),
    }
    if request.request.body is not None:
        sent["postData"] = {"mimeType": request.request.headers.get("content-type", ""), "text": request.request.body}
    content: dict[str, Any] = {
        "size": request.response.body_bytes,
        "mimeType": request.response.headers.get("content-type", ""),
    }
    if request.response.body is not None:
        content["text"] = request.response.body
    reasons = {status.value: status.phrase for status in HTTPStatus}
    answered = {
        "status": request.status,
        "statusText": reasons.get(request.status, ""),
        "content": content,
        "redirectURL": request.response.headers.get("location", ""),
        **_har_message(request.response),
    }
    return {
        "startedDateTime": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": request.duration_ms,
        "request": sent,
        "response": answered,
        "cache": {},
        "timings": {"send": 0, "wait": request.duration_ms, "receive": 0},
        "comment": request.operation or request.service,
    }


def _har_message(message: Message) -> dict[str, Any]:
    return {
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(message.headers.items()),
        "headersSize": -1,
        "bodySize": message.body_bytes,
    }


def _pairs(items: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in items]


FORMATS = {
    "curl": (to_curl, "text/x-shellscript; charset=utf-8"),
    "python": (to_python, "text/x-python; charset=utf-8"),
    "pytest": (to_pytest, "text/x-python; charset=utf-8"),
    "har": (to_har, "application/json"),
}
