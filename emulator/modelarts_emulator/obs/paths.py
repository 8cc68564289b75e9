"""OBS paths: ``/bucket/key``, ``obs://bucket/key`` and ``s3://bucket/key`` name the same object.

Every :class:`ObsPath` is valid: it has no ``..`` and no empty segment, and its names fit a POSIX file system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

from modelarts_emulator.contract.errors import OBS_ERROR, PATH_INVALID, PATH_IS_BUCKET, ApiError

ObjectKey = NewType("ObjectKey", str)
"""An object as ``bucket/key``, without a leading slash: the form in which sample records and listings name it.

It comes from :attr:`ObsPath.object_name` or from a walk, which have checked it; :meth:`ObsPath.of` is the way back.
"""

MAX_SEGMENT_BYTES = 255
"""Longest name between two ``/``, in bytes of UTF-8; the limit of most file systems."""
MAX_KEY_BYTES = 1024
"""Longest key, in bytes of UTF-8; the limit of OBS and S3."""

_SCHEMES = ("obs://", "s3://")
# A folder mounted as a bucket may have upper case and underscores, as a bucket in the API reference's examples has.
_BUCKET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{2,62}")
# The rule of OBS for new buckets: lower case, no hyphen beside a period, and no IPv4 address.
_NEW_BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*(?:\.\.|\.-|-\.))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SERVICE_PATHS = re.compile(r"v\d(\.\d+)?|_emulator|favicon\.ico|robots\.txt|openapi\.json")
"""First segments of paths of other services: versions of APIs, the control API, and what browsers ask for."""
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


class InvalidBucketName(ApiError):
    """Report a name that cannot name a bucket. Its ``error`` is ``PATH_INVALID``."""

    def __init__(self, detail: str) -> None:
        super().__init__(PATH_INVALID, detail)


class AccessRefused(ApiError):
    """Report that the file system permits no access, or no writing. Its ``error`` is ``OBS_ERROR``."""

    def __init__(self, detail: str) -> None:
        super().__init__(OBS_ERROR, detail)


@dataclass(frozen=True, slots=True, order=True)
class ObsPath:
    """A bucket (``key`` is empty), a directory (``key`` ends in ``/``) or an object.

    Raises:
        ApiError: PATH_INVALID.

    Example:
        >>> path = ObsPath.parse("obs://bucket/in/cat.jpg")
        >>> str(path), path.name, path.object_name
        ('/bucket/in/cat.jpg', 'cat.jpg', 'bucket/in/cat.jpg')
        >>> str(path.parent / "dog.jpg")
        '/bucket/in/dog.jpg'
    """

    bucket: str
    key: str = ""

    def __post_init__(self) -> None:
        require_bucket_name(self.bucket)
        _require_key(self.key)

    @classmethod
    def parse(cls, text: str) -> ObsPath:
        """Parse ``/bucket/key``, ``obs://bucket/key`` or ``s3://bucket/key``. Raises ApiError (PATH_INVALID)."""
        bucket, _, key = _without_prefix(text).partition("/")
        return cls(bucket, key)

    @classmethod
    def of(cls, object_key: ObjectKey) -> ObsPath:
        """Return the path of an object key. Raises ApiError (PATH_INVALID)."""
        bucket, _, key = object_key.partition("/")
        return cls(bucket, key)

    @classmethod
    def directory(cls, text: str) -> ObsPath:
        """Parse the path of a directory; a missing final ``/`` is added.

        Raises:
            ApiError: PATH_INVALID, or PATH_IS_BUCKET for a bucket without a key.
        """
        path = cls.parse(text)
        if not path.key:
            raise ApiError(PATH_IS_BUCKET, _shown(text))
        return path.as_directory()

    def __str__(self) -> str:
        return f"/{self.bucket}/{self.key}"

    def __truediv__(self, name: str) -> ObsPath:
        return self.join(name)

    @property
    def object_name(self) -> ObjectKey:
        """``bucket/key``, the form that is stored with samples."""
        return ObjectKey(f"{self.bucket}/{self.key}")

    @property
    def name(self) -> str:
        """The last name of the key, without ``/``; empty for a bucket."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> ObsPath:
        """The directory that contains it; a bucket is its own parent."""
        head, slash, _ = self.key.rstrip("/").rpartition("/")
        return ObsPath(self.bucket, head + slash)

    @property
    def is_directory(self) -> bool:
        """Whether the path is written as a directory or bucket; the disk is not consulted."""
        return not self.key or self.key.endswith("/")

    def as_directory(self) -> ObsPath:
        """Return the path, with ``/`` added if it does not end in one."""
        return self if self.is_directory else ObsPath(self.bucket, f"{self.key}/")

    def uri(self, scheme: str = "obs") -> str:
        """Return ``obs://bucket/key``."""
        return f"{scheme}://{self.bucket}/{self.key}"

    def join(self, name: str) -> ObsPath:
        """Return the path of a relative key below this one: ``a.jpg``, ``sub/a.jpg`` or ``sub/``.

        Raises:
            ApiError: PATH_INVALID.
        """
        if not name:
            raise ApiError(PATH_INVALID, f"an empty name below {self}")
        return ObsPath(self.bucket, self.as_directory().key + name)

    def contains(self, other: ObsPath) -> bool:
        """Return whether ``other`` is this path or is located below it."""
        return self.bucket == other.bucket and other.as_directory().key.startswith(self.as_directory().key)


@lru_cache(maxsize=1024)
def require_bucket_name(name: str) -> str:
    """Return ``name`` if it can name a bucket. Raises InvalidBucketName."""
    if SERVICE_PATHS.fullmatch(name):
        raise InvalidBucketName(f"{_shown(name)}: this path belongs to another service of the emulator")
    if not _BUCKET.fullmatch(name) or ".." in name:
        why = "a bucket name has 3 to 63 letters, digits, '.', '-' or '_' and does not begin with '.' or '-'"
        raise InvalidBucketName(f"{_shown(name)}: {why}")
    return name


def require_new_bucket_name(name: str) -> str:
    """Return ``name`` if OBS would create a bucket of this name. Raises InvalidBucketName."""
    require_bucket_name(name)
    if not _NEW_BUCKET.fullmatch(name):
        why = "a bucket name has 3 to 63 lower-case letters, digits, '.' and '-'; its ends are letters or digits"
        raise InvalidBucketName(f"{_shown(name)}: {why}")
    return name


def is_object_name(name: str) -> bool:
    """Return whether a file of this name, without ``/``, can be an object."""
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
    # The number of characters is compared first: a hostile key may be megabytes long.
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
    """Return a text for an error message: short, printable and encodable."""
    short = f"{text[:80]}…" if len(text) > 80 else text
    return short if short.isprintable() else ascii(short)
