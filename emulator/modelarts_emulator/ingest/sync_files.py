"""Synchronization of datasets whose samples are whole files: compare the objects with the stored samples.

Objects are new, changed, unchanged or gone. Unchanged ones are recognized by a fingerprint of path, size and time,
without reading them; doing it twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import PATH_NOT_FOUND, ApiError
from modelarts_emulator.contract.wire import SampleType
from modelarts_emulator.ingest.adaptive_pool import AdaptivePool
from modelarts_emulator.ingest.merge import Candidate, merge_sync
from modelarts_emulator.ingest.object_listing import Listing
from modelarts_emulator.ingest.pipeline import Outcome, run_pipeline
from modelarts_emulator.media.images import read_header_of
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.samples.factory import file_sample
from modelarts_emulator.store import DatasetRecord, SampleRecord, Selection, Store, fingerprint
from modelarts_emulator.system.open_files import is_open_for_writing
from modelarts_emulator.util.ids import sample_id

log = logging.getLogger(__name__)

OnProgress = Callable[[int], None]
"""Is called again and again with the number of objects that have been compared."""


class SyncResult(NamedTuple):
    """The number of samples that a synchronization has added, changed and removed."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added} samples added, {self.changed} changed, {self.removed} removed"


class FileSync:
    """One synchronization of one dataset. Raises ApiError or OSError if a directory cannot be read.

    A directory that cannot be read raises rather than counts as empty, so that its samples are not removed.
    """

    def __init__(
        self, store: Store, tree: ObjectTree, record: DatasetRecord, listing: Listing, on_progress: OnProgress
    ) -> None:
        self._store, self._tree, self._record = store, tree, record
        self._listing, self._on_progress = listing, on_progress
        self._traits = DATASET_TYPES[record.type]
        self._compared = 0
        self._met: set[str] = set()
        """The ids of samples whose objects are new or changed."""
        self._unmet: set[int] = set()
        """The fingerprints of stored samples whose objects have not been met yet."""
        self._is_new = False
        """Whether the dataset had no samples at the start: then no object needs to be looked up."""
        self._added = self._changed_count = 0

    def run(self) -> SyncResult:
        """Compare all objects below the input directories."""
        with self._store.reading(self._record.id) as dataset:
            self._unmet = dataset.fingerprints()
        self._is_new = not self._unmet
        for directory in self._listing.directories:
            if is_readable(self._tree, directory):
                holds = self._traits.holds
                entries = (entry for entry in self._listing.entries(directory) if holds(entry.path))
                self._merge(entries)
        return self._result(self._missing())

    def run_at(self, paths: Collection[str]) -> SyncResult | None:
        """Compare only the objects at these resolved local paths, and below them.

        Returns None if symbolic links are involved: the same object then has several paths.
        """
        names: set[str] = set()
        for directory in self._listing.directories:
            if not is_readable(self._tree, directory):
                return None
            folder = f"{self._tree.local(directory)}/"
            inner = [path[len(folder) :] for path in paths if path.startswith(folder)]
            entries = self._listing.entries_at(directory, inner)
            if entries is None:
                return None
            self._merge(entry for entry in entries if self._traits.holds(entry.path))
            names.update(directory.object_name + each for each in inner)
        return self._result(self._missing_at(names))

    def _result(self, missing: Sequence[str]) -> SyncResult:
        return SyncResult(self._added, self._changed_count, self._remove_vanished(missing))

    def _merge(self, entries: Iterable[ObjectEntry]) -> None:
        with AdaptivePool() as pool:
            run_pipeline(
                self._store,
                self._record.id,
                self._stale(entries),
                lambda batch: [found for found in pool.map(self._resolve, batch) if found is not None],
                partial(merge_sync, is_current=self._is_current),
                self._count,
            )

    def _stale(self, entries: Iterable[ObjectEntry]) -> Iterator[tuple[str, ObjectEntry]]:
        """Return the objects whose stored samples differ or are missing, each with its sample id.

        This loop runs over every object, so it is kept flat.
        """
        unmet, is_new, dataset_id = self._unmet, self._is_new, self._record.id
        with self._store.reading(dataset_id) as dataset:
            for entry in entries:
                self._compared += 1
                path, size, mtime_ns, _ = entry
                found = fingerprint(path, size, mtime_ns)
                if found in unmet:  # unchanged
                    unmet.remove(found)
                    continue
                identity = sample_id(dataset_id, path)
                self._met.add(identity)
                if is_new or dataset.signature(identity) != found:
                    yield identity, entry

    def _resolve(self, unit: tuple[str, ObjectEntry]) -> Candidate | None:
        """Read an object. Returns None while it is being written or has vanished: another event follows then."""
        identity, entry = unit
        sample = file_sample(identity, self._traits, entry.path, entry.size, entry.mtime_ns)
        is_image = sample.type == SampleType.IMAGE
        try:
            with self._tree.open_entry(entry) as file:
                if is_open_for_writing(file.fileno()):
                    return None
                sample.shape = read_header_of(file) if is_image else None
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("Cannot read %s: %s", sample.path, error.strerror)
        if is_image and sample.shape is None:
            log.warning("Cannot read the image header of %s; its sample is added without size", sample.path)
        return Candidate(identity, sample)

    def _count(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.merged is None:
                continue
            if outcome.stored is None or outcome.stored.deleted:
                self._added += 1
            else:
                self._changed_count += 1
        self._on_progress(self._compared)

    def _is_current(self, sample: SampleRecord) -> bool:
        stat = self._tree.stat(ObsPath.of(sample.path))
        return stat is not None and (stat.size, stat.mtime_ns) == sample.signature

    def _missing(self) -> list[str]:
        """Return the ids of samples whose objects have not been met."""
        with self._store.reading(self._record.id) as dataset:
            return [identity for identity in dataset.ids_of(self._unmet) if identity not in self._met]

    def _missing_at(self, names: Collection[str]) -> list[str]:
        """Return the ids of samples of these objects, and of objects below them, that have not been met."""
        known = {sample_id(self._record.id, name) for name in names}
        folders = {f"{name}/" for name in names}
        with self._store.reading(self._record.id) as dataset:
            for directory in dataset.directories():
                if any(above in folders for above in _and_above(directory)):
                    known.update(sample.id for sample in dataset.select(Selection(directory=directory)))
        return [identity for identity in known if identity not in self._met]

    def _remove_vanished(self, missing: Sequence[str]) -> int:
        """Remove the samples whose objects are gone; return how many there were."""
        if not missing:
            return 0
        with self._store.reading(self._record.id) as dataset:
            gone = [identity for identity in missing if self._is_gone(dataset.get(identity))]
        if not gone:
            return 0
        removed = 0
        with self._store.writing(self._record.id) as dataset:
            for identity in gone:
                # Repeat the check under the lock: the object may have been uploaded again since the first one.
                if self._is_gone(dataset.get(identity)):
                    dataset.remove_sample(identity)
                    removed += 1
        return removed

    def _is_gone(self, sample: SampleRecord | None) -> bool:
        if sample is None:
            return False  # a tombstone, or removed concurrently
        path = ObsPath.of(sample.path)
        return not any(directory.contains(path) for directory in self._listing.directories) or (
            not self._tree.exists(path)
        )


def is_readable(tree: ObjectTree, directory: ObsPath) -> bool:
    """Return whether a directory exists; a missing one counts as empty. Raises BUCKET_NOT_FOUND, PATH_INVALID."""
    try:
        tree.require_directory(directory)
    except ApiError as error:
        if error.error is not PATH_NOT_FOUND:
            raise
        return False
    return True


def _and_above(directory: str) -> Iterator[str]:
    """Return a directory ``bucket/a/b/`` and the directories above it, up to the bucket's own."""
    end = len(directory)
    while end > 0:
        yield directory[:end]
        end = directory.rfind("/", 0, end - 1) + 1
