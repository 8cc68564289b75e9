"""Socket functions that differ between systems."""

from __future__ import annotations

import os
import select
import socket
import sys

from modelarts_emulator.system.file_limit import file_limit

_MOST_CONNECTIONS = 1000
_OTHER_FILES = 48
"""Descriptors of the data directory, the watcher, and the threads that answer requests."""

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
    HAS_SENDFILE = hasattr(os, "sendfile")

    def max_connections() -> int:
        """Return how many connections can be served at once with the descriptors of this process.

        A connection may need two of them: one more for the file that keeps its body, or that it is sent.
        """
        return max(8, min(_MOST_CONNECTIONS, (file_limit() - _OTHER_FILES) // 2))

    def send_file(sock: socket.socket, file: int, offset: int, count: int) -> int:
        """Send part of a file without copying it to this process; return the number of bytes sent. Raises OSError."""
        return os.sendfile(sock.fileno(), file, offset, count)

    def wait_writable(sock: socket.socket, timeout_s: float) -> bool:
        """Wait until a socket accepts data. Return False after ``timeout_s`` seconds."""
        waiting = select.poll()
        waiting.register(sock, select.POLLOUT)
        return bool(waiting.poll(timeout_s * 1000))
