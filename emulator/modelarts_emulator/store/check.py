"""Looks through the files of a data directory without changing any: what is there, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import msgspec
from tinydb import where

from modelarts_emulator.contract.wire import VersionStatus
from modelarts_emulator.store.directory import INDEX
from modelarts_emulator.store.files import read_meta, read_tables
from modelarts_emulator.store.format import Damaged, FormatTooNew
from modelarts_emulator.store.indexed_fields import decode_sample
from modelarts_emulator.store.journal import JournalFile
from modelarts_emulator.store.records import DatasetRecord
from modelarts_emulator.store.tinydb_storage import (
    CHECKPOINT,
    NEW_CHECKPOINT,
    PREVIOUS_CHECKPOINT,
    DatasetStorage,
    generation_of,
    journals,
)
from modelarts_emulator.store.tinydb_table import DatasetDB

# What else lies in a data directory: keys, tokens, headers of objects, unfinished uploads, snapshots, the buckets, and
# what the command line keeps there.
_KNOWN = {"lock", INDEX, "datasets", "obs", "uploads", "tokens", "signing-key", "control-key", "snapshots"}
_KNOWN |= {"running", "emulator.log"}
_KNOWN_PREFIX = "object-metadata.sqlite"


class CheckFinding(msgspec.Struct, frozen=True, order=True):
    """One thing that is not as it should be. ``repairable`` says whether a repair is safe."""

    path: str
    kind: str
    """``damaged``, ``torn``, ``newer``, ``leftover``, ``orphan``, ``set aside``, ``missing`` or ``gone``."""
    text: str
    repairable: bool = False


class FileSummary(msgspec.Struct):
    """A file of a dataset; ``format`` is absent where it cannot be read."""

    path: str
    size: int
    format: int | None = None


class DatasetSummary(msgspec.Struct, omit_defaults=True):
    """A dataset as its files show it; everything but the id is absent where they cannot be read."""

    id: str
    name: str | None = None
    type: int | None = None
    samples: int = 0
    deleted: int = 0
    labels: int = 0
    versions: int = 0
    files: list[FileSummary] = []


class DataDirectoryCheck:
    """Everything about one data directory. ``see`` is called with every dataset that can be read, while it is open."""

    def __init__(self, root: Path, see: Callable[[DatasetRecord, DatasetDB], None]) -> None:
        self._root, self._see = root, see
        self.datasets: list[DatasetSummary] = []
        self.problems: list[CheckFinding] = []

    def run(self) -> None:
        """Look through everything. Raises OSError."""
        self._look_at_top()
        folders = self._root / "datasets"
        for folder in sorted(folders.iterdir()) if folders.is_dir() else ():
            if not folder.is_dir():
                self._note(folder, "orphan", "no dataset's file")
            elif folder.name.startswith(".deleted-"):
                self._note(folder, "leftover", "a deletion was cut short", repairable=True)
            elif not any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS_CHECKPOINT)):
                self._note(folder, "leftover", "a creation was cut short", repairable=True)
            else:
                self._look_at_dataset(folder)

    def _look_at_top(self) -> None:
        for path in sorted(self._root.iterdir()):
            if ".damaged-" in path.name:
                self._note(path, "set aside", "could not be read once; delete it when it is of no more use")
            elif path.name.endswith(".tmp"):
                self._note(path, "leftover", "a write was cut short", repairable=True)
            elif path.name not in _KNOWN and not path.name.startswith(_KNOWN_PREFIX):
                self._note(path, "orphan", "not a file of the emulator's")
        with suppress(FileNotFoundError):
            self._try(self._root / INDEX, lambda path: read_tables(path)[0].format, repairable=True)

    def _look_at_dataset(self, folder: Path) -> None:
        found = DatasetSummary(folder.name)
        self.datasets.append(found)
        versions: dict[str, int | None] | None = None
        with closing(DatasetDB(folder)) as db:
            try:
                record = msgspec.convert(db.table("dataset").all()[0], DatasetRecord)
                versions = {version["version_id"]: version.get("status") for version in db.table("versions")}
                self._count(found, record, db)
                self._see(record, db)
            except FormatTooNew:
                pass  # said with its file
            except (Damaged, msgspec.ValidationError, IndexError) as error:
                self._note(folder, "damaged", f"the dataset cannot be read: {error}")
            assert isinstance(db.storage, DatasetStorage)
            for fault in db.storage.faults:
                self._note(fault.path, fault.kind, fault.text, repairable=bool(found.name))
        self._look_at_files(folder, found, versions)

    def _count(self, found: DatasetSummary, record: DatasetRecord, db: DatasetDB) -> None:
        found.name, found.type = record.name, int(record.type)
        found.labels, found.versions = len(db.table("labels")), len(db.table("versions"))
        found.samples = len(db.table("samples"))
        found.deleted = db.table("samples").count(where("deleted") == True)  # noqa: E712  (this is how TinyDB asks)

    def _look_at_files(self, folder: Path, found: DatasetSummary, versions: Mapping[str, int | None] | None) -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file = FileSummary(str(path.relative_to(self._root)), path.stat().st_size)
                found.files.append(file)
                file.format = self._look_at_file(folder, path, is_readable=found.name is not None)
        samples = folder / "versions"
        for path in samples.glob("*.json"):
            if versions is not None and path.stem not in versions:
                self._note(path, "orphan", "samples of a version that the dataset does not have")
        for version_id, status in (versions or {}).items():
            path = samples / f"{version_id}.json"
            if status == VersionStatus.RUNNING and not path.exists():
                self._note(path, "missing", "the version's samples cannot be listed; its files in the bucket are there")

    def _look_at_file(self, folder: Path, path: Path, *, is_readable: bool) -> int | None:
        """A file's format, None where it has none or cannot be read."""
        if ".damaged-" in path.name:
            self._note(path, "set aside", "could not be read once; delete it when it is of no more use")
        elif path.name.endswith(".tmp") or path.name == NEW_CHECKPOINT:
            self._note(path, "leftover", "a write was cut short", repairable=True)
        elif path == folder / CHECKPOINT:
            return self._try(path, lambda path: read_meta(path).format, quietly=True)
        elif path == folder / PREVIOUS_CHECKPOINT:
            return self._try(path, _format_of_tables, repairable=is_readable)
        elif path in journals(folder):
            if generation_of(path) < _oldest(folder):
                self._note(path, "leftover", "no checkpoint needs this journal", repairable=True)
            return self._try(path, lambda path: JournalFile(path).format)
        elif path.parent == folder / "versions" and path.suffix == ".json":
            return self._try(path, _format_of_version)
        else:
            self._note(path, "orphan", "not a file of the emulator's")
        return None

    def _try(
        self, path: Path, read: Callable[[Path], int], *, repairable: bool = False, quietly: bool = False
    ) -> int | None:
        """A file's format, or None and a note. Raises OSError."""
        try:
            return read(path)
        except FormatTooNew as error:
            self._note(path, "newer", f"has format {error.found}, written by a later release")
        except (Damaged, msgspec.DecodeError, ValueError) as error:
            if not quietly:
                reason = error.reason if isinstance(error, Damaged) else str(error)
                self._note(path, "damaged", reason, repairable=repairable)
        return None

    def _note(self, path: Path, kind: str, text: str, *, repairable: bool = False) -> None:
        self.problems.append(CheckFinding(str(path.relative_to(self._root)), kind, text, repairable))


def leftovers(root: Path, problems: list[CheckFinding]) -> Iterator[Path]:
    """What of a data directory's problems is to be removed to mend them."""
    for problem in problems:
        if problem.kind == "leftover":
            yield root / problem.path


def _oldest(folder: Path) -> int:
    """The generation of the first journal that a checkpoint of this folder needs; 0 where that is not known."""
    try:
        return min(read_meta(folder / name).generation for name in (CHECKPOINT, PREVIOUS_CHECKPOINT))
    except (FileNotFoundError, Damaged, FormatTooNew):
        return 0


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
