"""The calls of inotify(7): one instance, its watches, and its events."""

from __future__ import annotations

import ctypes
import errno
import os
import selectors
import struct
from typing import NamedTuple

from modelarts_emulator.system.folder import CLOEXEC

CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
OVERFLOW = 0x4000
IGNORED = 0x8000
IS_FOLDER = 0x4000_0000
_ONLY_FOLDERS, _NO_LINKS = 0x0100_0000, 0x0200_0000
_WANTED = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF | _ONLY_FOLDERS | _NO_LINKS
_HEAD = struct.Struct("iIII")
_BUFFER = 1 << 16


class KernelEvent(NamedTuple):
    """An event: the number of the watch, the bits of ``mask``, and the name within the watched folder, or ''."""

    watch: int
    mask: int
    name: str


class Inotify:
    """An inotify instance. ``read`` is called by one thread, the rest by any. Raises OSError if none is left."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = int(self._libc.inotify_init1(CLOEXEC))
        if self._descriptor < 0:
            raise _last_error()
        self._woken, self._waking = os.pipe()
        self._selector = selectors.DefaultSelector()
        for descriptor in (self._descriptor, self._woken):
            self._selector.register(descriptor, selectors.EVENT_READ)

    def add(self, folder: str) -> int:
        """Watch a folder, and not what is below its subfolders; return the number of the watch.

        A folder that is watched already, also by another path, keeps its number. Raises OSError: it does not exist, is
        no folder, may not be read, or no watch is left (``ENOSPC``).
        """
        watch = int(self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _WANTED))
        if watch < 0:
            raise _last_error()
        return watch

    def remove(self, watch: int) -> None:
        """Remove a watch; the kernel has removed that of a deleted folder already, and ``close`` all of them."""
        failed = self._libc.inotify_rm_watch(self._descriptor, watch) < 0
        if failed and ctypes.get_errno() not in (errno.EINVAL, errno.EBADF):
            raise _last_error()

    def read(self) -> list[KernelEvent]:
        """Wait for events and return them; an empty list after ``wake``."""
        ready = {key.fd for key, _ in self._selector.select()}
        if self._woken in ready:
            return []
        data, found, place = os.read(self._descriptor, _BUFFER), [], 0
        while place < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, place)
            place += _HEAD.size + length
            name = data[place - length : place].rstrip(b"\0")
            found.append(KernelEvent(watch, mask, os.fsdecode(name)))
        return found

    def wake(self) -> None:
        """Let ``read`` return at once, from now on. No effect after ``close``."""
        if self._descriptor >= 0:
            os.write(self._waking, b"x")

    def close(self) -> None:
        """Close the instance with all watches. Callers take care that no other method runs at the same time."""
        self._selector.close()
        for descriptor in (self._descriptor, self._woken, self._waking):
            os.close(descriptor)
        self._descriptor = -1  # the next file gets the number


def _last_error() -> OSError:
    code = ctypes.get_errno()
    return OSError(code, os.strerror(code))
