"""A snapshot's folder: what of an emulator is written there, and how an emulator gets it back.

Layout: ``snapshot.json`` says what it is, ``datasets/`` is a copy of the store, ``buckets/<bucket>/`` has the objects,
``objects.json`` their modification times in nanoseconds, ``metadata.json`` their headers, and ``uploads/`` what is
uploaded in parts.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

import modelarts_emulator
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT
from modelarts_emulator.obs.metadata import MetadataRow
from modelarts_emulator.obs.paths import ObsPath, require_bucket_name
from modelarts_emulator.runtime import Runtime

FORMAT = 1
_UNFINISHED = re.compile(r"\.~[0-9a-f]{16}")
"""An object that is being written."""
_UPLOAD, _PART = re.compile(r"[0-9a-f]{32}"), re.compile(r"upload\.json|[0-9]{5}\.[0-9a-f]{32}")
_HEADER = re.compile(r"[^\x00-\x1f\x7f]*")
_PIECE = 1 << 20
_Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_T = TypeVar("_T")


class SnapshotHeader(msgspec.Struct, kw_only=True):
    """What a snapshot says of itself."""

    format: int = FORMAT
    release: str = modelarts_emulator.__version__
    created_ms: int
    datasets: int = 0
    objects: bool
    """Whether the objects are in it."""
    files: int = 0
    """How many objects."""
    bytes: int = 0
    """How much they have."""


def write_snapshot(emu: Runtime, folder: Path, *, objects: bool, mounts: bool) -> SnapshotHeader:
    """Write everything that there is; with ``mounts`` also what lies in mounted buckets. Raises OSError."""
    about = SnapshotHeader(created_ms=emu.clock.now_ms(), objects=objects)
    (folder / "datasets").mkdir()
    about.datasets = emu.store.export(folder / "datasets")
    if objects:
        times: dict[str, int] = {}
        for bucket in emu.tree.buckets():
            if mounts or bucket not in emu.settings.buckets:
                _copy_bucket(emu.tree.local(ObsPath(bucket)), folder / "buckets" / bucket, bucket, times, about)
        about.files = len(times)
        (folder / "objects.json").write_bytes(msgspec.json.encode(times))
        rows = [row for row in emu.metadata.rows() if row.path.partition("/")[0] in _copied(folder)]
        (folder / "metadata.json").write_bytes(msgspec.json.encode(rows))
        if (emu.root / "uploads").is_dir():
            shutil.copytree(emu.root / "uploads", folder / "uploads")
    (folder / "snapshot.json").write_bytes(msgspec.json.format(msgspec.json.encode(about)))
    return about


def read_header(folder: Path) -> SnapshotHeader:
    """What a snapshot says of itself. Raises INVALID_SNAPSHOT."""
    try:
        about = msgspec.json.decode((folder / "snapshot.json").read_bytes(), type=SnapshotHeader)
    except (FileNotFoundError, IsADirectoryError):
        raise ApiError(INVALID_SNAPSHOT, "snapshot.json is missing") from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ApiError(INVALID_SNAPSHOT, f"snapshot.json: {error}") from None
    if about.format > FORMAT:
        raise ApiError(INVALID_SNAPSHOT, f"it has format {about.format}, written by a later release")
    found = len(list((folder / "datasets").glob("*/")))
    if found != about.datasets:
        raise ApiError(INVALID_SNAPSHOT, f"it should have {about.datasets} datasets, and has {found}")
    return about


class StagedObjects:
    """A snapshot's objects, written beside those there are, so that they can take their place in a moment.

    Raises INVALID_SNAPSHOT, OSError; nothing has changed then. As a context manager it cleans up.
    """

    def __init__(self, emu: Runtime, snapshot: Path) -> None:
        self._emu = emu
        self._place = emu.root / "snapshots" / ".restoring"
        shutil.rmtree(self._place, ignore_errors=True)
        self._new, self._old = self._place / "new", self._place / "old"
        for folder in (self._new / "buckets", self._old):
            folder.mkdir(parents=True)
        try:
            self._times = _read(snapshot / "objects.json", dict[str, _Long])
            self._rows = _rows(snapshot)
            for bucket in _copied(snapshot):
                self._stage(snapshot / "buckets" / bucket, require_bucket_name(bucket))
            self._stage_uploads(snapshot / "uploads")
        except BaseException:
            shutil.rmtree(self._place, ignore_errors=True)
            raise

    def __enter__(self) -> StagedObjects:
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._place, ignore_errors=True)

    def apply(self) -> None:
        """Put the objects in their places. Own buckets that the snapshot has not are removed.

        In a mounted bucket files are written, and none removed. Raises OSError, ApiError.
        """
        obs = self._emu.root / "obs"
        for folder in obs.iterdir():
            folder.replace(self._old / folder.name)
        for folder in (self._new / "buckets").iterdir():
            if folder.name in self._emu.settings.buckets:
                self._merge(folder)
            else:
                folder.replace(obs / folder.name)
        uploads = self._emu.root / "uploads"
        with suppress(FileNotFoundError):
            uploads.replace(self._old / ".uploads")
        with suppress(FileNotFoundError):
            (self._new / "uploads").replace(uploads)
        mounted = [row for row in self._emu.metadata.rows() if row.path.partition("/")[0] in self._emu.settings.buckets]
        self._emu.metadata.replace({row.path: row for row in (*mounted, *self._rows)}.values())

    def _stage(self, source: Path, bucket: str) -> None:
        target = self._new / "buckets" / bucket
        target.mkdir()
        for folder, file in _files(source):
            place = target / folder
            place.mkdir(parents=True, exist_ok=True)
            if file:
                shutil.copyfile(source / folder / file, place / file)
                mtime_ns = self._times.get(f"{bucket}/{(folder / file).as_posix()}")
                if mtime_ns is not None:
                    os.utime(place / file, ns=(mtime_ns, mtime_ns))

    def _stage_uploads(self, source: Path) -> None:
        for folder in source.iterdir() if source.is_dir() else ():
            if _UPLOAD.fullmatch(folder.name) and folder.is_dir():
                (self._new / "uploads" / folder.name).mkdir(parents=True)
                for file in folder.iterdir():
                    if _PART.fullmatch(file.name) and file.is_file():
                        shutil.copyfile(file, self._new / "uploads" / folder.name / file.name)

    def _merge(self, source: Path) -> None:
        for folder, file in _files(source):
            if not file:
                if folder != Path():  # the bucket itself is there
                    self._emu.tree.make_directory(ObsPath(source.name, f"{folder.as_posix()}/"))
                continue
            path = ObsPath(source.name, (folder / file).as_posix())
            found = (source / folder / file).stat()
            if self._emu.tree.stat(path) == (found.st_size, found.st_mtime_ns):
                continue
            self._emu.tree.write(path, _pieces(source / folder / file))
            os.utime(self._emu.tree.local(path), ns=(found.st_mtime_ns, found.st_mtime_ns))


def _copied(snapshot: Path) -> list[str]:
    """The buckets that a snapshot has."""
    folder = snapshot / "buckets"
    return sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def _copy_bucket(source: Path, target: Path, bucket: str, times: dict[str, int], about: SnapshotHeader) -> None:
    target.mkdir(parents=True)
    for folder, file in _files(source):
        (target / folder).mkdir(parents=True, exist_ok=True)
        if file:
            with suppress(FileNotFoundError):  # deleted meanwhile
                found = (source / folder / file).stat()
                shutil.copyfile(source / folder / file, target / folder / file)
                times[f"{bucket}/{(folder / file).as_posix()}"] = found.st_mtime_ns
                about.bytes += found.st_size


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Every folder below a root with each of its files, or with an empty name where it has none.

    Links and whatever else is no file are left out, and so are names that are no text.
    """
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if _is_text(name) and not (Path(place) / name).is_symlink())
        folder = Path(place).relative_to(root)
        files = [name for name in sorted(names) if _is_text(name) and not _UNFINISHED.fullmatch(name)]
        files = [name for name in files if not (Path(place) / name).is_symlink() and (Path(place) / name).is_file()]
        for name in files or [""]:
            yield folder, name


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_PIECE), b"")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _rows(snapshot: Path) -> list[MetadataRow]:
    """What objects have beside their bytes. Raises INVALID_SNAPSHOT."""
    rows = [
        MetadataRow(*row) for row in _read(snapshot / "metadata.json", list[tuple[str, _Long, _Long, str, str, bytes]])
    ]
    for row in rows:
        try:
            headers = msgspec.json.decode(row.headers, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise ApiError(INVALID_SNAPSHOT, f"metadata.json: {error}") from None
        for text in (row.etag, row.content_type, *headers, *headers.values()):
            if not _HEADER.fullmatch(text):
                raise ApiError(INVALID_SNAPSHOT, f"metadata.json: {text[:80]!r} cannot be a header")
    return rows


def _read(path: Path, kind: type[_T]) -> _T:
    """What a file of a snapshot has. Raises INVALID_SNAPSHOT."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, IsADirectoryError):
        raise ApiError(INVALID_SNAPSHOT, f"{path.name} is missing") from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ApiError(INVALID_SNAPSHOT, f"{path.name}: {error}") from None
