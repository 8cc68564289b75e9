"""What a task writes, so that it can be taken back: after an error at once, after a crash at the next start.

The names of new objects are noted in a hidden file of the dataset's ``task`` folder before they are written, and so is
the id of a dataset that is made of them. The notes go when the task has told that all went well.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from types import TracebackType
from typing import IO

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store import DatasetRecord

log = logging.getLogger(__name__)

_PREFIX = ".~written-"


class OutputTransaction:
    """Writes objects for one task. As a context manager: an error takes back every object that was not there before."""

    def __init__(self, tree: ObjectTree, record: DatasetRecord, task_id: str) -> None:
        self._tree = tree
        self._place = tree.make_directory(_folder(record)) / f"{_PREFIX}{task_id}"
        self._notes: IO[str] | None = None
        self._unflushed: set[ObsPath] = set()

    def __enter__(self) -> OutputTransaction:
        self._notes = self._place.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._notes is not None
        self._notes.close()
        if error is None:
            self.flush()
        else:
            _take_back(self._tree, self._place.read_text("utf-8").splitlines())
        with suppress(OSError):  # then the next start finds that all is told
            self._place.unlink(missing_ok=True)

    def flush(self) -> None:
        """Make what has been written survive power loss: before the task tells that all went well."""
        for directory in self._unflushed:
            self._tree.flush(directory)
        self._unflushed.clear()

    def made(self, dataset_id: str) -> None:
        """Note a dataset that is made of what has been written."""
        self._write_note(dataset_id)

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
            self._write_note(str(path))

    def _write_note(self, note: str) -> None:
        assert self._notes is not None
        self._notes.write(f"{note}\n")
        self._notes.flush()


def roll_back(tree: ObjectTree, record: DatasetRecord, good: Collection[str]) -> list[str]:
    """Remove what tasks of a dataset had written when the emulator ended under them.

    What the tasks in ``good`` have written stays. Returns the ids of the datasets that the others had begun to make.
    """
    made: list[str] = []
    with suppress(ApiError, OSError):
        for place in tree.local(_folder(record)).glob(f"{_PREFIX}*"):
            if place.name.removeprefix(_PREFIX) not in good:
                notes = place.read_text("utf-8").splitlines()
                _take_back(tree, notes)
                made += [note for note in notes if not note.startswith("/")]
            place.unlink(missing_ok=True)
    return made


def _folder(record: DatasetRecord) -> ObsPath:
    return ObsPath.directory(f"{record.inner_work_path}task/")


def _take_back(tree: ObjectTree, names: Iterable[str]) -> None:
    for name in names:
        if not name.startswith("/"):
            continue  # a dataset
        try:
            tree.delete(ObsPath.parse(name))
        except (ApiError, OSError) as error:
            log.warning("%s, written by a task that did not end, cannot be removed: %s", name, error)
