"""The number of files, folders and sockets that this process may have open."""

from __future__ import annotations

import errno
import sys

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})
"""Error codes of a process, or a system, that has no descriptor left."""

_UNLIMITED = 1 << 20

if sys.platform == "win32":

    def file_limit() -> int:
        """Return how many files can be open at once: Windows has no limit that matters."""
        return _UNLIMITED

    def raise_file_limit() -> None:
        """Do nothing: Windows has no limit that matters."""

else:
    import resource

    _MOST_USEFUL = 16_384

    def file_limit() -> int:
        """Return how many files, folders and sockets this process may have open at once (``RLIMIT_NOFILE``)."""
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return _UNLIMITED if allowed == resource.RLIM_INFINITY else min(allowed, _UNLIMITED)

    def raise_file_limit() -> None:
        """Raise the limit as far as the system allows without special rights; no effect if it refuses.

        The default of macOS is 256, which a hundred watched datasets exceed.
        """
        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _MOST_USEFUL if most == resource.RLIM_INFINITY else min(_MOST_USEFUL, most)
        if allowed != resource.RLIM_INFINITY and allowed < wanted:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
            except (OSError, ValueError):
                return
