"""Folders held open by descriptor (Linux, macOS and other POSIX systems).

Every name is looked up relative to the descriptor, so that a folder that is replaced by a link after the check does not
redirect anything.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from functools import partial
from pathlib import Path

from modelarts_emulator.system import features
from modelarts_emulator.system.durability import flush_file
from modelarts_emulator.system.folder import (
    CLOEXEC,
    NO_HARD_LINKS,
    READ,
    Folder,
    FolderId,
    NewFile,
    temporary_name,
)

assert sys.platform != "win32"

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TMPFILE: int = getattr(os, "O_TMPFILE", 0)
_DESCRIPTORS = "/proc/self/fd"
_NO_UNNAMED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
"""Error codes of O_TMPFILE on a file system or kernel without it."""


class DescriptorFolder(Folder):
    """A folder held open by its descriptor."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.lstat = partial(os.stat, dir_fd=descriptor, follow_symlinks=False)  # a method would cost a walk 4 %

    @classmethod
    def open(cls, path: str) -> DescriptorFolder:
        """Open a folder by its path. Raises OSError; NotADirectoryError for a link or a file."""
        return cls(path, os.open(path, FOLDER))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def id(self) -> FolderId:
        """Return device and inode."""
        found = self.stat()
        return FolderId(found.st_dev, found.st_ino)

    def stat(self) -> os.stat_result:
        """Return the times of the folder."""
        return os.fstat(self._descriptor)

    def enter(self, name: str) -> DescriptorFolder:
        """Open a folder in this one."""
        return DescriptorFolder(f"{self.path}/{name}", os.open(name, FOLDER, dir_fd=self._descriptor))

    def mkdir(self, name: str) -> None:
        """Create a folder."""
        os.mkdir(name, dir_fd=self._descriptor)

    def open_file(self, name: str, flags: int) -> int:
        """Open a file and return its descriptor."""
        return os.open(name, flags | os.O_NOFOLLOW, 0o666, dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file or a link."""
        os.unlink(name, dir_fd=self._descriptor)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(name, dir_fd=self._descriptor)

    def rename(self, source: str, target: str) -> None:
        """Rename a file, over one that has the name."""
        os.replace(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def link(self, source: str, target: str) -> None:
        """Create a hard link."""
        os.link(source, target, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor, follow_symlinks=False)

    def set_times(self, name: str, time_ns: int) -> None:
        """Set access and modification time."""
        os.utime(name, ns=(time_ns, time_ns), dir_fd=self._descriptor, follow_symlinks=False)

    def names(self) -> list[str]:
        """List all names."""
        return os.listdir(self._descriptor)  # noqa: PTH208  (by descriptor)

    def scan(self) -> os._ScandirIterator[str]:
        """Return an iterator of the entries of the open folder."""
        return os.scandir(self._descriptor)

    def flush(self) -> None:
        """Write the names to the disk."""
        flush_file(self._descriptor)

    if sys.platform == "darwin":

        def lists(self, name: str) -> bool:
            """Ask the system for the file's own name (F_GETPATH), which is faster than a listing."""
            import fcntl  # noqa: PLC0415

            try:
                descriptor = os.open(name, READ | os.O_NOFOLLOW, dir_fd=self._descriptor)
            except OSError:
                return super().lists(name)
            try:
                path = fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")
            finally:
                os.close(descriptor)
            return os.fsdecode(path).rpartition("/")[2] == name

    def unnamed_file(self) -> NewFile | None:
        """Create a file without a name with O_TMPFILE; None where the kernel or the file system does not have it."""
        if not features.HAS_UNNAMED_FILES:
            return None
        try:
            writer = os.open(".", os.O_WRONLY | CLOEXEC | _TMPFILE, 0o666, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno in _NO_UNNAMED:
                return None
            raise
        try:
            reader = os.open(f"{_DESCRIPTORS}/{writer}", os.O_RDONLY | CLOEXEC)
        except OSError:  # /proc is not mounted
            os.close(writer)
            return None
        return _UnnamedFile(self, writer, reader)


class _UnnamedFile(NewFile):
    """A file without a name. ``reader`` keeps it after the writing descriptor is closed, and lets ``link`` find it."""

    def __init__(self, folder: DescriptorFolder, writer: int, reader: int) -> None:
        super().__init__(folder, os.fdopen(writer, "wb"), f"{_DESCRIPTORS}/{reader}")
        self._reader = reader
        self._descriptor = folder._descriptor

    def publish(self, name: str, *, overwrite: bool) -> None:
        """Give the file its name."""
        try:
            self._link(name)
        except FileExistsError:
            if not overwrite:
                raise
            # Only a file that has a name can replace another one.
            hidden = temporary_name()
            self._link(hidden)
            try:
                self._folder.rename(hidden, name)
            except BaseException:
                self._folder.unlink(hidden)
                raise

    def _link(self, name: str) -> None:
        try:
            os.link(self._name, name, dst_dir_fd=self._descriptor, follow_symlinks=True)
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
            self._copy_to(name)

    def _copy_to(self, name: str) -> None:
        """Copy the data to a file with a name, where a file without a name cannot get one."""
        with Path(self._name).open("rb") as unnamed, self._folder.new_file() as copy:
            shutil.copyfileobj(unnamed, copy)
            copy.finish(os.fstat(unnamed.fileno()).st_mtime_ns, flush_file)
            copy.publish(name, overwrite=False)

    def discard(self) -> None:
        """Close both descriptors; the kernel removes a file without a name."""
        self._file.close()
        os.close(self._reader)
