"""What clients of object storage need of the web server, and waitress 3.0 does otherwise.

- A request with ``Expect: 100-continue`` that is complete already, because it has no body or the body came along, is
  answered; waitress sends "100 Continue" and waits for ever. boto3 sends such a request for every empty object.
- Names of metadata headers stay lower case; waitress writes ``X-Amz-Meta-Owner``, and boto3 takes that for ``Owner``.
"""

from __future__ import annotations

import re
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask

_METADATA = re.compile(rb"^X-(?:Amz|Obs)-Meta-[^:\r\n]*", re.MULTILINE)


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Expects nothing more of a request that is complete."""

    def received(self, data: bytes) -> int:
        """Take bytes in; return how many belonged to this request."""
        taken: int = super().received(data)
        if self.completed:
            self.expect_continue = False
        return taken


class Task(WSGITask):  # type: ignore[misc]
    """Writes the names of metadata headers in lower case."""

    def build_response_header(self) -> bytes:
        """Return the head of the response."""
        head: bytes = super().build_response_header()
        return _METADATA.sub(lambda name: name[0].lower(), head)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection with both."""

    parser_class = Parser
    task_class = Task


def apply_to(server: Any) -> None:
    """Let a server that ``waitress.create_server`` has made use this channel, on every socket that it listens on."""
    for listener in (server, *getattr(server, "map", {}).values()):
        if hasattr(listener, "channel_class"):
            listener.channel_class = Channel
