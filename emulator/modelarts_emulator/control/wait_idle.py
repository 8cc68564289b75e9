"""``POST /_emulator/wait-idle``: wait until all background work has ended, so that tests need not sleep."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

import msgspec
from flask import Response, request

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.control.errors import NOT_IDLE
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.web import CAN_TRY_LATER, TryLater

MAX_MS = 600_000
# Seconds between two checks whether the emulator is stopping.
_CHECK_S = 0.25
# Work that ends within the first wait is reported at once; after that the request waits without a thread.
_FIRST_WAIT_S = 0.03
_POLL_S = 0.02
_WAITING = "emulator.wait-idle"
"""Key in a request's environment: start, ``monotonic`` time, and datasets of a wait that goes on."""


class IdleQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select the datasets to wait for."""

    timeout_ms: int = 10_000
    """Longest wait in ms, 0 to 600,000; 10,000 by default."""
    project_id: str | None = None
    """Wait for datasets of this project only."""


class OpenTask(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A background task that has not ended."""

    kind: str
    """Kind of task: ``sync``, ``import``, ``export``, ``publish`` or ``switch``."""
    dataset_id: str
    """Dataset that the task works on."""
    held_before: str | None = None
    """State that a transition rule keeps the task from; absent if the task is not held."""


class OpenWork(msgspec.Struct, kw_only=True):
    """Work that has not ended."""

    pending_events: int
    """Datasets with file changes that are not processed yet."""
    tasks: list[OpenTask]
    """Tasks that have not ended, held ones first."""


class IdleResponse(msgspec.Struct, kw_only=True):
    """Answer when all work has ended."""

    idle: bool = True
    """Always true; other answers have status 504."""
    waited_ms: int
    """Time that the call waited, in ms."""


class NotIdleResponse(msgspec.Struct, kw_only=True):
    """Body of a 504: the time was over first."""

    error_code: str
    """``Emulator.0504``."""
    error_msg: str
    """Description of the open work in one line."""
    open: OpenWork
    """Work that has not ended."""


class WaitIdleControl:
    """The endpoint ``/_emulator/wait-idle``."""

    def __init__(self, emu: Runtime) -> None:
        self._emu = emu

    def wait_idle(self, query: IdleQuery) -> IdleResponse | Response:
        """Wait until all file changes are processed and no task is open; NOT_IDLE lists the open work at the timeout.

        Files that were written before the call are samples afterwards, except with ``--sync manual``. A task that a
        transition rule holds counts as open. Raises PARAMETER_INVALID.
        """
        if not 0 <= query.timeout_ms <= MAX_MS:
            raise ApiError(PARAMETER_INVALID, f"timeout_ms must be from 0 to {MAX_MS}")
        environ, timeout_s = request.environ, query.timeout_ms / 1000
        if (waiting := environ.get(_WAITING)) is not None:
            start, ids = waiting
            is_idle = _is_idle(self._emu, 0, ids)
        else:
            start, ids = time.monotonic(), _ids(self._emu, query.project_id)
            can_try_later = CAN_TRY_LATER in environ
            is_idle = _wait(self._emu, min(timeout_s, _FIRST_WAIT_S) if can_try_later else timeout_s, ids)
            if can_try_later:
                environ[_WAITING] = start, ids
        waited_s = time.monotonic() - start
        if is_idle:
            return IdleResponse(waited_ms=round(waited_s * 1000))
        if waited_s < timeout_s and _WAITING in environ and not self._emu.stopping.is_set():
            raise TryLater(min(_POLL_S, timeout_s - waited_s))
        return not_idle_response(self._emu, query.project_id)


def wait_idle(emu: Runtime, timeout_s: float, project_id: str | None = None) -> bool:
    """Wait until file changes are processed and no task is open, in one project or in all.

    Returns False if the time is over first or the emulator is stopping.
    """
    return _wait(emu, timeout_s, _ids(emu, project_id))


def _wait(emu: Runtime, timeout_s: float, ids: set[str] | None) -> bool:
    deadline = time.monotonic() + timeout_s
    if emu.settings.automatic:
        # Scan every input folder: events of recent writes may not have arrived yet.
        emu.watcher.flush(0, ids)
    while not emu.stopping.is_set():
        if _is_idle(emu, min(_CHECK_S, max(0.0, deadline - time.monotonic())), ids):
            return True
        if time.monotonic() >= deadline:
            return False
    return False


def _is_idle(emu: Runtime, timeout_s: float, ids: set[str] | None) -> bool:
    # Ask the watcher again after the tasks: a task may write files, but a file does not start a task.
    return (
        emu.watcher.wait_idle(timeout_s, ids) and emu.tasks.wait_idle(timeout_s, ids) and emu.watcher.wait_idle(0, ids)
    )


def not_idle_response(emu: Runtime, project_id: str | None = None) -> Response:
    """Build a 504 that lists the open work and names held tasks."""
    work = _open_work(emu, project_id)
    error = ApiError(NOT_IDLE, _describe(work))
    body = NotIdleResponse(error_code=NOT_IDLE.code, error_msg=error.message, open=work)
    return Response(msgspec.json.encode(body), NOT_IDLE.status, content_type="application/json")


def describe_open_work(emu: Runtime, project_id: str | None = None) -> str:
    """Describe the open work of one project, or of all, in one line."""
    return _describe(_open_work(emu, project_id))


def _ids(emu: Runtime, project_id: str | None) -> set[str] | None:
    return None if project_id is None else {entry.record.id for entry in emu.store.entries(project_id)}


def _open_work(emu: Runtime, project_id: str | None) -> OpenWork:
    ids = _ids(emu, project_id)
    tasks = [task for task in _open_tasks(emu) if ids is None or task.dataset_id in ids]
    return OpenWork(pending_events=emu.watcher.pending_of(ids), tasks=tasks)


def _describe(work: OpenWork) -> str:
    parts = []
    if work.pending_events:
        parts.append(f"{work.pending_events} datasets have file changes that are not processed yet")
    for task in work.tasks:
        reason = f" is held before {task.held_before}: /_emulator/transitions releases it" if task.held_before else ""
        parts.append(f"{task.kind} of dataset {task.dataset_id}{reason}")
    return "; ".join(parts)[:2000] or "idle now (was busy at the deadline)"


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
