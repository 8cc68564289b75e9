"""The object tree: buckets are folders, objects are files.

Nothing a client sends leads outside its bucket: links are resolved and judged first, then every folder is opened
step by step without following any, so that a link swapped in meanwhile is refused as well.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from modelarts_emulator.contract.errors import (
    BUCKET_NOT_FOUND,
    FILE_NOT_FOUND,
    OBS_ERROR,
    PATH_INVALID,
    PATH_NOT_FOUND,
    ApiError,
)
from modelarts_emulator.obs import atomic_fs
from modelarts_emulator.obs.paths import ObsPath, require_bucket_name
from modelarts_emulator.obs.walk import FolderId, ObjectEntry, WarnOnce, folder_id, is_below, walk, walk_at
from modelarts_emulator.util.clock import Clock, SystemClock

_CHUNK = 1 << 20


class ObjectStat(NamedTuple):
    """An object's size in bytes and modification time in nanoseconds: what tells that it has changed."""

    size: int
    mtime_ns: int


class ObjectTree:
    """The buckets below ``root``, and existing folders ``mounts`` as further buckets, which come first.

    With ``fsync`` a written object survives power loss; its time is the clock's. Raises ``PATH_INVALID`` for a mount's
    name and NotADirectoryError for its folder.
    """

    def __init__(
        self, root: Path, mounts: Mapping[str, Path] | None = None, *, fsync: bool = True, clock: Clock | None = None
    ) -> None:
        self._fsync = fsync
        self._clock = clock or SystemClock()
        # Two objects of one millisecond, as while the clock stands still, differ in their time nevertheless.
        self._nanoseconds = itertools.cycle(range(1_000_000))
        self._mounts: dict[str, str] = {}
        self._reported = WarnOnce()
        root.mkdir(parents=True, exist_ok=True)
        self._root = os.path.realpath(root)
        for name, folder in (mounts or {}).items():
            if not folder.is_dir():
                raise NotADirectoryError(f"bucket {name}: {folder} is not a folder")
            self._mounts[require_bucket_name(name)] = os.path.realpath(folder)

    # Buckets

    def buckets(self) -> list[str]:
        """Return the names of all buckets, sorted."""
        with os.scandir(self._root) as entries:
            own = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and _is_bucket(entry.name)}
        return sorted(own | self._mounts.keys())

    def has_bucket(self, name: str) -> bool:
        """Whether there is such a bucket; False too for a name that none can have."""
        if not _is_bucket(name):
            return False
        try:
            # A mount's folder is resolved, so that neither may be a link.
            return stat.S_ISDIR(os.lstat(self._bucket_folder(name)).st_mode)
        except OSError:
            return False

    def create_bucket(self, name: str) -> bool:
        """Make a bucket; False if it is there already. Raises ``PATH_INVALID``."""
        folder = Path(self._bucket_folder(require_bucket_name(name)))
        if name in self._mounts:
            return False
        with _translate_os_errors(f"/{name}/"):
            try:
                folder.mkdir()
            except FileExistsError:
                if not self.has_bucket(name):
                    raise
                return False
            if self._fsync:
                atomic_fs.sync(self._root)
        return True

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket. Raises ``BUCKET_NOT_FOUND``, or ``OBS_ERROR`` if it is mounted or holds anything."""
        folder = self._require_bucket(name)
        if name in self._mounts:
            raise ApiError(OBS_ERROR, f"bucket {name} is a mounted folder and cannot be deleted")
        try:
            Path(folder).rmdir()
        except OSError as error:
            raise ApiError(OBS_ERROR, f"bucket {name} cannot be deleted: {error.strerror}") from error

    # Places

    def local(self, path: ObsPath) -> Path:
        """Return the place of a path on disk, links resolved; it need not exist.

        Raises ``BUCKET_NOT_FOUND``, and ``PATH_INVALID`` if a link in it leaves the bucket or leads in a circle.
        """
        bucket, real = self._resolve(path)
        if not is_below(real, bucket):
            raise ApiError(PATH_INVALID, f"{path} leaves its bucket through a symbolic link")
        return Path(real)

    def expected_local(self, path: ObsPath) -> Path:
        """As ``local``; of a bucket that is not there, where it would be if it were made."""
        if self.has_bucket(path.bucket):
            return self.local(path)
        return Path(self._bucket_folder(require_bucket_name(path.bucket)), path.key)

    def locate(self, local: Path) -> ObsPath | None:
        """Return the path of a place on disk; None outside every bucket or for a name that no object can have."""
        real = os.path.realpath(local)
        for name, folder in sorted(self._folders().items(), key=lambda item: -len(item[1])):
            if is_below(real, folder):
                with suppress(ApiError):
                    return ObsPath(name, real[len(folder) :].strip("/"))
        return None

    def require_directory(self, path: ObsPath) -> Path:
        """Return where a directory lies. Raises ``BUCKET_NOT_FOUND``, ``PATH_NOT_FOUND`` or ``PATH_INVALID``."""
        with _translate_os_errors(str(path)):
            local = self.local(path)
            try:
                found = local.stat()
            except FileNotFoundError:
                raise ApiError(PATH_NOT_FOUND, str(path)) from None
        if not stat.S_ISDIR(found.st_mode):
            raise ApiError(PATH_INVALID, f"{path} is a file, not a directory")
        return local

    def make_directory(self, path: ObsPath) -> Path:
        """Make a directory and those above it; one that is there is kept. ``PATH_INVALID`` if a file is in the way."""
        local = self.local(path)
        segments = self._segments(path.bucket, local)
        with _translate_os_errors(str(path)):
            os.close(atomic_fs.open_folder(self._bucket_folder(path.bucket), segments, create=True, fsync=self._fsync))
        return local

    def walk(
        self, directory: ObsPath, *, skip: Collection[ObsPath] = (), on_link: Callable[[], None] = lambda: None
    ) -> Iterator[ObjectEntry]:
        """Return the objects below a directory, in the order of :func:`modelarts_emulator.obs.walk.walk`.

        Hidden and temporary files, and everything below ``skip``, are left out. Raises as ``require_directory`` at
        once, and ``OBS_ERROR`` while iterating if a folder cannot be read. ``on_link`` is called for each link.
        """
        place = self.require_directory(directory)
        names, ids = self._skipped(skip, directory)
        entries = walk(
            str(place),
            directory.as_directory().object_name,
            within=self._require_bucket(directory.bucket),
            skip=names,
            skip_folders=ids,
            reported=self._reported,
            on_link=on_link,
        )
        return _with_translated_errors(entries, directory)

    def walk_at(
        self,
        directory: ObsPath,
        inner: Iterable[str],
        *,
        skip: Collection[ObsPath] = (),
        on_link: Callable[[], None] = lambda: None,
    ) -> Iterator[ObjectEntry] | None:
        """Return, as ``walk``, what lies at these places below a directory; None where links are in play."""
        names, ids = self._skipped(skip, directory)
        entries = walk_at(
            str(self.require_directory(directory)),
            directory.as_directory().object_name,
            inner,
            within=self._require_bucket(directory.bucket),
            skip=names,
            skip_folders=ids,
            reported=self._reported,
            on_link=on_link,
        )
        return None if entries is None else _with_translated_errors(entries, directory)

    # Objects

    def stat(self, path: ObsPath) -> ObjectStat | None:
        """Return size and time of an object; None if there is none. Raises ``PATH_INVALID``, ``BUCKET_NOT_FOUND``."""
        if path.is_directory:
            return None
        try:
            with self._parent(path, create=False, follow=True) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except ApiError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise
        return ObjectStat(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def open(self, path: ObsPath) -> BinaryIO:
        """Open an object for reading. Raises ``FILE_NOT_FOUND``, ``PATH_INVALID`` or ``BUCKET_NOT_FOUND``."""
        with self._parent(path, create=False, follow=True) as (folder, name):
            # Non-blocking: opening a named pipe would wait for a writer for ever.
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ApiError(PATH_INVALID, f"{path} is not a file")
        return os.fdopen(descriptor, "rb")

    def read(self, path: ObsPath, limit: int | None = None) -> bytes:
        """Return an object's bytes, at most ``limit`` of them. Raises as ``open``."""
        with self.open(path) as file, _translate_os_errors(str(path)):
            return file.read(-1 if limit is None else limit)

    def write(
        self,
        path: ObsPath,
        data: bytes | Iterable[bytes],
        *,
        overwrite: bool = True,
        flush: bool = True,
        at_ms: int | None = None,
    ) -> ObjectStat:
        """Write an object whole or not at all, with the directories above it; return its size and time.

        Its time is now, or ``at_ms`` in milliseconds since the epoch.

        With ``flush`` False its name survives power loss only once ``flush`` has been called for its directory: one
        call for a batch. The bytes are safe before they get the name either way.

        The bytes go to a file with a hidden name, or none, which then takes the name. Raises FileExistsError if the
        name is taken and ``overwrite`` is False; ``PATH_INVALID`` for a directory; ``OBS_ERROR`` if the disk refuses.
        """
        chunks = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
        with self._parent(path, create=True, follow=False) as (folder, name):
            named = overwrite and atomic_fs.is_taken(folder, name)
            with atomic_fs.temporary(folder, named=named) as (file, temporary):
                with file:
                    for chunk in chunks:
                        file.write(chunk)
                    file.flush()
                    self._stamp(file, at_ms)
                    if self._fsync:
                        os.fsync(file.fileno())
                    # While it is open: whatever has the name a moment later is not what has been written here.
                    written = os.fstat(file.fileno())
                atomic_fs.publish(folder, temporary, name, overwrite=overwrite)
            if self._fsync and flush:
                os.fsync(folder)
        return ObjectStat(written.st_size, written.st_mtime_ns)

    def flush(self, directory: ObsPath) -> None:
        """Make the names in a directory survive power loss. Raises as ``require_directory``."""
        if self._fsync:
            with _translate_os_errors(str(directory)):
                atomic_fs.sync(str(self.require_directory(directory)))

    def delete(self, path: ObsPath) -> bool:
        """Remove an object; False if there is none. Of a link, it goes. Raises ``PATH_INVALID`` for a directory."""
        try:
            with self._parent(path, create=False, follow=False) as (folder, name):
                os.unlink(name, dir_fd=folder)
                if self._fsync:
                    os.fsync(folder)
        except ApiError as error:
            if error.error is FILE_NOT_FOUND:
                return False
            raise
        return True

    def copy(self, source: ObsPath, target: ObsPath, *, overwrite: bool = True, flush: bool = True) -> ObjectStat:
        """Copy an object's bytes. Raises as ``open`` for the source and as ``write`` for the target."""
        with self.open(source) as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            return self.write(target, chunks, overwrite=overwrite, flush=flush)

    # Inside

    def _stamp(self, file: BinaryIO, at_ms: int | None) -> None:
        """Give a file the time of the clock."""
        now = self._clock.now_ms() if at_ms is None else at_ms
        time_ns = now * 1_000_000 + next(self._nanoseconds)
        os.utime(file.fileno(), ns=(time_ns, time_ns))

    def _skipped(self, skip: Collection[ObsPath], directory: ObsPath) -> tuple[list[str], list[FolderId]]:
        """What to leave out of a directory: by resolved path, and what only links can lead to by device and inode.

        To resolve a path takes ten times as long as to ask for its inode, and there is one for every dataset.
        """
        within = directory.as_directory()
        names = [str(self.local(each)) for each in skip if within.contains(each) and self.has_bucket(each.bucket)]
        others = (f"{self._bucket_folder(each.bucket)}/{each.key}" for each in skip if not within.contains(each))
        return names, [found for place in others if (found := folder_id(place)) is not None]

    def _bucket_folder(self, name: str) -> str:
        return self._mounts.get(name) or f"{self._root}/{name}"

    def _folders(self) -> dict[str, str]:
        return {name: self._bucket_folder(name) for name in self.buckets()}

    def _require_bucket(self, name: str) -> str:
        if not self.has_bucket(name):
            raise ApiError(BUCKET_NOT_FOUND, name)
        return self._bucket_folder(name)

    def _resolve(self, path: ObsPath) -> tuple[str, str]:
        """Return the bucket's folder and the resolved place, wherever that is."""
        bucket = self._require_bucket(path.bucket)
        place = f"{bucket}/{path.key}".rstrip("/")
        with _translate_os_errors(str(path)):
            try:
                return bucket, os.path.realpath(place, strict=True)
            except (FileNotFoundError, NotADirectoryError):
                return bucket, os.path.realpath(place)

    @contextmanager
    def _parent(self, path: ObsPath, *, create: bool, follow: bool) -> Iterator[tuple[int, str]]:
        """Hold the folder of an object open: its descriptor, and the object's name in it.

        Who reads follows a link in the last place; who writes or deletes means the link itself.
        """
        if path.is_directory:
            raise ApiError(PATH_INVALID, f"{path} is a directory")
        with _translate_os_errors(str(path)):
            folder, name = self._open_parent(path, create=create, follow=follow)
            try:
                yield folder, name
            finally:
                os.close(folder)

    def _open_parent(self, path: ObsPath, *, create: bool, follow: bool) -> tuple[int, str]:
        bucket = self._require_bucket(path.bucket)
        *segments, name = path.key.split("/")
        with suppress(NotADirectoryError):
            folder = atomic_fs.open_folder(bucket, segments, create=create, fsync=self._fsync)
            if not (follow and atomic_fs.is_link(folder, name)):
                return folder, name
            os.close(folder)
        # A link is in the way, or a file: judge where it leads, then go there without meeting another.
        local = self.local(path) if follow else self.local(path.parent) / path.name
        *segments, name = self._segments(path.bucket, local)
        return atomic_fs.open_folder(bucket, segments, create=create, fsync=self._fsync), name

    def _segments(self, bucket: str, local: Path) -> list[str]:
        return [segment for segment in str(local)[len(self._bucket_folder(bucket)) :].split("/") if segment]


def _is_bucket(name: str) -> bool:
    try:
        require_bucket_name(name)
    except ApiError:
        return False
    return True


def _with_translated_errors(entries: Iterator[ObjectEntry], directory: ObsPath) -> Iterator[ObjectEntry]:
    with _translate_os_errors(str(directory)):
        yield from entries


@contextmanager
def _translate_os_errors(path: str) -> Iterator[None]:
    """Turn what the operating system refuses into the catalogue's errors."""
    try:
        yield
    except FileNotFoundError as error:
        raise ApiError(FILE_NOT_FOUND, path) from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise ApiError(PATH_INVALID, f"{path}: {error.strerror}") from error
    except FileExistsError:
        raise
    except OSError as error:
        row = PATH_INVALID if error.errno in atomic_fs.PATH_FAULTS else OBS_ERROR
        raise ApiError(row, f"{path}: {error.strerror}") from error
