"""A dataset as a TinyDB database. Queries are those of TinyDB; a change appends to the journal.

Example::

    with DatasetDB(folder) as db:
        large = db.table("samples").search(where("size") > 1_000_000)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec
import orjson
from tinydb import TinyDB
from tinydb.table import Table

from modelarts_emulator.store.journal import DocumentChange
from modelarts_emulator.store.tinydb_storage import DatasetStorage, LazyDocuments


class DatasetTable(Table):
    """One table of a dataset. Documents are decoded one by one; an update is one atomic group of the journal."""

    def _read_table(self) -> Mapping[str, Mapping[str, Any]]:  # type: ignore[override]
        return LazyDocuments(self._rows)

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        table = _RecordingTable(self._rows)
        updater(table)  # type: ignore[arg-type]  # TinyDB's updaters use only what a mapping has
        changes = table.changes(self.name)
        if changes:
            self._dataset.change(changes)
        self.clear_cache()

    @property
    def _dataset(self) -> DatasetStorage:
        assert isinstance(self.storage, DatasetStorage)
        return self.storage

    @property
    def _rows(self) -> dict[int, bytes]:
        return self._dataset.tables().get(self.name, {})


class DatasetDB(TinyDB):
    """A TinyDB database on the folder of a dataset.

    ``DatasetDB(folder)`` only reads. ``DatasetDB(folder, access_mode="r+")`` also writes; the caller must hold the lock
    of the data directory.

    Raises:
        Damaged, FormatTooNew, OSError: at the first access to a table.
    """

    table_class = DatasetTable
    default_storage_class = DatasetStorage  # type: ignore[assignment]  # declared as JSONStorage, any storage works


class _RecordingTable(MutableMapping[int, Any]):
    """A table that a TinyDB updater changes, and that then lists the changes."""

    def __init__(self, rows: Mapping[int, bytes]) -> None:
        self._rows = rows
        self._touched: dict[int, Any] = {}
        self._removed: set[int] = set()

    def __getitem__(self, number: int) -> Any:
        if number not in self._touched:
            if number in self._removed:
                raise KeyError(number)
            self._touched[number] = orjson.loads(self._rows[number])
        return self._touched[number]

    def __setitem__(self, number: int, document: Any) -> None:
        self._touched[number] = document
        self._removed.discard(number)

    def __delitem__(self, number: int) -> None:
        if number not in self:
            raise KeyError(number)
        self._touched.pop(number, None)
        self._removed.add(number)

    def __contains__(self, number: object) -> bool:
        return number in self._touched or (number in self._rows and number not in self._removed)

    def __iter__(self) -> Iterator[int]:
        yield from (number for number in self._rows if number not in self._removed)
        yield from (number for number in self._touched if number not in self._rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Remove all documents without decoding them."""
        self._touched.clear()
        self._removed.update(self._rows)

    def changes(self, table: str) -> list[DocumentChange]:
        """Return one change per document that differs from the stored one."""
        lines = [DocumentChange(table, number) for number in sorted(self._removed) if number in self._rows]
        for number, document in self._touched.items():
            encoded, before = orjson.dumps(document), self._rows.get(number)
            if encoded != before and (before is None or orjson.loads(before) != document):
                lines.append(DocumentChange(table, number, msgspec.Raw(encoded)))
        return lines
