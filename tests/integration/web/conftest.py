"""Web servers for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelarts_emulator.web import WebServer

Serve = Callable[..., WebServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server: ``serve(app, threads=1, limits=…)``."""
    running: list[WebServer] = []

    def begin(app: Any, host: str = "127.0.0.1", **options: Any) -> WebServer:
        server = WebServer(app, host, 0, **{"threads": 2, **options})
        running.append(server)
        server.start()
        return server

    yield begin
    for each in running:
        each.stop()
