"""The metadata of objects: ETag, content type and headers, stored outside the buckets, which stay plain folders.

A row is valid for the size and time of the file that it was written for. A file that was dropped into the folder has no
row: its ETag is computed at the first request.
"""

from __future__ import annotations

import hashlib
import mimetypes
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from modelarts_emulator.obs.object_tree import ObjectStat

EMPTY_MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()
NO_FILE = ObjectStat(0, 0)
"""The signature that metadata of a directory are stored for: its time changes with every file in it."""
DIRECTORY_TYPE = "application/x-directory"
_CHUNK = 1 << 20
_RECENT = 5_000

# The machine's own tables differ from one machine to the next; Python's do not.
_TYPES = mimetypes.MimeTypes()
_TYPES.add_type("application/x-ndjson", ".manifest")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata of an object.

    ``etag`` is the MD5 in hexadecimal digits, or ``<digits>-<parts>`` after a multipart upload. The names of
    ``headers`` are lower case and without prefix, as ``meta-owner``.
    """

    etag: str
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class MetadataRow(NamedTuple):
    """A row of the table: the metadata of the object ``bucket/key`` for a size and time; ``headers`` are JSON."""

    path: str
    size: int
    mtime_ns: int
    etag: str
    content_type: str
    headers: bytes


class MetadataStore:
    """The metadata of all objects, in a SQLite file, or in memory without one. Thread-safe; ``close`` it."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        # Rows that were read or written last. Read without the lock; changed with it, together with the table.
        self._recent: dict[str, tuple[ObjectStat, Metadata]] = {}
        self._rows = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        # Not flushed: a lost row costs a content type, not an object.
        self._rows.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS objects (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, etag TEXT,"
            " content_type TEXT, headers BLOB) WITHOUT ROWID"
        )

    def put(self, path: str, stat: ObjectStat, metadata: Metadata) -> None:
        """Store the metadata of the object ``bucket/key`` for its present size and time."""
        row = (path, *stat, metadata.etag, metadata.content_type, orjson.dumps(dict(metadata.headers)))
        with self._lock:
            self._rows.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)", row)
            self._keep(path, stat, metadata)

    def get(self, path: str, stat: ObjectStat) -> Metadata | None:
        """Return the metadata stored for this size and time, or None."""
        query = "SELECT etag, content_type, headers FROM objects WHERE path = ? AND size = ? AND mtime_ns = ?"
        if (recent := self.get_recent(path, stat)) is not None:
            return recent
        with self._lock:
            row = self._rows.execute(query, (path, *stat)).fetchone()
            if not row:
                return None
            found = Metadata(row[0], row[1], orjson.loads(row[2]))
            self._keep(path, stat, found)
        return found

    def get_recent(self, path: str, stat: ObjectStat) -> Metadata | None:
        """Return what ``get`` does without disk access; None also if it was not used recently."""
        recent = self._recent.get(path)
        return recent[1] if recent is not None and recent[0] == stat else None

    def _keep(self, path: str, stat: ObjectStat, metadata: Metadata) -> None:
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[path] = (stat, metadata)

    def get_or_compute(self, path: str, stat: ObjectStat, file: BinaryIO) -> Metadata:
        """Return the metadata of an object; for a dropped file, its MD5 and the type of its name.

        ``file`` is read to its end only if the MD5 is not known.
        """
        found = self.get(path, stat)
        if found is None:
            found = Metadata(md5_of(file), guess_type(path))
            file.seek(0)
            self.put(path, stat, found)
        return found

    def remove(self, path: str) -> None:
        """Delete the metadata of an object."""
        with self._lock:
            self._rows.execute("DELETE FROM objects WHERE path = ?", (path,))
            self._recent.pop(path, None)

    def remove_bucket(self, bucket: str) -> None:
        """Delete the metadata of all objects of a bucket."""
        with self._lock:
            self._rows.execute("DELETE FROM objects WHERE path >= ? AND path < ?", (f"{bucket}/", f"{bucket}0"))
            self._recent.clear()

    def directories(self, bucket: str) -> set[str]:
        """Return the keys of a bucket that were created as directories, each with a final ``/``."""
        query = "SELECT path FROM objects WHERE path >= ? AND path < ? AND path GLOB '*/'"
        with self._lock:
            rows = self._rows.execute(query, (f"{bucket}/", f"{bucket}0")).fetchall()
        return {path.removeprefix(f"{bucket}/") for (path,) in rows}

    def rows(self) -> list[MetadataRow]:
        """Return all rows, an argument for ``replace``."""
        with self._lock:
            return [MetadataRow(*row) for row in self._rows.execute("SELECT * FROM objects ORDER BY path")]

    def replace(self, rows: Iterable[MetadataRow]) -> None:
        """Replace all rows by these in one transaction. Raises sqlite3.Error; nothing has changed then."""
        with self._lock, self._rows:
            self._rows.execute("BEGIN")
            self._rows.execute("DELETE FROM objects")
            self._recent.clear()
            self._rows.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._rows.close()


def guess_type(path: str) -> str:
    """Return the content type that a name suggests."""
    return _TYPES.guess_type(path.rpartition("/")[2])[0] or "application/octet-stream"


def md5_of(file: BinaryIO) -> str:
    """Return the MD5 of a file from its position to its end, in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def etag_of_parts(etags: Iterable[str]) -> str:
    """Return the ETag after a multipart upload: the MD5 of the parts' MD5s, and their number."""
    digests = [bytes.fromhex(etag) for etag in etags]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
