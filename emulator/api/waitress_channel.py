"""What clients of object storage need of the web server, and waitress 3.0 does otherwise.

- A request with ``Expect: 100-continue`` that is complete already, because it has no body or the body came along, is
  answered behind a "100 Continue"; waitress waits for ever. boto3 sends such a request for an empty file, and takes an
  answer without it for that of the next request of the connection as well.
- Names of metadata headers stay lower case; waitress writes ``X-Amz-Meta-Owner``, and boto3 takes that for ``Owner``.
"""

from __future__ import annotations

import re
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

_METADATA = re.compile(rb"^X-(?:Amz|Obs)-Meta-[^:\r\n]*", re.MULTILINE)


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Task(WSGITask):  # type: ignore[misc]
    """Writes the names of metadata headers in lower case, and what the channel had no time to say before."""

    def build_response_header(self) -> bytes:
        """Return the head of the response."""
        head: bytes = super().build_response_header()
        head = _METADATA.sub(lambda name: name[0].lower(), head)
        # A request that was complete before the one ahead of it was done with has not been asked to go on.
        return CONTINUE + head if self.request.expect_continue else head


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection with both."""

    task_class = Task

    def send_continue(self) -> None:
        """Ask for the body; a request that is complete stays so."""
        request = self.request
        completed = request.completed
        super().send_continue()
        request.completed = completed


def apply_to(server: Any) -> None:
    """Let a server that ``waitress.create_server`` has made use this channel, on every socket that it listens on."""
    for listener in (server, *getattr(server, "map", {}).values()):
        if hasattr(listener, "channel_class"):
            listener.channel_class = Channel
