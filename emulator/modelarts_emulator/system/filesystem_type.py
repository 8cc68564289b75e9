"""Find the file systems that do not report all changes of their files.

inotify, FSEvents and ReadDirectoryChangesW report changes made through this machine's kernel. A network share, a folder
that a virtual machine shares with its host, and a FUSE file system also change behind the kernel's back.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from modelarts_emulator.system.real_paths import is_below

_WITHOUT_EVENTS = frozenset(
    {"9p", "virtiofs", "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "ftp", "ncpfs"}
    | {"fuse", "fuseblk", "macfuse", "osxfuse", "osxfs", "grpcfuse", "fakeowner", "drvfs", "wslfs"}
    | {"vboxsf", "prl_fs", "hgfs", "vmhgfs", "afs", "coda", "ceph", "glusterfs", "gfs2", "ocfs2", "lustre", "gpfs"}
    | {"beegfs", "orangefs", "pvfs2", "acfs"}
)
_ESCAPED = re.compile(r"\\([0-7]{3})")
_MOUNT_LINE = re.compile(r"^.* on (/.*) \(([^,)]+)")


class Mount(NamedTuple):
    """A mounted file system."""

    folder: str
    kind: str
    """Its type, as ``ext4``."""


def is_without_events(kind: str) -> bool:
    """Return whether a file system of this type does not report all changes."""
    return kind in _WITHOUT_EVENTS or kind.startswith(("fuse.", "fuse_"))


def kind_without_events(folder: str, mounts: list[Mount] | None = None) -> str | None:
    """Return the type of the file system that makes a folder unfit for events, or None.

    It is that of the folder itself, or of a file system mounted below the folder. ``folder`` is a resolved path;
    ``mounts`` are those of the machine by default.
    """
    if mounts is None:
        mounts = read_mounts(folder)
    own = [mount for mount in mounts if is_below(folder, mount.folder)]
    # The longest folder is the nearest one; of mounts in the same place the last one hides the others.
    nearest = [max(enumerate(own), key=lambda item: (len(item[1].folder), item[0]))[1]] if own else []
    below = [mount for mount in mounts if mount.folder != folder and is_below(mount.folder, folder)]
    return next((mount.kind for mount in (*nearest, *below) if is_without_events(mount.kind)), None)


if sys.platform == "win32":

    def read_mounts(folder: str) -> list[Mount]:
        """Return the drive of a folder: its type is ``smb`` if it is a network drive."""
        import ctypes  # noqa: PLC0415

        root = "//" if folder.startswith("//") else folder[:3]
        is_remote = root == "//" or ctypes.windll.kernel32.GetDriveTypeW(root.replace("/", "\\")) == 4
        return [Mount(root.rstrip("/"), "smb" if is_remote else "ntfs")]

elif sys.platform == "linux":

    def read_mounts(folder: str) -> list[Mount]:
        """Return all mounts in the order of mounting; empty if ``/proc`` is not available."""
        try:
            return parse_mountinfo(Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape"))
        except OSError:
            return []

else:

    def read_mounts(folder: str) -> list[Mount]:
        """Return all mounts, as the command ``mount`` lists them; empty if it fails."""
        try:
            done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            return []
        return parse_mount_command(done.stdout)


def parse_mountinfo(text: str) -> list[Mount]:
    """Return the mounts in ``/proc/self/mountinfo``."""
    mounts = []
    for line in text.splitlines():
        fields, _, kinds = line.partition(" - ")
        if kinds:
            folder = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
            mounts.append(Mount(folder, kinds.split(" ")[0]))
    return mounts


def parse_mount_command(text: str) -> list[Mount]:
    """Return the mounts that the command ``mount`` lists on macOS: ``disk on /folder (type, option, …)``."""
    return [Mount(found[1], found[2]) for line in text.splitlines() if (found := _MOUNT_LINE.match(line))]
