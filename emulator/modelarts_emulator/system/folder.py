"""Open folders: enter them step by step without following links, and write files in them whole or not at all.

``open_folder.open_folder`` returns the class that fits the system. ``DescriptorFolder`` holds a descriptor, so that no
link that is swapped in later can redirect it. ``PathFolder`` uses paths and checks them before and after each use.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from modelarts_emulator.system import features

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATH_FAULTS = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO, errno.EILSEQ})
"""Error codes that mean that the path is at fault, not the disk."""

NO_HARD_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Error codes of ``link`` on a file system without hard links."""

BINARY: int = getattr(os, "O_BINARY", 0)
CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
READ = os.O_RDONLY | BINARY | CLOEXEC | NONBLOCK
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY | CLOEXEC
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY | CLOEXEC


class FolderId(NamedTuple):
    """The device and inode of a folder: the same by whatever path it is reached."""

    device: int
    inode: int


class Folder(ABC):
    """An open folder. ``path`` is its resolved path with ``/`` between the names; ``lstat`` never follows a link.

    A context manager that closes it. All methods raise OSError.
    """

    path: str
    lstat: Callable[[str], os.stat_result]
    """Return size, time and type of what has a name in the folder."""

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the folder; it cannot be used any more."""

    @abstractmethod
    def id(self) -> FolderId:
        """Return device and inode of the folder."""

    @abstractmethod
    def enter(self, name: str) -> Folder:
        """Open a folder in this one. Raises NotADirectoryError for a link or a file."""

    @abstractmethod
    def mkdir(self, name: str) -> None:
        """Create a folder. Raises FileExistsError."""

    @abstractmethod
    def open_file(self, name: str, flags: int) -> int:
        """Open a file and return its descriptor. Never follows a link."""

    @abstractmethod
    def unlink(self, name: str) -> None:
        """Remove a file or a link."""

    @abstractmethod
    def rmdir(self, name: str) -> None:
        """Remove an empty folder in this one. Raises NotADirectoryError for a link or a file."""

    @abstractmethod
    def stat(self) -> os.stat_result:
        """Return the times of the folder itself."""

    @abstractmethod
    def rename(self, source: str, target: str) -> None:
        """Give a file another name in this folder, in one step; replaces a file that has the name."""

    @abstractmethod
    def link(self, source: str, target: str) -> None:
        """Give a file a second name in this folder. Raises FileExistsError."""

    @abstractmethod
    def set_times(self, name: str, time_ns: int) -> None:
        """Set access and modification time of a file, in nanoseconds since the epoch."""

    @abstractmethod
    def names(self) -> list[str]:
        """List all names, as the file system spells them."""

    @abstractmethod
    def scan(self) -> os._ScandirIterator[str]:
        """Return ``os.scandir`` of the folder; close it. The paths of its entries are not meaningful."""

    @abstractmethod
    def flush(self) -> None:
        """Make the names in the folder survive power loss."""

    def remove_tree(self, name: str) -> None:
        """Remove a folder in this one with everything in it. Links are removed and never followed."""
        with self.enter(name) as folder:
            for each in folder.names():
                if stat.S_ISDIR(folder.lstat(each).st_mode):
                    folder.remove_tree(each)
                else:
                    folder.unlink(each)
        self.rmdir(name)

    def lists(self, name: str) -> bool:
        """Return whether the listing has exactly this name, not one that only counts as equal."""
        return name in self.names()

    @contextmanager
    def new_file(self, *, named: bool = True) -> Iterator[NewFile]:
        """Give a new file in the folder; unless it is published, nothing is left of it.

        It has a hidden name, ``.~`` and 16 hexadecimal digits. With ``named`` False it has none where the system
        allows that: it is created faster, and a crash leaves nothing behind. This is for a name that is free.
        """
        unnamed = None if named else self.unnamed_file()
        if unnamed is not None:
            try:
                yield unnamed
            finally:
                unnamed.discard()
            return
        name = temporary_name()
        file = NewFile(self, os.fdopen(self.open_file(name, CREATE), "wb"), name)
        try:
            yield file
        finally:
            file.discard()

    def unnamed_file(self) -> NewFile | None:
        """Create a file without a name; None where this is not possible."""
        return None


class NewFile:
    """A file that is being written under a hidden name until ``publish`` gives it its own."""

    def __init__(self, folder: Folder, file: BinaryIO, name: str) -> None:
        self._folder, self._file, self._name = folder, file, name

    def write(self, chunk: ReadableBuffer) -> None:
        """Append bytes."""
        self._file.write(chunk)

    def finish(self, time_ns: int, flush: Callable[[int], None] | None) -> os.stat_result:
        """Close the file with this modification time, and return its size and time.

        ``flush`` is called with the descriptor, to make the data durable. The file is closed before it gets its name:
        a watcher that sees the name takes a file that is open for writing to be incomplete.
        """
        with self._file as file:
            file.flush()
            if _CAN_SET_TIMES_BY_DESCRIPTOR:
                os.utime(file.fileno(), ns=(time_ns, time_ns))
            if flush is not None:
                flush(file.fileno())
            written = os.fstat(file.fileno())
        if not _CAN_SET_TIMES_BY_DESCRIPTOR:
            self._folder.set_times(self._name, time_ns)
            written = self._folder.lstat(self._name)
        return written

    def publish(self, name: str, *, overwrite: bool) -> None:
        """Give the finished file its name in one step.

        Raises:
            FileExistsError: the name is taken and ``overwrite`` is False.
            OSError: the system refuses; nothing has changed.
        """
        if overwrite:
            self._folder.rename(self._name, name)
            return
        try:
            self._folder.link(self._name, name)
            return
        except OSError as error:
            if error.errno not in NO_HARD_LINKS:
                raise
        # Without hard links an empty file reserves the name (O_EXCL) until the real file replaces it.
        os.close(self._folder.open_file(name, CREATE))
        try:
            self._folder.rename(self._name, name)
        except BaseException:
            self._folder.unlink(name)
            raise

    def discard(self) -> None:
        """Remove the hidden name; no effect on a published file."""
        self._file.close()
        with suppress(FileNotFoundError):
            self._folder.unlink(self._name)


_CAN_SET_TIMES_BY_DESCRIPTOR = os.utime in os.supports_fd and not features.PORTABLE


def temporary_name() -> str:
    """Return a new hidden name."""
    return f".~{secrets.token_hex(8)}"
