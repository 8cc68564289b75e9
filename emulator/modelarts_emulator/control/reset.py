"""``POST /_emulator/reset``: return to the state of an empty emulator, or of an empty project."""

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
from modelarts_emulator.obs.folders import remove_tree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import DatasetRecord, DoesNotExist

# Seconds to wait for tasks: a task whose dataset was deleted ends at its next step.
_TASKS_S = 30.0


class ResetQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select the project to delete; without one, everything is deleted."""

    project_id: str | None = None
    """Project to empty; everything without it."""
    objects: bool = True
    """Whether objects are deleted too: buckets and uploads, or the output of a project's datasets."""


class ResetResponse(msgspec.Struct, kw_only=True):
    """Number of deleted datasets and buckets."""

    datasets: int
    """Number of datasets."""
    buckets: int
    """Number of buckets; 0 for a single project."""


class ResetControl:
    """The endpoint ``/_emulator/reset``."""

    def __init__(self, emu: Runtime, log: RequestLog, faults: Faults, gate: RequestGate) -> None:
        self._emu, self._log, self._faults, self._gate = emu, log, faults, gate

    def reset(self, query: ResetQuery) -> ResetResponse:
        """Delete all datasets, teams and objects; clear request log, faults and transitions; reset clock and ids.

        Mounted folders keep their files, except the output of datasets below their work paths. Tokens and snapshots
        are kept. With a project only its datasets, their output and its teams are deleted, its requests forgotten, and
        the faults and transition rules that name it removed; buckets, input files, clock and id generator are shared
        by all projects and stay as they are.
        """
        with self._gate.exclusive():
            self._faults.clear(query.project_id)
            deleted = delete_datasets(self._emu, query.project_id)
            # After the deletion: a held task that is released finds its dataset gone and ends, instead of going on.
            if query.project_id is None:
                self._emu.transitions.clear()
            else:
                self._emu.transitions.put({}, query.project_id)
            self._emu.inference.clear(query.project_id)
            self._emu.teams.replace(self._emu.teams.data.without(query.project_id))
            buckets = self._remove_objects(deleted, query) if query.objects else 0
            self._log.clear(query.project_id)
            if query.project_id is None:
                self._emu.clock.real()
                self._emu.ids.seed(None)
        return ResetResponse(datasets=len(deleted), buckets=buckets)

    def _remove_objects(self, deleted: Collection[DatasetRecord], query: ResetQuery) -> int:
        for record in deleted:
            remove_output(self._emu, record)
        return remove_buckets(self._emu) if query.project_id is None else 0


def delete_datasets(emu: Runtime, project_id: str | None) -> list[DatasetRecord]:
    """Delete the datasets of a project, or all, and wait for their tasks; files stay. Return the deleted records."""
    records = [entry.record for entry in emu.store.entries(project_id)]
    for record in records:
        emu.unwatch(record.id)
        with suppress(DoesNotExist):
            emu.store.delete(record.id)
        emu.synchronizer.pending.discard(record.id)
    emu.transitions.recheck()
    emu.tasks.wait_idle(_TASKS_S, {record.id for record in records})
    return records


def remove_output(emu: Runtime, record: DatasetRecord) -> None:
    """Remove the output folder of a dataset, and its work path if that is empty afterwards."""
    with suppress(ApiError, OSError):
        remove_tree(emu.tree, ObsPath.parse(record.inner_work_path))


def remove_buckets(emu: Runtime) -> int:
    """Remove all buckets except mounted folders, and unfinished uploads. Return the number of buckets."""
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
