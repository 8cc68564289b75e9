"""The samples of a version: unchanging, and indexed once somebody looks for one of them."""

from __future__ import annotations

import threading

from modelarts_emulator.store.files import Rows
from modelarts_emulator.store.index import SampleIndex


class Frozen:
    """Samples that nobody changes. Thread-safe."""

    def __init__(self, rows: Rows) -> None:
        self._rows: Rows | None = rows
        self._index = SampleIndex()
        self._making = threading.Lock()

    def __len__(self) -> int:
        rows = self._rows
        return len(self._index) if rows is None else len(rows.documents)

    def documents(self) -> list[bytes]:
        """Every sample, encoded."""
        rows = self._rows
        if rows is not None:
            return rows.documents
        return [document for document in self._index.documents() if document is not None]

    def index(self) -> SampleIndex:
        """What finds them. Raises msgspec.DecodeError or ValueError where they cannot be read."""
        with self._making:
            if self._rows is not None:
                self._index.load(*self._rows)
                self._rows = None
        return self._index
