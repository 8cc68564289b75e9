"""Limits of the web server."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelarts_emulator.system.sockets import max_connections

_QUEUE = 128
"""Connections that the kernel keeps until they are accepted."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on connections, bodies and times (in seconds)."""

    connections: int = field(default_factory=max_connections)
    """Connections that are served at once; more of them wait in the kernel's queue."""
    body: int = 1 << 40
    """Largest request body in bytes."""
    head_s: float = 30.0
    """From the first byte of a request to the end of its head."""
    idle_s: float = 120.0
    """Between requests, and between two pieces of a body in either direction."""
    crowded_s: float = 1.0
    """Between requests, where no further connection could be accepted."""
    drain_s: float = 2.0
    """Time for which bytes are received and dropped after an error, so that the client can read the error."""

    @property
    def patience_s(self) -> float:
        """Seconds for which a connection may be idle where no further one can be accepted.

        Where few are allowed it is shorter: a queue of idle ones, which the kernel keeps, has to pass in a few seconds.
        """
        return self.crowded_s * max(0.25, min(1.0, self.connections / _QUEUE))
