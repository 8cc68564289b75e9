"""A dataset's files as a TinyDB storage: the checkpoint, the one before it, and the journals from one to the next.

``dataset.json`` of generation *g* and then the journals *g*, *g + 1*, … are the dataset. A checkpoint begins journal
*g + 1* first and writes ``dataset.json`` of generation *g + 1* after, so a crash at any moment between loses nothing.
The previous checkpoint and its journal are kept: a damaged ``dataset.json`` is rebuilt from those.

The emulator keeps what ``load`` gives it in its indexes and then only appends. For everybody else it is a storage as
any other: ``TinyDB(folder, storage=DatasetStorage)`` has all tables, what the journals say included.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson
from tinydb.storages import Storage

from modelarts_emulator.store import format as formats
from modelarts_emulator.store.files import Rows, Tables, read_tables, sync_directory, write_tables
from modelarts_emulator.store.format import Damaged, upgrade
from modelarts_emulator.store.journal import Change, Journal, JournalFile, encode_group

log = logging.getLogger(__name__)

CHECKPOINT = "dataset.json"
PREVIOUS_CHECKPOINT = "dataset.previous.json"
NEW_CHECKPOINT = "dataset.fresh.json"
# A journal is folded into a checkpoint when it is larger than this and than half of what it adds to.
MIN_OVERSIZED_BYTES = 8 * 1024 * 1024

T = TypeVar("T")
Documents = Mapping[str, Iterable[tuple[int, bytes]]]
"""Tables as they are written: (number, encoded document) pairs by name."""


class FileDamage(NamedTuple):
    """What is wrong with a file: ``kind`` is ``damaged``, or ``torn`` where a crash explains it."""

    kind: str
    path: Path
    text: str


class DatasetStorage(Storage):
    """The files of one dataset's folder. With ``access_mode`` "r" nothing is changed, not even what is damaged.

    Only who holds the data directory's lock may write.
    """

    def __init__(self, folder: str | Path, *, access_mode: str = "r", fsync: bool = True) -> None:
        self._folder, self._fsync = Path(folder), fsync
        self._writable = access_mode != "r"
        self.generation = 0
        self._base = 0
        self._base_size = 0
        self._outdated = False
        self._failed = False
        self.faults: list[FileDamage] = []
        """What was found damaged or torn by ``load``."""
        self._journal: Journal | None = None
        self._kept: dict[str, dict[int, bytes]] | None = None

    # As the store uses it

    def load(self, build: Callable[[Tables], T]) -> T:
        """What ``build`` makes of the newest tables that can be read and built; it may raise DecodeError, ValueError.

        Raises Damaged where there are none, FormatTooNew, OSError.
        """
        for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
            try:
                built = build(self._merged(name))
            except (Damaged, FileNotFoundError, msgspec.DecodeError, ValueError) as error:
                self._record_damage(name, error)
            else:
                self._open_journal()
                return built
        raise Damaged(self._folder, "neither checkpoint can be read")

    def append(self, changes: Sequence[Change]) -> Callable[[], None]:
        """Journal a group; return what waits for it to be on the disk. Both raise OSError."""
        journal = self._journal
        assert journal is not None
        end = journal.append(encode_group(changes))
        return lambda: journal.sync(end)

    @property
    def journal_size(self) -> int:
        """The bytes of the journal that is being written."""
        return self._journal.size if self._journal else 0

    @property
    def journal_failed(self) -> bool:
        """Whether it is unknown what the disk holds of the journal: only a checkpoint may follow."""
        return self._failed or bool(self._journal and self._journal.failed)

    @property
    def is_dirty(self) -> bool:
        """Whether a checkpoint would change anything."""
        return bool(self.journal_size) or self._outdated or self._base != self.generation

    @property
    def is_oversized(self) -> bool:
        """Whether the journal is worth a checkpoint."""
        return self.journal_size > max(MIN_OVERSIZED_BYTES, self._base_size // 2)

    def rotate(self) -> int:
        """Begin the next generation's journal; what the last one holds is on the disk before. Raises OSError."""
        if not self.journal_size and not self.journal_failed and self._journal:
            return self.generation  # nothing has been written since the last rotation
        following = Journal(self._journal_path(self.generation + 1), fsync=self._fsync)
        old, self._failed = self._journal, self.journal_failed
        try:
            if old:
                old.close()
        except OSError as error:
            log.error("%s cannot be synced (%s); the dataset is written anew", old and old.path, error)
            self._failed = True
        self._journal = following
        self.generation += 1
        if self._fsync:
            sync_directory(self._folder)
        return self.generation

    def write_checkpoint(self, generation: int, tables: Documents) -> None:
        """Write the checkpoint that a generation's journal adds to; drop what is no longer needed. Raises OSError."""
        path, previous, fresh = (self._folder / name for name in (CHECKPOINT, PREVIOUS_CHECKPOINT, NEW_CHECKPOINT))
        write_tables(fresh, tables, generation=generation, fsync=self._fsync)
        # Where the last checkpoint was damaged, this one is its own predecessor.
        previous.unlink(missing_ok=True)
        oldest = self._base if path.exists() else generation
        if path.exists():
            _link(path, previous)
        else:
            shutil.copyfile(fresh, previous)  # a link would be damaged together with it
        fresh.replace(path)
        self._base, self._outdated, self._failed = generation, False, False
        if self._fsync:
            sync_directory(self._folder)
        self._base_size = path.stat().st_size
        for each in self._generations():
            if each < oldest:
                self._journal_path(each).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the journal; what it holds stays. Raises OSError."""
        journal, self._journal = self._journal, None
        if journal:
            journal.close()

    # As TinyDB uses it

    def read(self) -> dict[str, Any] | None:
        """Return the tables, each a mapping that decodes a document when it is asked for."""
        return {name: LazyDocuments(rows) for name, rows in self.tables().items()}

    def write(self, data: Mapping[str, Mapping[Any, Any]]) -> None:
        """Replace all tables. Raises OSError."""
        self.tables()
        self._require_writable()
        kept = {
            name: {int(number): orjson.dumps(document) for number, document in documents.items()}
            for name, documents in data.items()
        }
        self.write_checkpoint(self.rotate(), {name: documents.items() for name, documents in kept.items()})
        self._kept = kept

    def tables(self) -> dict[str, dict[int, bytes]]:
        """Encoded documents by number, by table; read when first asked for. Raises as ``load``."""
        if self._kept is None:
            self._kept = self.load(
                lambda tables: {
                    name: dict(zip(rows.numbers, map(_checked, rows.documents), strict=True))
                    for name, rows in tables.items()
                }
            )
        return self._kept

    def change(self, changes: Sequence[Change]) -> None:
        """Journal a group and wait for the disk. Raises OSError."""
        tables = self.tables()
        self._require_writable()
        self.append(changes)()
        for change in changes:
            rows = tables.setdefault(change.table, {})
            if change.document:
                rows[change.number] = bytes(change.document)
            else:
                rows.pop(change.number, None)

    # Inside

    def _require_writable(self) -> None:
        if not self._writable:
            raise OSError(f"{self._folder} is opened for reading only")

    def _merged(self, name: str) -> Tables:
        """A checkpoint's tables, with what the journals since then say."""
        path = self._folder / name
        meta, tables = read_tables(path)
        self.generation = self._base = meta.generation
        self._base_size = path.stat().st_size
        self._outdated |= meta.format < formats.FORMAT
        changed: dict[str, dict[int, bytes | None]] = {}
        for found, change in self._replayed():
            document = upgrade(found, change.table, change.document) if change.document else None
            changed.setdefault(change.table, {})[change.number] = document
        for table, documents in changed.items():
            tables[table] = _merge(tables.get(table, Rows([], [])), documents)
        return tables

    def _replayed(self) -> Iterator[tuple[int, Change]]:
        """Every change since the checkpoint, with its format. Raises Damaged where a journal is missing."""
        wanted = [generation for generation in self._generations() if generation >= self._base]
        if wanted and wanted != list(range(self._base, wanted[-1] + 1)) and wanted != [self._base + 1]:
            raise Damaged(self._folder, f"a journal is missing between {self._base} and {wanted[-1]}")
        for self.generation in wanted:
            file = JournalFile(self._journal_path(self.generation))
            for group in file.groups():
                yield from ((file.format, change) for change in group)
            self._outdated |= file.format < formats.FORMAT and file.tail.size > 0
            if file.tail.end < file.tail.size:
                self._repair(file)

    def _repair(self, file: JournalFile) -> None:
        end, size, damaged = file.tail
        what = "whole groups follow what is damaged" if damaged else "a group that was never acknowledged is torn"
        text = f"{what}: {size - end} bytes after byte {end}"
        self.faults.append(FileDamage("damaged" if damaged else "torn", file.path, text))
        if self._writable:
            file.truncate_tail()

    def _record_damage(self, name: str, error: Exception) -> None:
        path = self._folder / name
        if isinstance(error, Damaged):
            why = error.reason
        else:
            why = "missing" if isinstance(error, FileNotFoundError) else str(error)
        self.faults.append(FileDamage("damaged", path, why))
        self._outdated = True
        if name == CHECKPOINT and self._writable:
            log.warning("%s: %s; the dataset is rebuilt from its previous checkpoint and journals", path, why)
        if self._writable and path.exists():
            path.replace(path.with_name(f"{name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"))

    def _open_journal(self) -> None:
        if not self._writable:
            return
        journal = Journal(self._journal_path(self.generation), fsync=self._fsync)
        if journal.size and self._outdated:
            journal.close()  # it may be of an earlier format
            self.generation += 1
            journal = Journal(self._journal_path(self.generation), fsync=self._fsync)
        self._journal = journal

    def _generations(self) -> list[int]:
        return sorted(generation_of(path) for path in journals(self._folder))

    def _journal_path(self, generation: int) -> Path:
        return self._folder / f"journal-{generation}.jsonl"


class LazyDocuments(Mapping[str, Any]):
    """A table's documents by number as text, which is how TinyDB's storages have them; decoded when asked for."""

    def __init__(self, rows: Mapping[int, bytes]) -> None:
        self._rows = rows

    def __getitem__(self, number: str) -> Any:
        return orjson.loads(self._rows[int(number)])

    def __iter__(self) -> Iterator[str]:
        return map(str, self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def journals(folder: Path) -> Iterator[Path]:
    """The journals in a folder, and nothing that is only called like one (``journal-1 (copy).jsonl``)."""
    return (path for path in folder.glob("journal-*.jsonl") if path.stem.partition("-")[2].isdecimal())


def generation_of(journal: Path) -> int:
    """The generation that a journal's name tells."""
    return int(journal.stem.partition("-")[2])


def _merge(rows: Rows, changed: Mapping[int, bytes | None]) -> Rows:
    """A table with what has changed; a known document keeps its place, a new one comes last."""
    merged: dict[int, bytes | None] = dict(zip(rows.numbers, rows.documents, strict=True))
    merged.update(changed)
    left = {number: document for number, document in merged.items() if document is not None}
    return Rows(list(left), list(left.values()))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has links
        shutil.copyfile(source, target)


def _checked(document: bytes) -> bytes:
    orjson.loads(document)
    return document
