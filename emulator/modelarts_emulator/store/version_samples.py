"""The samples of a published version: immutable, and indexed only when a sample is searched."""

from __future__ import annotations

import threading

from modelarts_emulator.store.files import Rows, Tables
from modelarts_emulator.store.index import SampleIndex


class VersionSamples:
    """Immutable encoded samples. Thread-safe."""

    def __init__(self, rows: Rows) -> None:
        self._rows: Rows | None = rows
        """The documents until ``index`` is called; the index contains them afterwards."""
        self._index = SampleIndex()
        self._indexing = threading.Lock()

    @classmethod
    def from_tables(cls, tables: Tables) -> VersionSamples:
        """Wrap the tables of a version's file."""
        return cls(tables.get("samples", Rows([], [])))

    def __len__(self) -> int:
        rows = self._rows
        return len(self._index) if rows is None else len(rows.documents)

    def documents(self) -> list[bytes]:
        """Return all samples, encoded."""
        rows = self._rows
        if rows is not None:
            return rows.documents
        return [document for document in self._index.documents() if document is not None]

    def index(self) -> SampleIndex:
        """Return the index of the samples; the first call builds it.

        Raises:
            msgspec.DecodeError: a document is not valid.
            ValueError: a document number is out of range.
        """
        with self._indexing:
            if self._rows is not None:
                self._index.load(*self._rows)
                self._rows = None
        return self._index
