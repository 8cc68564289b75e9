"""Answer requests before Flask, by the very functions that Flask calls: routes, authentication, operations, log, gate.

Flask and werkzeug need several times as long as most operations. Requests other than ordinary calls of operations are
passed to Flask: faults, requests of other origins, unknown hosts and paths. Nothing is decided here twice: each
condition below only recognizes that a step of the long way has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from modelarts_emulator.api.dispatch import MAX_CACHED_QUERIES, OperationEndpoint, unexpected_reply
from modelarts_emulator.api.flask_internals import FastRoutingFlask
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.api import ControlApi
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.s3.endpoint import ObjectEndpoint
from modelarts_emulator.samples.search import as_selection
from modelarts_emulator.web import Reply
from modelarts_emulator.web.responses import status_line

MAX_CACHED_PATHS = 2_000
_AT_ONCE = frozenset({"ListSamples", "DescribeSample", "DescDataset", "ListLabels"})


class EarlyDispatcher:
    """Answers requests of the dataset API and reads of objects, or leaves them to the application.

    ``reply_at_once`` is for the thread that reads all connections and never waits; an instance itself is the WSGI
    application for the worker threads.
    """

    def __init__(
        self,
        app: FastRoutingFlask,
        emu: Runtime,
        control: ControlApi,
        operations: dict[str, OperationEndpoint],
        is_accepted: Callable[[dict[str, Any]], bool],
        objects: ObjectEndpoint,
    ) -> None:
        self._app = app
        self._store = emu.store
        self._control = control
        self._operations = operations
        self._is_accepted = is_accepted
        self._objects = objects
        # Clients page through the same dataset. The parameters of a path are shared: nothing modifies them.
        self._route = lru_cache(maxsize=MAX_CACHED_PATHS)(self._match)
        self._is_one_index = lru_cache(maxsize=MAX_CACHED_QUERIES)(self._is_plain_page)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, by way of Flask where that is needed."""
        found = self._find(environ)
        if found is None or not self._control.enter(environ, may_wait=True):
            return self._app(environ, start_response)
        operation, path = found
        try:
            reply = operation.reply(environ, path)
        except Exception as error:
            reply = unexpected_reply(error, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        self._control.leave(operation.route.operation, path, environ, reply)
        start_response(status_line(reply.status), reply.headers)
        assert isinstance(reply.body, bytes)
        return [reply.body]

    def reply_at_once(self, environ: dict[str, Any]) -> Reply | None:
        """Answer a read that needs nothing but memory; None for everything else."""
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        if (found := self._find(environ)) is None:
            return self._read_object(environ)
        operation, path = found
        if not self._needs_memory_only(operation, path, environ) or not self._control.enter(environ, may_wait=False):
            return None
        try:
            reply = operation.reply(environ, path)
        except BaseException:
            self._control.gate.leave()
            raise
        self._control.leave(operation.route.operation, path, environ, reply)
        return reply

    def _read_object(self, environ: dict[str, Any]) -> Reply | None:
        if not self._is_accepted(environ) or (call := self._objects.find_read(environ)) is None:
            return None
        if not self._control.enter(environ, may_wait=False):
            return None
        reply = None
        try:
            reply = self._objects.reply_at_once(call)
        finally:
            if reply is None:
                self._control.gate.leave()
        if reply is not None:
            self._control.leave(None, None, environ, reply)
        return reply

    def _find(self, environ: dict[str, Any]) -> tuple[OperationEndpoint, dict[str, str]] | None:
        if not self._is_accepted(environ) or self._objects.is_for_bucket(environ):
            return None
        return self._route(environ["REQUEST_METHOD"], environ["PATH_INFO"])

    def _match(self, method: str, path: str) -> tuple[OperationEndpoint, dict[str, str]] | None:
        found = self._app.match_fast(method, path)
        if found is None or (operation := self._operations.get(found[0].endpoint)) is None:
            return None
        return operation, found[1]

    def _needs_memory_only(self, operation: OperationEndpoint, path: dict[str, str], environ: dict[str, Any]) -> bool:
        if operation.route.operation not in _AT_ONCE or not self._store.is_loaded(path["dataset_id"]):
            return False
        return operation.route.operation != "ListSamples" or self._is_one_index(environ["QUERY_STRING"])

    def _is_plain_page(self, text: str) -> bool:
        """Return whether a page is found in one index: no version, no condition that each sample is tested for."""
        try:
            query, _ = self._operations["ListSamples"].read_query(text)
            selection = as_selection(query, 0)
        except ApiError:
            return True  # refused before anything is searched
        return not query.version_id and selection.predicate is None and selection.label is None
