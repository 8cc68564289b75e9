"""``/_emulator/snapshots``: save the whole state under a name, and restore it while the server runs."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator

import msgspec
from flask import Response, request
from werkzeug.wsgi import wrap_file

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT
from modelarts_emulator.control.gate import RequestGate
from modelarts_emulator.control.reset import delete_datasets
from modelarts_emulator.control.snapshots import zip_archive
from modelarts_emulator.control.snapshots.contents import read_header, read_snapshot_teams, write_snapshot
from modelarts_emulator.control.snapshots.library import SnapshotLibrary
from modelarts_emulator.control.snapshots.staged_objects import StagedObjects
from modelarts_emulator.control.snapshots.validation import validate_backup
from modelarts_emulator.control.wait_idle import MAX_MS, not_idle_response, wait_idle
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import Damaged, Durability, FormatTooNew

log = logging.getLogger(__name__)

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
    """Snapshots in order of their names; unreadable ones are skipped."""


class SaveQuery(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Select the parts that a snapshot has."""

    objects: bool = True
    """Whether objects of the emulator's own buckets are saved; true by default."""
    mounts: bool = False
    """Whether objects of mounted folders are saved too; false by default."""
    timeout_ms: int = 10_000
    """Longest wait for open tasks in ms, 0 to 600,000; 10,000 by default."""


class SnapshotsControl:
    """The endpoints ``/_emulator/snapshots``. In memory mode snapshots are lost when the emulator stops."""

    def __init__(self, emu: Runtime, gate: RequestGate) -> None:
        self._emu, self._gate = emu, gate
        durable = emu.settings.data_dir is not None and Durability(emu.settings.durability) is Durability.FULL
        self._library = SnapshotLibrary(emu.root / "snapshots", fsync=durable)
        self._changing = threading.Lock()
        self.restoring: str | None = self._library.under_way
        """Name of the snapshot whose restore has begun to change state and has not ended."""

    def finish_restore(self) -> None:
        """Finish a restore that the end of the process interrupted. Call this before requests are served.

        The state is incomplete in between, and the snapshot is intact, so the restore is repeated as a whole.
        """
        if (name := self.restoring) is None:
            return
        log.warning("Restore of snapshot %s was interrupted: it is finished now", name)
        try:
            with self._changing:
                self._restore(name)
        except (ApiError, OSError) as error:
            log.error(
                "Restore of snapshot %s cannot be finished, so that data are incomplete; restore it again: %s",
                name,
                error,
            )

    def list_snapshots(self) -> SnapshotsResponse:
        """List all snapshots in order of their names."""
        return SnapshotsResponse(snapshots=list(self._readable()))

    def show_snapshot(self, name: str) -> Snapshot:
        """Describe a snapshot. Raises SNAPSHOT_NOT_FOUND."""
        return self._describe(name)

    def save_snapshot(self, name: str, query: SaveQuery) -> Snapshot | Response:
        """Save the whole state under a name, replacing a snapshot of that name.

        Waits until no task is open; NOT_IDLE if one still is at the timeout. Raises INVALID_SNAPSHOT for a name,
        PARAMETER_INVALID.
        """
        self._library.require_name(name)
        if not 0 <= query.timeout_ms <= MAX_MS:
            raise ApiError(PARAMETER_INVALID, f"timeout_ms must be from 0 to {MAX_MS}")
        deadline = time.monotonic() + query.timeout_ms / 1000
        with self._changing:
            while wait_idle(self._emu, max(0.0, deadline - time.monotonic())):
                with self._gate.exclusive():
                    # A request may have started a task before the gate closed. A held task can only be released while
                    # the gate is open, so do not wait long.
                    if self._emu.tasks.wait_idle(_NEW_TASKS_S):
                        with self._library.replacing(name) as folder:
                            write_snapshot(self._emu, folder, objects=query.objects, mounts=query.mounts)
                        return self._describe(name)
                if time.monotonic() >= deadline:
                    break
        return not_idle_response(self._emu)

    def restore_snapshot(self, name: str) -> Snapshot:
        """Replace the whole state by that of a snapshot; nothing changes if the snapshot is not valid.

        All datasets are replaced, and with objects in the snapshot all of the emulator's own buckets. In mounted
        folders files are written, and none are removed. Afterwards datasets are synchronized with their files. A
        restore that is interrupted by the end of the process is finished at the next start. Raises
        SNAPSHOT_NOT_FOUND, INVALID_SNAPSHOT.
        """
        with self._changing, self._gate.exclusive():
            self._library.existing(name)
            try:
                self._restore(name)
            finally:
                if not self._emu.ready.is_set():
                    self._scan()
            return self._describe(name)

    def delete_snapshot(self, name: str) -> None:
        """Delete a snapshot. Raises SNAPSHOT_NOT_FOUND."""
        with self._changing:
            self._library.delete(name)

    def download_snapshot(self, name: str) -> Response:
        """Return a snapshot as one zip archive; the same snapshot gives the same bytes. Raises SNAPSHOT_NOT_FOUND."""
        with self._changing:
            folder = self._library.existing(name)
            file = tempfile.TemporaryFile(dir=self._library.folder)  # noqa: SIM115  (the web server closes it)
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
        """Save a zip archive as a snapshot, replacing a snapshot of that name. Raises INVALID_SNAPSHOT."""
        self._library.require_name(name)
        with self._changing, self._library.replacing(name) as folder:
            with tempfile.TemporaryFile(dir=self._library.folder) as file:
                shutil.copyfileobj(request.stream, file, _PIECE)
                file.seek(0)
                zip_archive.unpack(file, folder)
            read_header(folder)
        return self._describe(name)

    def _restore(self, name: str) -> None:
        """Stage and check everything, then exchange datasets and objects. Raises INVALID_SNAPSHOT, OSError."""
        folder = self._library.existing(name)
        if not read_header(folder).objects:
            self._exchange(name, None)
            return
        with StagedObjects(self._emu, folder) as objects:
            self._exchange(name, objects)

    def _exchange(self, name: str, objects: StagedObjects | None) -> None:
        teams = read_snapshot_teams(self._library.folder / name)
        try:
            self._emu.store.replace_all(
                self._library.folder / name / "datasets",
                validate=validate_backup,
                before_change=lambda: self._begin(name),
            )
        except (Damaged, FormatTooNew) as error:
            raise ApiError(INVALID_SNAPSHOT, str(error)) from None
        self._emu.teams.replace(teams)
        if objects:
            objects.apply()
        self._library.end_restore()
        self.restoring = None

    def _begin(self, name: str) -> None:
        """Record the restore, then remove the present datasets and stop work on them."""
        self._library.begin_restore(name)
        self.restoring = name
        self._emu.ready.clear()
        delete_datasets(self._emu, None)
        # The watcher must not continue a synchronization with a restored dataset that has the same id.
        self._emu.watcher.wait_idle(_SCAN_S)

    def _scan(self) -> None:
        """Repeat the steps of a start: close interrupted tasks, watch all input folders, synchronize all datasets."""
        emu = self._emu
        emu.resume()
        if emu.settings.automatic:
            emu.watcher.flush(_SCAN_S)
        else:
            emu.watcher.wait_idle(_SCAN_S)
        emu.ready.set()

    def _readable(self) -> Iterator[Snapshot]:
        for name in self._library.names():
            try:
                yield self._describe(name)
            except ApiError as error:
                log.warning("Snapshot %s cannot be read and is not listed: %s", name, error.message)

    def _describe(self, name: str) -> Snapshot:
        header = read_header(self._library.existing(name))
        return Snapshot(
            name=name,
            created_ms=header.created_ms,
            release=header.release,
            datasets=header.datasets,
            objects=header.objects,
            files=header.files,
            bytes=header.bytes,
        )
