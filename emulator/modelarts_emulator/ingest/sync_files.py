"""Bring a dataset in step with its input directories. Start-up, watcher and ``sync-data`` all come here.

Events are only hints: this compares what lies on disk with what the store knows. New objects become samples, vanished
ones go, changed ones get new size, time and picture size and keep their labels. Doing it twice changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES, DatasetTypeTraits
from modelarts_emulator.contract.errors import PATH_NOT_FOUND, ApiError
from modelarts_emulator.ingest.adaptive_pool import AdaptivePool
from modelarts_emulator.ingest.sync_lines import LineSync
from modelarts_emulator.media.images import read_header_of
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.obs.walk import ObjectEntry
from modelarts_emulator.samples.factory import file_sample
from modelarts_emulator.store import DatasetRecord, DatasetWriter, SampleRecord, Selection, Store, fingerprint
from modelarts_emulator.system.open_files import is_open_for_writing, open_nonblocking
from modelarts_emulator.util.ids import sample_id

log = logging.getLogger(__name__)

# How many samples one atomic group of the journal holds: many share its fsync, and progress can still be seen.
BATCH = 1_000

Progress = Callable[[int], None]


class Outcome(NamedTuple):
    """What a reconciliation did, in samples."""

    added: int = 0
    changed: int = 0
    removed: int = 0

    def __str__(self) -> str:
        return f"{self.added} samples added, {self.changed} changed, {self.removed} removed"


def reconcile(
    store: Store,
    tree: ObjectTree,
    record: DatasetRecord,
    directories: Sequence[ObsPath],
    outputs: Sequence[ObsPath],
    *,
    progress: Progress = lambda done: None,
    paths: Collection[str] | None = None,
    on_link: Callable[[], None] = lambda: None,
) -> Outcome:
    """Compare and apply. Nothing below ``outputs``, where datasets write, is a sample.

    ``paths`` are resolved places on disk, files or folders: nothing else need be looked at. That holds only for a
    dataset in whose input there are no links, and ``on_link`` is called where there are.

    Raises ApiError (BUCKET_NOT_FOUND, PATH_INVALID) and OSError where a directory cannot be read: what lies there is
    then unknown rather than gone, and no sample is removed.
    """
    reconciliation = _Reconciliation(store, tree, record, progress, on_link)
    outcome = None if paths is None else reconciliation.run_at(paths, directories, outputs)
    return reconciliation.run(directories, outputs) if outcome is None else outcome


class _Reconciliation:
    def __init__(
        self,
        store: Store,
        tree: ObjectTree,
        record: DatasetRecord,
        progress: Progress,
        on_link: Callable[[], None],
    ) -> None:
        self.store, self.tree, self.record = store, tree, record
        self.progress, self.on_link = progress, on_link
        self.kind: DatasetTypeTraits = DATASET_TYPES[record.type]
        self.looked_at = 0
        self.seen: set[str] = set()
        """The samples of objects that are new or different."""
        self.unseen: set[int] = set()
        """The fingerprints of objects that have not been met yet; what is as it was is met by its fingerprint."""
        self.added = self.changed = 0

    def run(self, directories: Sequence[ObsPath], outputs: Sequence[ObsPath]) -> Outcome:
        if self.kind.unit != "file":
            lines = LineSync(self.store, self.tree, self.record)
            lines.follow([entry for directory in directories for entry in self._entries(directory, outputs)])
            return Outcome(lines.added, lines.changed, lines.removed)
        with self.store.reading(self.record.id) as dataset:
            self.unseen = dataset.fingerprints()
        for directory in directories:
            self._apply(self._changed(self._entries(directory, outputs)))
        removed = self._remove_vanished(self._missing(), directories)
        return Outcome(self.added, self.changed, removed)

    def run_at(
        self, paths: Collection[str], directories: Sequence[ObsPath], outputs: Sequence[ObsPath]
    ) -> Outcome | None:
        """Compare only what lies at some places; None where that does not tell all."""
        if self.kind.unit != "file":
            return None
        names: set[str] = set()
        for directory in directories:
            if not self._is_readable(directory):
                return None
            folder = f"{self.tree.local(directory)}/"
            inner = [path[len(folder) :] for path in paths if path.startswith(folder)]
            entries = self.tree.walk_at(directory, inner, skip=_skipped(outputs, directory), on_link=self.on_link)
            if entries is None:
                return None
            self._apply(entry for entry in entries if self.kind.holds(entry.path))
            names.update(directory.object_name + each for each in inner)
        removed = self._remove_vanished(self._missing_at(names), directories)
        return Outcome(self.added, self.changed, removed)

    def _entries(self, directory: ObsPath, outputs: Sequence[ObsPath]) -> Iterator[ObjectEntry]:
        """The files of a directory that hold samples."""
        if not self._is_readable(directory):
            return
        for entry in self.tree.walk(directory, skip=_skipped(outputs, directory), on_link=self.on_link):
            if self.kind.holds(entry.path):
                yield entry

    def _is_readable(self, directory: ObsPath) -> bool:
        """Whether there is a directory to walk; a missing one is empty, a missing bucket is an error."""
        try:
            self.tree.require_directory(directory)
        except ApiError as error:
            if error.error is not PATH_NOT_FOUND:
                raise
            return False
        return True

    def _apply(self, entries: Iterable[ObjectEntry]) -> None:
        stale = self._stale(entries)
        with AdaptivePool() as readers:
            while batch := list(islice(stale, BATCH)):
                # Files are read before the dataset's lock is taken.
                self._put(readers.map(self._fresh, batch))

    def _changed(self, entries: Iterable[ObjectEntry]) -> Iterator[ObjectEntry]:
        """Leave out the objects that are as they were: a hot loop, over everything there is."""
        unseen = self.unseen
        for entry in entries:
            self.looked_at += 1
            path, size, mtime_ns, _ = entry
            met = fingerprint(path, size, mtime_ns)
            if met in unseen:
                unseen.remove(met)
            else:
                yield entry

    def _stale(self, entries: Iterable[ObjectEntry]) -> Iterator[tuple[str, ObjectEntry]]:
        """The samples that the store does not have as they are on disk."""
        with self.store.reading(self.record.id) as dataset:
            for entry in entries:
                identity = sample_id(self.record.id, entry.path)
                self.seen.add(identity)
                known = dataset.signature(identity)
                if known != fingerprint(*entry[:3]):
                    yield identity, entry

    def _put(self, fresh: Sequence[SampleRecord | None]) -> None:
        with self.store.writing(self.record.id) as dataset:
            for sample in fresh:
                if sample is not None:
                    self._merge(dataset, sample)
        self.progress(self.looked_at)

    def _fresh(self, stale: tuple[str, ObjectEntry]) -> SampleRecord | None:
        """The sample of an object; None while it is being written: the end of the writing leads here again."""
        identity, entry = stale
        sample = file_sample(identity, self.kind, entry.path, entry.size, entry.mtime_ns)
        try:
            with open_nonblocking(entry.local) as file:
                if is_open_for_writing(file.fileno()):
                    return None
                sample.shape = read_header_of(file) if sample.type == 0 else None
        except FileNotFoundError:
            return None  # its end leads here again, too
        except OSError as error:
            log.warning("%s cannot be read: %s", sample.path, error.strerror)
        if sample.type == 0 and sample.shape is None:
            log.warning("%s is no picture that can be read: it becomes a sample without size", sample.path)
        return sample

    def _merge(self, dataset: DatasetWriter, sample: SampleRecord) -> None:
        known = dataset.get(sample.id, deleted=True)
        if known is None:
            self.added += 1
            dataset.put_sample(sample)
        elif known.deleted:
            # Deleted through the API: it stays deleted while the object is the one that was deleted.
            if known.signature != sample.signature and self._is_there(sample):
                self.added += 1
                dataset.put_sample(sample)
        elif known.signature != sample.signature:
            self.changed += 1
            dataset.put_sample(_updated(known, sample))

    def _is_there(self, sample: SampleRecord) -> bool:
        stat = self.tree.stat(ObsPath.parse("/" + sample.path))
        return stat is not None and (stat.size, stat.mtime_ns) == sample.signature

    def _missing(self) -> list[str]:
        """The samples that have not been seen."""
        with self.store.reading(self.record.id) as dataset:
            return [identity for identity in dataset.ids_of(self.unseen) if identity not in self.seen]

    def _missing_at(self, names: Collection[str]) -> list[str]:
        """The samples of these objects, and of those below them, that have not been seen."""
        known = {sample_id(self.record.id, name) for name in names}
        folders = {f"{name}/" for name in names}
        with self.store.reading(self.record.id) as dataset:
            for directory in dataset.directories():
                if any(above in folders for above in _and_above(directory)):
                    known.update(sample.id for sample in dataset.select(Selection(directory=directory)))
        return [identity for identity in known if identity not in self.seen]

    def _remove_vanished(self, missing: Sequence[str], directories: Sequence[ObsPath]) -> int:
        """Remove those samples whose objects are gone; return how many."""
        if not missing:
            return 0
        with self.store.reading(self.record.id) as dataset:
            gone = [identity for identity in missing if self._is_gone(dataset.get(identity), directories)]
        if not gone:
            return 0
        removed = 0
        with self.store.writing(self.record.id) as dataset:
            for identity in gone:
                # Uploaded again since it was looked at? The check is repeated where nothing can come between.
                if self._is_gone(dataset.get(identity), directories):
                    dataset.remove_sample(identity)
                    removed += 1
        return removed

    def _is_gone(self, sample: SampleRecord | None, directories: Sequence[ObsPath]) -> bool:
        if sample is None:
            return False  # a tombstone, or removed meanwhile
        path = ObsPath.parse("/" + sample.path)
        return not any(directory.contains(path) for directory in directories) or self.tree.stat(path) is None


def _skipped(outputs: Iterable[ObsPath], directory: ObsPath) -> list[ObsPath]:
    """The outputs that are left out of a directory; one that the directory itself lies in is none."""
    return [path for path in outputs if not path.contains(directory)]


def _and_above(directory: str) -> Iterator[str]:
    """A directory ``bucket/a/b/`` and those that it lies in, up to the bucket's."""
    end = len(directory)
    while end > 0:
        yield directory[:end]
        end = directory.rfind("/", 0, end - 1) + 1


def _updated(known: SampleRecord, fresh: SampleRecord) -> SampleRecord:
    """The known sample with what the changed object says of itself; labels and everything of the user's stay."""
    return msgspec.structs.replace(
        known, time=fresh.time, size=fresh.size, signature=fresh.signature, shape=fresh.shape
    )
