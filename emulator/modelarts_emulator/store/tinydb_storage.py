"""The files of one dataset as a TinyDB storage: a checkpoint, the checkpoint before it, and the journals after them.

The dataset is ``dataset.json`` of generation *g* plus the journals *g*, *g + 1*, … A new checkpoint first starts the
journal *g + 1*, then writes ``dataset.json`` of generation *g + 1*: a crash between the two loses nothing. The previous
checkpoint and its journal are kept: if ``dataset.json`` is damaged, the dataset is rebuilt from them.

The store calls ``load`` once, keeps the result in its indexes, and then only appends. Other programs use the class as
any TinyDB storage: ``TinyDB(folder, storage=DatasetStorage)`` has all tables, with the changes in the journals.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson
from tinydb.storages import Storage

from modelarts_emulator.store import format as formats
from modelarts_emulator.store.files import Rows, Tables, read_tables, write_tables
from modelarts_emulator.store.format import Damaged, upgrade
from modelarts_emulator.store.journal import DocumentChange, Journal, JournalFile, create_journal, encode_group
from modelarts_emulator.system.durability import flush_folder, replace_file

log = logging.getLogger(__name__)

CHECKPOINT = "dataset.json"
PREVIOUS_CHECKPOINT = "dataset.previous.json"
NEW_CHECKPOINT = "dataset.fresh.json"
MIN_OVERSIZED_BYTES = 8 * 1024 * 1024
"""A journal is oversized if it is larger than this and than half of its checkpoint."""

T = TypeVar("T")
Documents = Mapping[str, Iterable[tuple[int, bytes]]]
"""Tables to be written: (number, encoded document) pairs by table name."""


class FileDamage(NamedTuple):
    """A damaged file. ``kind`` is ``damaged``, or ``torn`` if a crash explains it and nothing is lost."""

    kind: str
    path: Path
    text: str


class DatasetStorage(Storage):
    """The files in the folder of one dataset.

    With ``access_mode`` "r" nothing is changed, not even a damaged file. Any other mode requires the lock of the data
    directory.
    """

    def __init__(self, folder: str | Path, *, access_mode: str = "r", fsync: bool = True) -> None:
        self._folder, self._fsync = Path(folder), fsync
        self._writable = access_mode != "r"
        self.generation = 0
        """Generation of the journal that is being written."""
        self._base = 0
        """Generation of the checkpoint that was read or written last."""
        self._base_size = 0
        self._has_heads = False
        """Whether a journal without a first line has lost its content."""
        self._is_outdated = False
        """Whether the files need a checkpoint: they are damaged, or have an earlier format."""
        self._failed = False
        self.damage: list[FileDamage] = []
        """Damaged files that ``load`` has found."""
        self._journal: Journal | None = None
        self._tables: dict[str, dict[int, bytes]] | None = None
        """The tables, if they are used through TinyDB."""

    # Used by the store

    def load(self, build: Callable[[Tables], T]) -> T:
        """Call ``build`` with the newest readable tables, and return its result.

        ``build`` may raise DecodeError or ValueError for tables that are not valid: then the previous checkpoint is
        tried.

        Raises:
            Damaged: neither checkpoint can be read.
            FormatTooNew: a later release wrote a file.
            OSError: a file cannot be read.
        """
        for name in (CHECKPOINT, PREVIOUS_CHECKPOINT):
            try:
                built = build(self._read_with_journals(name))
            except (Damaged, FileNotFoundError, msgspec.DecodeError, ValueError) as error:
                self._record_damage(name, error)
            else:
                self._open_journal()
                return built
        raise Damaged(self._folder, "neither checkpoint can be read")

    def append(self, changes: Sequence[DocumentChange]) -> Callable[[], None]:
        """Append a group to the journal; return a function that waits until it is durable. Both raise OSError."""
        journal = self._journal
        assert journal is not None
        end = journal.append(encode_group(changes))
        return partial(journal.sync, end)

    @property
    def journal_size(self) -> int:
        """Size in bytes of the groups in the journal that is being written."""
        return self._journal.size_of_groups if self._journal else 0

    @property
    def journal_failed(self) -> bool:
        """Whether the state of the journal on disk is unknown: only a checkpoint may follow."""
        return self._failed or bool(self._journal and self._journal.failed)

    @property
    def is_dirty(self) -> bool:
        """Whether a checkpoint would change anything."""
        return bool(self.journal_size) or self._is_outdated or self._base != self.generation

    @property
    def is_oversized(self) -> bool:
        """Whether the journal is large enough to be worth a checkpoint."""
        journal = self._journal
        return journal is not None and journal.size > max(MIN_OVERSIZED_BYTES, self._base_size // 2)

    def rotate(self) -> int:
        """Start the journal of the next generation and return that generation.

        The old journal is durable before. If that fails, ``journal_failed`` stays set until the checkpoint is written.

        Raises:
            OSError: the new journal cannot be created.
        """
        if not self.journal_size and not self.journal_failed and self._journal:
            return self.generation  # nothing has been written since the last rotation
        following = Journal(self._journal_path(self.generation + 1), fsync=self._fsync)
        old, self._failed = self._journal, self.journal_failed
        try:
            if old:
                old.close()
        except OSError as error:
            log.error("Cannot flush %s (%s); the dataset is written completely instead", old and old.path, error)
            self._failed = True
        self._journal = following
        self.generation += 1
        if self._fsync:
            flush_folder(self._folder)
        return self.generation

    def write_checkpoint(self, generation: int, tables: Documents) -> None:
        """Write the checkpoint that precedes the journal of a generation; delete files that are no longer needed.

        Raises:
            OSError: the disk refuses; the old checkpoint and all journals are kept.
        """
        path, previous, new = (self._folder / name for name in (CHECKPOINT, PREVIOUS_CHECKPOINT, NEW_CHECKPOINT))
        write_tables(new, tables, generation=generation, fsync=self._fsync)
        previous.unlink(missing_ok=True)
        # If the last checkpoint was damaged, the new one also serves as the previous one.
        oldest = self._base if path.exists() else generation
        if path.exists():
            _link_or_copy(path, previous)
        else:
            shutil.copyfile(new, previous)  # a copy: a hard link would be damaged together with the file
        replace_file(new, path)
        self._base, self._is_outdated, self._failed = generation, False, False
        if self._fsync:
            flush_folder(self._folder)
        self._base_size = path.stat().st_size
        for each in self._generations():
            if each < oldest:
                self._journal_path(each).unlink(missing_ok=True)

    def close(self) -> None:
        """Flush and close the journal. Raises OSError."""
        journal, self._journal = self._journal, None
        if journal:
            journal.close()

    def reopen(self) -> None:
        """Open the journal again after ``close``. A failure sets ``journal_failed``."""
        try:
            self._journal = Journal(self._journal_path(self.generation), fsync=self._fsync)
        except OSError as error:
            log.error("Cannot open %s: %s", self._journal_path(self.generation), error)
            self._failed = True

    # Used by TinyDB

    def read(self) -> dict[str, Any] | None:
        """Return the tables; documents are decoded on access."""
        return {name: LazyDocuments(rows) for name, rows in self.tables().items()}

    def write(self, data: Mapping[str, Mapping[Any, Any]]) -> None:
        """Replace all tables. Raises OSError."""
        self.tables()
        self._require_writable()
        tables = {
            name: {int(number): orjson.dumps(document) for number, document in documents.items()}
            for name, documents in data.items()
        }
        self.write_checkpoint(self.rotate(), {name: documents.items() for name, documents in tables.items()})
        self._tables = tables

    def tables(self) -> dict[str, dict[int, bytes]]:
        """Return encoded documents by number, by table; the first call reads them. Raises as ``load``."""
        if self._tables is None:
            self._tables = self.load(
                lambda tables: {
                    name: dict(zip(rows.numbers, map(_checked, rows.documents), strict=True))
                    for name, rows in tables.items()
                }
            )
        return self._tables

    def change(self, changes: Sequence[DocumentChange]) -> None:
        """Append a group to the journal and wait until it is durable. Raises OSError."""
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
            raise OSError(f"{self._folder} is open for reading only")

    def _read_with_journals(self, name: str) -> Tables:
        """Return the tables of a checkpoint with the changes of all later journals applied."""
        path = self._folder / name
        meta, tables = read_tables(path)
        self.generation = self._base = meta.generation
        self._base_size = path.stat().st_size
        self._has_heads = meta.heads
        self._is_outdated |= meta.format < formats.FORMAT
        changed: dict[str, dict[int, bytes | None]] = {}
        for found, change in self._journal_changes():
            document = upgrade(found, change.table, change.document) if change.document else None
            changed.setdefault(change.table, {})[change.number] = document
        for table, documents in changed.items():
            tables[table] = _merged(tables.get(table, Rows([], [])), documents)
        return tables

    def _journal_changes(self) -> Iterator[tuple[int, DocumentChange]]:
        """Yield every change since the checkpoint with the format of its journal.

        Raises:
            Damaged: a journal is missing.
        """
        wanted = [generation for generation in self._generations() if generation >= self._base]
        if self._base not in wanted:
            self._report_missing_journal(wanted)
        if wanted and wanted != list(range(self._base, wanted[-1] + 1)):
            raise Damaged(self._folder, f"a journal is missing between {self._base} and {wanted[-1]}")
        for self.generation in wanted:
            file = JournalFile(self._journal_path(self.generation))
            if self._has_heads and not file.tail.size:
                self._report_emptied_journal(file.path)
            for group in file.groups():
                yield from ((file.format, change) for change in group)
            self._is_outdated |= file.format < formats.FORMAT and file.tail.size > 0
            if file.is_head_damaged:
                self._is_outdated = True
                self.damage.append(FileDamage("damaged", file.path, "its first line is damaged; all groups were read"))
                if self._writable:
                    log.error("%s: its first line is damaged; all groups were read", file.path)
            if file.tail.end < file.tail.size:
                self._repair_tail(file)

    def _report_missing_journal(self, others: Sequence[int]) -> None:
        """Report that the journal of the checkpoint does not exist: the emulator creates it before the checkpoint."""
        path = self._journal_path(self._base)
        text = f"missing: the changes after {CHECKPOINT} of generation {self._base} are lost"
        if others:
            raise Damaged(path, text)
        self.damage.append(FileDamage("missing", path, text))
        if self._writable:
            log.error("%s: %s", path, text)

    def _report_emptied_journal(self, path: Path) -> None:
        text = "is empty: the changes in it are lost"
        self.damage.append(FileDamage("damaged", path, text))
        self._is_outdated = True
        if self._writable:
            log.error("%s %s", path, text)

    def _repair_tail(self, file: JournalFile) -> None:
        end, size, damaged = file.tail
        what = "complete groups follow damaged data" if damaged else "a group that was never acknowledged is torn"
        text = f"{what}: {size - end} bytes after byte {end}"
        self.damage.append(FileDamage("damaged" if damaged else "torn", file.path, text))
        if self._writable:
            file.truncate_tail()

    def _record_damage(self, name: str, error: Exception) -> None:
        """Record why a checkpoint cannot be used, and quarantine it."""
        path = self._folder / name
        if isinstance(error, Damaged):
            reason = error.reason
        else:
            reason = "missing" if isinstance(error, FileNotFoundError) else str(error)
        self.damage.append(FileDamage("damaged", path, reason))
        self._is_outdated = True
        if name == CHECKPOINT and self._writable:
            log.warning("%s: %s; rebuilding the dataset from its previous checkpoint and journals", path, reason)
        if self._writable and path.exists():
            replace_file(path, path.with_name(f"{name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"))

    def _open_journal(self) -> None:
        if not self._writable:
            return
        journal = Journal(self._journal_path(self.generation), fsync=self._fsync)
        if journal.size and self._is_outdated:
            # The journal may have an earlier format: one file must not have two.
            journal.close()
            self.generation += 1
            journal = Journal(self._journal_path(self.generation), fsync=self._fsync)
        self._journal = journal

    def _generations(self) -> list[int]:
        return sorted(generation_of(path) for path in journals(self._folder))

    def _journal_path(self, generation: int) -> Path:
        return self._folder / f"journal-{generation}.jsonl"


class LazyDocuments(Mapping[str, Any]):
    """A table as TinyDB expects it from a storage, by number as text. Documents are decoded on access."""

    def __init__(self, rows: Mapping[int, bytes]) -> None:
        self._rows = rows

    def __getitem__(self, number: str) -> Any:
        return orjson.loads(self._rows[int(number)])

    def __iter__(self) -> Iterator[str]:
        return map(str, self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def create_first_journal(folder: Path, *, fsync: bool) -> None:
    """Create the journal of generation 0, before the first checkpoint: a missing one means lost changes."""
    create_journal(folder / "journal-0.jsonl", fsync=fsync)


def journals(folder: Path) -> Iterator[Path]:
    """Yield the journals in a folder, without files of similar names (``journal-1 (copy).jsonl``)."""
    return (path for path in folder.glob("journal-*.jsonl") if path.stem.partition("-")[2].isdecimal())


def generation_of(journal: Path) -> int:
    """Return the generation in a journal's name."""
    return int(journal.stem.partition("-")[2])


def _merged(rows: Rows, changed: Mapping[int, bytes | None]) -> Rows:
    """Return a table with changes applied; a known document keeps its position, a new one is added at the end."""
    merged: dict[int, bytes | None] = dict(zip(rows.numbers, rows.documents, strict=True))
    merged.update(changed)
    left = {number: document for number, document in merged.items() if document is not None}
    return Rows(list(left), list(left.values()))


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # the file system has no hard links
        shutil.copyfile(source, target)


def _checked(document: bytes) -> bytes:
    """Return a document after decoding it once. Raises ValueError if it is not JSON."""
    orjson.loads(document)
    return document
