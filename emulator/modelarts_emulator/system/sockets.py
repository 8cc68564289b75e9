"""Socket functions that differ between systems."""

from __future__ import annotations

import os
import select
import socket
import sys

_MOST_CONNECTIONS = 1000

if sys.platform == "win32":
    HAS_SENDFILE = False

    def max_connections() -> int:
        """Return how many connections can be served at once: ``select`` of Windows takes 512 sockets."""
        return 500

    def send_file(sock: socket.socket, file: int, offset: int, count: int) -> int:
        """Raise NotImplementedError: Windows cannot send a file by descriptor."""
        raise NotImplementedError

    def wait_writable(sock: socket.socket, timeout_s: float) -> bool:
        """Wait until a socket accepts data. Return False after ``timeout_s`` seconds."""
        return bool(select.select([], [sock], [], timeout_s)[1])

else:
    import resource

    HAS_SENDFILE = hasattr(os, "sendfile")

    def max_connections() -> int:
        """Return how many connections can be served at once: at most half of the descriptors of this process.

        The other half is for files, folders and the watcher.
        """
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return _MOST_CONNECTIONS if allowed == resource.RLIM_INFINITY else max(8, min(_MOST_CONNECTIONS, allowed // 2))

    def send_file(sock: socket.socket, file: int, offset: int, count: int) -> int:
        """Send part of a file without copying it to this process; return the number of bytes sent. Raises OSError."""
        return os.sendfile(sock.fileno(), file, offset, count)

    def wait_writable(sock: socket.socket, timeout_s: float) -> bool:
        """Wait until a socket accepts data. Return False after ``timeout_s`` seconds."""
        waiting = select.poll()
        waiting.register(sock, select.POLLOUT)
        return bool(waiting.poll(timeout_s * 1000))
