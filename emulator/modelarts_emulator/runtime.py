"""The parts of a running emulator, built once by the application and passed to whatever needs them; no globals."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.errors import DATASET_NOT_FOUND, UNAVAILABLE, ApiError
from modelarts_emulator.exceptions import UsageError
from modelarts_emulator.iam.signatures.url import UrlSigner
from modelarts_emulator.iam.signing_key import SIGNING_KEY_FILE, SigningKey, new_signing_key, stored_signing_key
from modelarts_emulator.inference.script import InferenceScripts
from modelarts_emulator.ingest.pending_files import complete_pending_files
from modelarts_emulator.ingest.synchronizer import Synchronizer
from modelarts_emulator.jobs.pool import TaskPool
from modelarts_emulator.jobs.recovery import fail_interrupted_tasks, succeeded_outputs
from modelarts_emulator.jobs.task_run import TaskRunner
from modelarts_emulator.jobs.transitions import Transitions
from modelarts_emulator.jobs.undo_log import roll_back
from modelarts_emulator.obs.metadata import MetadataStore
from modelarts_emulator.obs.metadata_file import METADATA_FILE
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.samples.deletion import SourceRemoval
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.store import (
    TEAMS_FILE,
    DatasetRecord,
    DoesNotExist,
    Durability,
    ExpectedFiles,
    Store,
    TeamStore,
)
from modelarts_emulator.system.temporary_folder import TemporaryFolder
from modelarts_emulator.util.clock import AdjustableClock, Clock
from modelarts_emulator.util.ids import Ids
from modelarts_emulator.watch.registry import WatchMode
from modelarts_emulator.watch.watcher import CompareLater, Watcher

log = logging.getLogger(__name__)

FIRST_SCAN_TIMEOUT_S = 24 * 60 * 60
"""Only keeps an unreachable disk from blocking the start for ever."""


class Runtime:
    """Store, object tree, watcher, tasks, clock and ids of one running emulator.

    ``clock`` and ``ids`` can be replaced in tests. Call :meth:`start` before use and :meth:`stop` afterwards.
    """

    def __init__(self, settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.settings = settings
        self.clock = AdjustableClock(clock)
        self.ids = ids or Ids()
        self._temporary = TemporaryFolder(settings.temporary_dir) if settings.data_dir is None else None
        durability = Durability(settings.durability)
        try:
            self.store = Store(
                settings.data_dir,
                clock=self.clock,
                durability=durability,
                max_loaded_samples=settings.max_loaded_samples,
            )
        except BaseException:
            self._remove_temporary()
            raise
        self.root = self._temporary.path if self._temporary else Path(settings.data_dir or "")
        fsync = durability is Durability.FULL
        expected = ExpectedFiles(self.root if settings.data_dir else None, fsync=fsync)
        expected.report_missing()
        self.teams = self._team_store(partial(expected.add, TEAMS_FILE), fsync=fsync)
        (self.root / "obs").mkdir(exist_ok=True)
        self.tree = ObjectTree(self.root / "obs", settings.buckets, fsync=fsync, clock=self.clock)
        self.metadata = MetadataStore(self.root / METADATA_FILE if settings.data_dir else None)
        self.signing_key = self._signing_key()
        expected.add(METADATA_FILE, SIGNING_KEY_FILE)
        self.signer = UrlSigner(*self.signing_key, self.clock)
        self.tasks = TaskPool(max_open=settings.max_open_tasks)
        self.inference = InferenceScripts()
        self.transitions = Transitions(self._project_of, self.tasks.without_turn)
        self.runner = TaskRunner(self.store, self.tasks, self.transitions, self.clock)
        self.synchronizer = Synchronizer(self.store, self.tree)
        self.watcher = Watcher(
            self._input_changed, mode=WatchMode(settings.watch), poll_interval_s=settings.poll_interval
        )
        self.stopping = threading.Event()
        """Set when the emulator stops; threads that wait for something else wake up then."""
        self.ready = threading.Event()
        """Set while every input directory has been compared once and is watched."""
        self.stage = "starting"
        """The stage of the start that health reports: starting, scan, seed, demo, init, ready; or stopping."""
        self.started_s = time.monotonic()
        """The start on the monotonic clock: the uptime does not follow the adjustable clock."""

    def start(self, stage: str = "ready") -> None:
        """Repair interrupted datasets, compare every input directory, and watch them.

        Sets ``ready``, and then ``stage``.
        """
        self.stage = "scan"
        try:
            self.watcher.start()
        except OSError as error:
            why = error.strerror or error
            raise UsageError(f"--watch {self.settings.watch} is not possible here: {why}") from error
        self.resume()
        self.watcher.flush(FIRST_SCAN_TIMEOUT_S)
        self.ready.set()
        self.stage = stage

    def resume(self) -> None:
        """Fail the tasks that a crash has interrupted, roll back their files, and watch every dataset's input."""
        unfinished: list[str] = []
        recovered = self.store.pop_recovered()
        for dataset_id in sorted(recovered):
            complete_pending_files(self.store, self.tree, dataset_id)
        for entry in self.store.entries():
            has_failed = fail_interrupted_tasks(self.store, entry.record.id, self.clock)
            # A task that has ended may have left its undo log: the process ended before removing it.
            if has_failed or entry.record.id in recovered:
                unfinished += roll_back(self.tree, entry.record, succeeded_outputs(self.store, entry.record.id))
        for dataset_id in unfinished:
            with suppress(DoesNotExist):
                self.store.delete(dataset_id)
        for entry in self.store.entries():
            try:
                self.watch(entry.record)
            except ApiError as error:  # a symbolic link that leaves the bucket, for example; the dataset stays usable
                log.warning("Cannot watch the input of dataset %s: %s", entry.record.id, error.message)

    def release_waits(self) -> None:
        """Wake up every thread that waits, because the emulator is stopping."""
        self.stopping.set()
        self.transitions.stop()

    def stop(self) -> None:
        """Stop tasks and watcher, write the store to disk, and remove temporary files."""
        self.release_waits()
        self.ready.clear()
        self.stage = "stopping"
        self.tasks.stop()
        self.watcher.stop()
        self.store.close()
        self.metadata.close()
        self._remove_temporary()

    def require_dataset(self, project_id: str, dataset_id: str) -> DatasetRecord:
        """Return the metadata of a dataset. Raises DATASET_NOT_FOUND, also for a dataset of another project."""
        try:
            record = self.store.entry(dataset_id).record
        except DoesNotExist:
            raise ApiError(DATASET_NOT_FOUND, dataset_id) from None
        if record.project_id != project_id:
            raise ApiError(DATASET_NOT_FOUND, dataset_id)
        return record

    def watch(self, record: DatasetRecord, *, compare: bool = True) -> None:
        """Watch the input directories of a dataset. Raises PATH_INVALID.

        Without ``compare`` the caller compares them itself, after ``wait_watched``.
        """
        directories = [self.tree.expected_local(path) for path in input_directories(record)]
        self.watcher.watch(record.id, directories, call_first=compare)

    def wait_watched(self, dataset_id: str, timeout_s: float) -> None:
        """Wait until a dataset's input is watched, so that a comparison that starts now misses no change.

        After the time-out the watcher compares the input itself as soon as it is watched.
        """
        self.watcher.wait_placed(dataset_id, timeout_s)

    def unwatch(self, dataset_id: str) -> None:
        """Stop watching a dataset's input, and drop the results of its comparison."""
        self.watcher.unwatch(dataset_id)
        self.synchronizer.forget(dataset_id)

    def source_removal(self, dataset_id: str) -> SourceRemoval:
        """Return the object that removes the files of samples that a change deletes."""
        return SourceRemoval(self.store, self.tree, dataset_id, self.clock, self.settings.max_deleted_samples)

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset; the objects of its samples stay. Raises DoesNotExist, OSError."""
        self.unwatch(dataset_id)
        self.store.delete(dataset_id)

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no change of a file is pending and no task is open. Returns False after the time-out."""
        return (
            self.watcher.wait_idle(timeout_s) and self.tasks.wait_idle(timeout_s) and self.watcher.wait_idle(timeout_s)
        )

    def _project_of(self, dataset_id: str) -> str | None:
        try:
            return self.store.entry(dataset_id).record.project_id
        except DoesNotExist:
            return None

    def _input_changed(self, dataset_id: str, paths: Collection[str] | None) -> None:
        """Compare a dataset with changed files, on the watcher's thread; with manual synchronization, only mark it.

        Raises CompareLater.
        """
        synchronizer = self.synchronizer
        if not self.settings.automatic:
            synchronizer.pending.add(dataset_id)
            return
        try:
            result = synchronizer.synchronize(
                dataset_id, lambda done: synchronizer.compared.update({dataset_id: done}), paths=paths
            )
        except DoesNotExist:
            return  # deleted concurrently
        except ApiError as error:
            if self._project_of(dataset_id) is None:
                return  # deleted concurrently, and its bucket after it
            if error.error is UNAVAILABLE:
                raise CompareLater(f"Cannot read the input of dataset {dataset_id}: {error.message}") from error
            log.warning("Cannot read the input of dataset %s: %s", dataset_id, error.message)
            return
        if result.added or result.changed or result.removed:
            log.info("Dataset %s: %s", dataset_id, result)

    def _team_store(self, on_written: Callable[[], None], *, fsync: bool) -> TeamStore:
        path = self.root / TEAMS_FILE if self.settings.data_dir else None
        if path is not None and path.exists():
            on_written()  # by an earlier release, which expected no file
        return TeamStore(path, fsync=fsync, now_ms=self.clock.now_ms(), on_written=on_written)

    def _signing_key(self) -> SigningKey:
        """Return access key and secret for signed URLs; stored, so that a URL stays valid after a restart."""
        if self.settings.data_dir is None:
            return new_signing_key(self.ids)
        return stored_signing_key(Path(self.settings.data_dir) / SIGNING_KEY_FILE, self.ids)

    def _remove_temporary(self) -> None:
        if self._temporary:
            self._temporary.remove()
