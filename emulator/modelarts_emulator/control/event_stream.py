"""``GET /_emulator/events``: requests as they happen and datasets as they change, as server-sent events.

A client that listens looks at the request log and the list of datasets itself, so that nobody else pays for it: who
reads slowly finds that the log has forgotten the oldest requests, and is told how many.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
from flask import Response

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import TOO_MANY_LISTENERS
from modelarts_emulator.control.request_log.log import RequestLog, RequestsQuery
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import IndexEntry

_LOOK_S = 0.1
# So often something is sent, if only to notice that the client has gone.
_BEAT_S = 0.5


class DatasetEvent(msgspec.Struct, kw_only=True):
    """A dataset as it is now; ``change`` is ``created``, ``changed`` or ``deleted``."""

    change: str
    dataset_id: str
    project_id: str
    dataset_name: str
    status: int
    total_sample_count: int
    annotated_sample_count: int
    unconfirmed_sample_count: int
    deleted_sample_count: int


class EventsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to begin: after the request of this number; without it with those to come."""

    after: int | None = None


class EventStream:
    """The endpoint. Each client keeps a thread of the web server busy, so only a few are let in."""

    def __init__(self, emu: Runtime, log: RequestLog) -> None:
        self._emu, self._log = emu, log
        self._places = threading.BoundedSemaphore(max(1, emu.settings.threads // 2))

    def stream_events(self, query: EventsQuery) -> Response:
        """Events ``request``, ``dataset``, and ``missed`` for requests that came too fast; until the emulator ends.

        The data of each is JSON: a request as in the log, a dataset with its counts, or ``{"missed": n}``. The id of
        an event is the number of the latest request. Raises TOO_MANY_LISTENERS
        where half of the web server's threads listen.
        """
        if not self._places.acquire(blocking=False):
            raise ApiError(TOO_MANY_LISTENERS)
        after = self._log.last if query.after is None else query.after
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(_Listener(self, after), 200, headers, content_type="text/event-stream")

    def events(self, after: int) -> Iterator[bytes]:
        """What is sent to one client."""
        known = self._datasets()
        rest = 0.0
        while not self._emu.stopping.is_set():
            sent = [*self._requests(after), *_changes(known, now := self._datasets())]
            known, rest = now, rest - _LOOK_S
            if sent:
                after = max([after, *(number for number, _ in sent)])
                yield b"".join(_event(kind, data, after) for _, (kind, data) in sent)
                rest = _BEAT_S
            elif rest <= 0:
                yield b": still here\n\n"
                rest = _BEAT_S
            self._emu.stopping.wait(_LOOK_S)

    def leave(self) -> None:
        """Let another client in."""
        self._places.release()

    def _requests(self, after: int) -> Iterator[tuple[int, tuple[str, Any]]]:
        if self._log.last == after:
            return
        found = self._log.find(RequestsQuery(after=after))
        if found and (missed := found[0].number - after - 1) > 0:
            yield 0, ("missed", {"missed": missed})
        for each in found:
            yield each.number, ("request", each)

    def _datasets(self) -> dict[str, IndexEntry]:
        return {entry.record.id: entry for entry in self._emu.store.entries()}


class _Listener:
    """The body of an answer; gives its place back even if nothing of it was ever read."""

    def __init__(self, events: EventStream, after: int) -> None:
        self._events, self._sent = events, events.events(after)
        self._closing = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        return self._sent

    def close(self) -> None:
        """End it."""
        if self._closing.acquire(blocking=False):
            self._events.leave()


def _changes(before: dict[str, IndexEntry], now: dict[str, IndexEntry]) -> Iterator[tuple[int, tuple[str, Any]]]:
    for dataset_id, entry in now.items():
        # Each change makes an entry of its own, so there is nothing to compare.
        if before.get(dataset_id) is not entry:
            yield 0, ("dataset", _described("changed" if dataset_id in before else "created", entry))
    for dataset_id, entry in before.items():
        if dataset_id not in now:
            yield 0, ("dataset", _described("deleted", entry))


def _described(change: str, entry: IndexEntry) -> DatasetEvent:
    record, counts = entry
    return DatasetEvent(
        change=change,
        dataset_id=record.id,
        project_id=record.project_id,
        dataset_name=record.name,
        status=int(record.status),
        total_sample_count=counts.total,
        annotated_sample_count=counts.annotated,
        unconfirmed_sample_count=counts.unconfirmed,
        deleted_sample_count=counts.deleted,
    )


def _event(kind: str, data: Any, number: int) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (kind.encode(), number, msgspec.json.encode(data))
