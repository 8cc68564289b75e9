"""Bind the sockets that a server listens on."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

BACKLOG = 1024
_NO_ADDRESS = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host; port 0 is a free one, the same on all of them. Raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    problem: OSError | None = None
    for family, kind, protocol, _, address in dict.fromkeys(found):
        chosen = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_listening(family, kind, protocol, (address[0], chosen, *address[2:])))
        except OSError as error:
            # A machine without IPv6 still has an address for the name localhost.
            problem = problem or error
            if sockets and port == 0:
                continue
            if error.errno not in _NO_ADDRESS:
                for each in sockets:
                    each.close()
                raise
    if not sockets:
        raise problem or OSError(f"{host} has no address")
    return sockets


def _listening(
    family: socket.AddressFamily, kind: socket.SocketKind, protocol: int, address: tuple[object, ...]
) -> socket.socket:
    made = socket.socket(family, kind, protocol)
    try:
        # On Windows the option would let another program take the port over.
        made.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR), 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets."""
    for each in sockets:
        with suppress(OSError):
            each.close()
