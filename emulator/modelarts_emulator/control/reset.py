"""``POST /_emulator/reset``: as if nothing had ever been done, or nothing in one project."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.fault_injection import Faults
from modelarts_emulator.control.gate import RequestGate
from modelarts_emulator.control.request_log.log import RequestLog
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetRecord, Unknown

# A task that was told to end by the loss of its dataset notices at its next step.
_TASKS_S = 30.0


class ResetQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to go: one project, or everything; ``objects=false`` leaves the buckets alone."""

    project_id: str | None = None
    objects: bool = True


class ResetResponse(msgspec.Struct, kw_only=True):
    """What has gone."""

    datasets: int
    buckets: int


class ResetControl:
    """The endpoint."""

    def __init__(self, emu: Runtime, log: RequestLog, faults: Faults, gate: RequestGate) -> None:
        self._emu, self._log, self._faults, self._gate = emu, log, faults, gate

    def reset(self, query: ResetQuery) -> ResetResponse:
        """Delete all datasets, versions and tasks; buckets, uploads; request log, faults, transitions, clock and ids.

        Mounted folders keep their files, except what datasets have written below their work paths. Tokens and
        snapshots stay. Of one project go its datasets with what they have written, its requests, and the faults and
        transitions that name it; what is everybody's stays: buckets, sources, clock and ids.
        """
        with self._gate.exclusive():
            self._faults.clear(query.project_id)
            gone = delete_datasets(self._emu, query.project_id)
            # Only now: what is held goes no further than it has come, since its dataset is gone.
            if query.project_id is None:
                self._emu.transitions.clear()
            else:
                self._emu.transitions.put({}, query.project_id)
            buckets = self._remove_objects(gone, query) if query.objects else 0
            self._log.clear(query.project_id)
            if query.project_id is None:
                self._emu.clock.real()
                self._emu.ids.seed(None)
        return ResetResponse(datasets=len(gone), buckets=buckets)

    def _remove_objects(self, gone: Collection[DatasetRecord], query: ResetQuery) -> int:
        for record in gone:
            remove_output(self._emu, record)
        return remove_buckets(self._emu) if query.project_id is None else 0


def delete_datasets(emu: Runtime, project_id: str | None) -> list[DatasetRecord]:
    """Delete the datasets of a project, or all, and wait for their tasks; their files stay. Returns what there was."""
    records = [entry.record for entry in emu.store.entries(project_id)]
    for record in records:
        emu.unwatch(record.id)
        with suppress(Unknown):
            emu.store.delete(record.id)
        emu.pending_sync.discard(record.id)
    emu.transitions.recheck()
    emu.tasks.wait_idle(_TASKS_S, {record.id for record in records})
    return records


def remove_output(emu: Runtime, record: DatasetRecord) -> None:
    """Remove what a dataset has written, and its work path where that is empty then."""
    with suppress(ApiError, OSError):
        place = emu.tree.local(ObsPath.parse(record.inner_work_path))
        shutil.rmtree(place)
        place.parent.rmdir()


def remove_buckets(emu: Runtime) -> int:
    """Remove every bucket that is no mounted folder, with what is in it and what is being uploaded."""
    trash = emu.root / "snapshots" / ".removed"
    trash.mkdir(parents=True, exist_ok=True)
    folders = list((emu.root / "obs").iterdir())
    for number, folder in enumerate([*folders, emu.root / "uploads"]):
        with suppress(FileNotFoundError):
            folder.replace(trash / str(number))
    rows = [row for row in emu.metadata.rows() if row.path.partition("/")[0] in emu.settings.buckets]
    emu.metadata.replace(rows)
    shutil.rmtree(trash, ignore_errors=True)
    return sum(1 for folder in folders if not Path(folder).is_symlink())
