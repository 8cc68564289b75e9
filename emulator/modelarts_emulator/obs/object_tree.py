"""The object tree: buckets are folders, and objects are files.

No path that a client sends leads out of its bucket. First the links in the path are resolved and the result is checked.
Then every folder is opened step by step without following links, so that a link that is swapped in between is refused.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
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
from modelarts_emulator.obs.os_errors import translate_os_errors
from modelarts_emulator.obs.paths import ObsPath, require_bucket_name, require_new_bucket_name
from modelarts_emulator.obs.walk import ObjectEntry, WarnOnce, folder_id, walk, walk_at
from modelarts_emulator.system.durability import flush_file
from modelarts_emulator.system.file_names import other_spellings
from modelarts_emulator.system.folder import READ, Folder, FolderId
from modelarts_emulator.system.open_folder import is_taken, open_below, open_folder, open_root, require_possible_name
from modelarts_emulator.system.openat2 import open_beneath
from modelarts_emulator.system.real_paths import is_below, real_path, real_path_below
from modelarts_emulator.system.spelling import Spellings
from modelarts_emulator.util.clock import Clock, SystemClock

_CHUNK = 1 << 20
_MAX_CHECKED = 5_000

_Identity = tuple[int, int, int]
"""Device, inode and ``ctime`` in nanoseconds of a file."""


class ObjectStat(NamedTuple):
    """The signature of an object: if neither value has changed, the object counts as unchanged."""

    size: int
    """Size in bytes."""
    mtime_ns: int
    """Modification time in nanoseconds since the epoch."""


class ObjectTree:
    """The buckets below ``root``, and existing folders that are mounted as further buckets.

    Example:
        >>> import tempfile
        >>> tree = ObjectTree(Path(tempfile.mkdtemp()))
        >>> tree.create_bucket("pictures")
        True
        >>> tree.write(ObsPath("pictures", "in/a.txt"), b"hello").size
        5
        >>> tree.read(ObsPath("pictures", "in/a.txt"))
        b'hello'
    """

    def __init__(
        self, root: Path, mounts: Mapping[str, Path] | None = None, *, fsync: bool = True, clock: Clock | None = None
    ) -> None:
        """Open the tree; ``root`` is created if it is missing.

        Args:
            root: folder of the emulator's own buckets.
            mounts: folders by bucket name. A mounted bucket hides an own bucket of the same name.
            fsync: whether a written object survives power loss.
            clock: gives the modification time of written objects.

        Raises:
            ApiError: PATH_INVALID for a mount's name.
            NotADirectoryError: a mount is not a folder.
        """
        self._fsync = fsync
        self._clock = clock or SystemClock()
        # Objects written in the same millisecond, as with a frozen clock, still get different times.
        self._nanoseconds = itertools.cycle(range(1_000_000))
        self._mounts: dict[str, str] = {}
        self._warnings = WarnOnce()
        self._spellings = Spellings()
        self._checked: dict[str, _Identity] = {}
        root.mkdir(parents=True, exist_ok=True)
        self._root = real_path(root)
        for name, folder in (mounts or {}).items():
            if not folder.is_dir():
                raise NotADirectoryError(f"bucket {name}: {folder} is not a folder")
            self._mounts[require_bucket_name(name)] = real_path(folder)
        folders = [self._root, *self._mounts.values()]
        self._has_inner_buckets = any(is_below(one, other) for one, other in itertools.permutations(folders, 2))
        """Whether a bucket is also a folder of another, so that an object has two paths without a link."""

    # Buckets

    def buckets(self) -> list[str]:
        """Return the names of all buckets, sorted."""
        with os.scandir(self._root) as entries:
            own = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and _is_bucket(entry.name)}
        return sorted(own | self._mounts.keys())

    def has_bucket(self, name: str) -> bool:
        """Return whether the bucket exists; False also for a name that no bucket can have."""
        if not _is_bucket(name):
            return False
        try:
            # A link is not a bucket. The folder of a mount is resolved already.
            if not stat.S_ISDIR(os.lstat(self._bucket_folder(name)).st_mode):
                return False
            return name in self._mounts or self._is_visible_in(self._root, name)
        except OSError:
            return False

    def create_bucket(self, name: str) -> bool:
        """Create a bucket; return False if it exists.

        Raises:
            ApiError: PATH_INVALID for a name that no bucket can have, or that the file system cannot tell from another.
        """
        if name in self._mounts:
            return False
        require_new_bucket_name(name)
        with translate_os_errors(f"/{name}/"), open_root(self._root) as root:
            try:
                require_possible_name(name)
                root.mkdir(name)
                self._spellings.remember(root, name)
            except FileExistsError:
                if not self.has_bucket(name):
                    self._spellings.require_exact(root, name)
                    raise
                return False
            if self._fsync:
                root.flush()
        return True

    def delete_bucket(self, name: str) -> None:
        """Delete an empty bucket.

        Raises:
            ApiError: BUCKET_NOT_FOUND, or OBS_ERROR for a bucket that is mounted or not empty.
        """
        folder = self._require_bucket(name)
        if name in self._mounts:
            raise ApiError(OBS_ERROR, f"bucket {name} is a mounted folder and cannot be deleted")
        try:
            Path(folder).rmdir()
        except OSError as error:
            raise ApiError(OBS_ERROR, f"bucket {name} cannot be deleted: {error.strerror}") from error

    # Paths on disk

    def local(self, path: ObsPath) -> Path:
        """Return the path on disk, links resolved; the file need not exist.

        Raises:
            ApiError: BUCKET_NOT_FOUND; PATH_INVALID if a link leads out of the bucket or links form a circle.
        """
        bucket, real = self._resolve(path)
        if not is_below(real, bucket):
            raise ApiError(PATH_INVALID, f"{path} leaves its bucket through a symbolic link")
        return Path(real)

    def expected_local(self, path: ObsPath) -> Path:
        """Return the path on disk as ``local`` does; for a missing bucket, the path it would have."""
        if self.has_bucket(path.bucket):
            return self.local(path)
        return Path(self._bucket_folder(require_bucket_name(path.bucket)), path.key)

    def locate(self, local: Path) -> ObsPath | None:
        """Return the object path of a path on disk; None outside of all buckets or if no object can have the name."""
        real = real_path(local)
        for name, folder in sorted(self._folders().items(), key=lambda item: -len(item[1])):
            if is_below(real, folder):
                with suppress(ApiError):
                    return ObsPath(name, real[len(folder) :].strip("/"))
        return None

    def require_directory(self, path: ObsPath) -> Path:
        """Return the path on disk of an existing directory.

        Raises:
            ApiError: BUCKET_NOT_FOUND, PATH_NOT_FOUND, or PATH_INVALID for a file.
        """
        with translate_os_errors(str(path)):
            local = self.local(path)
            try:
                found = local.stat()
            except FileNotFoundError:
                raise ApiError(PATH_NOT_FOUND, str(path)) from None
            if not stat.S_ISDIR(found.st_mode):
                raise ApiError(PATH_INVALID, f"{path} is a file, not a directory")
            if not self._is_spelled_as(path):
                raise ApiError(PATH_NOT_FOUND, str(path))
        return local

    def make_directory(self, path: ObsPath) -> Path:
        """Create a directory and its parents; an existing one is kept. Return its path on disk.

        Raises:
            ApiError: BUCKET_NOT_FOUND; PATH_INVALID if a file is in the way.
        """
        local = self.local(path)
        with translate_os_errors(str(path)):
            self._open_folder(path.bucket, self._segments(path.bucket, local), create=True).close()
        return local

    def open_directory(self, path: ObsPath) -> Folder:
        """Open an existing directory without following a link that is swapped in. Raises as ``require_directory``."""
        local = self.require_directory(path)
        with translate_os_errors(str(path)):
            return open_below(self._bucket_folder(path.bucket), local.as_posix())

    def walk(
        self,
        directory: ObsPath,
        *,
        skip: Collection[ObsPath] = (),
        skip_linked: Callable[[], Collection[ObsPath]] = tuple,
        on_link: Callable[[], None] = lambda: None,
    ) -> Iterator[ObjectEntry]:
        """Return the objects below a directory, in the order of :func:`modelarts_emulator.obs.walk.walk`.

        Hidden and temporary files are skipped, and everything below ``skip``. ``skip_linked`` returns what is skipped
        as well where a symbolic link or a bucket within another leads to it. ``on_link`` is called for each link.

        Raises:
            ApiError: as ``require_directory``, at once; OBS_ERROR during the iteration if a folder cannot be read.
        """
        place = self.require_directory(directory)
        entries = walk(
            place.as_posix(),
            directory.as_directory().object_name,
            within=self._require_bucket(directory.bucket),
            skip=self._local_names(skip),
            skip_folders=self._ids(skip_linked()) if self._has_inner_buckets else (),
            skip_linked=lambda: self._ids(skip_linked()),
            warnings=self._warnings,
            on_link=on_link,
        )
        return _with_translated_errors(entries, directory)

    def walk_at(
        self,
        directory: ObsPath,
        inner: Iterable[str],
        *,
        skip: Collection[ObsPath] = (),
        skip_linked: Callable[[], Collection[ObsPath]] = tuple,
        on_link: Callable[[], None] = lambda: None,
    ) -> Iterator[ObjectEntry] | None:
        """Walk some files and folders below a directory only; ``inner`` are their paths relative to it.

        Return None if symbolic links are involved: only a whole ``walk`` finds all paths of an object then.
        """
        entries = walk_at(
            self.require_directory(directory).as_posix(),
            directory.as_directory().object_name,
            inner,
            within=self._require_bucket(directory.bucket),
            skip=self._local_names(skip),
            skip_folders=self._ids(skip_linked()) if self._has_inner_buckets else (),
            skip_linked=lambda: self._ids(skip_linked()),
            warnings=self._warnings,
            on_link=on_link,
        )
        return None if entries is None else _with_translated_errors(entries, directory)

    # Objects

    def stat(self, path: ObsPath) -> ObjectStat | None:
        """Return size and time of an object; None if it does not exist.

        Raises:
            ApiError: BUCKET_NOT_FOUND; PATH_INVALID if a link leads out of the bucket.
        """
        if path.is_directory:
            return None
        try:
            with self._parent(path, create=False, follow=True) as (folder, name):
                found = folder.lstat(name)
                self._spellings.require_visible(folder, name)
        except ApiError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return None
            raise
        return ObjectStat(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None

    def exists(self, path: ObsPath) -> bool:
        """Return whether an object exists on the disk, not only in a cache of the kernel.

        On FUSE and network file systems ``stat`` may succeed for a while after another machine has deleted the file;
        opening the file asks the file system.

        Raises:
            ApiError: as ``stat``.
        """
        if self.stat(path) is None:
            return False
        try:
            self.open(path).close()
        except ApiError as error:
            return error.error is not FILE_NOT_FOUND
        return True

    def open(self, path: ObsPath) -> BinaryIO:
        """Open an object for reading.

        Raises:
            ApiError: FILE_NOT_FOUND, BUCKET_NOT_FOUND, or PATH_INVALID for anything but a file.
        """
        return os.fdopen(self._open_descriptor(path)[0], "rb")

    def open_entry(self, entry: ObjectEntry) -> FileIO:
        """Open a file that a walk has found, unbuffered. Raises OSError, also if a link is in its place now."""
        folder = self._bucket_folder(entry.path.partition("/")[0])
        descriptor = open_beneath(folder, entry.local[len(folder) + 1 :], READ)
        if descriptor is None:
            place, _, name = entry.local.rpartition("/")
            with open_below(folder, place) as opened:
                descriptor = opened.open_file(name, READ)
        return FileIO(descriptor)

    def open_with_stat(self, path: ObsPath) -> tuple[BinaryIO, ObjectStat]:
        """Open an object for reading without a buffer, and return its size and time. Raises ApiError as ``open``."""
        name = path.object_name
        descriptor, found = self._open_again(path, self._checked.get(name)) or self._open_descriptor(path)
        if len(self._checked) >= _MAX_CHECKED:
            self._checked.clear()
        self._checked[name] = _identity(found)
        return FileIO(descriptor), ObjectStat(found.st_size, found.st_mtime_ns)

    def _open_again(self, path: ObsPath, checked: _Identity | None) -> tuple[int, os.stat_result] | None:
        """Open an object that ``_open_descriptor`` has opened before, unless a link or another file is there now.

        The spelling of its name is not checked again: renaming the file would have changed its ``ctime``.
        """
        if checked is None:
            return None
        descriptor = open_beneath(self._bucket_folder(path.bucket), path.key, READ)
        if descriptor is None:
            return None
        found = os.fstat(descriptor)
        if _identity(found) == checked:
            return descriptor, found
        os.close(descriptor)
        return None

    def _open_descriptor(self, path: ObsPath) -> tuple[int, os.stat_result]:
        with self._parent(path, create=False, follow=True) as (folder, name):
            descriptor = folder.open_file(name, READ)
            try:
                self._spellings.require_visible(folder, name)
            except BaseException:
                os.close(descriptor)
                raise
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise ApiError(PATH_INVALID, f"{path} is not a file")
        return descriptor, found

    def read(self, path: ObsPath, limit: int | None = None) -> bytes:
        """Return an object's bytes, at most ``limit`` of them. Raises ApiError as ``open``."""
        with self.open(path) as file, translate_os_errors(str(path)):
            return file.read(-1 if limit is None else limit)

    def set_time(self, path: ObsPath, mtime_ns: int) -> None:
        """Set an object's modification time, in ns since the epoch. Raises as ``open``."""
        with self._parent(path, create=False, follow=True) as (folder, name):
            descriptor = folder.open_file(name, READ)
            try:
                os.utime(descriptor, ns=(mtime_ns, mtime_ns))
            finally:
                os.close(descriptor)

    def write(
        self,
        path: ObsPath,
        data: bytes | Iterable[bytes],
        *,
        overwrite: bool = True,
        flush: bool = True,
        at_ms: int | None = None,
    ) -> ObjectStat:
        """Write an object whole or not at all; missing directories are created. Return its size and time.

        The bytes are written to a file with a hidden name, or without one, which then gets the object's name.

        Args:
            path: the object.
            data: its bytes, at once or in chunks.
            overwrite: whether an existing object is replaced.
            flush: with False, the name survives power loss only after ``flush`` of its directory, which is then called
                once for many objects. The bytes are durable in both cases.
            at_ms: modification time in ms since the epoch; the default is now.

        Raises:
            FileExistsError: the name is taken and ``overwrite`` is False.
            ApiError: BUCKET_NOT_FOUND; PATH_INVALID for a directory, or a name that the file system cannot hold or
                cannot tell from an existing one; OBS_ERROR if the disk refuses.
        """
        chunks = (data,) if isinstance(data, bytes | bytearray | memoryview) else data
        with self._parent(path, create=True, follow=False) as (folder, name):
            is_replaced = overwrite and is_taken(folder, name)
            if is_replaced:
                self._spellings.require_exact(folder, name)
            else:
                require_possible_name(name)
            with folder.new_file(named=is_replaced) as file:
                for chunk in chunks:
                    file.write(chunk)
                written = file.finish(self._time_ns(at_ms), flush_file if self._fsync else None)
                # Two clients may write a.txt and A.txt at once: check and rename are one step for both spellings.
                with self._spellings.lock(folder, name):
                    if overwrite and is_taken(folder, name):
                        self._spellings.require_exact(folder, name)
                        file.publish(name, overwrite=True)
                    else:
                        file.publish(name, overwrite=overwrite)
                        self._spellings.remember(folder, name)
            if self._fsync and flush:
                folder.flush()
        return ObjectStat(written.st_size, written.st_mtime_ns)

    def flush(self, directory: ObsPath) -> None:
        """Make the names in a directory survive power loss. Raises ApiError as ``require_directory``."""
        if self._fsync:
            with self.open_directory(directory) as folder, translate_os_errors(str(directory)):
                folder.flush()

    def delete(self, path: ObsPath) -> bool:
        """Delete an object; return False if it does not exist. A symbolic link is deleted itself.

        Raises:
            ApiError: BUCKET_NOT_FOUND; PATH_INVALID for a directory.
        """
        try:
            with self._parent(path, create=False, follow=False) as (folder, name), self._spellings.lock(folder, name):
                folder.lstat(name)
                if not self._spellings.is_exact(folder, name):
                    return False
                folder.unlink(name)
                if self._fsync:
                    folder.flush()
        except ApiError as error:
            if error.error is FILE_NOT_FOUND:
                return False
            raise
        return True

    def copy(
        self,
        source: ObsPath,
        target: ObsPath,
        *,
        overwrite: bool = True,
        flush: bool = True,
        at_ms: int | None = None,
    ) -> ObjectStat:
        """Copy an object's bytes; the arguments are those of ``write``.

        Raises ApiError as ``open`` for the source and as ``write`` for the target.
        """
        with self.open(source) as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            return self.write(target, chunks, overwrite=overwrite, flush=flush, at_ms=at_ms)

    # Inside

    def _time_ns(self, at_ms: int | None) -> int:
        """Return a modification time in nanoseconds."""
        now = self._clock.now_ms() if at_ms is None else at_ms
        return now * 1_000_000 + next(self._nanoseconds)

    def _local_names(self, paths: Collection[ObsPath]) -> list[str]:
        return [real_path(self.local(each)) for each in paths if self.has_bucket(each.bucket)]

    def _ids(self, paths: Collection[ObsPath]) -> frozenset[FolderId]:
        """Return what identifies folders: reading an inode takes a tenth of the time of resolving a path."""
        places = (f"{self._bucket_folder(each.bucket)}/{each.key}" for each in paths)
        return frozenset(found for place in places if (found := folder_id(place)) is not None)

    def _bucket_folder(self, name: str) -> str:
        return self._mounts.get(name) or f"{self._root}/{name}"

    def _folders(self) -> dict[str, str]:
        return {name: self._bucket_folder(name) for name in self.buckets()}

    def _require_bucket(self, name: str) -> str:
        if not self.has_bucket(name):
            raise ApiError(BUCKET_NOT_FOUND, name)
        return self._bucket_folder(name)

    def _resolve(self, path: ObsPath) -> tuple[str, str]:
        """Return the bucket's folder and the resolved path, which may lead out of it."""
        bucket = self._require_bucket(path.bucket)
        with translate_os_errors(str(path)):
            return bucket, real_path_below(bucket, path.key)

    def _is_spelled_as(self, path: ObsPath) -> bool:
        """Return whether every name of an existing path is the exact name of its file or link."""
        place = self._bucket_folder(path.bucket)
        for name in path.key.strip("/").split("/") if path.key else ():
            if not self._is_visible_in(place, name):
                return False
            place = f"{place}/{name}"
        return True

    def _is_visible_in(self, folder: str, name: str) -> bool:
        """Return whether an existing name in a folder is spelled right.

        The folder is opened only if another spelling exists too.
        """
        if not any(os.path.lexists(f"{folder}/{other}") for other in other_spellings(name)):
            return True
        with open_root(real_path(folder)) as opened:
            return self._spellings.is_visible(opened, name)

    @contextmanager
    def _parent(self, path: ObsPath, *, create: bool, follow: bool) -> Iterator[tuple[Folder, str]]:
        """Open the folder that contains an object; give it and the object's name in it.

        With ``follow`` a link in the place of the object is followed, for reading. Writing and deleting concern the
        link itself.
        """
        if path.is_directory:
            raise ApiError(PATH_INVALID, f"{path} is a directory")
        with translate_os_errors(str(path)):
            folder, name = self._open_parent(path, create=create, follow=follow)
            with folder:
                yield folder, name

    def _open_parent(self, path: ObsPath, *, create: bool, follow: bool) -> tuple[Folder, str]:
        self._require_bucket(path.bucket)
        *segments, name = path.key.split("/")
        with suppress(NotADirectoryError):
            folder = self._open_folder(path.bucket, segments, create=create)
            if not (follow and _is_link(folder, name)):
                return folder, name
            folder.close()
        # A link or a file is in the way: check where it leads, then open that path, which must not have a link.
        local = self.local(path) if follow else self.local(path.parent) / path.name
        *segments, name = self._segments(path.bucket, local)
        return self._open_folder(path.bucket, segments, create=create), name

    def _open_folder(self, bucket: str, segments: list[str], *, create: bool) -> Folder:
        root = self._bucket_folder(bucket)
        return open_folder(root, segments, create=create, flush=self._fsync, spellings=self._spellings)

    def _segments(self, bucket: str, local: Path) -> list[str]:
        inner = local.as_posix()[len(self._bucket_folder(bucket)) :]
        return [segment for segment in inner.split("/") if segment]


def _is_link(folder: Folder, name: str) -> bool:
    """Return whether the name is a symbolic link; False if it does not exist."""
    try:
        return stat.S_ISLNK(folder.lstat(name).st_mode)
    except FileNotFoundError:
        return False


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _is_bucket(name: str) -> bool:
    try:
        require_bucket_name(name)
    except ApiError:
        return False
    return True


def _with_translated_errors(entries: Iterator[ObjectEntry], directory: ObsPath) -> Iterator[ObjectEntry]:
    with translate_os_errors(str(directory)):
        yield from entries
