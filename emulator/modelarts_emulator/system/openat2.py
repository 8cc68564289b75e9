"""Open a file below a folder with one system call that follows no link: ``openat2`` of Linux 5.6 and later.

Elsewhere ``open_folder`` has the same result with four system calls per folder. Python has no function for this call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Callable
from functools import cache

from modelarts_emulator.system import features
from modelarts_emulator.system.folder import CLOEXEC

_SYSCALL = 437  # the same number on every architecture
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_NOT_AVAILABLE = frozenset({errno.ENOSYS, errno.EPERM, errno.E2BIG, errno.EINVAL})

OpenAt2 = Callable[[int, bytes, int], int]


class _OpenHow(ctypes.Structure):
    """``struct open_how``."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder: str, path: str, flags: int) -> int | None:
    """Open ``folder/path`` and return its descriptor; None for any failure, or if a name in ``path`` is a link.

    None also if the system call is not available. The caller then opens the file folder by folder, which reports why.
    """
    call = _openat2()
    if call is None:
        return None
    try:
        root = os.open(folder, _FOLDER | CLOEXEC)
        try:
            descriptor = call(root, os.fsencode(path), flags)
        finally:
            os.close(root)
    except (OSError, UnicodeError):
        return None
    return descriptor if descriptor >= 0 else None


@cache
def _openat2() -> OpenAt2 | None:
    """Return the system call; None if the kernel or a sandbox refuses it."""
    if not features.IS_LINUX or platform.machine() not in ("x86_64", "aarch64"):
        return None
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_OpenHow), ctypes.c_size_t)
    size = ctypes.sizeof(_OpenHow)

    def call(root: int, path: bytes, flags: int) -> int:
        how = _OpenHow(flags, 0, _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH)
        return int(syscall(_SYSCALL, root, path, how, size))

    probe = os.open("/", _FOLDER | CLOEXEC)
    try:
        found = call(probe, b".", _FOLDER | CLOEXEC)
        if found < 0:
            return None
        os.close(found)
        return call
    finally:
        os.close(probe)
