"""Restore the objects of a snapshot: copy and check all of them first, then exchange them in a moment."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.control.errors import INVALID_SNAPSHOT
from modelarts_emulator.control.snapshots.contents import Int64, copied_buckets, read_json, walk_files
from modelarts_emulator.obs.metadata_file import MetadataRow
from modelarts_emulator.obs.paths import ObsPath, require_bucket_name
from modelarts_emulator.runtime import Runtime
from modelarts_emulator.s3.multipart_store import Upload
from modelarts_emulator.system.open_folder import open_root
from modelarts_emulator.system.real_paths import real_path

STAGING = ".restoring"
_UPLOAD_ID, _PART = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9]{5}\.[0-9a-f]{32}")
_HEADER = re.compile(r"[^\x00-\x1f\x7f]*")
_PIECE = 1 << 20


class StagedObjects:
    """The objects of a snapshot, copied beside the present ones. As a context manager it removes the copies.

    Raises:
        ApiError: INVALID_SNAPSHOT; nothing was changed.
        OSError: the disk refuses a write; nothing was changed.
    """

    def __init__(self, emu: Runtime, snapshot: Path) -> None:
        self._emu = emu
        self._staging = emu.root / "snapshots" / STAGING
        shutil.rmtree(self._staging, ignore_errors=True)
        self._new, self._old = self._staging / "new", self._staging / "old"
        for folder in (self._new / "buckets", self._old):
            folder.mkdir(parents=True)
        try:
            self._times = read_json(snapshot / "objects.json", dict[str, Int64])
            self._rows = _read_metadata(snapshot)
            for bucket in copied_buckets(snapshot):
                self._stage_bucket(snapshot / "buckets" / bucket, bucket)
            self._stage_uploads(snapshot / "uploads")
        except BaseException:
            shutil.rmtree(self._staging, ignore_errors=True)
            raise

    def __enter__(self) -> StagedObjects:
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._staging, ignore_errors=True)

    def apply(self) -> None:
        """Exchange the objects. Own buckets that the snapshot does not contain are removed.

        In a mounted bucket files are written, and none are removed. Raises OSError, ApiError.
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

    def _stage_bucket(self, source: Path, bucket: str) -> None:
        if bucket in self._emu.settings.buckets:
            self._require_mergeable(source)
        try:
            target = self._new / "buckets" / require_bucket_name(bucket)
        except ApiError as error:
            raise ApiError(INVALID_SNAPSHOT, error.detail) from None
        target.mkdir()
        for found in walk_files(open_root(real_path(source))):
            folder = target / found.folder
            folder.mkdir(parents=True, exist_ok=True)
            if found.name:
                with found.open() as file, (folder / found.name).open("wb") as copy:
                    shutil.copyfileobj(file, copy, _PIECE)
                mtime_ns = self._times.get(f"{bucket}/{found.key}")
                if mtime_ns is not None:
                    os.utime(folder / found.name, ns=(mtime_ns, mtime_ns))

    def _require_mergeable(self, source: Path) -> None:
        """Check that all files of a mounted bucket can be written. Raises INVALID_SNAPSHOT."""
        for path, _ in _objects(source):
            try:
                local = self._emu.tree.local(path)
            except ApiError as error:
                raise ApiError(INVALID_SNAPSHOT, error.detail) from None
            if local.exists() and local.is_dir() != path.is_directory:
                raise ApiError(INVALID_SNAPSHOT, f"{path}: a file and a folder of this name cannot both exist")
            existing = next(each for each in (local, *local.parents) if each.exists())
            if not existing.is_dir() and existing != local:
                raise ApiError(INVALID_SNAPSHOT, f"{path}: {existing.name} is a file")
            if not os.access(existing if existing.is_dir() else existing.parent, os.W_OK | os.X_OK):
                raise ApiError(INVALID_SNAPSHOT, f"{path}: the mounted folder is not writable")

    def _merge(self, source: Path) -> None:
        for path, place in _objects(source):
            if path.is_directory:
                self._emu.tree.make_directory(path)
                continue
            status = place.stat()
            if self._emu.tree.stat(path) == (status.st_size, status.st_mtime_ns):
                continue
            self._emu.tree.write(path, _read_pieces(place))
            self._emu.tree.set_time(path, status.st_mtime_ns)

    def _stage_uploads(self, source: Path) -> None:
        """Copy unfinished uploads; anything else in their folder is skipped. Raises INVALID_SNAPSHOT."""
        for folder in source.iterdir() if source.is_dir() else ():
            if not (_UPLOAD_ID.fullmatch(folder.name) and (folder / "upload.json").is_file()):
                continue
            _require_upload(folder / "upload.json")
            target = self._new / "uploads" / folder.name
            target.mkdir(parents=True)
            for file in folder.iterdir():
                if (file.name == "upload.json" or _PART.fullmatch(file.name)) and file.is_file():
                    shutil.copyfile(file, target / file.name)


def _objects(bucket: Path) -> Iterator[tuple[ObsPath, Path]]:
    """Yield objects and empty folders of a bucket's copy with their places. Raises INVALID_SNAPSHOT."""
    for found in walk_files(open_root(real_path(bucket))):
        if not found.name and found.folder == Path():
            continue  # the bucket itself
        try:
            path = ObsPath(bucket.name, found.key if found.name else f"{found.key}/")
        except ApiError as error:
            raise ApiError(INVALID_SNAPSHOT, error.detail) from None
        yield path, bucket / found.folder / found.name


def _read_pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_PIECE), b"")


def _read_metadata(snapshot: Path) -> list[MetadataRow]:
    """Read the headers of objects. Raises INVALID_SNAPSHOT."""
    kind = list[tuple[str, Int64, Int64, str, str, bytes]]
    rows = [MetadataRow(*row) for row in read_json(snapshot / "metadata.json", kind)]
    for row in rows:
        try:
            headers = msgspec.json.decode(row.headers, type=dict[str, str])
            ObsPath.parse(f"/{row.path}")
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise ApiError(INVALID_SNAPSHOT, f"metadata.json: {error}") from None
        except ApiError as error:
            raise ApiError(INVALID_SNAPSHOT, f"metadata.json: {error.detail}") from None
        _require_headers("metadata.json", row.etag, row.content_type, *headers, *headers.values())
    return rows


def _require_upload(path: Path) -> None:
    upload = read_json(path, Upload)
    try:
        ObsPath(upload.bucket, upload.key)
    except ApiError as error:
        raise ApiError(INVALID_SNAPSHOT, f"upload.json: {error.detail}") from None
    _require_headers("upload.json", upload.content_type, *upload.headers, *upload.headers.values())


def _require_headers(file: str, *texts: str) -> None:
    for text in texts:
        if not _HEADER.fullmatch(text):
            raise ApiError(INVALID_SNAPSHOT, f"{file}: {text[:80]!r} is not a valid header")
