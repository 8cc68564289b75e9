"""The metadata of objects: ETag, content type and headers, stored outside the buckets, which stay plain folders.

A row is valid for the size and time of the file that it was written for. A file that was dropped into the folder has no
row: its ETag is computed at the first request.
"""

from __future__ import annotations

import hashlib
import logging
import mimetypes
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import orjson

from modelarts_emulator.obs.metadata_file import MetadataFile, MetadataRow, is_intact, with_checksum
from modelarts_emulator.obs.object_tree import ObjectStat

log = logging.getLogger(__name__)

EMPTY_MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()
NO_FILE = ObjectStat(0, 0)
"""The signature that metadata of a directory, whose time changes with every file in it, and settings of a bucket are
stored for."""
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


DIRECTORY = Metadata(EMPTY_MD5, DIRECTORY_TYPE)
"""The metadata of a directory for which none are stored."""


class MetadataStore:
    """The metadata of all objects, in a SQLite file, or in memory without one. Thread-safe; ``close`` it."""

    def __init__(self, file: Path | None = None) -> None:
        """Open the file; one that cannot be read is quarantined. Raises OSError."""
        self._lock = threading.Lock()
        # Rows that were read or written last. Read without the lock; changed with it, together with the table.
        self._recent: dict[str, tuple[ObjectStat, Metadata]] = {}
        self._file = MetadataFile(file)

    def put(self, path: str, stat: ObjectStat, metadata: Metadata) -> None:
        """Store the metadata of the object ``bucket/key`` for its present size and time. Raises OSError."""
        with self._lock:
            self._store(path, stat, metadata)

    def edit(
        self,
        path: str,
        stat: ObjectStat,
        change: Callable[[Metadata], Metadata],
        *,
        default: Metadata | None = None,
    ) -> bool:
        """Replace the metadata that are stored for this size and time by what ``change`` returns for them, in one step.

        Without stored metadata ``default`` is changed; False if there is none either. Raises OSError.
        """
        with self._lock:
            known = self._read(path, stat) or default
            if known is not None:
                self._store(path, stat, change(known))
        return known is not None

    def _store(self, path: str, stat: ObjectStat, metadata: Metadata) -> None:
        row = MetadataRow(path, *stat, metadata.etag, metadata.content_type, orjson.dumps(dict(metadata.headers)))
        self._file.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?)", with_checksum(row))
        self._keep(path, stat, metadata)

    def get(self, path: str, stat: ObjectStat) -> Metadata | None:
        """Return the metadata stored for this size and time, or None, also for a row that is damaged."""
        if (recent := self.get_recent(path, stat)) is not None:
            return recent
        with self._lock:
            return self._read(path, stat)

    def _read(self, path: str, stat: ObjectStat) -> Metadata | None:
        query = "SELECT * FROM objects WHERE path = ? AND size = ? AND mtime_ns = ?"
        rows = self._file.execute(query, (path, *stat))
        if not rows:
            return None
        if not is_intact(rows[0]):
            log.error("The stored headers of /%s are damaged: they are dropped, and its ETag is computed", path)
            self._file.execute("DELETE FROM objects WHERE path = ?", (path,))
            return None
        row = MetadataRow(*rows[0][:-1])
        found = Metadata(row.etag, row.content_type, orjson.loads(row.headers))
        self._keep(path, stat, found)
        return found

    def get_recent(self, path: str, stat: ObjectStat) -> Metadata | None:
        """Return metadata from the cache, without disk access; None if they are not in the cache."""
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
            self._file.execute("DELETE FROM objects WHERE path = ?", (path,))
            self._recent.pop(path, None)

    def remove_bucket(self, bucket: str) -> None:
        """Delete the settings of a bucket and the metadata of all its objects."""
        with self._lock:
            query = "DELETE FROM objects WHERE path = ? OR (path >= ? AND path < ?)"
            self._file.execute(query, (bucket, f"{bucket}/", f"{bucket}0"))
            self._recent.clear()

    def directories(self, bucket: str) -> set[str]:
        """Return the keys of a bucket that were created as directories, each with a final ``/``."""
        query = "SELECT path FROM objects WHERE path >= ? AND path < ? AND path GLOB '*/'"
        with self._lock:
            rows = self._file.execute(query, (f"{bucket}/", f"{bucket}0"))
        return {path.removeprefix(f"{bucket}/") for (path,) in rows}

    def rows(self) -> list[MetadataRow]:
        """Return all rows that are intact, an argument for ``replace``."""
        with self._lock:
            rows = self._file.execute("SELECT * FROM objects ORDER BY path")
        return [MetadataRow(*row[:-1]) for row in rows if is_intact(row)]

    def replace(self, rows: Iterable[MetadataRow]) -> None:
        """Replace all rows by these in one transaction. Raises OSError; nothing has changed then."""
        with self._lock:
            self._recent.clear()
            self._file.replace(rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


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
