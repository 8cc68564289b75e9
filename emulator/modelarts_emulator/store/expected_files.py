"""The files that a data directory must have: a list of those that were written once, so that a missing one is noticed.

A data directory without teams has no ``teams.json``. Without this list, one whose file was removed would look the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from modelarts_emulator.store.files import read_tables, write_tables
from modelarts_emulator.store.format import Damaged

log = logging.getLogger(__name__)

EXPECTED_FILES = "expected-files.json"
"""The name of the list in a data directory; it is a TinyDB file with a checksum."""
MISSING = "is missing: its content is lost"


class _Row(msgspec.Struct):
    name: str


class ExpectedFiles:
    """The list of one data directory, or of nothing without ``root``. Thread-safe.

    Example::

        expected = ExpectedFiles(Path("data"), fsync=True)
        expected.report_missing()
        expected.add("teams.json")
    """

    def __init__(self, root: Path | None, *, fsync: bool) -> None:
        """Read the list; one that cannot be read is logged and replaced. Raises FormatTooNew, OSError."""
        self._root, self._fsync = root, fsync
        self._lock = threading.Lock()
        self._names: list[str] = []
        if root is not None:
            try:
                self._names = read_expected(root)
            except Damaged as error:
                log.warning("%s: %s; it is replaced", root / EXPECTED_FILES, error.reason)

    def report_missing(self) -> None:
        """Log each missing file once: it is not expected any more afterwards. Raises OSError."""
        missing = missing_of(self._root, self._names) if self._root is not None else []
        for name in missing:
            log.error("%s %s", self._root and self._root / name, MISSING)
        if missing:
            with self._lock:
                self._write([name for name in self._names if name not in missing])

    def add(self, *names: str) -> None:
        """Add files that have been written. Raises OSError."""
        with self._lock:
            new = [name for name in names if name not in self._names]
            if self._root is not None and new:
                self._write([*self._names, *new])

    def _write(self, names: list[str]) -> None:
        assert self._root is not None
        rows = ((number, msgspec.json.encode(_Row(name))) for number, name in enumerate(names, 1))
        write_tables(self._root / EXPECTED_FILES, {"files": rows}, fsync=self._fsync)
        self._names = names


def read_expected(root: Path) -> list[str]:
    """Return the names in a data directory's list; empty without one. Raises Damaged, FormatTooNew, OSError."""
    path = root / EXPECTED_FILES
    try:
        _, tables = read_tables(path)
        rows = [msgspec.json.decode(document, type=_Row) for document in tables["files"].documents]
    except FileNotFoundError:
        return []
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error
    return [row.name for row in rows if Path(row.name).name == row.name]


def missing_of(root: Path, names: Iterable[str]) -> list[str]:
    """Return the names of the files that a data directory does not have."""
    return [name for name in names if not (root / name).exists()]
