"""The web server: HTTP/1.1 in threads of this process, for the one application of an emulator.

``WebServer`` is all that the rest of the package uses, with ``Reply`` for the early dispatcher, ``FileBody`` for files
and ``Disconnect`` for faults. Why there is a server of our own: ``docs/adr/0004-web-server.md``.
"""

from modelarts_emulator.web.http_server import WebServer
from modelarts_emulator.web.limits import Limits
from modelarts_emulator.web.responses import CAN_TRY_LATER, REQUEST_ID, Disconnect, FileBody, Reply, TryLater

__all__ = ["CAN_TRY_LATER", "REQUEST_ID", "Disconnect", "FileBody", "Limits", "Reply", "TryLater", "WebServer"]
