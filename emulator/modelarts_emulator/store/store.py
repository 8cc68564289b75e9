"""The store: all datasets of a data directory, each loaded when it is used.

Locks: ``_guard`` protects the table of entries and the index file. It is taken after a dataset's writer lock and before
its memory lock (see ``open_dataset``), and is not held while a dataset is loaded.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from functools import partial
from pathlib import Path

import msgspec

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.store import backup
from modelarts_emulator.store.daily_counts import with_daily_counts
from modelarts_emulator.store.dataset_entries import DatasetEntries, EntryPage, IndexEntry
from modelarts_emulator.store.directory import DataDirectory
from modelarts_emulator.store.files import Rows, read_tables, remove, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.journal import DocumentChange
from modelarts_emulator.store.loaded_cache import CacheKey, CacheLease, LoadedCache
from modelarts_emulator.store.maintenance_thread import MaintenanceThread
from modelarts_emulator.store.open_dataset import OpenDataset
from modelarts_emulator.store.reader import DatasetReader, SampleReader
from modelarts_emulator.store.records import Counts, DatasetRecord
from modelarts_emulator.store.version_samples import VersionSamples
from modelarts_emulator.store.work_paths import WorkPaths
from modelarts_emulator.store.writer import DatasetWriter
from modelarts_emulator.system.durability import replace_file
from modelarts_emulator.util.clock import Clock

log = logging.getLogger(__name__)


class Durability(str, Enum):
    """Extent to which a change survives: power loss (``full``), or only the end of the process (``process``)."""

    FULL = "full"
    PROCESS = "process"


class DoesNotExist(KeyError):
    """The dataset or version does not exist."""


_MAX_UNINDEXED = 100


class _ReadingContext:
    """A context manager that gives a reader of a dataset."""

    __slots__ = ("_lease",)

    def __init__(self, lease: CacheLease[OpenDataset]) -> None:
        self._lease = lease

    def __enter__(self) -> DatasetReader:
        return DatasetReader(self._lease.__enter__())

    def __exit__(self, *error: object) -> None:
        self._lease.__exit__()


class Store:
    """The datasets of one data directory, or of memory if ``root`` is None. Thread-safe.

    Example::

        store = Store(Path("data"), clock=SystemClock())
        with store.writing(dataset_id) as dataset:
            dataset.put_sample(sample)
        with store.reading(dataset_id) as dataset:
            print(dataset.counts.total)
        store.close()
    """

    def __init__(
        self,
        root: Path | None,
        *,
        clock: Clock,
        durability: Durability = Durability.FULL,
        max_loaded_samples: int = 2_000_000,
    ) -> None:
        """Open the data directory.

        Args:
            root: the directory, created if it is missing; None keeps everything in memory.
            clock: gives the day of daily counts and the times in names of quarantined files.
            durability: what an acknowledged change survives.
            max_loaded_samples: while more samples are in memory, the least recently used datasets and versions are
                evicted, unless they are in use.

        Raises:
            DataDirectoryInUse: another process uses the directory.
            FormatTooNew: a later release wrote a file.
            OSError: the directory cannot be read or created.
        """
        self._clock = clock
        self._fsync = durability is Durability.FULL
        self._max_loaded = max_loaded_samples
        self._guard = threading.RLock()
        self._entries = DatasetEntries()
        self._loaded = 0
        """The number of loaded samples, or more: values that are dropped are subtracted by the next eviction."""
        self._unindexed = 0
        """The number of datasets that were created or deleted since the index was written."""
        self._index_guard = threading.Lock()
        self._generations: dict[str, int] = {}
        self._recovered: set[str] = set()
        self._datasets: LoadedCache[OpenDataset] = LoadedCache(self._schedule_eviction)
        self._versions: LoadedCache[VersionSamples] = LoadedCache(self._schedule_eviction)
        self._maintenance = MaintenanceThread("store-maintenance")
        self._directory = DataDirectory(root, fsync=self._fsync) if root else None
        if self._directory:
            try:
                self._read_index(self._directory)
            except BaseException:
                self._directory.unlock()
                raise

    def close(self) -> None:
        """Write a checkpoint of each changed dataset, so that TinyDB can read the files, and unlock the directory."""
        self._maintenance.stop()
        for (dataset_id, _), dataset in self._datasets.items():
            try:
                dataset.checkpoint()
            except OSError as error:
                log.error(
                    "Checkpoint of dataset %s failed at shutdown (no data lost, journal kept): %s", dataset_id, error
                )
        with self._guard:
            self._write_index()
            for key, dataset in self._datasets.items():
                with suppress(OSError):  # every acknowledged change is on the disk already
                    dataset.close()
                self._datasets.forget(key)
            if self._directory:
                self._directory.unlock()

    def create(self, record: DatasetRecord, labels: Iterable[Label] = ()) -> None:
        """Add a dataset with these labels; it is durable when this returns. Raises OSError."""
        tables = {
            "dataset": [(1, msgspec.json.encode(record))],
            "labels": [(n, msgspec.json.encode(label)) for n, label in enumerate(labels, 1)],
        }
        if self._directory:
            self._directory.create(record, tables)
        else:
            dataset = OpenDataset(None, fsync=False)
            for name, rows in tables.items():
                dataset.apply(DocumentChange(name, number, msgspec.Raw(document)) for number, document in rows)
            self._datasets.put((record.id, None), dataset)
        with self._guard:
            self._entries.put(IndexEntry(record, Counts()))
        self._schedule_index()

    def delete(self, dataset_id: str) -> None:
        """Delete a dataset with all its versions.

        Raises:
            DoesNotExist: the dataset does not exist.
            OSError: the disk refuses; the dataset is unchanged.
        """
        with self._lease(dataset_id) as dataset, dataset.writer, self._guard:
            self.entry(dataset_id)  # a concurrent call may have deleted it
            # Closed first: Windows does not rename a folder with an open file in it.
            with suppress(OSError):
                dataset.close()
            try:
                hidden = self._directory.hide(dataset_id) if self._directory else None
            except OSError:
                dataset.reopen()
                raise
            dataset.is_deleted = True
            self._entries.pop(dataset_id)
            self._datasets.forget((dataset_id, None))
            for key, _ in self._versions.items():
                if key[0] == dataset_id:
                    self._versions.forget(key)
        self._schedule_index()
        if hidden:
            shutil.rmtree(hidden, ignore_errors=True)

    def entry(self, dataset_id: str) -> IndexEntry:
        """Return a dataset's metadata and counts without loading it. Raises DoesNotExist if it does not exist."""
        entry = self._entries.by_id.get(dataset_id)
        if entry is None:
            raise DoesNotExist(dataset_id)
        return entry

    def entries(self, project_id: str | None = None) -> list[IndexEntry]:
        """Return all datasets, or those of a project, without loading them."""
        entries = self._entries.all()
        return [entry for entry in entries if project_id is None or entry.record.project_id == project_id]

    def page(
        self, project_id: str, workspace_id: str, start: int, count: int, *, newest_first: bool
    ) -> EntryPage | None:
        """Return datasets of a workspace by their creation, as ``DatasetEntries.page``."""
        return self._entries.page(project_id, workspace_id, start, count, newest_first=newest_first)

    def has_name(self, project_id: str, name: str) -> bool:
        """Return whether a dataset of a project has this name."""
        return self._entries.has_name(project_id, name)

    @property
    def work_paths(self) -> WorkPaths:
        """The directories that datasets write to."""
        return self._entries.work_paths

    def pop_recovered(self) -> set[str]:
        """Return the datasets that the index did not describe when the directory was opened; only the first call does.

        Changes of these datasets may have been interrupted.
        """
        found, self._recovered = self._recovered, set()
        return {dataset_id for dataset_id in found if dataset_id in self._entries.by_id}

    def is_loaded(self, dataset_id: str) -> bool:
        """Return whether reading a dataset needs no disk access. True also for an unknown dataset."""
        return dataset_id not in self._entries.by_id or self._datasets.get((dataset_id, None)) is not None

    def reading(self, dataset_id: str) -> _ReadingContext:
        """Return a context manager that gives a :class:`DatasetReader`. Raises DoesNotExist if it does not exist."""
        return _ReadingContext(self._lease(dataset_id))

    @contextmanager
    def writing(self, dataset_id: str, *, durable: bool = True) -> Iterator[DatasetWriter]:
        """Give a :class:`DatasetWriter`; its changes are committed at the end of the context, all or none.

        They are durable when the context has ended; with ``durable`` False they survive the end of the process, and
        power loss only after a later change. An exception inside the context discards them.

        Raises:
            DoesNotExist: the dataset does not exist, or was deleted while this call waited for other writers.
            OSError: the disk refuses; nothing has changed.
        """
        with self._lease(dataset_id) as dataset:
            if dataset.journal_failed:
                dataset.checkpoint()
            with dataset.writer:
                if dataset.is_deleted:  # a new dataset may have the same id: the entry alone does not show this
                    raise DoesNotExist(dataset_id)
                writer = DatasetWriter(dataset)
                yield writer
                wait = self._commit(dataset_id, dataset, writer) if writer.is_changed else None
            if wait and durable:
                wait()
        if wait and dataset.wants_checkpoint:
            self._maintenance.schedule(("checkpoint", dataset_id), lambda: self._checkpoint_if_exists(dataset_id))

    def _commit(self, dataset_id: str, dataset: OpenDataset, writer: DatasetWriter) -> Callable[[], None] | None:
        before = dataset.samples.counts
        counted = with_daily_counts(writer.record, before, self._clock.now_ms())
        if counted is not None:
            writer.put_record(counted)
        changes = writer.changes()
        if not changes:
            return None
        wait = dataset.commit(changes)
        after = dataset.samples.counts
        self._entries.put(IndexEntry(dataset.record, after))
        if after.total > before.total:
            self._schedule_eviction(after.total - before.total)
        return wait

    # Versions

    @contextmanager
    def version(self, dataset_id: str, version_id: str) -> Iterator[SampleReader]:
        """Give a :class:`SampleReader` of the samples of a version. Raises DoesNotExist if it does not exist."""
        with self._lease_version(dataset_id, version_id) as found:
            yield SampleReader(found.index(), threading.Lock())

    def version_documents(self, dataset_id: str, version_id: str) -> list[bytes]:
        """Return the encoded samples of a version; faster than ``version``, which indexes them.

        Raises DoesNotExist if the version does not exist.
        """
        with self._lease_version(dataset_id, version_id) as found:
            return found.documents()

    def save_version(self, dataset_id: str, version_id: str, documents: Iterable[bytes]) -> None:
        """Write the samples of a version to its file, as a stream.

        Args:
            dataset_id: the dataset.
            version_id: the version.
            documents: encoded samples. Those that are the dataset's own objects share memory with it.

        Raises:
            DoesNotExist: the dataset does not exist.
            OSError: the disk refuses; no file is left.
        """
        rows = Rows([], [])
        with self._lease(dataset_id):
            collected = _collect(documents, rows)
            if self._directory:
                path = self._directory.version_file(dataset_id, version_id)
                path.parent.mkdir(exist_ok=True)
                write_tables(path, {"samples": collected}, fsync=self._fsync)
            else:
                for _ in collected:
                    pass
        self._versions.put((dataset_id, version_id), VersionSamples(rows))

    def delete_version(self, dataset_id: str, version_id: str) -> None:
        """Delete the samples of a version; no effect if there are none."""
        self._versions.forget((dataset_id, version_id))
        if self._directory:
            with suppress(FileNotFoundError):  # not an id that a file was written for
                remove(self._directory.version_file(dataset_id, version_id))

    # Checkpoints and backups

    def checkpoint(self, dataset_id: str) -> None:
        """Write a checkpoint of a dataset, so that its journal is empty. Raises DoesNotExist, OSError."""
        with self._lease(dataset_id) as dataset:
            dataset.checkpoint()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until no checkpoint or eviction is pending. Return False after ``timeout_s`` seconds."""
        return self._maintenance.wait_idle(timeout_s)

    def export(self, folder: Path) -> int:
        """Write a backup of every dataset into ``folder``; return the number of datasets.

        Each dataset is consistent in itself. A dataset that is deleted concurrently is skipped.

        Raises:
            OSError: the disk refuses a write.
        """
        number = 0
        for entry in self.entries():
            with suppress(DoesNotExist):  # deleted concurrently
                self._export_dataset(entry.record.id, folder / entry.record.id)
                number += 1
        return number

    def _export_dataset(self, dataset_id: str, folder: Path) -> None:
        with self._lease(dataset_id) as dataset:
            tables = dataset.snapshot()
            versions = list(dataset.tables["versions"].rows)
            backup.write_dataset(folder, tables)
        for version_id in versions:
            with suppress(DoesNotExist):  # still being created, or no longer readable
                documents = self.version_documents(dataset_id, version_id)
                path = backup.version_path(folder, version_id)
                write_tables(path, {"samples": enumerate(documents, 1)}, fsync=False)

    def replace_all(
        self,
        folder: Path,
        *,
        validate: Callable[[backup.DatasetBackup], object] = lambda dataset: None,
        before_change: Callable[[], object] = lambda: None,
    ) -> None:
        """Replace all datasets by those of a backup. Nothing changes if the backup cannot be read or staged.

        Args:
            folder: a folder that ``export`` has written.
            validate: may raise for a dataset that cannot be used; nothing changes then.
            before_change: called when everything has been read and staged, before the first change.

        Raises:
            Damaged: a file of the backup is missing or not valid.
            FormatTooNew: a later release wrote the backup.
            OSError: the disk refuses a read or a write.
        """
        backups = backup.read_backup(folder, validate)
        if self._directory:
            backup.stage(self._directory, backups, fsync=self._fsync)
        before_change()
        for entry in self.entries():
            with suppress(DoesNotExist):
                self.delete(entry.record.id)
        with self._guard:
            for dataset_id, each in backups.items():
                self._restore_dataset(dataset_id, each)
            self._entries.replace(self._entries.all())
            self._write_index()

    def _restore_dataset(self, dataset_id: str, source: backup.DatasetBackup) -> None:
        if self._directory:
            replace_file(backup.staged_folder(self._directory, dataset_id), self._directory.folder(dataset_id))
            dataset = self._load(dataset_id)
        else:
            dataset = OpenDataset.from_tables(source.tables)
            for version_id, tables in source.versions.items():
                self._versions.put((dataset_id, version_id), VersionSamples.from_tables(tables))
        self._datasets.put((dataset_id, None), dataset)
        self._entries.put(IndexEntry(dataset.record, dataset.samples.counts))

    # Loading and eviction

    def _lease(self, dataset_id: str) -> CacheLease[OpenDataset]:
        if dataset_id not in self._entries.by_id:
            raise DoesNotExist(dataset_id)
        return CacheLease(self._datasets, (dataset_id, None), partial(self._load, dataset_id))

    def _load(self, dataset_id: str) -> OpenDataset:
        """Load a dataset; one that cannot be read is quarantined. Raises DoesNotExist, FormatTooNew, OSError."""
        directory = self._directory
        if directory is None:
            raise DoesNotExist(dataset_id)
        try:
            return OpenDataset(directory.folder(dataset_id), fsync=self._fsync)
        except Damaged as error:
            with self._guard:
                directory.quarantine(dataset_id, error, self._clock.now_ms())
                self._entries.pop(dataset_id)
            raise DoesNotExist(dataset_id) from error

    def _lease_version(self, dataset_id: str, version_id: str) -> CacheLease[VersionSamples]:
        return self._versions.lease((dataset_id, version_id), lambda: self._load_version(dataset_id, version_id))

    def _load_version(self, dataset_id: str, version_id: str) -> VersionSamples:
        if self._directory is None:
            raise DoesNotExist(version_id)
        path = Path()
        try:
            path = self._directory.version_file(dataset_id, version_id)
            _, tables = read_tables(path)
            samples = VersionSamples.from_tables(tables)
            samples.index()
            return samples
        except FileNotFoundError:
            raise DoesNotExist(version_id) from None
        except (Damaged, msgspec.DecodeError, ValueError) as error:
            target = path.with_name(f"{path.name}.damaged-{self._clock.now_ms()}")
            replace_file(path, target)
            log.error("Cannot read the samples of version %s (%s); quarantined as %s", version_id, error, target)
            raise DoesNotExist(version_id) from error

    def _schedule_eviction(self, added: int) -> None:
        """Count added samples, and schedule an eviction if more may be loaded than allowed."""
        self._loaded += added  # counted exactly by each eviction, so that a race between two threads does not matter
        if self._directory and self._loaded > self._max_loaded:
            self._maintenance.schedule("evict", self._evict)

    def _evict(self) -> None:
        """Evict what is not in use, versions first, until no more samples are loaded than allowed. Raises OSError."""
        loaded = self._datasets.weight() + self._versions.weight()
        for key, version in self._versions.items()[:-1]:
            if loaded > self._max_loaded and self._versions.evict(key):
                loaded -= len(version)
        for key, dataset in self._datasets.items()[:-1]:
            if loaded > self._max_loaded and self._close_if_unused(key, dataset):
                loaded -= len(dataset)
        self._loaded = loaded

    def _close_if_unused(self, key: CacheKey, dataset: OpenDataset) -> bool:
        dataset.checkpoint()
        with self._guard:
            # Evicted only if it is unused and clean: the next user reads what the checkpoint has written.
            if self._datasets.evict(key, unless=lambda value: value.is_dirty or value.has_pending_files) is None:
                return False
            self._generations[key[0]] = dataset.generation
            dataset.close()
        return True

    def _checkpoint_if_exists(self, dataset_id: str) -> None:
        with suppress(DoesNotExist):
            self.checkpoint(dataset_id)

    # The index

    def _read_index(self, directory: DataDirectory) -> None:
        rows, found = directory.read_index(), []
        for dataset_id in directory.datasets():
            row = rows.pop(dataset_id, None)
            if row is not None and directory.is_current(row):
                found.append(IndexEntry(row.record, row.counts))
                self._generations[dataset_id] = row.generation
                continue
            with suppress(DoesNotExist):  # quarantined
                dataset = self._load(dataset_id)
                self._recovered.add(dataset_id)
                self._datasets.put((dataset_id, None), dataset)
                found.append(IndexEntry(dataset.record, dataset.samples.counts))
        for dataset_id in rows:
            log.warning("Dataset %s is in the index, but its folder is missing; removed from the index", dataset_id)
        self._entries.replace(found)

    def _schedule_index(self) -> None:
        """Have the index written after many changes only: a dataset that it lacks is loaded at the next start."""
        self._unindexed += 1
        if self._directory and self._unindexed > max(_MAX_UNINDEXED, len(self._entries) // 8):
            self._unindexed = 0
            self._maintenance.schedule("index", self._write_index)

    def _write_index(self) -> None:
        if self._directory is None:
            return
        with self._index_guard:
            with self._guard:
                entries = self._entries.all()
                loaded = self._datasets.items()
                self._generations |= {dataset_id: dataset.generation for (dataset_id, _), dataset in loaded}
                generations = dict(self._generations)
            # The next start loads a dataset without a row, and then sees its pending files.
            skipped = {dataset_id for (dataset_id, _), dataset in loaded if dataset.has_pending_files}
            self._directory.write_index(
                (entry.record, entry.counts, generations.get(entry.record.id, 0))
                for entry in entries
                if entry.record.id not in skipped
            )


def _collect(documents: Iterable[bytes], rows: Rows) -> Iterator[tuple[int, bytes]]:
    """Yield documents with their numbers, and add both to ``rows``."""
    for number, document in enumerate(documents, 1):
        rows.numbers.append(number)
        rows.documents.append(document)
        yield number, document
