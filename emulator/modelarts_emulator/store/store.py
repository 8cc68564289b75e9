"""All datasets of a data directory: the index of them, and each one's tables when it is used."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import msgspec

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.store.daily_counts import with_history
from modelarts_emulator.store.directory import DataDirectory
from modelarts_emulator.store.files import Rows, Tables, read_tables, remove, write_tables
from modelarts_emulator.store.format import Damaged
from modelarts_emulator.store.journal import Change
from modelarts_emulator.store.loaded_cache import Key, Residents, Use
from modelarts_emulator.store.maintenance_thread import Background
from modelarts_emulator.store.open_dataset import OpenDataset
from modelarts_emulator.store.reader import DatasetReader, SampleReader
from modelarts_emulator.store.records import Counts, DatasetRecord
from modelarts_emulator.store.version_samples import Frozen
from modelarts_emulator.store.writer import DatasetWriter
from modelarts_emulator.util.clock import Clock

log = logging.getLogger("modelarts-emulator")


class Durability(str, Enum):
    """What an acknowledged change survives: power loss (``full``) or the end of the process."""

    FULL = "full"
    PROCESS = "process"


class Unknown(KeyError):
    """There is no such dataset or version."""


class IndexEntry(NamedTuple):
    """A dataset as the index knows it."""

    record: DatasetRecord
    counts: Counts


class _Reading:
    """A context with a view of a dataset."""

    __slots__ = ("_use",)

    def __init__(self, use: Use[OpenDataset]) -> None:
        self._use = use

    def __enter__(self) -> DatasetReader:
        return DatasetReader(self._use.__enter__())

    def __exit__(self, *error: object) -> None:
        self._use.__exit__()


class Store:
    """The datasets of one data directory, or of memory where ``root`` is None.

    While more than ``max_loaded_samples`` are in memory, datasets and versions are put away, what was used longest ago
    first; what is in use stays. Raises DataDirectoryInUse, FormatTooNew, OSError.
    """

    def __init__(
        self,
        root: Path | None,
        *,
        clock: Clock,
        durability: Durability = Durability.FULL,
        max_loaded_samples: int = 2_000_000,
    ) -> None:
        self._clock = clock
        self._fsync = durability is Durability.FULL
        self._max_loaded = max_loaded_samples
        self._guard = threading.RLock()
        self._entries: dict[str, IndexEntry] = {}
        self._generations: dict[str, int] = {}
        self._datasets: Residents[OpenDataset] = Residents(self._limit)
        self._versions: Residents[Frozen] = Residents(self._limit)
        self._background = Background("store-background")
        self._directory = DataDirectory(root, fsync=self._fsync) if root else None
        if self._directory:
            try:
                self._read_index(self._directory)
            except BaseException:
                self._directory.unlock()
                raise

    def close(self) -> None:
        """Write everything out, so that stock TinyDB can read it, and give up the directory."""
        self._background.stop()
        for (dataset_id, _), dataset in self._datasets.items():
            try:
                dataset.checkpoint()
            except OSError as error:
                log.error("Dataset %s stays as its journal has it, which loses nothing: %s", dataset_id, error)
        with self._guard:
            self._write_index()
            for key, dataset in self._datasets.items():
                with suppress(OSError):  # what was acknowledged is on the disk
                    dataset.close()
                self._datasets.forget(key)
            if self._directory:
                self._directory.unlock()

    def create(self, record: DatasetRecord, labels: Iterable[Label] = ()) -> None:
        """Add a dataset; it is on the disk when this returns. Raises OSError."""
        tables = {
            "dataset": [(1, msgspec.json.encode(record))],
            "labels": [(n, msgspec.json.encode(label)) for n, label in enumerate(labels, 1)],
        }
        if self._directory:
            self._directory.create(record, tables)
        else:
            dataset = OpenDataset(None, fsync=False)
            for name, rows in tables.items():
                dataset.apply(Change(name, number, msgspec.Raw(document)) for number, document in rows)
            self._datasets.put((record.id, None), dataset)
        with self._guard:
            self._entries[record.id] = IndexEntry(record, Counts())
            self._write_index()

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset and everything kept of it. Raises Unknown, OSError."""
        with self._using(dataset_id) as dataset, dataset.writer, self._guard:
            self.entry(dataset_id)  # somebody else may have been faster
            gone = self._directory.hide(dataset_id) if self._directory else None
            dataset.is_gone = True
            del self._entries[dataset_id]
            self._datasets.forget((dataset_id, None))
            for key, _ in self._versions.items():
                if key[0] == dataset_id:
                    self._versions.forget(key)
            with suppress(OSError):
                dataset.close()
            self._write_index()
        if gone:
            shutil.rmtree(gone, ignore_errors=True)

    def entry(self, dataset_id: str) -> IndexEntry:
        """A dataset's metadata and counts; nothing is loaded for it. Raises Unknown."""
        entry = self._entries.get(dataset_id)
        if entry is None:
            raise Unknown(dataset_id)
        return entry

    def entries(self, project_id: str | None = None) -> list[IndexEntry]:
        """All datasets, or those of a project; nothing is loaded for it."""
        entries = list(self._entries.values())
        return [entry for entry in entries if project_id is None or entry.record.project_id == project_id]

    def reading(self, dataset_id: str) -> _Reading:
        """A context with a view of a dataset. Raises Unknown."""
        return _Reading(self._using(dataset_id))

    @contextmanager
    def writing(self, dataset_id: str) -> Iterator[DatasetWriter]:
        """Change a dataset: all of it or nothing, durable when the context ends. Raises Unknown, OSError."""
        with self._using(dataset_id) as dataset:
            if dataset.has_failed:
                dataset.checkpoint()
            with dataset.writer:
                if dataset.is_gone:  # deleted while this waited for its turn; maybe there is another of its id
                    raise Unknown(dataset_id)
                writer = DatasetWriter(dataset)
                yield writer
                wait = self._commit(dataset_id, dataset, writer) if writer.is_changed else None
            if wait:
                wait()
        if wait and dataset.wants_checkpoint:
            self._background.request(("checkpoint", dataset_id), lambda: self._checkpoint_if_there(dataset_id))

    def _commit(self, dataset_id: str, dataset: OpenDataset, writer: DatasetWriter) -> Callable[[], None] | None:
        before = dataset.samples.counts
        counted = with_history(writer.record, before, self._clock.now_ms())
        if counted is not None:
            writer.put_record(counted)
        changes = writer.changes()
        if not changes:
            return None
        wait = dataset.commit(changes)
        after = dataset.samples.counts
        self._entries[dataset_id] = IndexEntry(dataset.record, after)
        if after.total > before.total:
            self._limit()
        return wait

    @contextmanager
    def version(self, dataset_id: str, version_id: str) -> Iterator[SampleReader]:
        """The samples of a version, as they were when it was published. Raises Unknown."""
        with self._frozen(dataset_id, version_id) as found:
            yield SampleReader(found.index(), threading.Lock())

    def version_documents(self, dataset_id: str, version_id: str) -> list[bytes]:
        """The samples of a version still encoded, which takes less than ``version``. Raises Unknown."""
        with self._frozen(dataset_id, version_id) as found:
            return found.documents()

    def freeze(self, dataset_id: str, version_id: str, documents: Iterable[bytes]) -> None:
        """Keep the encoded samples of a version, streamed to its file; those that are the dataset's own share memory.

        Raises Unknown, OSError.
        """
        rows = Rows([], [])
        with self._using(dataset_id):
            noted = _noted(documents, rows)
            if self._directory:
                path = self._directory.version_file(dataset_id, version_id)
                path.parent.mkdir(exist_ok=True)
                write_tables(path, {"samples": noted}, fsync=self._fsync)
            else:
                for _ in noted:
                    pass
        self._versions.put((dataset_id, version_id), Frozen(rows))

    def drop_version(self, dataset_id: str, version_id: str) -> None:
        """Forget a version's samples."""
        self._versions.forget((dataset_id, version_id))
        if self._directory:
            remove(self._directory.version_file(dataset_id, version_id))

    def checkpoint(self, dataset_id: str) -> None:
        """Fold a dataset's journal into its file. Raises Unknown, OSError."""
        with self._using(dataset_id) as dataset:
            dataset.checkpoint()

    def wait_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is being tidied up. False when the time is over first."""
        return self._background.wait_idle(timeout_s)

    def _using(self, dataset_id: str) -> Use[OpenDataset]:
        self.entry(dataset_id)
        return self._datasets.using((dataset_id, None), lambda: self._load(dataset_id))

    def _load(self, dataset_id: str) -> OpenDataset:
        """Open a dataset; one that cannot be read is set aside, and Unknown. Raises Unknown, FormatTooNew, OSError."""
        directory = self._directory
        if directory is None:
            raise Unknown(dataset_id)
        try:
            return OpenDataset(directory.folder(dataset_id), fsync=self._fsync)
        except Damaged as error:
            with self._guard:
                directory.set_aside(dataset_id, error, self._clock.now_ms())
                self._entries.pop(dataset_id, None)
            raise Unknown(dataset_id) from error

    def _frozen(self, dataset_id: str, version_id: str) -> Use[Frozen]:
        return self._versions.using((dataset_id, version_id), lambda: self._load_version(dataset_id, version_id))

    def _load_version(self, dataset_id: str, version_id: str) -> Frozen:
        if self._directory is None:
            raise Unknown(version_id)
        path = self._directory.version_file(dataset_id, version_id)
        try:
            _, tables = read_tables(path)
            frozen = _frozen_of(tables)
            frozen.index()
            return frozen
        except FileNotFoundError:
            raise Unknown(version_id) from None
        except (Damaged, msgspec.DecodeError, ValueError) as error:
            aside = path.with_name(f"{path.name}.damaged-{self._clock.now_ms()}")
            path.replace(aside)
            log.error("Version %s cannot be read (%s): its samples are set aside as %s", version_id, error, aside)
            raise Unknown(version_id) from error

    def _limit(self) -> None:
        """Have what was used longest ago put away where more is loaded than is allowed."""
        if self._directory and self._datasets.weight() + self._versions.weight() > self._max_loaded:
            self._background.request("limit", self._put_away)

    def _put_away(self) -> None:
        """Close what is not in use, versions first, until no more is loaded than is allowed. Raises OSError."""
        loaded = self._datasets.weight() + self._versions.weight()
        for key, version in self._versions.items()[:-1]:
            if loaded > self._max_loaded and self._versions.drop(key):
                loaded -= len(version)
        for key, dataset in self._datasets.items()[:-1]:
            if loaded > self._max_loaded and self._close_if_idle(key, dataset):
                loaded -= len(dataset)

    def _close_if_idle(self, key: Key, dataset: OpenDataset) -> bool:
        dataset.checkpoint()
        with self._guard:
            # Who comes now finds it gone, and reads what the checkpoint has written.
            if self._datasets.drop(key, unless=lambda value: value.is_dirty) is None:
                return False
            self._generations[key[0]] = dataset.generation
            dataset.close()
        return True

    def _checkpoint_if_there(self, dataset_id: str) -> None:
        with suppress(Unknown):
            self.checkpoint(dataset_id)

    def _read_index(self, directory: DataDirectory) -> None:
        rows = directory.read_index()
        for dataset_id in directory.datasets():
            row = rows.pop(dataset_id, None)
            if row is not None and directory.is_at_rest(row):
                self._entries[dataset_id] = IndexEntry(row.record, row.counts)
                self._generations[dataset_id] = row.generation
                continue
            with suppress(Unknown):  # set aside
                dataset = self._load(dataset_id)
                self._datasets.put((dataset_id, None), dataset)
                self._entries[dataset_id] = IndexEntry(dataset.record, dataset.samples.counts)
        for dataset_id in rows:
            log.warning("Dataset %s is in the index, but its folder is gone: it is dropped", dataset_id)
        self._entries = dict(sorted(self._entries.items(), key=lambda item: item[1].record.create_time))

    def _write_index(self) -> None:
        if self._directory is None:
            return
        self._generations |= {dataset_id: dataset.generation for (dataset_id, _), dataset in self._datasets.items()}
        self._directory.write_index(
            (entry.record, entry.counts, self._generations.get(dataset_id, 0))
            for dataset_id, entry in self._entries.items()
        )


def _noted(documents: Iterable[bytes], rows: Rows) -> Iterator[tuple[int, bytes]]:
    """The documents with their numbers, which are kept as well."""
    for number, document in enumerate(documents, 1):
        rows.numbers.append(number)
        rows.documents.append(document)
        yield number, document


def _frozen_of(tables: Tables) -> Frozen:
    return Frozen(tables.get("samples", Rows([], [])))
