"""An emulator with a web server around it, in threads of this process: ``with Emulator() as emu: emu.url``.

What a program or a test that embeds it can do with it, beside calling its API, are the methods here.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from flask import Response
from flask.testing import FlaskClient
from waitress import wasyncore
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from emulator.api import waitress_channel
from emulator.app import create_app
from emulator.config import Settings, UsageError
from emulator.control.api import Control
from emulator.control.idle import wait_idle, what_is_open
from emulator.control.reset import ResetControl, ResetQuery
from emulator.control.snapshots import SaveQuery, SnapshotsControl
from emulator.obs.paths import ObsPath
from emulator.runtime import Runtime
from emulator.store import Damaged, DataDirectoryInUse, FormatTooNew

log = logging.getLogger("modelarts-emulator")

# The web server only guards against nonsense; each API has its own limit.
MAX_BODY_BYTES = 1 << 40


class Emulator:
    """A running emulator; several may run in one process. A context manager, or ``start`` and ``stop``.

    ``start`` returns when the first scan is done; ``stop`` leaves no thread, no socket and no temporary file behind.
    Without ``settings`` it listens on a free port, and ``given`` are members of ``Settings``: without ``data_dir`` all
    is in memory, and gone in the end. Raises UsageError with one clear line where a setting cannot be used.
    """

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        self.settings = settings or embedded(**given)
        self.runtime = _runtime(self.settings)
        self._app = app = create_app(self.runtime)
        self.control: Control = app.extensions["emulator-control"]
        """Faults, transitions, clock, request log and all else that ``/_emulator/`` offers, as Python objects."""
        self._sockets: dict[int, Any] = {}  # waitress's map of everything that its loop looks after
        self._workers = ThreadedTaskDispatcher()  # without threads until it starts
        try:
            self._server = create_server(
                app,
                map=self._sockets,
                _dispatcher=self._workers,
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
            wasyncore.close_all(self._sockets, ignore_all=True)
            self.runtime.stop()
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {self.settings.host}:{self.settings.port}: {why}") from None
        # Eight clients keep eight threads busy; that a ninth request waits its turn is no news to anybody.
        self._workers.queue_logger = logging.getLogger("modelarts-emulator.queue")
        self._workers.queue_logger.setLevel(logging.ERROR)
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
        self._workers.set_thread_count(self.settings.threads)
        self._thread.start()
        try:
            self.runtime.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop serving, end what is running, write everything out. No effect when stopped."""
        self.runtime.end_waits()
        self._workers.shutdown()
        if self._thread.is_alive():
            self._stopping.set()
            self._trigger.pull_trigger()  # wakes the loop
            self._thread.join()
        wasyncore.close_all(self._sockets, ignore_all=True)
        self.runtime.stop()

    def client(self) -> FlaskClient:
        """What calls the API without a socket, and so without the emulator being started."""
        client = self._app.test_client()
        client.environ_base["HTTP_HOST"] = urlsplit(self.url).netloc
        return client

    def path(self, name: str) -> Path:
        """Where ``bucket/key`` lies on this machine; ``/bucket/key`` and ``obs://bucket/key`` are the same.

        Raises ApiError: BUCKET_NOT_FOUND, PATH_INVALID.
        """
        return self.runtime.tree.local(ObsPath.parse(name if name.startswith("/") or "://" in name else f"/{name}"))

    def create_bucket(self, name: str) -> Path:
        """Make a bucket, if it is not there, and return its folder. Raises ApiError: PATH_INVALID."""
        self.runtime.tree.create_bucket(name)
        return self.path(name)

    def wait_idle(self, timeout_s: float = 10.0, project_id: str | None = None) -> None:
        """Return when files and datasets agree and no task is open, in one project or in all.

        Raises TimeoutError, which says what still is.
        """
        if not wait_idle(self.runtime, timeout_s, project_id):
            raise TimeoutError(f"not idle after {timeout_s:g} s: {what_is_open(self.runtime, project_id)}")

    def reset(self, project_id: str | None = None) -> None:
        """Delete everything, or everything of one project, as ``POST /_emulator/reset`` does."""
        self.control.area(ResetControl).reset(ResetQuery(project_id=project_id))

    def snapshot(self, name: str) -> None:
        """Keep everything under a name, to be put back by ``restore``; in memory it is gone in the end.

        Raises ApiError for a name that cannot be used, TimeoutError where tasks do not end within 10 s.
        """
        if isinstance(self.control.area(SnapshotsControl).save_snapshot(name, SaveQuery()), Response):
            raise TimeoutError(f"nothing is kept while work is open: {what_is_open(self.runtime)}")

    def restore(self, name: str) -> None:
        """Put everything back as it was when it was kept under a name. Raises ApiError: there is no such snapshot."""
        self.control.area(SnapshotsControl).restore_snapshot(name)

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


def embedded(**given: Any) -> Settings:
    """Settings for a program that embeds an emulator: on a free port, in memory unless ``data_dir`` says otherwise.

    Paths may be texts. Raises UsageError for what is no setting.
    """
    known = {each.name for each in fields(Settings)}
    if unknown := sorted(given.keys() - known):
        raise UsageError(f"{unknown[0]!r} is no setting; there are {', '.join(sorted(known))}")
    for name in ("data_dir", "temporary_dir", "ready_file"):
        if isinstance(given.get(name), str):
            given[name] = Path(given[name])
    buckets = {name: Path(folder) for name, folder in given.pop("buckets", {}).items()}
    return Settings(**{"port": 0, "data_dir": None, "durability": "process", **given}, buckets=buckets)


def _runtime(settings: Settings) -> Runtime:
    try:
        return Runtime(settings)
    except (DataDirectoryInUse, FormatTooNew, Damaged) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"cannot use the data directory {settings.data_dir}: {error.strerror or error}") from None
