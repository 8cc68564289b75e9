"""What an object has besides its bytes: ETag, content type, headers. Kept outside the buckets: they stay plain folders.

A row holds for the file it was written for, told by size and time; for any other it does not count. So a file that was
dropped into the folder has an ETag as well: it is computed when first asked for.
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
"""What the metadata of a directory are noted for: its time changes with every file in it."""
DIRECTORY_TYPE = "application/x-directory"
_CHUNK = 1 << 20
_RECENT = 5_000

# The machine's own tables differ from one machine to the next; Python's do not.
_TYPES = mimetypes.MimeTypes()
_TYPES.add_type("application/x-ndjson", ".manifest")


@dataclass(frozen=True, slots=True)
class Metadata:
    """``etag`` is the MD5 in hex (``…-n`` if it came in parts); ``headers`` are lower case, as ``meta-owner``."""

    etag: str
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class MetadataRow(NamedTuple):
    """What is noted of an object at ``path`` (``bucket/key``); ``headers`` are JSON."""

    path: str
    size: int
    mtime_ns: int
    etag: str
    content_type: str
    headers: bytes


class MetadataStore:
    """The metadata of all objects, in one SQLite file, or in memory without one. Thread-safe; ``close`` it."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        # Rows that were read or written last. Read without the lock, changed with it, in step with the table.
        self._recent: dict[str, tuple[ObjectStat, Metadata]] = {}
        self._rows = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        # Losing a row costs a content type; the objects themselves are safe without it.
        self._rows.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
        self._rows.execute(
            "CREATE TABLE IF NOT EXISTS objects (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, etag TEXT,"
            " content_type TEXT, headers BLOB) WITHOUT ROWID"
        )

    def put(self, path: str, stat: ObjectStat, metadata: Metadata) -> None:
        """Note what an object at ``bucket/key`` has, now that its file has this size and time."""
        row = (path, *stat, metadata.etag, metadata.content_type, orjson.dumps(dict(metadata.headers)))
        with self._lock:
            self._rows.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)", row)
            self._keep(path, stat, metadata)

    def get(self, path: str, stat: ObjectStat) -> Metadata | None:
        """Return what has been noted for the file of this size and time, or None."""
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
        """As ``get``, but without waiting for the disk: None also for what has not been used lately."""
        recent = self._recent.get(path)
        return recent[1] if recent is not None and recent[0] == stat else None

    def _keep(self, path: str, stat: ObjectStat, metadata: Metadata) -> None:
        if len(self._recent) >= _RECENT:
            self._recent.clear()
        self._recent[path] = (stat, metadata)

    def of(self, path: str, stat: ObjectStat, file: BinaryIO) -> Metadata:
        """Return what an object has; of a file that nobody has uploaded, the MD5 and a type by its name.

        ``file`` is read to its end only if the MD5 is not known.
        """
        found = self.get(path, stat)
        if found is None:
            found = Metadata(md5_of(file), guess_type(path))
            file.seek(0)
            self.put(path, stat, found)
        return found

    def remove(self, path: str) -> None:
        """Forget an object."""
        with self._lock:
            self._rows.execute("DELETE FROM objects WHERE path = ?", (path,))
            self._recent.pop(path, None)

    def remove_bucket(self, bucket: str) -> None:
        """Forget every object of a bucket."""
        with self._lock:
            self._rows.execute("DELETE FROM objects WHERE path >= ? AND path < ?", (f"{bucket}/", f"{bucket}0"))
            self._recent.clear()

    def directories(self, bucket: str) -> set[str]:
        """Return the keys of a bucket that were put as directories, each ending in ``/``."""
        query = "SELECT path FROM objects WHERE path >= ? AND path < ? AND path GLOB '*/'"
        with self._lock:
            rows = self._rows.execute(query, (f"{bucket}/", f"{bucket}0")).fetchall()
        return {path.removeprefix(f"{bucket}/") for (path,) in rows}

    def rows(self) -> list[MetadataRow]:
        """Return everything that is noted, to be given to ``replace``."""
        with self._lock:
            return [MetadataRow(*row) for row in self._rows.execute("SELECT * FROM objects ORDER BY path")]

    def replace(self, rows: Iterable[MetadataRow]) -> None:
        """Have these rows instead of all there are, or keep those where that fails. Raises sqlite3.Error."""
        with self._lock, self._rows:
            self._rows.execute("BEGIN")
            self._rows.execute("DELETE FROM objects")
            self._recent.clear()
            self._rows.executemany("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._rows.close()


def guess_type(path: str) -> str:
    """Return the content type that a name suggests."""
    return _TYPES.guess_type(path.rpartition("/")[2])[0] or "application/octet-stream"


def md5_of(file: BinaryIO) -> str:
    """Return the MD5 of a file from where it stands to its end, in hex."""
    digest = hashlib.md5(usedforsecurity=False)
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def etag_of_parts(etags: Iterable[str]) -> str:
    """Return the ETag of an object that came in parts: the MD5 of their MD5s, and how many there were."""
    digests = [bytes.fromhex(etag) for etag in etags]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
