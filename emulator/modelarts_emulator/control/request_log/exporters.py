"""Export logged requests as ``curl`` commands, Python, a pytest test, or HAR for browsers."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

import modelarts_emulator
from modelarts_emulator.control.request_log.log import LoggedRequest, Message
from modelarts_emulator.control.request_log.masking import MASK
from modelarts_emulator.control.request_log.python_export import to_pytest, to_python
from modelarts_emulator.control.request_log.replay import describe_request, replay_headers, without_signature


def to_curl(requests: Iterable[LoggedRequest]) -> str:
    """Write one command per request; they read ``$TOKEN``, and bodies that were not logged from the file ``body``."""
    return "".join(f"{describe_request(each)}\n{' '.join(_curl(each))}\n" for each in requests)


def to_har(requests: Iterable[LoggedRequest]) -> str:
    """Write an HTTP archive, version 1.2."""
    creator = {"name": "ModelArts emulator", "version": modelarts_emulator.__version__}
    log = {"version": "1.2", "creator": creator, "entries": [_har(each) for each in requests]}
    return msgspec.json.encode({"log": log}).decode()


def _curl(request: LoggedRequest) -> Iterator[str]:
    # --globoff: brackets in a URL are not patterns. --head: with -X HEAD curl would wait for a body.
    method = "--head" if request.method == "HEAD" else f"-X {shlex.quote(request.method)}"
    yield f"curl --globoff {method} {shlex.quote(without_signature(request.url))}"
    headers = replay_headers(request)
    for name, value in headers.items():
        yield (
            f'-H "{name}: $TOKEN"'
            if value == MASK
            else f"-H {shlex.quote(f'{name}: {value}' if value else f'{name};')}"
        )
    if not request.request.body_bytes:
        return
    if "content-type" not in headers:
        yield "-H content-type:"  # without this, curl sends the content type of a form
    yield f"--data-raw {shlex.quote(request.request.body)}" if request.request.body else "--data-binary @body"


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
