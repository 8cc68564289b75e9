"""OBS paths: ``/bucket/key``, ``obs://bucket/key`` and ``s3://bucket/key`` name the same object.

A path that exists as an :class:`ObsPath` has been checked: it cannot climb, and a file system can hold its names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from modelarts_emulator.contract.errors import PATH_INVALID, PATH_IS_BUCKET, ApiError

MAX_SEGMENT_BYTES = 255
MAX_KEY_BYTES = 1024

_SCHEMES = ("obs://", "s3://")
# OBS itself wants lower case and no underscore; a folder mounted as a bucket may have both.
_BUCKET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{2,62}")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class InvalidBucketName(ApiError):
    """Report a name that cannot name a bucket. Its ``error`` is ``PATH_INVALID``."""

    def __init__(self, detail: str) -> None:
        super().__init__(PATH_INVALID, detail)


@dataclass(frozen=True, slots=True, order=True)
class ObsPath:
    """A bucket (``key`` is empty), a directory (``key`` ends in ``/``) or an object. Raises ``PATH_INVALID``."""

    bucket: str
    key: str = ""

    def __post_init__(self) -> None:
        require_bucket_name(self.bucket)
        _require_key(self.key)

    @classmethod
    def parse(cls, text: str) -> ObsPath:
        """Read ``/bucket/key``, ``obs://bucket/key`` or ``s3://bucket/key``. Raises ``PATH_INVALID``."""
        bucket, _, key = _without_prefix(text).partition("/")
        return cls(bucket, key)

    @classmethod
    def directory(cls, text: str) -> ObsPath:
        """Read a directory's path; a missing final ``/`` is added. Raises ``PATH_INVALID`` or ``PATH_IS_BUCKET``."""
        path = cls.parse(text)
        if not path.key:
            raise ApiError(PATH_IS_BUCKET, _shown(text))
        return path.as_directory()

    def __str__(self) -> str:
        return f"/{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> ObsPath:
        return self.join(name)

    @property
    def object_name(self) -> str:
        """``bucket/key``, as sample records have it."""
        return f"{self.bucket}/{self.key}"

    @property
    def name(self) -> str:
        """The last name of the key, without ``/``; empty for a bare bucket."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> ObsPath:
        """The directory it lies in; a bare bucket is its own parent."""
        head, slash, _ = self.key.rstrip("/").rpartition("/")
        return ObsPath(self.bucket, head + slash)

    @property
    def is_directory(self) -> bool:
        """Whether it is written as a directory or a bare bucket; says nothing about what lies on disk."""
        return not self.key or self.key.endswith("/")

    def as_directory(self) -> ObsPath:
        """The same path with a final ``/``."""
        return self if self.is_directory else ObsPath(self.bucket, f"{self.key}/")

    def uri(self, scheme: str = "obs") -> str:
        """``obs://bucket/key``."""
        return f"{scheme}://{self.bucket}/{self.key}"

    def join(self, name: str) -> ObsPath:
        """What has the relative key ``name`` (``a.jpg``, ``sub/a.jpg``, ``sub/``) below it. Raises ``PATH_INVALID``."""
        if not name:
            raise ApiError(PATH_INVALID, f"an empty name below {self}")
        return ObsPath(self.bucket, self.as_directory().key + name)

    def contains(self, other: ObsPath) -> bool:
        """Whether ``other`` is this very place or lies below it."""
        return self.bucket == other.bucket and other.as_directory().key.startswith(self.as_directory().key)


@lru_cache(maxsize=1024)
def require_bucket_name(name: str) -> str:
    """Return ``name`` if it can name a bucket. Raises InvalidBucketName (``PATH_INVALID``)."""
    if not _BUCKET.fullmatch(name) or ".." in name:
        why = "a bucket name has 3 to 63 letters, digits, '.', '-' or '_' and does not begin with '.' or '-'"
        raise InvalidBucketName(f"{_shown(name)}: {why}")
    return name


def is_object_name(name: str) -> bool:
    """Whether a file of this name (no ``/``) can be an object: OBS and the file system can both hold it."""
    return _fault_of_segment(name) is None


def _without_prefix(text: str) -> str:
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            return text[len(scheme) :]
    if not text.startswith("/"):
        raise ApiError(PATH_INVALID, f"{_shown(text)}: must be /bucket/key, obs://bucket/key or s3://bucket/key")
    return text[1:]


def _require_key(key: str) -> None:
    if not key:
        return
    # No more than the limit is looked at: a hostile key may be megabytes long.
    if len(key) > MAX_KEY_BYTES or len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        raise ApiError(PATH_INVALID, f"{_shown(key)}: longer than {MAX_KEY_BYTES} bytes")
    for segment in key.removesuffix("/").split("/"):
        if fault := _fault_of_segment(segment):
            raise ApiError(PATH_INVALID, f"{_shown(key)}: {fault}")


def _fault_of_segment(segment: str) -> str | None:
    if segment in ("", ".", ".."):
        return "empty, '.' and '..' segments are not allowed"
    if _FORBIDDEN.search(segment):
        return "control characters and backslashes are not allowed"
    try:
        length = len(segment.encode())
    except UnicodeEncodeError:
        return "not valid Unicode"
    return f"a name is longer than {MAX_SEGMENT_BYTES} bytes" if length > MAX_SEGMENT_BYTES else None


def _shown(text: str) -> str:
    """The text as an error message can carry it: short, printable, encodable."""
    short = f"{text[:80]}…" if len(text) > 80 else text
    return short if short.isprintable() else ascii(short)
