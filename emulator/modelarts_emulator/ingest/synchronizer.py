"""Keeps datasets in step with their input directories: start-up, watcher, ``sync-data`` and imports come here.

Events of the watcher are only hints: a synchronization compares the object tree with the store.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Sequence

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.ingest.sync_files import FileSync, OnProgress, SyncResult
from modelarts_emulator.ingest.sync_lines import LineSync
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.store import DatasetRecord, Store


class Synchronizer:
    """Synchronizes datasets, each by one thread at a time."""

    def __init__(self, store: Store, tree: ObjectTree) -> None:
        self._store, self._tree = store, tree
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._whole_only: set[str] = set()
        """Datasets that must be compared as a whole: links in their input, or an earlier failure."""
        self.pending: set[str] = set()
        """Datasets whose input has changed but is not compared before ``sync-data``, with ``sync: manual``."""
        self.compared: dict[str, int] = {}
        """For each dataset, the number of objects that the latest comparison has reached; shown at start-up."""

    def lock(self, dataset_id: str) -> threading.Lock:
        """Return the lock that keeps a dataset from being synchronized while it is held."""
        return self._locks[dataset_id]

    def forget(self, dataset_id: str) -> None:
        """Drop locks, pending changes and comparison results of a deleted dataset."""
        self._locks.pop(dataset_id, None)
        self._whole_only.discard(dataset_id)
        self.pending.discard(dataset_id)
        self.compared.pop(dataset_id, None)

    def list_inputs(self, record: DatasetRecord, *, keep: bool = True) -> Listing:
        """Return a listing of a dataset's input directories; nothing is walked yet."""
        return self.list_directories(input_directories(record), keep=keep)

    def list_directories(self, directories: Sequence[ObsPath], *, keep: bool = True) -> Listing:
        """Return a listing of directories, without the work paths of datasets; nothing is walked yet."""
        return Listing(self._tree, directories, self._store.work_paths, keep=keep)

    def synchronize(
        self,
        dataset_id: str,
        on_progress: OnProgress = lambda done: None,
        *,
        paths: Collection[str] | None = None,
        listing: Listing | None = None,
    ) -> SyncResult:
        """Compare a dataset with its input directories and apply the differences.

        With ``paths``, resolved local files and folders, only these are compared. ``listing`` is a listing of the
        input directories that the caller has made already. ``on_progress`` is called again and again with the number
        of objects compared. Raises: ApiError or OSError if a directory cannot be read (no sample is removed then),
        DoesNotExist if the dataset has been deleted.
        """
        with self._locks[dataset_id]:
            record = self._store.entry(dataset_id).record
            self.pending.discard(dataset_id)
            is_part = paths is not None and dataset_id not in self._whole_only
            self._whole_only.add(dataset_id)  # until this comparison has succeeded
            listing = listing or self.list_inputs(record, keep=False)
            if DATASET_TYPES[record.type].unit == "file":
                sync = FileSync(self._store, self._tree, record, listing, on_progress)
                result = sync.run_at(paths) if is_part and paths is not None else None
                result = result or sync.run()
            else:
                result = LineSync(self._store, self._tree, record).run(listing)
            if not listing.has_links:
                self._whole_only.discard(dataset_id)
            return result
