"""An emulator in threads of this process: ``with Emulator() as emulator: emulator.url``."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload
from urllib.parse import urlsplit

from flask import Response

from modelarts_emulator.app import create_app
from modelarts_emulator.config.settings import Settings, UsageError
from modelarts_emulator.contract.errors import DATASET_NOT_FOUND, ApiError
from modelarts_emulator.control.api import ControlApi, is_short_call
from modelarts_emulator.control.request_log.log import LoggedRequest
from modelarts_emulator.control.reset import ResetControl, ResetQuery, delete_datasets
from modelarts_emulator.control.snapshots.endpoints import SaveQuery, SnapshotsControl
from modelarts_emulator.control.wait_idle import describe_open_work, wait_idle
from modelarts_emulator.embedding.certificates import ca_file, tls_context
from modelarts_emulator.embedding.faults import FaultControl
from modelarts_emulator.embedding.inference import InferenceScriptControl
from modelarts_emulator.embedding.keywords import OperationName, SettingsKeywords
from modelarts_emulator.embedding.request_history import find_requests, require_calls
from modelarts_emulator.embedding.task_transitions import TransitionControl
from modelarts_emulator.exceptions import IdleTimeout, InvalidValue, UnknownKeyword, require_keywords
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import Damaged, DataDirectoryInUse, DoesNotExist, FormatTooNew, SampleRecord
from modelarts_emulator.util.clock import AdjustableClock
from modelarts_emulator.util.ids import Ids
from modelarts_emulator.web import WebServer

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from typing_extensions import Unpack

_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("data_dir", "temporary_dir", "ready_file", "tls_cert", "tls_key"), Path),
    **dict.fromkeys(("seeds", "init"), lambda paths: tuple(map(Path, paths))),
    **dict.fromkeys(("users", "access_keys", "allowed_hosts", "cors"), tuple),
    "buckets": lambda buckets: {name: Path(folder) for name, folder in dict(buckets).items()},
}
"""Conversions of keywords to members of ``Settings``."""


class Emulator:
    """An emulator with its web server, in threads of this process. Several may run at once.

    Use it as a context manager, or call ``start`` and ``stop``. Pass a ``Settings`` object, or the members of
    ``Settings`` as keywords. With keywords it listens on a free port and keeps everything in memory, unless ``port``
    and ``data_dir`` say otherwise; a path may be a string.

    >>> from modelarts_emulator import Emulator
    >>> with Emulator(sync="manual") as emulator:
    ...     emulator.create_bucket("pictures").is_dir()
    True

    Raises:
        UnknownKeyword: a keyword does not exist, or settings and keywords are both given.
        InvalidValue: a value is not accepted.
        UsageError: the data directory or the port cannot be used.
    """

    @overload
    def __init__(self, settings: Settings) -> None: ...

    @overload
    def __init__(self, settings: None = None, **keywords: Unpack[SettingsKeywords]) -> None: ...

    def __init__(self, settings: Settings | None = None, **keywords: Unpack[SettingsKeywords]) -> None:
        if settings is not None and keywords:
            raise UnknownKeyword(f"Emulator() takes a Settings object or keywords, not both: {', '.join(keywords)}")
        if settings is not None and not isinstance(settings, Settings):
            raise InvalidValue(f"Emulator() takes a Settings object or keywords, not {type(settings).__name__}")
        self.settings = settings_from_keywords(keywords) if settings is None else settings
        self._is_running = self._is_stopped = False
        self._open(self.settings)

    def __repr__(self) -> str:
        state = "running" if self._is_running else "stopped" if self._is_stopped else "not started"
        place = f"data in {self.settings.data_dir}" if self.settings.data_dir else "in memory"
        return f"<Emulator {self.url} {state}, {place}>"

    # Life cycle

    @property
    def url(self) -> str:
        """The base URL, without a final slash."""
        addresses = self._server.addresses
        # The name of a host with several addresses may resolve to another one than the first.
        host = self.settings.host if len(addresses) == 1 else addresses[0][0]
        scheme = "https" if self.settings.uses_tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{addresses[0][1]}"

    @property
    def is_running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._is_running

    def start(self, *, ready: bool = True) -> Emulator:
        """Serve requests, then scan all input directories; ``/_emulator/ready`` answers 503 until the scan is done.

        With ``ready`` False it answers 503 until ``set_stage("ready")``. No effect while it runs. After ``stop`` it
        starts again on the same port: with a data directory with all its data, in memory without any.

        >>> emulator = Emulator()
        >>> url = emulator.start().url
        >>> emulator.stop()
        >>> emulator.start().url == url
        True
        >>> emulator.stop()

        Raises:
            UsageError: after ``stop``, the data directory or the port is in use.
        """
        if self._is_running:
            return self
        if self._is_stopped:
            self._open(replace(self.settings, port=self._server.addresses[0][1]))
            self._is_stopped = False
        self._is_running = True
        try:
            self._server.start()
            self.runtime.start(stage="ready" if ready else "filling")
        except BaseException:
            self.stop()
            raise
        return self

    def set_stage(self, stage: str) -> None:
        """Set the stage that ``/_emulator/health`` reports; ``/_emulator/ready`` answers 200 at ``ready``.

        >>> emu.set_stage("loading pictures")
        >>> emu.client().get("/_emulator/ready").status_code
        503
        >>> emu.set_stage("ready")
        """
        self.runtime.stage = stage

    def stop(self) -> None:
        """End all tasks, write all data and stop serving; no thread, socket or temporary file remains.

        No effect once stopped.
        """
        if self._is_stopped:
            return
        self._is_running, self._is_stopped = False, True
        self.runtime.release_waits()
        self._server.stop()
        self.runtime.stop()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # Objects

    @property
    def directory(self) -> Path:
        """The directory of the emulator's own files: the data directory, or a temporary one."""
        return self.runtime.root

    @property
    def ca_file(self) -> Path | None:
        """The certificate with which clients verify a ``tls="self-signed"`` server; None without one."""
        return ca_file(self.settings, self.directory)

    def path(self, name: str) -> Path:
        """Return the file or directory of ``bucket/key``, ``/bucket/key`` or ``obs://bucket/key`` on this machine.

        >>> folder = emu.create_bucket("pictures")
        >>> emu.path("obs://pictures/cats/1.jpg") == folder / "cats" / "1.jpg"
        True

        Raises:
            ApiError: BUCKET_NOT_FOUND, PATH_INVALID.
        """
        return self.runtime.tree.local(_object_path(name))

    def buckets(self) -> list[str]:
        """Return the names of all buckets, sorted.

        >>> _ = emu.create_bucket("pictures")
        >>> "pictures" in emu.buckets()
        True
        """
        return sorted(self.runtime.tree.buckets())

    def create_bucket(self, name: str) -> Path:
        """Create a bucket unless it exists, and return its directory. Raises ApiError: PATH_INVALID.

        >>> emu.create_bucket("pictures").name
        'pictures'
        """
        self.runtime.tree.create_bucket(name)
        return self.path(name)

    def remove_bucket(self, name: str) -> None:
        """Delete a bucket with its objects; a mounted directory keeps its files. Raises ApiError: BUCKET_NOT_FOUND.

        >>> _ = emu.create_bucket("old-pictures")
        >>> emu.remove_bucket("old-pictures")
        """
        folder = self.path(name)
        self.runtime.metadata.remove_bucket(name)
        if name in self.settings.buckets:
            return
        # Renamed first: a client that is still writing gets an error instead of half a bucket.
        removed = folder.with_name(f".{name}")
        with suppress(FileNotFoundError):
            os.replace(folder, removed)  # noqa: PTH105
        shutil.rmtree(removed, ignore_errors=True)

    def write_object(self, name: str, content: bytes | str | Path | Iterable[bytes]) -> str:
        """Write an object at once, a string as UTF-8, a path as a copy of that file; return its path for the API.

        >>> _ = emu.create_bucket("pictures")
        >>> emu.write_object("pictures/notes/a.txt", "first")
        '/pictures/notes/a.txt'

        Raises:
            ApiError: BUCKET_NOT_FOUND, PATH_INVALID.
        """
        data = content.read_bytes() if isinstance(content, Path) else content
        path = _object_path(name)
        self.runtime.tree.write(path, data.encode() if isinstance(data, str) else data, flush=False)
        return str(path)

    # Datasets

    def client(self) -> FlaskClient:
        """Return a client that calls the API without a socket, also before ``start``.

        >>> emu.client().get("/_emulator/health").status_code
        200
        """
        client = self._app.test_client()
        client.environ_base["HTTP_HOST"] = urlsplit(self.url).netloc
        return client

    def datasets(self, project_id: str | None = None) -> dict[str, str]:
        """Return the names of all datasets, or of those of a project, by dataset id.

        >>> emu.datasets("project")
        {}
        """
        return {entry.record.id: entry.record.name for entry in self.runtime.store.entries(project_id)}

    def samples(self, dataset_id: str) -> dict[str, str]:
        """Return the sample ids of a dataset, by ``bucket/key`` of the file, by text, or by row as ``cell,cell``.

        Raises:
            ApiError: DATASET_NOT_FOUND.
        """
        try:
            with self.runtime.store.reading(dataset_id) as dataset:
                known = (dataset.get(sample_id) for sample_id in dataset.ids())
                return {_sample_name(each): each.id for each in known if each is not None}
        except DoesNotExist:
            raise ApiError(DATASET_NOT_FOUND, dataset_id) from None

    def wait_idle(self, timeout_s: float = 10.0, project_id: str | None = None) -> None:
        """Return when datasets agree with their files and no task is open, in one project or in all.

        >>> emu.wait_idle()

        Raises:
            IdleTimeout: work is still open after ``timeout_s`` seconds; the message names it.
        """
        if not wait_idle(self.runtime, timeout_s, project_id):
            raise self._still_open(timeout_s, project_id)

    def wait_tasks(self, timeout_s: float = 10.0, project_id: str | None = None) -> None:
        """Return when no task is open, without a scan of files; faster than ``wait_idle``.

        >>> emu.wait_tasks()

        Raises:
            IdleTimeout: a task is still open after ``timeout_s`` seconds.
        """
        ids = None if project_id is None else set(self.datasets(project_id))
        if not self.runtime.tasks.wait_idle(timeout_s, ids):
            raise self._still_open(timeout_s, project_id)

    def _still_open(self, timeout_s: float, project_id: str | None) -> IdleTimeout:
        return IdleTimeout(f"not idle after {timeout_s:g} s: {describe_open_work(self.runtime, project_id)}")

    # Requests, faults, time and ids

    def requests(
        self,
        operation: OperationName | None = None,
        *,
        project_id: str | None = None,
        method: str | None = None,
        status: int | None = None,
    ) -> list[LoggedRequest]:
        """Return the latest 1,000 requests of clients that meet every condition, oldest first.

        >>> emu.clear_requests()
        >>> _ = emu.client().get("/v2/project/datasets?limit=5")
        >>> [(each.operation, each.status) for each in emu.requests("ListDatasets")]
        [('ListDatasets', 200)]

        Raises:
            InvalidValue: the operation does not exist.
        """
        return find_requests(self.control.log, operation, project_id=project_id, method=method, status=status)

    def assert_called(
        self,
        operation: OperationName,
        times: int | None = None,
        *,
        project_id: str | None = None,
        status: int | None = None,
    ) -> None:
        """Check that clients have called an operation ``times`` times, or at least once without ``times``.

        >>> emu.clear_requests()
        >>> _ = emu.client().get("/v2/project/datasets")
        >>> emu.assert_called("ListDatasets", times=1)

        Raises:
            UnexpectedCalls: an AssertionError that lists the requests received.
            InvalidValue: the operation does not exist.
        """
        require_calls(self.control.log, operation, times, project_id=project_id, status=status)

    def clear_requests(self, project_id: str | None = None) -> None:
        """Delete the log of requests, or the requests of one project from it.

        >>> emu.clear_requests()
        >>> emu.requests()
        []
        """
        self.control.log.clear(project_id)

    @property
    def faults(self) -> FaultControl:
        """Injected faults: ``emulator.faults.add(operation="ListSamples", status=503, times=2)``."""
        return self._faults

    @property
    def inference(self) -> InferenceScriptControl:
        """Answers of intelligent tasks: ``emulator.inference.set([{"match": "*.png", "label_from": "folder"}])``."""
        return InferenceScriptControl(self.runtime.inference)

    @property
    def transitions(self) -> TransitionControl:
        """Rules by which tasks change state: ``emulator.transitions.set("publish", "time", ms=200)``."""
        return self._transitions

    @property
    def clock(self) -> AdjustableClock:
        """The emulator's clock, in milliseconds since the epoch: ``freeze()``, ``set(ms)``, ``advance(ms)``.

        >>> emu.clock.freeze()
        >>> before = emu.clock.now_ms()
        >>> emu.clock.advance(60_000)
        >>> emu.clock.now_ms() - before
        60000
        >>> emu.clock.real()
        """
        return self.runtime.clock

    @property
    def ids(self) -> Ids:
        """The source of ids; ``seed(1)`` makes the next ids the same in every run."""
        return self.runtime.ids

    @property
    def control_key(self) -> str | None:
        """The value of the header ``X-Emulator-Key`` that the control API requires; None if it requires none."""
        return self.control.access.key

    # Everything at once

    def reset(self, project_id: str | None = None) -> None:
        """Delete everything, or everything of one project, as ``POST /_emulator/reset`` does.

        >>> emu.reset()
        >>> emu.buckets()
        []
        """
        self.control.area(ResetControl).reset(ResetQuery(project_id=project_id))

    def end_project(self, project_id: str, *, keep_datasets: bool = False) -> None:
        """End faults, transitions and watches of a project, clear its requests and delete its datasets and teams.

        Unlike ``reset``, requests to other projects are served at the same time. Files stay in their buckets.

        >>> emu.end_project("project")
        """
        self.faults.clear(project_id)
        self.transitions.clear(project_id)
        self.inference.clear(project_id)
        self.clear_requests(project_id)
        for dataset_id in self.datasets(project_id):
            self.runtime.unwatch(dataset_id)
        if not keep_datasets:
            delete_datasets(self.runtime, project_id)
            teams = self.runtime.teams
            teams.replace(teams.data.without(project_id))

    def snapshot(self, name: str) -> None:
        """Save everything under a name for ``restore``; in memory mode until ``stop``.

        >>> emu.snapshot("before")
        >>> emu.restore("before")

        Raises:
            ApiError: the name is not valid.
            IdleTimeout: tasks did not end within 10 s.
        """
        if isinstance(self.control.area(SnapshotsControl).save_snapshot(name, SaveQuery()), Response):
            raise IdleTimeout(f"no snapshot while work is open: {describe_open_work(self.runtime)}")

    def restore(self, name: str) -> None:
        """Replace everything with a snapshot. Raises ApiError: the snapshot does not exist or cannot be read."""
        self.control.area(SnapshotsControl).restore_snapshot(name)

    def scan_progress(self) -> tuple[int, int]:
        """Return how many objects the first scan has gone through, and how many samples the last run had."""
        total = sum(entry.counts.total for entry in self.runtime.store.entries())
        return sum(list(self.runtime.synchronizer.compared.values())), total

    def _open(self, settings: Settings) -> None:
        """Open the data directory and the port. Raises UsageError."""
        self.runtime = _runtime(settings)
        self._app = app = create_app(self.runtime)
        self.control: ControlApi = app.extensions["emulator-control"]
        self._faults = FaultControl(self.control.faults)
        self._transitions = TransitionControl(self.runtime.transitions)
        early = app.extensions["emulator-early"]
        try:
            tls = tls_context(settings, self.runtime.root)
            self._server = WebServer(
                early,
                settings.host,
                settings.port,
                threads=settings.threads,
                early=early.reply_at_once,
                is_reserved=is_short_call,
                body_limit=app.extensions["emulator-admission"].body_limit,
                spool=self.runtime.root,
                tls=tls,
                request_ids=self.runtime.ids.requests(),
            )
        except UsageError:
            self.runtime.stop()
            raise
        except (OSError, UnicodeError) as error:  # the latter for names that cannot be any host's
            self.runtime.stop()
            why, error_number = getattr(error, "strerror", None) or error, getattr(error, "errno", None)
            hint = "; choose another --port, or 0 for a free one" if error_number == errno.EADDRINUSE else ""
            raise UsageError(f"cannot listen on {settings.host}:{settings.port}: {why}{hint}") from None


def settings_from_keywords(keywords: Mapping[str, Any]) -> Settings:
    """Return the settings of an embedded emulator: a free port and in memory, unless the keywords say otherwise.

    Paths may be strings. Raises UnknownKeyword, InvalidValue, UsageError.
    """
    require_keywords(keywords, SettingsKeywords.__annotations__, "Emulator()")
    given: dict[str, Any] = {"port": 0, "data_dir": None, "durability": "process", **keywords}
    for name, convert in _CONVERSIONS.items():
        try:
            if given.get(name) is not None:
                given[name] = convert(given[name])
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"{name}: {error}") from None
    return Settings(**given)


def _sample_name(sample: SampleRecord) -> str:
    if sample.cells is not None:
        return ",".join(cell or "" for cell in sample.cells)
    return sample.path if sample.text is None else sample.text


def _object_path(name: str) -> ObsPath:
    return ObsPath.parse(name if name.startswith("/") or "://" in name else f"/{name}")


def _runtime(settings: Settings) -> Runtime:
    try:
        return Runtime(settings)
    except DataDirectoryInUse as error:
        raise UsageError(
            f"{error}; stop it with: modelarts-emulator stop --data-dir {settings.data_dir}, or use another --data-dir"
        ) from None
    except (FormatTooNew, Damaged) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise UsageError(
            f"cannot use the data directory {settings.data_dir}: {where}{error.strerror or error}"
        ) from None
