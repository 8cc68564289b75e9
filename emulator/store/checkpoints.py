"""A dataset's files: the checkpoint, the one before it, and the journals that lead from one to the next.

``dataset.json`` of generation *g* and then the journals *g*, *g + 1*, … are the dataset. A checkpoint begins journal
*g + 1* first and writes ``dataset.json`` of generation *g + 1* after, so a crash at any moment between loses nothing.
The previous checkpoint and its journal are kept: a damaged ``dataset.json`` is rebuilt from those.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from emulator.store.files import Damaged, Meta, Tables, read_tables, sync_directory, write_tables
from emulator.store.journal import Change, Journal, replay

log = logging.getLogger("modelarts-emulator")

NAME = "dataset.json"
PREVIOUS = "dataset.previous.json"
# A journal is folded into a checkpoint when it is larger than this and than half of what it adds to.
SMALLEST_OUTGROWN = 8 * 1024 * 1024


class Checkpoints:
    """The files of one dataset's folder."""

    def __init__(self, folder: Path, *, fsync: bool) -> None:
        self._folder, self._fsync = folder, fsync
        self.generation = 0
        self._base_size = 0

    def read(self) -> Tables:
        """The tables of the newest checkpoint that can be read. Raises Damaged where none can, FormatTooNew."""
        try:
            return self._read(NAME)
        except (Damaged, FileNotFoundError) as error:
            log.warning("%s; the dataset is rebuilt from its previous checkpoint and journals", error)
            self._set_aside(NAME)
        try:
            return self._read(PREVIOUS)
        except (Damaged, FileNotFoundError) as error:
            raise Damaged(f"{self._folder}: neither checkpoint can be read") from error

    def _read(self, name: str) -> Tables:
        path = self._folder / name
        meta, tables = read_tables(path)
        self.generation = meta.generation
        self._base_size = path.stat().st_size
        return tables

    def _set_aside(self, name: str) -> None:
        path = self._folder / name
        if path.exists():
            path.replace(path.with_name(f"{name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"))

    def replay(self) -> Iterator[list[Change]]:
        """The groups of all journals since the checkpoint."""
        while True:
            journal = self._journal(self.generation)
            if journal.exists():
                yield from replay(journal)
            if not self._journal(self.generation + 1).exists():
                return
            self.generation += 1

    def open_journal(self) -> Journal:
        """The journal that is being written."""
        return Journal(self._journal(self.generation), fsync=self._fsync)

    def is_outgrown_by(self, size: int) -> bool:
        """Whether a journal of this size is worth a checkpoint."""
        return size > max(SMALLEST_OUTGROWN, self._base_size // 2)

    def rotate(self) -> tuple[int, Journal]:
        """Begin the next generation's journal."""
        self.generation += 1
        journal = self.open_journal()
        if self._fsync:
            sync_directory(self._folder)
        return self.generation, journal

    def write(self, generation: int, tables: Mapping[str, list[tuple[int, bytes]]]) -> None:
        """Write the checkpoint that the next generation's journal adds to, and drop what is no longer needed."""
        path, previous = self._folder / NAME, self._folder / PREVIOUS
        fresh = self._folder / "dataset.fresh.json"
        write_tables(fresh, Meta(generation=generation), tables, fsync=self._fsync)
        if path.exists():
            previous.unlink(missing_ok=True)
            os.link(path, previous)
        fresh.replace(path)
        if self._fsync:
            sync_directory(self._folder)
        self._base_size = path.stat().st_size
        self._drop_journals(generation - 1)

    def _drop_journals(self, oldest: int) -> None:
        """Remove the journals before ``oldest``, which leads from the previous checkpoint to this one."""
        for journal in self._folder.glob("journal-*.jsonl"):
            if int(journal.stem.partition("-")[2]) < oldest:
                journal.unlink(missing_ok=True)

    def _journal(self, generation: int) -> Path:
        return self._folder / f"journal-{generation}.jsonl"
