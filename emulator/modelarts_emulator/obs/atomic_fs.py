"""Folders held open by descriptor: entered name by name without following links, written to without half files."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PATH_FAULTS = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO, errno.EILSEQ})
"""What the system answers when the path itself is at fault."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNNAMED: int | None = getattr(os, "O_TMPFILE", None)
_NO_UNNAMED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
_DESCRIPTORS = "/proc/self/fd"
_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})


def open_folder(root: str, segments: Sequence[str], *, create: bool, fsync: bool) -> int:
    """Open the folder ``root/segments…`` and return its descriptor; with ``create`` missing ones are made.

    Raises OSError; NotADirectoryError where a segment is a link or a file.
    """
    folder = os.open(root, _FOLDER)
    try:
        for name in segments:
            inner = _enter(folder, name, create=create, fsync=fsync)
            os.close(folder)
            folder = inner
    except BaseException:
        os.close(folder)
        raise
    return folder


def _enter(folder: int, name: str, *, create: bool, fsync: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):  # somebody else has just made it
        os.mkdir(name, dir_fd=folder)
        if fsync:
            os.fsync(folder)
    return os.open(name, _FOLDER, dir_fd=folder)


@contextmanager
def temporary(folder: int, *, named: bool = True) -> Iterator[tuple[BinaryIO, str]]:
    """Give a new file in the folder, open for writing, and what ``publish`` finds it by; else nothing is left of it.

    Its name is a hidden one. With ``named`` False it has none, where the system can do so: it is made faster, by
    several threads at once, and a crash leaves nothing behind; that is for a name that is free.
    """
    if not named and (unnamed := _unnamed(folder)) is not None:
        writer, reader = unnamed
        try:
            with os.fdopen(writer, "wb") as file:
                yield file, f"{_DESCRIPTORS}/{reader}"
        finally:
            os.close(reader)
        return
    name = _temporary_name()
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _unnamed(folder: int) -> tuple[int, int] | None:
    """Open a new file without a name for writing and, to hold it once it is written, for reading."""
    if _UNNAMED is None:
        return None
    try:
        writer = os.open(".", os.O_WRONLY | os.O_CLOEXEC | _UNNAMED, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_UNNAMED:
            return None
        raise
    try:
        return writer, os.open(f"{_DESCRIPTORS}/{writer}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # no /proc
        os.close(writer)
        return None


def publish(folder: int, temporary_name: str, name: str, *, overwrite: bool) -> None:
    """Let a file take its final name in one step. Raises FileExistsError if it is taken and not to be overwritten.

    The file must be closed: who hears of the name takes a file that is being written for one that is not whole.
    """
    unnamed = temporary_name.startswith(_DESCRIPTORS)
    if unnamed and overwrite:
        try:
            publish(folder, temporary_name, name, overwrite=False)
            return
        except FileExistsError:  # taken meanwhile: only a file with a name can replace another
            hidden = _temporary_name()
            publish(folder, temporary_name, hidden, overwrite=False)
            temporary_name = hidden
    if not overwrite:
        try:
            os.link(temporary_name, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=unnamed)
            return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        if unnamed:
            _publish_copy(folder, temporary_name, name)
            return
        # A file system without hard links: an empty file holds the name until the real one replaces it.
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder))
    os.replace(temporary_name, name, src_dir_fd=folder, dst_dir_fd=folder)


def _publish_copy(folder: int, source: str, name: str) -> None:
    """As ``publish``, where a file without a name cannot be given any."""
    with Path(source).open("rb") as unnamed, temporary(folder) as (file, hidden):
        with file:
            shutil.copyfileobj(unnamed, file)
            file.flush()
            times = os.fstat(unnamed.fileno())
            os.utime(file.fileno(), ns=(times.st_atime_ns, times.st_mtime_ns))
            os.fsync(file.fileno())
        publish(folder, hidden, name, overwrite=False)


def _temporary_name() -> str:
    return f".~{secrets.token_hex(8)}"


def is_taken(folder: int, name: str) -> bool:
    """Whether there is anything of the name, a link that leads nowhere included."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def is_link(folder: int, name: str) -> bool:
    """Whether the name is a symbolic link; False if there is nothing."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def sync(folder: str) -> None:
    """Make the names in a folder survive power loss."""
    descriptor = os.open(folder, _FOLDER)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
