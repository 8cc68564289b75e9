"""Write and read the folder of a snapshot.

Layout: ``snapshot.json`` is the header, ``datasets/`` a backup of the store, ``buckets/<bucket>/`` the objects,
``teams.json`` the labelling teams,
``objects.json`` their modification times in nanoseconds, ``metadata.json`` their headers, and ``uploads/`` unfinished
multipart uploads.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, NamedTuple, TypeVar

import msgspec

import modelarts_emulator
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT
from modelarts_emulator.control.snapshots.validation import validated_teams
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.store import Damaged, FormatTooNew
from modelarts_emulator.store.team_store import TEAMS_FILE, TeamData, read_teams, write_teams
from modelarts_emulator.system.folder import READ, Folder

FORMAT = 1
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_UNFINISHED = re.compile(r"\.~[0-9a-f]{16}")
"""Name of an object that is being written."""
_PIECE = 1 << 20
_T = TypeVar("_T")


class SnapshotHeader(msgspec.Struct, kw_only=True):
    """The content of ``snapshot.json``."""

    format: int = FORMAT
    """Version of the layout."""
    release: str = modelarts_emulator.__version__
    """Version of the emulator that saved the snapshot."""
    created_ms: Int64
    """Time of saving by the emulator's clock, in ms since the epoch."""
    datasets: int = 0
    """Number of datasets."""
    objects: bool
    """Whether the snapshot contains objects."""
    files: Int64 = 0
    """Number of objects."""
    bytes: Int64 = 0
    """Total size of the objects."""


class FoundFile(NamedTuple):
    """A file below a folder that was walked. ``name`` is empty for a folder without files."""

    folder: Path
    name: str
    directory: Folder
    """The open folder, valid until the next file is requested."""

    @property
    def key(self) -> str:
        """Return the path below the walked folder, with ``/``."""
        return (self.folder / self.name).as_posix()

    def open(self) -> BinaryIO:
        """Open the file without following a link. Raises OSError."""
        return os.fdopen(self.directory.open_file(self.name, READ), "rb")


def write_snapshot(emu: Runtime, folder: Path, *, objects: bool, mounts: bool) -> SnapshotHeader:
    """Write the whole state into a folder; objects of mounted buckets only with ``mounts``. Raises OSError."""
    header = SnapshotHeader(created_ms=emu.clock.now_ms(), objects=objects)
    (folder / "datasets").mkdir()
    header.datasets = emu.store.export(folder / "datasets")
    write_teams(folder / TEAMS_FILE, emu.teams.data, fsync=False)
    if objects:
        times: dict[str, int] = {}
        for bucket in emu.tree.buckets():
            if mounts or bucket not in emu.settings.buckets:
                _copy_bucket(
                    emu.tree.open_directory(ObsPath(bucket)), folder / "buckets" / bucket, bucket, times, header
                )
        header.files = len(times)
        (folder / "objects.json").write_bytes(msgspec.json.encode(times))
        rows = [row for row in emu.metadata.rows() if row.path.partition("/")[0] in copied_buckets(folder)]
        (folder / "metadata.json").write_bytes(msgspec.json.encode(rows))
        if (emu.root / "uploads").is_dir():
            shutil.copytree(emu.root / "uploads", folder / "uploads")
    (folder / "snapshot.json").write_bytes(msgspec.json.format(msgspec.json.encode(header)))
    return header


def read_header(folder: Path) -> SnapshotHeader:
    """Read a snapshot's header and compare its counts with the folder. Raises INVALID_SNAPSHOT."""
    header = read_json(folder / "snapshot.json", SnapshotHeader)
    if header.format > FORMAT:
        raise ApiError(INVALID_SNAPSHOT, f"format {header.format} was written by a later release")
    found = len(list((folder / "datasets").glob("*/")))
    if found != header.datasets:
        raise ApiError(INVALID_SNAPSHOT, f"snapshot.json announces {header.datasets} datasets, {found} were found")
    return header


def read_snapshot_teams(folder: Path) -> TeamData:
    """Return the labelling teams of a snapshot; none in one of an earlier release. Raises INVALID_SNAPSHOT."""
    path = folder / TEAMS_FILE
    if not path.is_file() or path.is_symlink():
        return TeamData({}, {}, {})
    try:
        return validated_teams(read_teams(path))
    except (Damaged, FormatTooNew) as error:
        raise ApiError(INVALID_SNAPSHOT, str(error)) from None


def read_json(path: Path, kind: type[_T]) -> _T:
    """Decode a file of a snapshot. Raises INVALID_SNAPSHOT."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ApiError(INVALID_SNAPSHOT, f"{path.name} is missing") from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ApiError(INVALID_SNAPSHOT, f"{path.name}: {error}") from None


def copied_buckets(snapshot: Path) -> list[str]:
    """Return the names of the buckets in a snapshot."""
    folder = snapshot / "buckets"
    return sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def walk_files(root: Folder) -> Iterator[FoundFile]:
    """Yield the files below a folder, and its folders without files, in order of their names. Close the folder.

    Links, special files, unfinished objects and names that are not Unicode are skipped. Folders are opened relative to
    their parents, so that a link that is swapped in concurrently is not followed.
    """
    yield from _walk_folder(root, Path())


def _walk_folder(directory: Folder, relative: Path) -> Iterator[FoundFile]:
    with directory:
        names = sorted(name for name in directory.names() if _is_unicode(name))
        files = [name for name in names if not _UNFINISHED.fullmatch(name) and _is_regular(name, directory)]
        for name in files or [""]:
            yield FoundFile(relative, name, directory)
        for name in names:
            try:
                inner = directory.enter(name)
            except OSError:  # a file, a link, or no permission
                continue
            yield from _walk_folder(inner, relative / name)


def _copy_bucket(source: Folder, target: Path, bucket: str, times: dict[str, int], header: SnapshotHeader) -> None:
    target.mkdir(parents=True)
    for found in walk_files(source):
        (target / found.folder).mkdir(parents=True, exist_ok=True)
        if found.name:
            with _unless_gone(), found.open() as file:
                status = os.fstat(file.fileno())
                with (target / found.folder / found.name).open("wb") as copy:
                    shutil.copyfileobj(file, copy, _PIECE)
                times[f"{bucket}/{found.key}"] = status.st_mtime_ns
                header.bytes += status.st_size


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Skip a file that was deleted after it was listed, or replaced by a link. Raises OSError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise


def _is_regular(name: str, directory: Folder) -> bool:
    try:
        return stat.S_ISREG(directory.lstat(name).st_mode)
    except OSError:
        return False


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
