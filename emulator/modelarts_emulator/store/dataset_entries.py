"""The metadata and counts of all datasets, with indexes by name and work path that grow with them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from modelarts_emulator.store.records import Counts, DatasetRecord
from modelarts_emulator.store.work_paths import WorkPaths


class IndexEntry(NamedTuple):
    """The metadata and sample counts of a dataset, available without loading it."""

    record: DatasetRecord
    counts: Counts


class EntryPage(NamedTuple):
    """Some entries of a list, and the number of all its entries."""

    entries: list[IndexEntry]
    total: int


class _Workspace:
    """The ids of the datasets of a workspace, in the order in which they were added."""

    def __init__(self) -> None:
        self.ids: dict[str, None] = {}
        self.latest_ms = 0
        self.is_by_time = True
        """Whether that is the order of creation as well: a clock that was set back makes another."""

    def add(self, record: DatasetRecord) -> None:
        if not self.ids:
            self.latest_ms, self.is_by_time = 0, True
        self.ids[record.id] = None
        self.is_by_time = self.is_by_time and record.create_time >= self.latest_ms
        self.latest_ms = max(self.latest_ms, record.create_time)


class DatasetEntries:
    """One entry for each dataset, in the order of creation. Thread-safe.

    ``work_paths`` has the work paths of all datasets.
    """

    def __init__(self, entries: Iterable[IndexEntry] = ()) -> None:
        self.by_id: dict[str, IndexEntry] = {}
        """The entries by the id of their dataset; only the methods change it."""
        self._lock = threading.Lock()
        self._names: Counter[tuple[str, str]] = Counter()
        self._workspaces: dict[tuple[str, str], _Workspace] = {}
        self.work_paths = WorkPaths()
        self.replace(entries)

    def put(self, entry: IndexEntry) -> None:
        """Add an entry, or replace the dataset's former one."""
        record = entry.record
        former = self.by_id.get(record.id)
        if former is not None and former.record.name == record.name:
            self.by_id[record.id] = entry
            return
        with self._lock:
            self.by_id[record.id] = entry
            self._names[record.project_id, record.name] += 1
            if former is None:
                self.work_paths.add(record.inner_work_path)
                self._workspace(record).add(record)
            else:
                self._drop_name(former.record)

    def pop(self, dataset_id: str) -> None:
        """Remove the entry of a dataset, if it has one."""
        with self._lock:
            entry = self.by_id.pop(dataset_id, None)
            if entry is not None:
                self.work_paths.remove(entry.record.inner_work_path)
                self._workspace(entry.record).ids.pop(dataset_id, None)
                self._drop_name(entry.record)

    def replace(self, entries: Iterable[IndexEntry]) -> None:
        """Replace all entries, and put them into the order of creation."""
        ordered = sorted(entries, key=lambda entry: entry.record.create_time)
        with self._lock:
            self.by_id = {entry.record.id: entry for entry in ordered}
            self._names = Counter((entry.record.project_id, entry.record.name) for entry in ordered)
            self.work_paths.replace(entry.record.inner_work_path for entry in ordered)
            self._workspaces = {}
            for entry in ordered:
                self._workspace(entry.record).add(entry.record)

    def all(self) -> list[IndexEntry]:
        """Return all entries."""
        return list(self.by_id.values())

    def page(
        self, project_id: str, workspace_id: str, start: int, count: int, *, newest_first: bool
    ) -> EntryPage | None:
        """Return datasets by their creation, without comparing all; None if they were added in another order."""
        with self._lock:
            found = self._workspaces.get((project_id, workspace_id))
            if found is None:
                return EntryPage([], 0)
            if not found.is_by_time:
                return None
            ids = reversed(found.ids) if newest_first else iter(found.ids)
            entries = [self.by_id[each] for each in islice(ids, start, start + count)]
            return EntryPage(entries, len(found.ids))

    def has_name(self, project_id: str, name: str) -> bool:
        """Return whether a dataset of a project has this name."""
        return self._names[project_id, name] > 0

    def __len__(self) -> int:
        """Return the number of datasets."""
        return len(self.by_id)

    def _workspace(self, record: DatasetRecord) -> _Workspace:
        return self._workspaces.setdefault((record.project_id, record.workspace_id), _Workspace())

    def _drop_name(self, record: DatasetRecord) -> None:
        key = record.project_id, record.name
        self._names[key] -= 1
        if self._names[key] <= 0:
            del self._names[key]
