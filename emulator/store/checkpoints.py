"""A dataset's files: the checkpoint, the one before it, and the journals that lead from one to the next.

``dataset.json`` of generation *g* and then the journals *g*, *g + 1*, … are the dataset. A checkpoint begins journal
*g + 1* first and writes ``dataset.json`` of generation *g + 1* after, so a crash at any moment between loses nothing.
The previous checkpoint and its journal are kept: a damaged ``dataset.json`` is rebuilt from those.
"""

from __future__ import annotations

import logging
import os
import shutil
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
        self._base = 0
        self._base_size = 0
        self._rebuilt = False

    def read(self) -> Tables:
        """The tables of the newest checkpoint that can be read. Raises Damaged where none can, FormatTooNew."""
        try:
            return self._read(NAME)
        except (Damaged, FileNotFoundError) as error:
            log.warning("%s; the dataset is rebuilt from its previous checkpoint and journals", error)
            self._set_aside(NAME)
            self._rebuilt = True
        try:
            return self._read(PREVIOUS)
        except (Damaged, FileNotFoundError) as error:
            raise Damaged(f"{self._folder}: neither checkpoint can be read") from error

    def _read(self, name: str) -> Tables:
        path = self._folder / name
        meta, tables = read_tables(path)
        self.generation = self._base = meta.generation
        self._base_size = path.stat().st_size
        return tables

    def _set_aside(self, name: str) -> None:
        path = self._folder / name
        if path.exists():
            path.replace(path.with_name(f"{name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}"))

    def replay(self) -> Iterator[list[Change]]:
        """The groups of all journals since the checkpoint. Raises Damaged where one between them is missing."""
        wanted = [generation for generation in self._generations() if generation >= self._base]
        if wanted and wanted != list(range(self._base, wanted[-1] + 1)) and wanted != [self._base + 1]:
            raise Damaged(f"{self._folder}: a journal is missing between {self._base} and {wanted[-1]}")
        for self.generation in wanted:
            yield from replay(self._journal(self.generation))

    def open_journal(self) -> Journal:
        """The journal that is being written."""
        return Journal(self._journal(self.generation), fsync=self._fsync)

    @property
    def is_behind(self) -> bool:
        """Whether the newest checkpoint could not be read, or was cut short: another one is due."""
        return self._rebuilt or self._base != self.generation

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
        # Where the last checkpoint was damaged, this one is its own predecessor.
        previous.unlink(missing_ok=True)
        oldest = self._base if path.exists() else generation
        if path.exists():
            os.link(path, previous)
        else:
            shutil.copyfile(fresh, previous)
        fresh.replace(path)
        self._base, self._rebuilt = generation, False
        if self._fsync:
            sync_directory(self._folder)
        self._base_size = path.stat().st_size
        self._drop_journals(oldest)

    def _drop_journals(self, oldest: int) -> None:
        """Remove the journals before ``oldest``, the first that the previous checkpoint needs."""
        for generation in self._generations():
            if generation < oldest:
                self._journal(generation).unlink(missing_ok=True)

    def _generations(self) -> list[int]:
        return sorted(int(path.stem.partition("-")[2]) for path in self._folder.glob("journal-*.jsonl"))

    def _journal(self, generation: int) -> Path:
        return self._folder / f"journal-{generation}.jsonl"
