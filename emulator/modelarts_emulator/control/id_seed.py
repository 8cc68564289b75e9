"""``/_emulator/ids``: generate the same ids again, so that recorded answers can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from modelarts_emulator.store import DoesNotExist, Store, TeamStore
from modelarts_emulator.util.ids import Ids


class IdSeed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The seed of the id generator."""

    seed: int | str | None
    """Number or text that determines the ids; null generates random ids again."""


class IdsControl:
    """The endpoint ``/_emulator/ids``."""

    def __init__(self, ids: Ids, store: Store, teams: TeamStore, uploads: Path) -> None:
        self._ids, self._store, self._teams, self._uploads = ids, store, teams, uploads

    def seed_ids(self, request: IdSeed) -> IdSeed:
        """Restart the id generator from a seed: the same calls in the same order give the same ids.

        The generator is global, not per project. Ids in use are skipped, so begin without any, as after a reset.
        Tokens and keys are not generated from the seed. Reads the versions and tasks of every dataset.
        """
        self._ids.seed(request.seed, () if request.seed is None else set(self._in_use()))
        return request

    def _in_use(self) -> Iterator[str]:
        if self._uploads.is_dir():
            yield from (folder.name for folder in self._uploads.iterdir())
        for table in self._teams.data:
            yield from table
        for entry in self._store.entries():
            yield entry.record.id
            for task in entry.record.team_tasks:
                yield task.id
                if task.acceptance is not None:
                    yield task.acceptance.id
            with suppress(DoesNotExist), self._store.reading(entry.record.id) as dataset:
                yield from (version.version_id for version in dataset.versions)
                yield from (task.id.rpartition("_")[2] for task in dataset.tasks)
