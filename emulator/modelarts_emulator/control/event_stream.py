"""``GET /_emulator/events``: requests and dataset changes as server-sent events.

Each listener reads the request log and the list of datasets itself, so that listeners cost other requests nothing. A
listener that reads slowly finds that the log has dropped its oldest requests, and is sent the number of missed ones.
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

_POLL_S = 0.1
# Seconds between two writes at most: a write is what shows that the client has gone.
_HEARTBEAT_S = 0.5


class DatasetEvent(msgspec.Struct, kw_only=True):
    """A dataset after a change."""

    change: str
    """Kind of change: ``created``, ``changed`` or ``deleted``."""
    dataset_id: str
    """Identifier of the dataset."""
    project_id: str
    """Project of the dataset."""
    dataset_name: str
    """Display name of the dataset."""
    status: int
    """State code, as in the dataset's details."""
    total_sample_count: int
    """Samples in the dataset."""
    annotated_sample_count: int
    """Samples with confirmed labels."""
    unconfirmed_sample_count: int
    """Samples whose automatic labels still have to be confirmed."""
    deleted_sample_count: int
    """Samples that were deleted."""


class EventsQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select where the stream begins."""

    after: int | None = None
    """Number of a request: later ones are sent first. Without it the stream begins with new requests."""


class EventStream:
    """The endpoint ``/_emulator/events``. Each listener occupies a thread of the web server, so few are admitted."""

    def __init__(self, emu: Runtime, log: RequestLog) -> None:
        self._emu, self._log = emu, log
        self._places = threading.BoundedSemaphore(max(1, emu.settings.threads // 2))

    def stream_events(self, query: EventsQuery) -> Response:
        """Send events ``request``, ``dataset`` and ``missed`` (requests that came too fast) until the emulator stops.

        The data of each is JSON: a request as in the log, a dataset with its counts, or ``{"missed": n}``. The id of
        an event is the number of the latest request. Raises TOO_MANY_LISTENERS if half of the web server's threads
        listen already.
        """
        if not self._places.acquire(blocking=False):
            raise ApiError(TOO_MANY_LISTENERS)
        after = self._log.last if query.after is None else query.after
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return Response(_Listener(self, after), 200, headers, content_type="text/event-stream")

    def events(self, after: int) -> Iterator[bytes]:
        """Yield the events for one client, beginning after the request with this number."""
        known = self._datasets()
        until_heartbeat = 0.0
        while not self._emu.stopping.is_set():
            found = [*self._requests(after), *_changes(known, now := self._datasets())]
            known, until_heartbeat = now, until_heartbeat - _POLL_S
            if found:
                after = max([after, *(number for number, _ in found)])
                yield b"".join(_encode(kind, data, after) for _, (kind, data) in found)
                until_heartbeat = _HEARTBEAT_S
            elif until_heartbeat <= 0:
                yield b": heartbeat\n\n"
                until_heartbeat = _HEARTBEAT_S
            self._emu.stopping.wait(_POLL_S)

    def release(self) -> None:
        """Make room for another listener."""
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
    """The body of a response; ``close`` makes room for another listener even if nothing of the body was read."""

    def __init__(self, stream: EventStream, after: int) -> None:
        self._stream, self._events = stream, stream.events(after)
        self._closing = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Release the listener's place, once."""
        if self._closing.acquire(blocking=False):
            self._stream.release()


def _changes(before: dict[str, IndexEntry], now: dict[str, IndexEntry]) -> Iterator[tuple[int, tuple[str, Any]]]:
    for dataset_id, entry in now.items():
        # The store makes a new entry for each change, so comparing identities is enough.
        if before.get(dataset_id) is not entry:
            yield 0, ("dataset", _describe("changed" if dataset_id in before else "created", entry))
    for dataset_id, entry in before.items():
        if dataset_id not in now:
            yield 0, ("dataset", _describe("deleted", entry))


def _describe(change: str, entry: IndexEntry) -> DatasetEvent:
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


def _encode(kind: str, data: Any, number: int) -> bytes:
    return b"event: %b\nid: %d\ndata: %b\n\n" % (kind.encode(), number, msgspec.json.encode(data))
