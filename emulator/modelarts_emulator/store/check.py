"""Check the files of a data directory without changing them: what it contains, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import msgspec
from tinydb import where

from modelarts_emulator.contract.wire import VersionStatus
from modelarts_emulator.store import format as formats
from modelarts_emulator.store.directory import DELETED_PREFIX, INDEX, index_rows
from modelarts_emulator.store.expected_files import EXPECTED_FILES, MISSING, missing_of, read_expected
from modelarts_emulator.store.files import read_meta, read_tables
from modelarts_emulator.store.format import Damaged, FormatTooNew
from modelarts_emulator.store.indexed_fields import decode_sample
from modelarts_emulator.store.journal import JournalFile
from modelarts_emulator.store.open_dataset import PENDING
from modelarts_emulator.store.records import DatasetRecord
from modelarts_emulator.store.team_store import TEAMS_FILE, read_teams
from modelarts_emulator.store.tinydb_storage import (
    CHECKPOINT,
    NEW_CHECKPOINT,
    PREVIOUS_CHECKPOINT,
    DatasetStorage,
    generation_of,
    journals,
)
from modelarts_emulator.store.tinydb_table import DatasetDB

# Other entries of a data directory: keys, tokens, object headers, unfinished uploads, snapshots, the buckets, and the
# files of the command line.
_KNOWN = {"lock", INDEX, TEAMS_FILE, "datasets", "obs", "uploads", "tokens", "signing-key", "control-key", "snapshots"}
_KNOWN |= {"running", "emulator.log", EXPECTED_FILES}
_KNOWN_PREFIX = "object-metadata.sqlite"
_QUARANTINED = "could not be read and was quarantined; delete it when it is no longer needed"
_INTERRUPTED = "an interrupted write"


class CheckFinding(msgspec.Struct, frozen=True, order=True):
    """One finding of a check."""

    path: str
    kind: str
    """``damaged``, ``torn``, ``newer``, ``leftover``, ``missing``, ``gone``: faults. ``orphan``, ``quarantined``,
    ``unknown``: for information."""
    text: str
    repairable: bool = False
    """Whether ``--repair`` removes the cause without losing data."""


class FileSummary(msgspec.Struct):
    """A file of a dataset. ``format`` is None if it has none or cannot be read; ``size`` is in bytes."""

    path: str
    size: int
    format: int | None = None


class DatasetSummary(msgspec.Struct, omit_defaults=True):
    """A dataset according to its files; only ``id`` and ``files`` are set if they cannot be read."""

    id: str
    name: str | None = None
    type: int | None = None
    samples: int = 0
    deleted: int = 0
    labels: int = 0
    versions: int = 0
    files: list[FileSummary] = []


class DataDirectoryCheck:
    """A check of one data directory; ``run`` fills ``datasets`` and ``problems``."""

    def __init__(self, root: Path, on_dataset: Callable[[DatasetRecord, DatasetDB], None]) -> None:
        """Prepare the check. ``on_dataset`` is called with each readable dataset while it is open."""
        self._root, self._on_dataset = root, on_dataset
        self.datasets: list[DatasetSummary] = []
        self.problems: list[CheckFinding] = []

    def run(self) -> None:
        """Check all files. Raises OSError."""
        self._check_top()
        folders = self._root / "datasets"
        for folder in sorted(folders.iterdir()) if folders.is_dir() else ():
            if not folder.is_dir():
                self._add(folder, "orphan", "not a dataset's folder")
            elif folder.name.startswith(DELETED_PREFIX):
                self._add(folder, "leftover", "an interrupted deletion", repairable=True)
            elif not any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS_CHECKPOINT)):
                self._add(folder, "leftover", "an interrupted creation", repairable=True)
            else:
                self._check_dataset(folder)

    def _check_top(self) -> None:
        for path in sorted(self._root.iterdir()):
            if ".damaged-" in path.name:
                self._add(path, "quarantined", _QUARANTINED)
            elif path.name.endswith(".tmp"):
                self._add(path, "leftover", _INTERRUPTED, repairable=True)
            elif path.name not in _KNOWN and not path.name.startswith(_KNOWN_PREFIX):
                self._add(path, "orphan", "not a file of the emulator")
        self._check_snapshots()
        self._check_uploads()
        with suppress(FileNotFoundError):
            self._format_of(self._root / INDEX, _format_of_index, repairable=True)
        self._format_of(self._root / EXPECTED_FILES, self._check_expected, repairable=True)
        with suppress(FileNotFoundError):
            self._format_of(self._root / TEAMS_FILE, _format_of_teams)

    def _check_expected(self, path: Path) -> int:
        """Report each file of the list that is missing. Raises Damaged, FormatTooNew."""
        for name in missing_of(self._root, read_expected(self._root)):
            self._add(self._root / name, "missing", MISSING)
        return formats.FORMAT

    def _check_snapshots(self) -> None:
        folder = self._root / "snapshots"
        for path in sorted(folder.glob(".*")) if folder.is_dir() else ():
            name = path.name.removeprefix(".old-")
            if path.name == ".under-way":
                self._add(path, "torn", "an interrupted restore; the next start finishes it")
            elif name != path.name and not (folder / name).exists():
                self._add(path, "torn", f"an interrupted replacement of snapshot {name}; the next start reverts it")
            else:
                self._add(path, "leftover", "an interrupted change of snapshots", repairable=True)
        for header in sorted(folder.glob("[!.]*/snapshot.json")):
            self._format_of(header, _format_of_json)
            for path in sorted((header.parent / "datasets").rglob("*.json")):
                self._format_of(path, _format_of_tables)

    def _check_uploads(self) -> None:
        folder = self._root / "uploads"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.endswith(".claimed"):
                self._add(path, "torn", "an interrupted completion of an upload; the next start gives the upload back")
            elif path.name.endswith(".ended") or not (path / "upload.json").exists():
                self._add(path, "leftover", "an upload that has ended", repairable=True)
            else:
                self._format_of(path / "upload.json", _format_of_json)

    def _check_dataset(self, folder: Path) -> None:
        found = DatasetSummary(folder.name)
        self.datasets.append(found)
        versions: dict[str, int | None] | None = None
        with closing(DatasetDB(folder)) as db:
            try:
                record = msgspec.convert(db.table("dataset").all()[0], DatasetRecord)
                if record.id != folder.name:
                    self._add(folder, "damaged", f"its dataset has another id, {record.id[:80]}")
                versions = {version["version_id"]: version.get("status") for version in db.table("versions")}
                self._count(found, record, db)
                if pending := len(db.table(PENDING)):
                    text = f"an interrupted upload, import or deletion of {pending} files; the next start completes it"
                    self._add(folder, "torn", text)
                self._on_dataset(record, db)
            except FormatTooNew:
                pass  # reported with the file
            except (Damaged, msgspec.ValidationError, IndexError) as error:
                reason = error.reason if isinstance(error, Damaged) else str(error)
                self._add(folder, "damaged", f"the dataset cannot be read: {reason}")
            assert isinstance(db.storage, DatasetStorage)
            for damage in db.storage.damage:
                self._add(damage.path, damage.kind, damage.text, repairable=bool(found.name))
        self._check_files(folder, found, versions)

    def _count(self, found: DatasetSummary, record: DatasetRecord, db: DatasetDB) -> None:
        found.name, found.type = record.name, int(record.type)
        found.labels, found.versions = len(db.table("labels")), len(db.table("versions"))
        found.samples = len(db.table("samples"))
        found.deleted = db.table("samples").count(where("deleted") == True)  # noqa: E712  (TinyDB's query syntax)

    def _check_files(self, folder: Path, found: DatasetSummary, versions: Mapping[str, int | None] | None) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file = FileSummary(self._relative(path), path.stat().st_size)
                found.files.append(file)
                file.format = self._check_file(folder, path, is_readable=found.name is not None)
        samples = folder / "versions"
        for path in samples.glob("*.json"):
            if versions is not None and path.stem not in versions:
                self._add(path, "orphan", "samples of a version that the dataset does not have")
        for version_id, status in (versions or {}).items():
            path = samples / f"{version_id}.json"
            if status == VersionStatus.RUNNING and not path.exists():
                self._add(path, "missing", "the samples of the version cannot be listed; its files in the bucket exist")

    def _check_file(self, folder: Path, path: Path, *, is_readable: bool) -> int | None:
        """Return a file's format; None if it has none or cannot be read."""
        if ".damaged-" in path.name:
            self._add(path, "quarantined", _QUARANTINED)
        elif path.name.endswith(".tmp") or path.name == NEW_CHECKPOINT:
            self._add(path, "leftover", _INTERRUPTED, repairable=True)
        elif path == folder / CHECKPOINT:
            return self._format_of(path, lambda path: read_meta(path).format, report_damage=False)
        elif path == folder / PREVIOUS_CHECKPOINT:
            return self._format_of(path, _format_of_tables, repairable=is_readable)
        elif path in journals(folder):
            if generation_of(path) < _oldest_generation(folder):
                self._add(path, "leftover", "no checkpoint needs this journal", repairable=True)
            return self._format_of(path, lambda path: JournalFile(path).format)
        elif path.parent == folder / "versions" and path.suffix == ".json":
            return self._format_of(path, _format_of_version)
        else:
            self._add(path, "orphan", "not a file of the emulator")
        return None

    def _format_of(
        self, path: Path, read: Callable[[Path], int], *, repairable: bool = False, report_damage: bool = True
    ) -> int | None:
        """Return the format that ``read`` returns, or None after adding a finding. Raises OSError.

        The damage of a checkpoint is reported by ``DatasetStorage`` already.
        """
        try:
            return read(path)
        except FormatTooNew as error:
            self._add(path, "newer", f"has format {error.found}, written by a later release")
        except (Damaged, msgspec.DecodeError, ValueError) as error:
            if report_damage:
                reason = error.reason if isinstance(error, Damaged) else str(error)
                self._add(path, "damaged", reason, repairable=repairable)
        return None

    def _add(self, path: Path, kind: str, text: str, *, repairable: bool = False) -> None:
        self.problems.append(CheckFinding(self._relative(path), kind, text, repairable))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def leftovers(root: Path, problems: list[CheckFinding]) -> Iterator[Path]:
    """Yield the files and folders that a repair removes."""
    for problem in problems:
        if problem.kind == "leftover":
            yield root / problem.path


def _oldest_generation(folder: Path) -> int:
    """Return the generation of the first journal that a checkpoint needs; 0 if that is unknown."""
    try:
        return min(read_meta(folder / name).generation for name in (CHECKPOINT, PREVIOUS_CHECKPOINT))
    except (FileNotFoundError, Damaged, FormatTooNew):
        return 0


def _format_of_json(path: Path) -> int:
    msgspec.json.decode(path.read_bytes())
    return formats.FORMAT


def _format_of_index(path: Path) -> int:
    index_rows(path)
    return read_meta(path).format


def _format_of_teams(path: Path) -> int:
    read_teams(path)
    return read_meta(path).format


def _format_of_tables(path: Path) -> int:
    meta, tables = read_tables(path)
    for rows in tables.values():
        for document in rows.documents:
            msgspec.json.decode(document)
    return meta.format


def _format_of_version(path: Path) -> int:
    meta, tables = read_tables(path)
    for document in tables["samples"].documents if "samples" in tables else ():
        decode_sample(document)
    return meta.format
