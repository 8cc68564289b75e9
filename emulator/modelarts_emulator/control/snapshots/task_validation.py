"""Check the tasks of a snapshot: operations answer with what a task has stored, so each member must have its type."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from modelarts_emulator.contract.exports import ExportTaskRequest, ExportTaskStatusResp
from modelarts_emulator.contract.imports import ImportTaskStatusResp
from modelarts_emulator.contract.intelligent_tasks import CreateIntelligentTaskRequest, RunningTask
from modelarts_emulator.contract.synchronization import SyncDataSourceStateResponse
from modelarts_emulator.contract.wire import ExportStatus, TaskStatus
from modelarts_emulator.inference.inference_job import STOPPED
from modelarts_emulator.store.records import TaskRecord

_REQUESTS: dict[str, tuple[type[msgspec.Struct], tuple[str, ...], tuple[str, ...]]] = {
    "import": (ImportTaskStatusResp, ("import_path", "import_type"), ("data_source",)),
    "export": (ExportTaskRequest, ("path", "export_format", "version_format"), ("export_type",)),
    "inference": (CreateIntelligentTaskRequest, ("task_type",), ("config", "model_id")),
}
"""For each kind of task: the type of the members that are answered, those always stored, and the others."""
_ANSWERS: dict[str, type[msgspec.Struct]] = {
    "sync": SyncDataSourceStateResponse,
    "import": ImportTaskStatusResp,
    "export": ExportTaskStatusResp,
    "inference": RunningTask,
}
"""For each kind of task: the answer whose members its counts are."""
_COUNT = re.compile(r"[a-z_]+_(count|size)")
_OWN_COUNTS = frozenset({"problem_count"})
"""Counts that no answer has."""


def require_task_content(task: TaskRecord) -> None:
    """Check status, times, counts and request of a task. Raises ValueError."""
    statuses = ExportStatus if task.kind == "export" else TaskStatus
    if task.status not in {each.value for each in statuses} | ({STOPPED} if task.kind == "inference" else set()):
        raise ValueError(f"unknown status {task.status[:80]!r}")
    if task.kind in _ANSWERS:
        known = _ANSWERS[task.kind].__struct_fields__
        for name, count in task.counts.items():
            if not (_COUNT.fullmatch(name) and (name in known or name in _OWN_COUNTS)) or count < 0:
                raise ValueError(f"unknown count {name[:80]!r}")
    if task.kind in _REQUESTS:
        _require_request(task.request, *_REQUESTS[task.kind])


def _require_request(
    request: dict[str, Any], kind: type[msgspec.Struct], always: tuple[str, ...], others: tuple[str, ...]
) -> None:
    for name in always:
        if request.get(name) is None:
            raise ValueError(f"the request has no {name}")
    try:
        msgspec.convert({name: request[name] for name in (*always, *others) if name in request}, kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"the request is not valid: {error}") from None
