"""``/_emulator/snapshots``: everything that there is, kept under a name, and put back while the server runs."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from flask import Response, request
from werkzeug.wsgi import wrap_file

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT, SNAPSHOT_NOT_FOUND
from modelarts_emulator.control.gate import RequestGate
from modelarts_emulator.control.reset import delete_datasets
from modelarts_emulator.control.snapshots import zip_archive
from modelarts_emulator.control.snapshots.contents import SnapshotHeader, StagedObjects, read_header, write_snapshot
from modelarts_emulator.control.wait_idle import MAX_MS, not_idle_response, wait_idle
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime, input_directories
from modelarts_emulator.store import Damaged, DatasetRecord, FormatTooNew

log = logging.getLogger("modelarts-emulator")

_NAME = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,64}")
_SCAN_S = 600.0
_NEW_TASKS_S = 0.2
_PIECE = 1 << 20


class Snapshot(msgspec.Struct, kw_only=True):
    """A saved snapshot."""

    name: str
    """Name of 1 to 64 letters, digits, ``_``, ``-`` and ``.``."""
    created_ms: int
    """Time of saving by the emulator's clock, in ms since the epoch."""
    release: str
    """Version of the emulator that saved it."""
    datasets: int
    """Number of datasets."""
    objects: bool
    """Whether it contains objects."""
    files: int
    """Number of objects."""
    bytes: int
    """Total size of its objects."""


class SnapshotsResponse(msgspec.Struct, kw_only=True):
    """The saved snapshots."""

    snapshots: list[Snapshot]
    """Snapshots in order of their names; unreadable ones are left out."""


class SaveQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select what is saved."""

    objects: bool = True
    """Whether objects of the emulator's own buckets are saved; true by default."""
    mounts: bool = False
    """Whether objects of mounted folders are saved too; false by default."""
    timeout_ms: int = 10_000
    """Longest wait for open tasks in ms, 0 to 600,000; 10,000 by default."""


class SnapshotsControl:
    """The endpoints. In memory mode snapshots go with the emulator."""

    def __init__(self, emu: Runtime, gate: RequestGate) -> None:
        self._emu, self._gate = emu, gate
        self._folder = emu.root / "snapshots"
        self._changing = threading.Lock()
        self._under_way = self._folder / ".under-way"
        """Names the snapshot that is being put back, while datasets and objects are exchanged."""
        with suppress(FileNotFoundError):
            name = self._under_way.read_text("utf-8")
            log.warning("Putting back snapshot %s was interrupted: parts are missing until it is put back again", name)

    def list_snapshots(self) -> SnapshotsResponse:
        """Every snapshot, by name."""
        folders = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        known = [folder for folder in folders if _NAME.fullmatch(folder.name) and (folder / "snapshot.json").is_file()]
        return SnapshotsResponse(snapshots=list(_readable(known)))

    def show_snapshot(self, name: str) -> Snapshot:
        """One snapshot. Raises SNAPSHOT_NOT_FOUND."""
        return _described(self._existing(name))

    def save_snapshot(self, name: str, query: SaveQuery) -> Snapshot | Response:
        """Keep everything under a name, in place of what had it; NOT_IDLE where tasks are open when the time is over.

        Raises INVALID_SNAPSHOT for a name, PARAMETER_INVALID.
        """
        self._place(name)
        if not 0 <= query.timeout_ms <= MAX_MS:
            raise ApiError(PARAMETER_INVALID, f"timeout_ms must be from 0 to {MAX_MS}")
        deadline = time.monotonic() + query.timeout_ms / 1000
        with self._changing:
            while wait_idle(self._emu, max(0.0, deadline - time.monotonic())):
                with self._gate.exclusive():
                    # A request may have begun a task before; one that is held can be let go only while it is open.
                    if self._emu.tasks.wait_idle(_NEW_TASKS_S):
                        with self._replacing(name) as folder:
                            write_snapshot(self._emu, folder, objects=query.objects, mounts=query.mounts)
                        return _described(self._existing(name))
                if time.monotonic() >= deadline:
                    break
        return not_idle_response(self._emu)

    def restore_snapshot(self, name: str) -> Snapshot:
        """Put everything back as it was; nothing changes where the snapshot cannot be read.

        Datasets are exchanged as a whole; with its objects also the emulator's own buckets. In mounted folders files
        are written, and none removed. Then files and datasets are brought in step.
        Raises SNAPSHOT_NOT_FOUND, INVALID_SNAPSHOT.
        """
        with self._changing, self._gate.exclusive():
            folder = self._existing(name)
            try:
                if read_header(folder).objects:
                    with StagedObjects(self._emu, folder) as objects:
                        self._exchange(folder, objects)
                else:
                    self._exchange(folder, None)
            finally:
                if not self._emu.ready.is_set():
                    self._scan()
            return _described(folder)

    def delete_snapshot(self, name: str) -> None:
        """Forget a snapshot. Raises SNAPSHOT_NOT_FOUND."""
        with self._changing:
            shutil.rmtree(self._existing(name))

    def download_snapshot(self, name: str) -> Response:
        """A snapshot as one ``.zip`` file, the same bytes each time. Raises SNAPSHOT_NOT_FOUND."""
        with self._changing:
            folder = self._existing(name)
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  (the web server closes it)
            try:
                zip_archive.pack(folder, file)
                size = file.tell()
                file.seek(0)
            except BaseException:
                file.close()
                raise
        headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "Content-Length": str(size)}
        body = wrap_file(request.environ, file, _PIECE)
        return Response(body, 200, headers, content_type="application/zip", direct_passthrough=True)

    def upload_snapshot(self, name: str) -> Snapshot:
        """Keep a ``.zip`` file as a snapshot, in place of what had the name. Raises INVALID_SNAPSHOT."""
        self._place(name)
        with self._changing, self._replacing(name) as folder, tempfile.TemporaryFile(dir=self._folder) as file:
            shutil.copyfileobj(request.stream, file, _PIECE)
            file.seek(0)
            zip_archive.unpack(file, folder)
            read_header(folder)
        return _described(self._existing(name))

    # Inside

    def _place(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ApiError(INVALID_SNAPSHOT, f"{name[:80]!r} is no name: letters, digits, _, - and ., up to 64 of them")
        return self._folder / name

    def _existing(self, name: str) -> Path:
        folder = self._folder / name
        if not _NAME.fullmatch(name) or not (folder / "snapshot.json").is_file():
            raise ApiError(SNAPSHOT_NOT_FOUND, name[:80])
        return folder

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        """A new folder that gets the name when all of it is written; else nothing is left."""
        self._folder.mkdir(exist_ok=True)
        for left in self._folder.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            yield new
            with suppress(FileNotFoundError):
                (self._folder / name).replace(new.with_name(f"{new.name}.old"))
            new.replace(self._folder / name)
        finally:
            for left in self._folder.glob(f"{new.name}*"):
                shutil.rmtree(left, ignore_errors=True)

    def _exchange(self, folder: Path, objects: StagedObjects | None) -> None:
        """Put datasets and objects in place. Raises INVALID_SNAPSHOT, OSError."""
        try:
            self._emu.store.replace_all(
                folder / "datasets", validate=_require_usable, before_change=lambda: self._clear(folder.name)
            )
        except (Damaged, FormatTooNew) as error:
            raise ApiError(INVALID_SNAPSHOT, str(error)) from None
        if objects:
            objects.apply()
        self._under_way.unlink(missing_ok=True)

    def _clear(self, name: str) -> None:
        self._under_way.write_text(name, "utf-8")
        self._emu.ready.clear()
        delete_datasets(self._emu, None)
        # Who takes in changes of files must not go on with a dataset that has only the id of the one they began with.
        self._emu.watcher.wait_idle(_SCAN_S)

    def _scan(self) -> None:
        """As at a start: mend what was open when it was saved, watch every input path, and bring all in step."""
        emu = self._emu
        emu.resume()
        if emu.settings.automatic:
            emu.watcher.flush(_SCAN_S)
        else:
            emu.watcher.wait_idle(_SCAN_S)
        emu.ready.set()


def _require_usable(record: DatasetRecord) -> None:
    """Raise INVALID_SNAPSHOT where a dataset's paths are none."""
    try:
        input_directories(record)
        for path in (record.work_path, record.inner_work_path):
            ObsPath.directory(path)
    except ApiError as error:
        raise ApiError(INVALID_SNAPSHOT, f"dataset {record.id}: {error.message}") from None


def _readable(folders: Iterable[Path]) -> Iterator[Snapshot]:
    for folder in folders:
        try:
            yield _described(folder)
        except ApiError as error:
            log.warning("Snapshot %s is left out: %s", folder, error.message)


def _described(folder: Path) -> Snapshot:
    about: SnapshotHeader = read_header(folder)
    return Snapshot(
        name=folder.name,
        created_ms=about.created_ms,
        release=about.release,
        datasets=about.datasets,
        objects=about.objects,
        files=about.files,
        bytes=about.bytes,
    )
