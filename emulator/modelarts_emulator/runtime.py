"""What an operation works with. Built once by the application, handed to every operation; no globals anywhere."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from modelarts_emulator.config.settings import Settings
from modelarts_emulator.contract.errors import DATASET_NOT_FOUND, ApiError
from modelarts_emulator.iam.signatures.url import UrlSigner
from modelarts_emulator.ingest.sync_files import Outcome, Progress, reconcile
from modelarts_emulator.jobs.pool import TaskPool
from modelarts_emulator.jobs.recovery import fail_interrupted_tasks, succeeded_outputs
from modelarts_emulator.jobs.transitions import Transitions
from modelarts_emulator.jobs.undo_log import roll_back
from modelarts_emulator.obs.metadata import MetadataStore
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store import DatasetRecord, Durability, Store, Unknown
from modelarts_emulator.util.clock import AdjustableClock, Clock
from modelarts_emulator.util.ids import Ids
from modelarts_emulator.util.lru import Lru
from modelarts_emulator.watch.watcher import Watcher

log = logging.getLogger(__name__)


# In how many forms answers are kept: other URLs, languages, pictures of another size.
MAX_ANSWER_VARIANTS = 4
# The first scan takes what it takes; this only keeps a dead disk from blocking for ever.
FIRST_SCAN_S = 24 * 60 * 60


class Runtime:
    """Store, object tree, watcher, tasks, clock and ids of one running emulator."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> None:
        self.settings = settings
        self.clock = AdjustableClock(clock)
        self.ids = ids or Ids()
        self._temporary = (
            tempfile.mkdtemp(prefix="modelarts-emulator-", dir=settings.temporary_dir)
            if settings.data_dir is None
            else None
        )
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
        self.root = Path(self._temporary or settings.data_dir or "")
        (self.root / "obs").mkdir(exist_ok=True)
        self.tree = ObjectTree(
            self.root / "obs", settings.buckets, fsync=durability is Durability.FULL, clock=self.clock
        )
        self.metadata = MetadataStore(self.root / "object-metadata.sqlite" if settings.data_dir else None)
        self.signing_key = self._signing_key()
        self.signer = UrlSigner(*self.signing_key, self.clock)
        self.tasks = TaskPool()
        self.transitions = Transitions(self._project_of, self.tasks.without_turn)
        self.stopping = threading.Event()
        """Set when the end has come: whoever waits for something goes on."""
        self.watcher = Watcher(self._input_changed)
        self.ready = threading.Event()
        self.stage = "starting"
        """The stage of the start that health reports: starting, scan, seed, demo, init, ready; or stopping."""
        self.answer_cache: Lru[Lru[msgspec.Raw]] = Lru(MAX_ANSWER_VARIANTS)
        """Samples as lists have answered with them, by the form of the answer and by document."""
        self.name_lock = threading.Lock()
        """Held while a dataset gets its name, so that no two get the same."""
        self.started_s = time.monotonic()
        """When it began, by the machine: how long it has been running does not follow the clock."""
        self.pending_sync: set[str] = set()
        """Datasets whose input may have changed and waits for ``sync-data``, where nothing is applied by itself."""
        self.scanned_counts: dict[str, int] = {}
        """How many objects of each dataset the watcher's latest look at its input has gone through."""
        self._outputs: dict[str, ObsPath] = {}
        """Where datasets write, by the text that says so: every look at a directory asks for all of them."""
        self._reconciling: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._to_look_at_whole: set[str] = set()
        """Datasets of which no part tells all: there are links in their input, or it could not be read."""

    def start(self, stage: str = "ready") -> None:
        """Mend what an earlier end interrupted, scan every input path, and watch them. Sets ``ready`` and the stage."""
        self.stage = "scan"
        self.watcher.start()
        self.resume()
        self.watcher.flush(FIRST_SCAN_S)
        self.stage = stage
        self.ready.set()

    def resume(self) -> None:
        """Mend what an end has interrupted in any dataset, and watch the input of each."""
        half_made: list[str] = []
        for entry in self.store.entries():
            if fail_interrupted_tasks(self.store, entry.record.id, self.clock):
                half_made += roll_back(self.tree, entry.record, succeeded_outputs(self.store, entry.record.id))
        for dataset_id in half_made:
            with suppress(Unknown):
                self.store.delete(dataset_id)
        for entry in self.store.entries():
            try:
                self.watch(entry.record)
            except ApiError as error:  # a link that has come meanwhile; the dataset stays as it was
                log.warning("Dataset %s does not follow its input: %s", entry.record.id, error.message)

    def release_waits(self) -> None:
        """Let whoever waits go on, since the end has come."""
        self.stopping.set()
        self.transitions.stop()

    def stop(self) -> None:
        """End tasks and watcher, write the store out, remove what is temporary."""
        self.release_waits()
        self.stage = "stopping"
        self.ready.clear()
        self.tasks.stop()
        self.watcher.stop()
        self.store.close()
        self.metadata.close()
        self._remove_temporary()

    def dataset(self, project_id: str, dataset_id: str) -> DatasetRecord:
        """A dataset's metadata. Raises DATASET_NOT_FOUND, also for a dataset of another project."""
        try:
            record = self.store.entry(dataset_id).record
        except Unknown:
            raise ApiError(DATASET_NOT_FOUND, dataset_id) from None
        if record.project_id != project_id:
            raise ApiError(DATASET_NOT_FOUND, dataset_id)
        return record

    def watch(self, record: DatasetRecord) -> None:
        """Watch a dataset's input directories. Raises ApiError (PATH_INVALID)."""
        self.watcher.watch(record.id, [self.tree.expected_local(path) for path in input_directories(record)])

    def unwatch(self, dataset_id: str) -> None:
        """Forget a dataset's input directories."""
        self.watcher.unwatch(dataset_id)
        self._reconciling.pop(dataset_id, None)
        self.scanned_counts.pop(dataset_id, None)
        self._to_look_at_whole.discard(dataset_id)

    def reconcile(
        self, dataset_id: str, progress: Progress = lambda done: None, paths: Collection[str] | None = None
    ) -> Outcome:
        """Bring a dataset in step with its input, one caller at a time. Raises ApiError, OSError, Unknown.

        ``progress`` hears, again and again, how many objects have been looked at. Where only some ``paths`` on disk
        have changed, no others are looked at.
        """
        whole = self._to_look_at_whole
        with self._reconciling[dataset_id]:
            record = self.store.entry(dataset_id).record
            self.pending_sync.discard(dataset_id)
            paths = None if dataset_id in whole else paths
            whole.add(dataset_id)  # until it has gone well
            links: list[None] = []
            outcome = reconcile(
                self.store,
                self.tree,
                record,
                input_directories(record),
                self.outputs(),
                progress=progress,
                paths=paths,
                on_link=lambda: links.append(None),
            )
            if not links:
                whole.discard(dataset_id)
            return outcome

    def sync_lock(self, dataset_id: str) -> threading.Lock:
        """The lock that keeps a dataset from being brought in step with its input, while held."""
        return self._reconciling[dataset_id]

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until neither watcher nor tasks have anything open. False when the time is over first."""
        return (
            self.watcher.wait_idle(timeout_s) and self.tasks.wait_idle(timeout_s) and self.watcher.wait_idle(timeout_s)
        )

    def outputs(self) -> list[ObsPath]:
        """Where datasets write: nothing below is a sample."""
        known = self._outputs
        places = (entry.record.inner_work_path for entry in self.store.entries())
        self._outputs = {place: known.get(place) or ObsPath.parse(place) for place in places}
        return list(self._outputs.values())

    def _project_of(self, dataset_id: str) -> str | None:
        try:
            return self.store.entry(dataset_id).record.project_id
        except Unknown:
            return None

    def _input_changed(self, dataset_id: str, paths: Collection[str] | None) -> None:
        if not self.settings.automatic:
            self.pending_sync.add(dataset_id)
            return
        try:
            outcome = self.reconcile(dataset_id, lambda done: self.scanned_counts.update({dataset_id: done}), paths)
        except Unknown:
            return  # deleted meanwhile
        except ApiError as error:
            if self._project_of(dataset_id) is None:
                return  # deleted meanwhile, and its bucket after it
            log.warning("Dataset %s: its input path cannot be read: %s", dataset_id, error.message)
            return
        if outcome.added or outcome.changed or outcome.removed:
            log.info("Dataset %s: %s", dataset_id, outcome)

    def _signing_key(self) -> tuple[str, str]:
        """Access key and secret of signed URLs; kept with the data, so that a URL outlives a restart."""
        if self.settings.data_dir is None:
            return self.ids.secret(20).upper(), self.ids.secret(40)
        path = Path(self.settings.data_dir) / "signing-key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(f"{self.ids.secret(20).upper()}:{self.ids.secret(40)}\n", "ascii")
        access_key, _, secret = path.read_text("ascii").strip().partition(":")
        return access_key, secret

    def _remove_temporary(self) -> None:
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)


def input_directories(record: DatasetRecord) -> list[ObsPath]:
    """Where a dataset's samples come from; a dataset without a data source keeps them in its own data folder."""
    paths = [ObsPath.directory(source.data_path) for source in record.data_sources if source.data_path]
    return paths or [ObsPath.directory(record.inner_work_path + "data/")]
