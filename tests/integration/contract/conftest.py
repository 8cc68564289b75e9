"""Send the whole contract suite both ways, before Flask and through Flask: the bytes are the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from modelarts_emulator.api.early import EarlyDispatcher
from modelarts_emulator.web import Reply
from modelarts_emulator.web.responses import status_line

TRIES = 20
Sent = tuple[str, list[tuple[str, str]], bytes]


class BothWays:
    """Compares the answers of the early dispatcher with those of Flask, and counts them."""

    def __init__(self) -> None:
        self.compared: dict[str, int] = {"at once": 0, "read": 0, "refused": 0}
        self.differences: list[str] = []

    def compare(self, kind: str, app: Any, environ: dict[str, Any], body: bytes, early: Any, sent: Sent) -> None:
        """Compare an early answer with Flask's; one that a task has changed since is asked for again."""
        for _ in range(TRIES):
            other = through_flask(app, environ, body)
            if other == sent:
                self.compared[kind] += 1
                return
            if kind == "refused":
                break
            sent = early()
        self.differences.append(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']}: {sent} is not {other}")


def through_flask(app: Any, environ: dict[str, Any], body: bytes) -> Sent:
    found: list[Any] = []
    pieces = app({**environ, "wsgi.input": io.BytesIO(body)}, lambda *head: found.extend(head))
    try:
        return found[0], found[1], b"".join(pieces)
    finally:
        pieces.close()


def as_sent(reply: Reply) -> Sent:
    assert isinstance(reply.body, bytes)
    return status_line(reply.status), list(reply.headers), reply.body


@pytest.fixture(scope="module", autouse=True)
def both_ways() -> Iterator[BothWays]:
    both = BothWays()
    reply_at_once, call = EarlyDispatcher.reply_at_once, EarlyDispatcher.__call__

    def at_once(self: EarlyDispatcher, environ: dict[str, Any]) -> Reply | None:
        before = dict(environ)
        if (reply := reply_at_once(self, environ)) is not None:
            again = lambda: as_sent(reply_at_once(self, dict(before)) or reply)  # noqa: E731
            both.compare("at once", self._app, before, b"", again, as_sent(reply))
        return reply

    def in_worker(self: EarlyDispatcher, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read()
        environ["wsgi.input"].seek(0)
        before, found = dict(environ), []
        pieces = call(self, environ, lambda *head: found.extend(head))
        if type(pieces) is list:  # not Flask's
            sent: Sent = (found[0], list(found[1]), b"".join(pieces))
            if before["REQUEST_METHOD"] == "GET":
                both.compare("read", self._app, before, body, lambda: in_worker_again(self, before, body), sent)
            elif found[0] >= "4":
                both.compare("refused", self._app, before, body, None, sent)
        start_response(*found)
        return pieces

    def in_worker_again(self: EarlyDispatcher, environ: dict[str, Any], body: bytes) -> Sent:
        found: list[Any] = []
        pieces = call(self, {**environ, "wsgi.input": io.BytesIO(body)}, lambda *head: found.extend(head))
        return found[0], list(found[1]), b"".join(pieces)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EarlyDispatcher, "reply_at_once", at_once)
        patch.setattr(EarlyDispatcher, "__call__", in_worker)
        yield both
    assert both.differences == []
