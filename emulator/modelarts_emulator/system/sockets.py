"""Socket functions that differ between systems."""

from __future__ import annotations

import os
import select
import socket
import sys

MAX_CONNECTIONS = 500 if sys.platform == "win32" else 1000
"""Connections that are served at once. ``select`` of Windows takes 512 sockets."""

if sys.platform == "win32":
    HAS_SENDFILE = False

    def send_file(sock: socket.socket, file: int, offset: int, count: int) -> int:
        """Raise NotImplementedError: Windows cannot send a file by descriptor."""
        raise NotImplementedError

    def wait_writable(sock: socket.socket, timeout_s: float) -> bool:
        """Wait until a socket accepts data. Return False after ``timeout_s`` seconds."""
        return bool(select.select([], [sock], [], timeout_s)[1])

else:
    HAS_SENDFILE = hasattr(os, "sendfile")

    def send_file(sock: socket.socket, file: int, offset: int, count: int) -> int:
        """Send part of a file without copying it to this process; return the number of bytes sent. Raises OSError."""
        return os.sendfile(sock.fileno(), file, offset, count)

    def wait_writable(sock: socket.socket, timeout_s: float) -> bool:
        """Wait until a socket accepts data. Return False after ``timeout_s`` seconds."""
        waiting = select.poll()
        waiting.register(sock, select.POLLOUT)
        return bool(waiting.poll(timeout_s * 1000))
