"""The files that a data directory must have: a list of those that were written once, so that a missing one is noticed.

A data directory without teams has no ``teams.json``. Without this list, one whose file was removed would look the same.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import msgspec

from modelarts_emulator.store.files import read_tables, write_tables
from modelarts_emulator.store.format import Damaged, FormatTooNew

log = logging.getLogger(__name__)

EXPECTED_FILES = "expected-files.json"
"""The name of the list in a data directory; it is a TinyDB file with a checksum."""


class _Row(msgspec.Struct):
    name: str
    loss: str


class ExpectedFiles:
    """The list of one data directory, or of nothing without ``root``. Thread-safe.

    Example::

        expected = ExpectedFiles(Path("data"), fsync=True)
        expected.add("teams.json", "teams, members and sent e-mails")
        expected.missing()  # {"teams.json": "teams, members and sent e-mails"} if the file was removed
    """

    def __init__(self, root: Path | None, *, fsync: bool) -> None:
        """Read the list; one that cannot be read is logged and replaced. Raises FormatTooNew, OSError."""
        self._root, self._fsync = root, fsync
        self._lock = threading.Lock()
        self._losses: dict[str, str] = {}
        if root is not None:
            try:
                self._losses = read_expected(root)
            except Damaged as error:
                log.warning("%s: %s; it is replaced", root / EXPECTED_FILES, error.reason)

    def missing(self) -> dict[str, str]:
        """Return the names of the files that do not exist any more, each with a description of its content."""
        return {} if self._root is None else _missing(self._root, self._losses)

    def report_missing(self) -> None:
        """Log each missing file once: it is not expected any more afterwards. Raises OSError."""
        missing = self.missing()
        for name, loss in missing.items():
            log.error("%s is missing: %s are lost", self._root and self._root / name, loss)
        if missing:
            with self._lock:
                self._write({name: loss for name, loss in self._losses.items() if name not in missing})

    def add(self, name: str, loss: str) -> None:
        """Add a file that has been written; ``loss`` describes its content. Raises OSError."""
        with self._lock:
            if self._root is not None and self._losses.get(name) != loss:
                self._write({**self._losses, name: loss})

    def _write(self, losses: dict[str, str]) -> None:
        assert self._root is not None
        rows = ((number, msgspec.json.encode(_Row(*each))) for number, each in enumerate(losses.items(), 1))
        write_tables(self._root / EXPECTED_FILES, {"files": rows}, fsync=self._fsync)
        self._losses = losses


def read_expected(root: Path) -> dict[str, str]:
    """Return the list in a data directory: descriptions by file name; empty without one.

    Raises: Damaged, FormatTooNew, OSError.
    """
    path = root / EXPECTED_FILES
    try:
        _, tables = read_tables(path)
        rows = [msgspec.json.decode(document, type=_Row) for document in tables["files"].documents]
    except FileNotFoundError:
        return {}
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Damaged(path, f"cannot be read: {error}") from error
    return {row.name: row.loss for row in rows if Path(row.name).name == row.name}


def missing_files(root: Path) -> dict[str, str]:
    """Return the missing files of a data directory as :meth:`ExpectedFiles.missing`; empty for an unreadable list."""
    try:
        losses = read_expected(root)
    except (Damaged, FormatTooNew):
        return {}
    return _missing(root, losses)


def _missing(root: Path, losses: dict[str, str]) -> dict[str, str]:
    return {name: loss for name, loss in losses.items() if not (root / name).exists()}
