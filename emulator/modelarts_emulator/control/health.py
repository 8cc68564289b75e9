"""``/_emulator/health`` and ``/_emulator/ready``: show that the emulator is running, and that it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from flask import Flask, Response

import modelarts_emulator
from modelarts_emulator.control.request_log.log import RequestLog
from modelarts_emulator.media.picture_gate import PROCESS_GATE
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store.journal import OPEN_JOURNALS


def register(app: Flask, emu: Runtime, log: RequestLog, restoring: Callable[[], str | None]) -> None:
    """Add both routes. ``restoring`` returns the name of a snapshot whose restore has begun and not ended."""

    def health() -> Response:
        return _respond(200, _state(emu, log, restoring()))

    def ready() -> Response:
        is_ready = emu.ready.is_set() and emu.stage == "ready"
        return _respond(200 if is_ready else 503, {"ready": is_ready, **_state(emu, log, restoring())})

    app.add_url_rule("/_emulator/health", "health", health)
    app.add_url_rule("/_emulator/ready", "ready", ready)


def _state(emu: Runtime, log: RequestLog, restoring: str | None) -> dict[str, Any]:
    """Return stage of the start, version, uptime in ms, watcher mode, pending work, and what is kept in memory."""
    entries = emu.store.entries()
    return {
        "status": "alive",
        "stage": emu.stage,
        "version": modelarts_emulator.__version__,
        "uptime_ms": round((time.monotonic() - emu.started_s) * 1000),
        "sync": emu.settings.sync,
        "watcher": emu.watcher.mode,
        "polled_folders": emu.watcher.polled,
        "pending_events": emu.watcher.pending,
        "noted_datasets": len(emu.synchronizer.pending),
        "open_tasks": emu.tasks.open,
        "datasets": len(entries),
        "deleted_samples": sum(entry.counts.deleted for entry in entries),
        "logged_requests": len(log),
        "request_log_bytes": log.kept_bytes,
        "open_journals": len(OPEN_JOURNALS),
        "restoring": restoring,
        "picture_bytes": PROCESS_GATE.used_bytes,
        "picture_bytes_peak": PROCESS_GATE.peak_bytes,
    }


def _respond(status: int, body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), status, content_type="application/json")
