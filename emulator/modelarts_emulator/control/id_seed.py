"""``/_emulator/ids``: with a seed, the same calls give the same ids."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from modelarts_emulator.store import Store, Unknown
from modelarts_emulator.util.ids import Ids


class IdSeed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where ids begin; null draws them at random again."""

    seed: int | str | None


class IdsControl:
    """The endpoint."""

    def __init__(self, ids: Ids, store: Store, uploads: Path) -> None:
        self._ids, self._store, self._uploads = ids, store, uploads

    def seed_ids(self, request: IdSeed) -> IdSeed:
        """Begin again from a seed: the same calls, one after another, give the same ids.

        Ids that are in use are passed over, so begin with none, as after a reset. Tokens are not among them. Looks
        through every dataset, at its versions and tasks.
        """
        self._ids.seed(request.seed, () if request.seed is None else set(self._in_use()))
        return request

    def _in_use(self) -> Iterator[str]:
        if self._uploads.is_dir():
            yield from (folder.name for folder in self._uploads.iterdir())
        for entry in self._store.entries():
            yield entry.record.id
            with suppress(Unknown), self._store.reading(entry.record.id) as dataset:
                yield from (version.version_id for version in dataset.versions)
                yield from (task.id.rpartition("_")[2] for task in dataset.tasks)
