"""The abilities of this operating system, and the switch that turns the special ones off in tests.

With the environment variable ``_MODELARTS_EMULATOR_PORTABLE=1`` every part of the platform layer takes its portable
branch. It is for tests only: the branches of macOS and Windows are run on Linux that way.
"""

from __future__ import annotations

import os
import sys

PORTABLE = os.environ.get("_MODELARTS_EMULATOR_PORTABLE") == "1"
"""Whether the portable branches are forced."""

IS_LINUX = sys.platform == "linux" and not PORTABLE
IS_MACOS = sys.platform == "darwin" and not PORTABLE
IS_WINDOWS = sys.platform == "win32"

HAS_FOLDER_DESCRIPTORS = (
    not PORTABLE and not IS_WINDOWS and os.open in os.supports_dir_fd and os.scandir in os.supports_fd
)
"""Whether files can be opened relative to an open folder (``dir_fd``)."""

HAS_UNNAMED_FILES = HAS_FOLDER_DESCRIPTORS and hasattr(os, "O_TMPFILE")
"""Whether a file can be created without a name. The file system may refuse all the same."""

HAS_LEASES = IS_LINUX
"""Whether the kernel reports if a file is open for writing (``F_SETLEASE``)."""

HAS_INOTIFY = IS_LINUX

EVENTS = {"linux": "inotify", "darwin": "fsevents", "win32": "readdirectorychanges"}.get(sys.platform, "kqueue")
"""Name of the system's file events."""

HAS_RECORD_LOCKS = not PORTABLE and not IS_WINDOWS
"""Whether the system reports which process holds the lock of a file (``F_GETLK``)."""

HAS_FORK = hasattr(os, "fork") and not PORTABLE
