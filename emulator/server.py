"""An emulator with a web server around it, in threads of this process: ``with Emulator() as emu: emu.url``."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

from emulator.api import waitress_channel
from emulator.app import create_app
from emulator.config import Settings, UsageError
from emulator.runtime import Runtime
from emulator.store import Damaged, DataDirectoryInUse, FormatTooNew

log = logging.getLogger("modelarts-emulator")

# The web server only guards against nonsense; each API has its own limit.
MAX_BODY_BYTES = 1 << 40


class Emulator:
    """A running emulator. ``start`` returns when the first scan is done; ``stop`` leaves no thread behind.

    Raises UsageError with one clear line where a setting cannot be used.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings(port=0, data_dir=None)
        self.runtime = _runtime(self.settings)
        self._sockets: dict[int, Any] = {}  # waitress's map of everything that its loop looks after
        try:
            self._server = create_server(
                create_app(self.runtime),
                map=self._sockets,
                host=self.settings.host,
                port=self.settings.port,
                threads=self.settings.threads,
                ident=None,
                clear_untrusted_proxy_headers=True,
                max_request_body_size=MAX_BODY_BYTES,
                channel_timeout=120,
                connection_limit=1000,
                asyncore_use_poll=True,
            )
        except (OSError, ValueError) as error:
            self.runtime.stop()
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {self.settings.host}:{self.settings.port}: {why}") from None
        # Eight clients keep eight threads busy; that a ninth request waits its turn is no news to anybody.
        self._server.task_dispatcher.queue_logger = logging.getLogger("modelarts-emulator.queue")
        self._server.task_dispatcher.queue_logger.setLevel(logging.ERROR)
        waitress_channel.apply_to(self._server)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)

    @property
    def url(self) -> str:
        """The base URL, without a final slash."""
        listening = getattr(self._server, "effective_listen", None)  # where the host has several addresses
        host, port = listening[0] if listening else (self.settings.host, self._server.effective_port)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> Emulator:
        """Serve, then scan: until that is done, ``/_emulator/ready`` answers 503."""
        self._thread.start()
        self.runtime.start()
        return self

    def stop(self) -> None:
        """Stop serving, end what is running, write everything out."""
        self.runtime.end_waits()
        self._server.task_dispatcher.shutdown()
        if self._thread.ident is not None:
            self._stopping.set()
            self._trigger.pull_trigger()  # wakes the loop
            self._thread.join()
        wasyncore.close_all(self._sockets, ignore_all=True)
        self.runtime.stop()

    @property
    def _trigger(self) -> Any:
        return next(item for item in self._sockets.values() if hasattr(item, "pull_trigger"))

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        # Not waitress's own loop: that one ends only when its sockets are closed under it.
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1.0, use_poll=True, map=self._sockets, count=1)


def _runtime(settings: Settings) -> Runtime:
    try:
        return Runtime(settings)
    except (DataDirectoryInUse, FormatTooNew, Damaged) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot use the data directory {settings.data_dir}: {error.strerror or error}") from None
