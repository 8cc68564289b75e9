"""All datasets of a data directory: the index of them, and each one's tables when it is used.

Layout: ``lock``, ``index.json`` (TinyDB, one document a dataset), ``datasets/<id>/dataset.json`` with its journals, and
``datasets/<id>/versions/<version id>.json``. The index is a cache of what the folders say: after a crash it is mended
from them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from emulator.clock import Clock
from emulator.contract.labels import Label
from emulator.store.checkpoints import NAME, PREVIOUS
from emulator.store.dataset import DatasetReader, DatasetWriter, OpenDataset, SampleReader
from emulator.store.files import Damaged, Meta, read_tables, write_tables
from emulator.store.history import with_history
from emulator.store.index import SampleIndex, encode_sample
from emulator.store.journal import Change
from emulator.store.records import Counts, DatasetRecord, SampleRecord

log = logging.getLogger("modelarts-emulator")


class Durability(str, Enum):
    """What an acknowledged change survives: power loss (``full``) or the end of the process."""

    FULL = "full"
    PROCESS = "process"


class Unknown(KeyError):
    """There is no such dataset."""


class DataDirectoryInUse(Exception):
    """Another process uses the data directory; the text names both."""


class Entry(NamedTuple):
    """A dataset as the index knows it."""

    record: DatasetRecord
    counts: Counts


class _IndexRow(msgspec.Struct, omit_defaults=True):
    """A row of ``index.json``: the entry, and how the dataset's file looked when it was right."""

    record: DatasetRecord
    counts: Counts
    generation: int
    file: tuple[int, int]


class Store:
    """The datasets of one data directory, or of memory where ``root`` is None."""

    def __init__(
        self,
        root: Path | None,
        *,
        clock: Clock,
        durability: Durability = Durability.FULL,
        max_loaded_samples: int = 2_000_000,
    ) -> None:
        self._root, self._clock = root, clock
        self._fsync = durability is Durability.FULL
        self._max_loaded = max_loaded_samples
        self._guard = threading.RLock()
        self._entries: dict[str, Entry] = {}
        self._generations: dict[str, int] = {}
        self._open: OrderedDict[str, OpenDataset] = OrderedDict()
        self._versions: OrderedDict[tuple[str, str], SampleIndex] = OrderedDict()
        self._lock_file = _take_lock(root) if root else None
        if root:
            try:
                self._read_index(root)
            except BaseException:
                self._drop_lock()
                raise

    def close(self) -> None:
        """Write everything out, so that stock TinyDB can read it, and give up the directory."""
        with self._guard:
            try:
                for dataset in self._open.values():
                    if dataset.is_dirty:
                        dataset.checkpoint()
                self._write_index()
            finally:
                for dataset in self._open.values():
                    dataset.close()
                self._open.clear()
                self._drop_lock()

    def create(self, record: DatasetRecord, labels: Iterable[Label] = ()) -> None:
        """Add a dataset; it is on the disk when this returns. Raises OSError."""
        if self._root:
            folder = self._folder(record.id)
            (folder / "versions").mkdir(parents=True)
            tables = {
                "dataset": [(1, msgspec.json.encode(record))],
                "labels": [(n, msgspec.json.encode(label)) for n, label in enumerate(labels, 1)],
            }
            write_tables(folder / NAME, Meta(), tables, fsync=self._fsync)
        else:
            dataset = OpenDataset(None, fsync=False)
            dataset.apply([Change("dataset", 1, msgspec.Raw(msgspec.json.encode(record)))])
            dataset.apply(
                Change("labels", n, msgspec.Raw(msgspec.json.encode(label))) for n, label in enumerate(labels, 1)
            )
            self._open[record.id] = dataset
        with self._guard:
            self._entries[record.id] = Entry(record, Counts())
            self._write_index()

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset and everything kept of it. Raises Unknown."""
        dataset = self._acquire(dataset_id)
        with dataset.writer, self._guard:
            self._entries.pop(dataset_id, None)
            self._open.pop(dataset_id, None)
            for key in [key for key in self._versions if key[0] == dataset_id]:
                del self._versions[key]
            dataset.close()
            if self._root:
                gone = self._folder(dataset_id).with_name(f".deleted-{dataset_id}")
                self._folder(dataset_id).replace(gone)
                shutil.rmtree(gone, ignore_errors=True)
            self._write_index()

    def entry(self, dataset_id: str) -> Entry:
        """A dataset's metadata and counts; nothing is loaded for it. Raises Unknown."""
        entry = self._entries.get(dataset_id)
        if entry is None:
            raise Unknown(dataset_id)
        return entry

    def entries(self, project_id: str | None = None) -> list[Entry]:
        """All datasets, or those of a project; nothing is loaded for it."""
        entries = list(self._entries.values())
        return [entry for entry in entries if project_id is None or entry.record.project_id == project_id]

    @contextmanager
    def reading(self, dataset_id: str) -> Iterator[DatasetReader]:
        """A view of a dataset. Raises Unknown."""
        dataset = self._acquire(dataset_id)
        try:
            yield DatasetReader(dataset)
        finally:
            self._release(dataset)

    @contextmanager
    def writing(self, dataset_id: str) -> Iterator[DatasetWriter]:
        """Change a dataset: all of it or nothing, durable when the context ends. Raises Unknown, OSError."""
        dataset = self._acquire(dataset_id)
        try:
            with dataset.writer:
                if dataset_id not in self._entries:
                    raise Unknown(dataset_id)  # deleted while this waited for its turn
                writer = DatasetWriter(dataset)
                yield writer
                if writer.is_changed:
                    counted = with_history(writer.record, dataset.samples.counts, self._clock.now_ms())
                    if counted is not None:
                        writer.put_record(counted)
                changes = writer.changes()
                wait = dataset.commit(changes) if changes else None
                if changes:
                    self._entries[dataset_id] = Entry(dataset.record, dataset.samples.counts)
            if wait:
                wait()
        finally:
            self._release(dataset)
        if dataset.wants_checkpoint:
            dataset.checkpoint()

    @contextmanager
    def version(self, dataset_id: str, version_id: str) -> Iterator[SampleReader]:
        """The samples of a version, as they were when it was published. Raises Unknown."""
        with self._guard:
            samples = self._versions.get((dataset_id, version_id))
            if samples is None:
                samples = self._load_version(dataset_id, version_id)
                self._versions[dataset_id, version_id] = samples
            self._versions.move_to_end((dataset_id, version_id))
            self._evict_versions()
        yield SampleReader(samples, threading.Lock())

    def freeze(self, dataset_id: str, version_id: str, samples: Iterable[SampleRecord]) -> Counts:
        """Keep the samples of a version, streamed to its file. Returns their counts. Raises OSError."""
        documents = ((number, encode_sample(sample)) for number, sample in enumerate(samples, 1))
        if self._root:
            path = self._version_file(dataset_id, version_id)
            path.parent.mkdir(exist_ok=True)
            write_tables(path, Meta(), {"samples": documents}, fsync=self._fsync)
            frozen = self._load_version(dataset_id, version_id)
        else:
            frozen = SampleIndex()
            frozen.load(documents)
        with self._guard:
            self._versions[dataset_id, version_id] = frozen
        return frozen.counts

    def drop_version(self, dataset_id: str, version_id: str) -> None:
        """Forget a version's samples."""
        with self._guard:
            self._versions.pop((dataset_id, version_id), None)
        if self._root:
            self._version_file(dataset_id, version_id).unlink(missing_ok=True)

    def checkpoint(self, dataset_id: str) -> None:
        """Fold a dataset's journal into its file. Raises Unknown, OSError."""
        dataset = self._acquire(dataset_id)
        try:
            dataset.checkpoint()
        finally:
            self._release(dataset)

    def _acquire(self, dataset_id: str) -> OpenDataset:
        with self._guard:
            if dataset_id not in self._entries:
                raise Unknown(dataset_id)
            dataset = self._open.get(dataset_id)
            if dataset is None:
                dataset = self._open[dataset_id] = OpenDataset(self._folder(dataset_id), fsync=self._fsync)
                self._evict(keep=dataset_id)
            self._open.move_to_end(dataset_id)
            dataset.users += 1
            return dataset

    def _release(self, dataset: OpenDataset) -> None:
        with self._guard:
            dataset.users -= 1

    def _evict(self, keep: str) -> None:
        """Close what was used longest ago while more is loaded than is allowed."""
        loaded = sum(len(dataset.samples) for dataset in self._open.values())
        for dataset_id, dataset in list(self._open.items()):
            if loaded <= self._max_loaded or self._root is None:
                return
            if dataset_id == keep or dataset.users:
                continue
            if dataset.is_dirty:
                dataset.checkpoint()
            self._generations[dataset_id] = dataset.generation
            dataset.close()
            loaded -= len(dataset.samples)
            del self._open[dataset_id]

    def _evict_versions(self) -> None:
        loaded = sum(map(len, self._versions.values()))
        while self._root and len(self._versions) > 1 and loaded > self._max_loaded:
            _, dropped = self._versions.popitem(last=False)
            loaded -= len(dropped)

    def _load_version(self, dataset_id: str, version_id: str) -> SampleIndex:
        if self._root is None:
            raise Unknown(version_id)
        try:
            _, tables = read_tables(self._version_file(dataset_id, version_id))
        except FileNotFoundError:
            raise Unknown(version_id) from None
        samples = SampleIndex()
        samples.load((int(number), bytes(raw)) for number, raw in tables.get("samples", {}).items())
        return samples

    def _folder(self, dataset_id: str) -> Path:
        assert self._root is not None
        return self._root / "datasets" / dataset_id

    def _version_file(self, dataset_id: str, version_id: str) -> Path:
        return self._folder(dataset_id) / "versions" / f"{version_id}.json"

    def _read_index(self, root: Path) -> None:
        (root / "datasets").mkdir(exist_ok=True)
        rows = _index_rows(root / "index.json")
        for folder in sorted((root / "datasets").iterdir()):
            if folder.name.startswith("."):
                shutil.rmtree(folder, ignore_errors=True)  # a deletion that was cut short
                continue
            row = rows.pop(folder.name, None)
            if row is not None and _is_at_rest(folder, row):
                self._entries[folder.name] = Entry(row.record, row.counts)
                self._generations[folder.name] = row.generation
            else:
                self._adopt(folder)
        for dataset_id in rows:
            log.warning("Dataset %s is in the index, but its folder is gone: it is dropped", dataset_id)
        self._entries = dict(sorted(self._entries.items(), key=lambda item: item[1].record.create_time))

    def _adopt(self, folder: Path) -> None:
        """Load a dataset to learn what the index does not know of it."""
        if not (folder / NAME).exists() and not (folder / PREVIOUS).exists():
            shutil.rmtree(folder, ignore_errors=True)  # its creation was never acknowledged
            return
        try:
            dataset = OpenDataset(folder, fsync=self._fsync)
        except (Damaged, msgspec.DecodeError) as error:
            aside = folder.parent.parent / f"{folder.name}.damaged-{self._clock.now_ms()}"
            folder.replace(aside)
            log.error("Dataset %s cannot be read (%s): it is set aside as %s", folder.name, error, aside)
            return
        self._open[folder.name] = dataset
        self._entries[folder.name] = Entry(dataset.record, dataset.samples.counts)

    def _write_index(self) -> None:
        if self._root is None:
            return
        documents = []
        for number, (dataset_id, entry) in enumerate(self._entries.items(), 1):
            dataset = self._open.get(dataset_id)
            if dataset is not None:
                self._generations[dataset_id] = dataset.generation
            row = _IndexRow(entry.record, entry.counts, self._generations.get(dataset_id, 0), (0, 0))
            stat = (self._folder(dataset_id) / NAME).stat()
            row.file = (stat.st_size, stat.st_mtime_ns)
            documents.append((number, msgspec.json.encode(row)))
        # A cache: what a crash leaves of it is mended from the folders, so it need not be synced.
        write_tables(self._root / "index.json", Meta(), {"datasets": documents}, fsync=False)

    def _drop_lock(self) -> None:
        if self._lock_file:
            self._lock_file.close()
            self._lock_file = None


def _index_rows(path: Path) -> dict[str, _IndexRow]:
    try:
        _, tables = read_tables(path)
        rows = [msgspec.json.decode(raw, type=_IndexRow) for raw in tables.get("datasets", {}).values()]
    except FileNotFoundError:
        return {}
    except (Damaged, msgspec.DecodeError) as error:
        log.warning("%s; it is rebuilt from the datasets' own files", error)
        return {}
    return {row.record.id: row for row in rows}


def _is_at_rest(folder: Path, row: _IndexRow) -> bool:
    """Whether the dataset's file is the one the index speaks of, and no journal adds to it."""
    try:
        stat = (folder / NAME).stat()
    except FileNotFoundError:
        return False
    if (stat.st_size, stat.st_mtime_ns) != row.file:
        return False
    generations = (int(path.stem.partition("-")[2]) for path in folder.glob("journal-*.jsonl") if path.stat().st_size)
    return max(generations, default=-1) < row.generation


def _take_lock(root: Path) -> IO[str]:
    """One process a data directory. Raises DataDirectoryInUse, OSError."""
    root.mkdir(parents=True, exist_ok=True)
    file = os.fdopen(os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o644), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = file.read().strip() or "unknown"
        file.close()
        raise DataDirectoryInUse(f"the data directory {root} is in use by process {owner}") from None
    file.truncate(0)
    file.seek(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
