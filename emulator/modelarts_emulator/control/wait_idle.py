"""``POST /_emulator/wait-idle``: returns when nothing is open any more, so that a test need not sleep."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import msgspec
from flask import Response

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.control.errors import NOT_IDLE
from modelarts_emulator.runtime import Runtime

MAX_MS = 600_000
# How often a wait looks whether the emulator is about to end.
_LOOK_S = 0.25


class IdleQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How long to wait at most, and for whose datasets; without a project for all."""

    timeout_ms: int = 10_000
    project_id: str | None = None


class OpenTask(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A background task that has not ended; ``held_before`` is the state that a transition keeps it from."""

    kind: str
    dataset_id: str
    held_before: str | None = None


class OpenWork(msgspec.Struct, kw_only=True):
    """What has not ended: changes of files not yet taken in, and tasks."""

    pending_events: int
    tasks: list[OpenTask]


class IdleResponse(msgspec.Struct, kw_only=True):
    """Nothing is open."""

    idle: bool = True
    waited_ms: int


class NotIdleResponse(msgspec.Struct, kw_only=True):
    """The body of a 504."""

    error_code: str
    error_msg: str
    open: OpenWork


class WaitIdleControl:
    """The endpoint."""

    def __init__(self, emu: Runtime) -> None:
        self._emu = emu

    def wait_idle(self, query: IdleQuery) -> IdleResponse | Response:
        """Wait until files and datasets agree and no task is open; NOT_IDLE with what still is when the time is over.

        All that lay on the disk before the call is taken in then, unless ``--sync manual`` says otherwise. A task that
        a transition holds is open. Raises PARAMETER_INVALID.
        """
        if not 0 <= query.timeout_ms <= MAX_MS:
            raise ApiError(PARAMETER_INVALID, f"timeout_ms must be from 0 to {MAX_MS}")
        start = time.monotonic()
        if not wait_idle(self._emu, query.timeout_ms / 1000, query.project_id):
            return not_idle_response(self._emu, query.project_id)
        return IdleResponse(waited_ms=round((time.monotonic() - start) * 1000))


def wait_idle(emu: Runtime, timeout_s: float, project_id: str | None = None) -> bool:
    """Wait until files and datasets agree and no task is open, in one project or in all.

    False when the time is over first.
    """
    deadline = time.monotonic() + timeout_s
    ids = _ids(emu, project_id)
    if emu.settings.automatic:
        # Looked at as a whole: what was written a moment ago may not have been noticed yet.
        emu.watcher.flush(0, ids)
    while not emu.stopping.is_set():
        rest = min(_LOOK_S, max(0.0, deadline - time.monotonic()))
        # A task may write files, and a file may start no task: the watcher is asked again after the tasks.
        if emu.watcher.wait_idle(rest, ids) and emu.tasks.wait_idle(rest, ids) and emu.watcher.wait_idle(0, ids):
            return True
        if time.monotonic() >= deadline:
            return False
    return False


def not_idle_response(emu: Runtime, project_id: str | None = None) -> Response:
    """A 504 that names what is open, and says of what is held that it is."""
    still_open = _still_open(emu, project_id)
    error = ApiError(NOT_IDLE, _described(still_open))
    body = NotIdleResponse(error_code=NOT_IDLE.code, error_msg=error.message, open=still_open)
    return Response(msgspec.json.encode(body), NOT_IDLE.status, content_type="application/json")


def describe_open_work(emu: Runtime, project_id: str | None = None) -> str:
    """What is open, in one project or in all, in one line."""
    return _described(_still_open(emu, project_id))


def _ids(emu: Runtime, project_id: str | None) -> set[str] | None:
    return None if project_id is None else {entry.record.id for entry in emu.store.entries(project_id)}


def _still_open(emu: Runtime, project_id: str | None) -> OpenWork:
    ids = _ids(emu, project_id)
    tasks = [task for task in _open_tasks(emu) if ids is None or task.dataset_id in ids]
    return OpenWork(pending_events=emu.watcher.pending_of(ids), tasks=tasks)


def _described(still_open: OpenWork) -> str:
    parts = []
    if still_open.pending_events:
        parts.append(f"{still_open.pending_events} datasets have changes of files to take in")
    for task in still_open.tasks:
        why = f" is held before {task.held_before}: /_emulator/transitions releases it" if task.held_before else ""
        parts.append(f"{task.kind} of dataset {task.dataset_id}{why}")
    return "; ".join(parts)[:2000] or "it has only just come to rest"


def _open_tasks(emu: Runtime) -> Iterator[OpenTask]:
    held = emu.transitions.held()
    waiting = Counter((each.dataset_id, each.kind) for each in held)
    for each in held:
        yield OpenTask(kind=each.kind, dataset_id=each.dataset_id, held_before=each.before)
    for dataset_id, kind in emu.tasks.open_tasks():
        if waiting[dataset_id, kind]:
            waiting[dataset_id, kind] -= 1
        else:
            yield OpenTask(kind=kind, dataset_id=dataset_id)
