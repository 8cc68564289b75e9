"""What a task writes, so that it can be taken back: after an error at once, after a crash at the next start.

The names of new objects are noted in a hidden file of the dataset's ``task`` folder before they are written.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import IO

from emulator.contract.errors import ApiError
from emulator.obs.paths import ObsPath
from emulator.obs.tree import ObjectTree
from emulator.store import DatasetRecord

log = logging.getLogger("modelarts-emulator")

_PREFIX = ".~written-"


class Written:
    """Writes objects for one task. As a context manager: an error takes back every object that was not there before."""

    def __init__(self, tree: ObjectTree, record: DatasetRecord, task_id: str) -> None:
        self._tree = tree
        self._place = tree.make_directory(_folder(record)) / f"{_PREFIX}{task_id}"
        self._notes: IO[str] | None = None
        self._unflushed: set[ObsPath] = set()

    def __enter__(self) -> Written:
        self._notes = self._place.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._notes is not None
        self._notes.close()
        if error is None:
            for directory in self._unflushed:
                self._tree.flush(directory)
        else:
            _take_back(self._tree, self._place.read_text("utf-8").splitlines())
        self._place.unlink(missing_ok=True)

    def write(self, path: ObsPath, data: bytes | Iterable[bytes]) -> None:
        """Write an object. Raises ApiError as ``ObjectTree.write``."""
        self._note(path)
        self._tree.write(path, data, flush=False)

    def copy(self, source: ObsPath, target: ObsPath) -> None:
        """Copy an object. Raises ApiError as ``ObjectTree.copy``."""
        self._note(target)
        self._tree.copy(source, target, flush=False)

    def _note(self, path: ObsPath) -> None:
        self._unflushed.add(path.parent)
        if self._tree.stat(path) is None:
            assert self._notes is not None
            self._notes.write(f"{path}\n")
            self._notes.flush()


def take_back(tree: ObjectTree, record: DatasetRecord) -> None:
    """Remove what tasks of a dataset had written when the emulator ended under them."""
    with suppress(ApiError, OSError):
        for place in tree.local(_folder(record)).glob(f"{_PREFIX}*"):
            _take_back(tree, place.read_text("utf-8").splitlines())
            place.unlink(missing_ok=True)


def _folder(record: DatasetRecord) -> ObsPath:
    return ObsPath.directory(f"{record.inner_work_path}task/")


def _take_back(tree: ObjectTree, names: Iterable[str]) -> None:
    for name in names:
        try:
            tree.delete(ObsPath.parse(name))
        except (ApiError, OSError) as error:
            log.warning("%s, written by a task that did not end, cannot be removed: %s", name, error)
