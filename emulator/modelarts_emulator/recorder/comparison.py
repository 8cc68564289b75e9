"""Replay a recording against an emulator, and list the differences by operation and member."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from modelarts_emulator.api.routes import ROUTES
from modelarts_emulator.control.request_log.masking import MASK
from modelarts_emulator.control.request_log.replay import without_signature
from modelarts_emulator.recorder.recording import RecordedBody, RecordedExchange
from modelarts_emulator.util.http_client import Client

WAIT_IDLE = "/_emulator/wait-idle?timeout_ms=60000"

# Members whose values differ in every run: times, signed URLs, durations, request ids. Their types are compared.
_VOLATILE = re.compile(r"time|expires|issued_at|duration|elapsed|request_id|^source$|^url$|preview|data_url|href")
_ID = re.compile(r"(^|_)ids?$|^info$|^name$")
_GENERATED = re.compile(r"[A-Za-z0-9]{19}(_[A-Za-z0-9]{19})?|[0-9a-f]{32}")


class Difference(NamedTuple):
    """One difference: ``member`` is a path such as ``samples[].metadata``, values are JSON or absent."""

    operation: str
    member: str
    kind: str
    """``status``, ``missing`` (only the service answered it), ``extra`` (only the emulator), ``type`` or ``value``."""
    recorded: Any = None
    answered: Any = None

    def __str__(self) -> str:
        return f"{self.operation}: {self.member}: {self.kind}: {_short(self.recorded)} -> {_short(self.answered)}"


def compare(exchanges: Iterable[RecordedExchange], emulator: Client) -> Iterator[Difference]:
    """Send each recorded request to the emulator, and return the differences of the answers.

    Ids that the service generated are replaced by the emulator's in later requests. Of repeated equal GET requests (a
    client that polls) only the last is compared, after all background work of the emulator has ended. A body that was
    too long to be recorded is not sent, and its exchange is skipped.
    """
    ids = _Ids()
    token = "replay"
    for exchange in _without_polls(exchanges):
        if not exchange.request.is_complete:
            continue
        operation = operation_of(exchange.method, exchange.path)
        emulator.send("POST", WAIT_IDLE)
        answer = emulator.send(
            exchange.method,
            ids.translated(without_signature(exchange.path)),
            ids.translated_bytes(exchange.request.content()) or None,
            {"Content-Type": exchange.content_type, "X-Auth-Token": token, "Authorization": "replay"},
        )
        token = answer.headers.get("X-Subject-Token") or token
        if answer.status != exchange.status:
            yield Difference(operation, "(status)", "status", exchange.status, answer.status)
            continue
        recorded, answered = _document(exchange.response), _document(RecordedBody.of(answer.body, exchange.path))
        if recorded is not None and answered is not None:
            ids.learn(recorded, answered)
            yield from _differences(operation, "", recorded, answered, ids)
        elif (recorded is None) != (answered is None) or not recorded:
            yield from _different_bytes(operation, exchange, answer.body)


def operation_of(method: str, path: str) -> str:
    """Return the operation of the data-management API, or the method and the first segments of another path.

    >>> operation_of("GET", "/v2/p/datasets?limit=1")
    'ListDatasets'
    >>> operation_of("PUT", "/bucket/in/1.png")
    'PUT object'
    """
    plain = urlsplit(path).path
    for pattern, verb, operation in _PATTERNS:
        if verb == method and pattern.fullmatch(plain):
            return operation
    if plain.startswith("/v3/"):
        return f"{method} {plain}"
    return f"{method} object"


_PATTERNS = [
    (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path))), route.method, route.operation)
    for routes in ROUTES.values()
    for route in routes
]


class _Ids:
    """The emulator's ids by the recorded ones."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def learn(self, recorded: Any, answered: Any) -> None:
        """Pair the generated ids of two answers that have the same members."""
        for mine, other in _paired_ids(recorded, answered):
            if mine not in self._known:
                self._known[mine] = other
                self._pattern = None

    def translated(self, text: str) -> str:
        """Replace the recorded ids in a path or a body."""
        if not self._known:
            return text
        if self._pattern is None:
            # The longest first: an import task's id begins with its dataset's.
            known = sorted(self._known, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, known)))
        return self._pattern.sub(lambda found: self._known[found[0]], text)

    def translated_bytes(self, content: bytes) -> bytes:
        """Replace the recorded ids in a body of text; other bytes stay as they are."""
        try:
            return self.translated(content.decode("utf-8")).encode("utf-8")
        except UnicodeDecodeError:
            return content


def _paired_ids(recorded: Any, answered: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for member in recorded.keys() & answered.keys():
            yield from _paired_ids(recorded[member], answered[member], member)
    elif isinstance(recorded, list) and isinstance(answered, list):
        for mine, other in zip(recorded, answered, strict=False):
            yield from _paired_ids(mine, other, name)
    elif recorded != answered and _ID.search(name) and _is_generated(recorded) and _is_generated(answered):
        yield recorded, answered


def _is_generated(value: Any) -> bool:
    return isinstance(value, str) and _GENERATED.fullmatch(value) is not None


def _differences(operation: str, member: str, recorded: Any, answered: Any, ids: _Ids) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(answered, dict):
        for name in sorted(recorded.keys() | answered.keys()):
            inner = f"{member}.{name}" if member else name
            if name not in answered:
                yield Difference(operation, inner, "missing", recorded[name])
            elif name not in recorded:
                yield Difference(operation, inner, "extra", None, answered[name])
            else:
                yield from _differences(operation, inner, recorded[name], answered[name], ids)
    elif isinstance(recorded, list) and isinstance(answered, list):
        if len(recorded) != len(answered):
            yield Difference(operation, f"{member}[]", "value", f"{len(recorded)} items", f"{len(answered)} items")
        for mine, other in zip(recorded, answered, strict=False):
            yield from _differences(operation, f"{member}[]", mine, other, ids)
    elif _kind(recorded) != _kind(answered):
        yield Difference(operation, member, "type", recorded, answered)
    elif recorded != answered and not _is_equal(member, recorded, answered, ids):
        yield Difference(operation, member, "value", recorded, answered)


def _is_equal(member: str, recorded: Any, answered: Any, ids: _Ids) -> bool:
    """Return whether two different values mean the same: another run's time, URL, secret or id."""
    if _VOLATILE.search(member.rpartition(".")[2].removesuffix("[]")):
        return True
    if isinstance(recorded, str) and isinstance(answered, str):
        return MASK in recorded or unquote(ids.translated(recorded)) == unquote(answered)
    return False


def _different_bytes(operation: str, exchange: RecordedExchange, answered: bytes) -> Iterator[Difference]:
    if exchange.response.is_complete and not exchange.response_type.startswith(("application/xml", "text/html")):
        recorded = exchange.response.content()
        if recorded != answered and MASK.encode() not in recorded:
            yield Difference(operation, "(body)", "value", f"{len(recorded)} bytes", f"{len(answered)} bytes")


def _without_polls(exchanges: Iterable[RecordedExchange]) -> Iterator[RecordedExchange]:
    """Leave out each GET that the next exchange repeats."""
    waiting: RecordedExchange | None = None
    for exchange in exchanges:
        is_poll = waiting is not None and waiting.method == "GET" == exchange.method and waiting.path == exchange.path
        if waiting is not None and not is_poll:
            yield waiting
        waiting = exchange
    if waiting is not None:
        yield waiting


def _document(body: RecordedBody) -> Any:
    if not body.text:
        return None
    try:
        return msgspec.json.decode(body.text)
    except msgspec.DecodeError:
        return None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode() if value is not None else "-"
    return text if len(text) <= 60 else f"{text[:57]}..."
