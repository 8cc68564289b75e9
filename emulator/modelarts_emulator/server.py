"""An emulator with a web server around it, in threads of this process: ``with Emulator() as emu: emu.url``.

What a program or a test that embeds it can do with it, beside calling its API, are the methods here.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from flask import Response
from flask.testing import FlaskClient

from modelarts_emulator.app import create_app
from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.control.api import ControlApi
from modelarts_emulator.control.reset import ResetControl, ResetQuery
from modelarts_emulator.control.snapshots.endpoints import SaveQuery, SnapshotsControl
from modelarts_emulator.control.wait_idle import describe_open_work, wait_idle
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import Damaged, DataDirectoryInUse, FormatTooNew
from modelarts_emulator.web import WebServer

log = logging.getLogger("modelarts-emulator")


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
        self.control: ControlApi = app.extensions["emulator-control"]
        """Faults, transitions, clock, request log and all else that ``/_emulator/`` offers, as Python objects."""
        try:
            self._server = WebServer(app, self.settings.host, self.settings.port, threads=self.settings.threads)
        except (OSError, UnicodeError) as error:  # the latter for names that cannot be any host's
            self.runtime.stop()
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {self.settings.host}:{self.settings.port}: {why}") from None

    @property
    def url(self) -> str:
        """The base URL, without a final slash."""
        addresses = self._server.addresses
        # A name that has several addresses may lead elsewhere than to the first one.
        host = self.settings.host if len(addresses) == 1 else addresses[0][0]
        return f"http://{f'[{host}]' if ':' in host else host}:{addresses[0][1]}"

    def start(self) -> Emulator:
        """Serve, then scan: until that is done, ``/_emulator/ready`` answers 503."""
        self._server.start()
        try:
            self.runtime.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop serving, end what is running, write everything out. No effect when stopped."""
        self.runtime.release_waits()
        self._server.stop()
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
            raise TimeoutError(f"not idle after {timeout_s:g} s: {describe_open_work(self.runtime, project_id)}")

    def reset(self, project_id: str | None = None) -> None:
        """Delete everything, or everything of one project, as ``POST /_emulator/reset`` does."""
        self.control.area(ResetControl).reset(ResetQuery(project_id=project_id))

    def snapshot(self, name: str) -> None:
        """Keep everything under a name, to be put back by ``restore``; in memory it is gone in the end.

        Raises ApiError for a name that cannot be used, TimeoutError where tasks do not end within 10 s.
        """
        if isinstance(self.control.area(SnapshotsControl).save_snapshot(name, SaveQuery()), Response):
            raise TimeoutError(f"nothing is kept while work is open: {describe_open_work(self.runtime)}")

    def restore(self, name: str) -> None:
        """Put everything back as it was when it was kept under a name. Raises ApiError: there is no such snapshot."""
        self.control.area(SnapshotsControl).restore_snapshot(name)

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


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
