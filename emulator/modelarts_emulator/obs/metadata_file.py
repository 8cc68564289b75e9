"""The SQLite file of objects' metadata. Each row has a checksum; a file that is damaged is quarantined and rebuilt."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

log = logging.getLogger(__name__)

METADATA_FILE = "object-metadata.sqlite"
"""Its name in a data directory."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS objects (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, etag TEXT,"
    " content_type TEXT, headers BLOB, checksum INTEGER) WITHOUT ROWID"
)
_INSERT = "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)"
_COMPANIONS = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite writes beside its file."""


class MetadataRow(NamedTuple):
    """A row of the table: the metadata of the object ``bucket/key`` for a size and time; ``headers`` are JSON."""

    path: str
    size: int
    mtime_ns: int
    etag: str
    content_type: str
    headers: bytes


def with_checksum(row: MetadataRow) -> tuple[Any, ...]:
    """Return a row as it is stored: with its checksum as the last column."""
    return (*row, _checksum(row))


def is_intact(stored: Sequence[Any]) -> bool:
    """Return whether a stored row has the checksum of its content. Rows of earlier releases have none."""
    *row, checksum = stored
    if checksum is None:
        return all(isinstance(each, str) for each in (row[0], row[3], row[4])) and isinstance(row[5], bytes)
    try:
        return bool(checksum == _checksum(row))
    except (AttributeError, TypeError):  # a column has another type
        return False


def _checksum(row: Sequence[Any]) -> int:
    path, size, mtime_ns, etag, content_type, headers = row
    return crc32(headers, crc32(f"{path}\0{size}\0{mtime_ns}\0{etag}\0{content_type}".encode()))


class MetadataFile:
    """The table of rows, in a file, or in memory without one. Not thread-safe; ``close`` it.

    Raises:
        OSError: the file cannot be opened, created or written; the path is in the error.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.is_rebuilt = False
        """Whether the file was damaged, and its intact rows were copied to a new one."""
        is_new = path is None or not path.exists()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._rows = _opened(path, is_new=is_new)
        except sqlite3.OperationalError as error:
            raise self._refusal(error) from error
        except sqlite3.DatabaseError as error:
            self.rebuild(error)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run one statement and return its rows; a damaged file is rebuilt first. Raises OSError."""
        try:
            return self._rows.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            raise self._refusal(error) from error
        except sqlite3.DatabaseError as error:
            self.rebuild(error)
            return self._rows.execute(statement, values).fetchall()

    def replace(self, rows: Iterable[MetadataRow]) -> None:
        """Replace all rows in one transaction. Raises OSError; nothing has changed then."""
        stored = list(map(with_checksum, rows))
        self.execute("SELECT count(*) FROM objects")  # rebuilds a damaged file
        try:
            with self._rows:
                self._rows.execute("BEGIN")
                self._rows.execute("DELETE FROM objects")
                self._rows.executemany(_INSERT, stored)
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):  # the disk is full: the rows are in the write-ahead log
            self._rows.close()

    def rebuild(self, why: object) -> None:
        """Quarantine the file and copy the rows that are intact to a new one. Raises OSError, sqlite3.Error."""
        path = self._path
        assert path is not None  # memory is not damaged
        with suppress(AttributeError, sqlite3.Error):
            self._rows.close()
        rows = list(_readable_rows(path))
        quarantined = path.with_name(f"{path.name}.damaged-{path.stat().st_mtime_ns}")
        path.replace(quarantined)
        for suffix in _COMPANIONS:
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).replace(quarantined.with_name(quarantined.name + suffix))
        log.error(
            "%s is damaged (%s); quarantined as %s. Headers of %d objects were kept; those of others are lost, and"
            " their ETags are computed",
            path,
            why,
            quarantined,
            len(rows),
        )
        self._rows = _opened(path, is_new=True)
        self._rows.executemany(_INSERT, rows)
        self.is_rebuilt = True

    def _refusal(self, error: sqlite3.Error) -> OSError:
        full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"  # Python 3.11 and later
        return OSError(errno.ENOSPC if full else errno.EIO, str(error), str(self._path or "memory"))


def damage_of(path: Path) -> str | None:
    """Return a description of the damage in a file, or None. The file is opened for writing: pass a copy."""
    try:
        with closing(sqlite3.connect(path)) as rows:
            rows.text_factory = _decoded
            (result,) = rows.execute("PRAGMA integrity_check(1)").fetchone()
            if result != "ok":
                return str(result)
            damaged = [row[0] for row in rows.execute("SELECT * FROM objects") if len(row) == 7 and not is_intact(row)]
    except sqlite3.Error as error:
        return str(error)
    return f"the headers of {len(damaged)} objects are damaged, such as /{damaged[0]}" if damaged else None


def _opened(path: Path | None, *, is_new: bool) -> sqlite3.Connection:
    """Open or create a file; an old one must have the table, and all of its pages. Raises sqlite3.Error."""
    rows = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
    rows.text_factory = _decoded
    try:
        # Exclusive locking before WAL: the index of the log is then in memory, and not in a shared memory map, which
        # network file systems do not have. Not flushed: a lost row costs a content type, not an object.
        rows.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
        if path is not None and not is_new:
            _require_whole(rows, path)
        rows.execute(_TABLE)
        columns = [column for _, column, *_ in rows.execute("PRAGMA table_info(objects)")]
        if "checksum" not in columns:  # a file of an earlier release
            rows.execute("ALTER TABLE objects ADD COLUMN checksum INTEGER")
        rows.execute("SELECT path FROM objects ORDER BY path DESC LIMIT 1").fetchall()
    except BaseException:
        rows.close()
        raise
    return rows


def _require_whole(rows: sqlite3.Connection, path: Path) -> None:
    """Check that a file has the table and is as long as its pages. Raises sqlite3.DatabaseError."""
    if not rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'objects'").fetchall():
        raise sqlite3.DatabaseError("its table is missing")
    try:
        rows.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except sqlite3.OperationalError:
        return  # the disk is full: some pages are in the write-ahead log only
    (pages,), (size,) = (rows.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    if path.stat().st_size < pages * size:
        raise sqlite3.DatabaseError(f"it is shorter than its {pages} pages")


def _readable_rows(path: Path) -> Iterator[Sequence[Any]]:
    """Yield the intact rows of a damaged file, up to the first that cannot be read."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as rows:
        rows.text_factory = _decoded
        for row in rows.execute("SELECT * FROM objects"):
            if len(row) == 7 and is_intact(row):
                yield row


def _decoded(text: bytes) -> str:
    """Return a text of a row; the checksum shows that it is damaged if it is not UTF-8."""
    return text.decode("utf-8", "replace")
