"""The undo log of a task's output: rolled back after an error, or at the next start after a crash.

Before a task writes an object that did not exist, it appends the object's path to a hidden file in the dataset's
``task`` folder; likewise the id of a dataset that it creates. The file is removed when the task has succeeded.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.obs.folders import HiddenFiles
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store import DatasetRecord

log = logging.getLogger(__name__)

_PREFIX = ".~written-"


class OutputTransaction:
    """Writes the objects of one task. As a context manager it removes all new objects if an exception leaves it.

    Objects that the task has overwritten are not restored.
    """

    def __init__(self, tree: ObjectTree, record: DatasetRecord, task_id: str) -> None:
        self._tree = tree
        self._files, self._name = _files(tree, record), task_id
        self._stream: BinaryIO | None = None
        self._unflushed: set[ObsPath] = set()

    def __enter__(self) -> OutputTransaction:
        self._stream = self._files.append_to(self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._stream is not None
        with suppress(OSError):  # on a full disk: a line whose object was not written
            self._stream.close()
        if error is None:
            self.flush()
        else:
            _remove_objects(self._tree, _lines(self._files.read(self._name)))
        with suppress(OSError, ApiError):  # the next start removes the file, because the task is recorded as succeeded
            self._files.remove(self._name)

    def flush(self) -> None:
        """Make the written objects survive power loss. Call this before the task is recorded as succeeded."""
        for directory in self._unflushed:
            self._tree.flush(directory)
        self._unflushed.clear()

    def record_dataset(self, dataset_id: str) -> None:
        """Record a dataset that the task has created."""
        self._append(dataset_id)

    def write(self, path: ObsPath, data: bytes | Iterable[bytes]) -> None:
        """Write an object. Raises ApiError as ``ObjectTree.write``."""
        self._record(path)
        self._tree.write(path, data, flush=False)

    def copy(self, source: ObsPath, target: ObsPath) -> None:
        """Copy an object. Raises ApiError as ``ObjectTree.copy``."""
        self._record(target)
        self._tree.copy(source, target, flush=False)

    def _record(self, path: ObsPath) -> None:
        self._unflushed.add(path.parent)
        if self._tree.stat(path) is None:
            self._append(str(path))

    def _append(self, line: str) -> None:
        assert self._stream is not None
        self._stream.write(f"{line}\n".encode())
        self._stream.flush()


def roll_back(tree: ObjectTree, record: DatasetRecord, succeeded: Collection[str]) -> list[str]:
    """Remove the objects that tasks of a dataset had written when the emulator ended during their run.

    Objects of the tasks in ``succeeded`` stay. Returns the ids of the datasets that the other tasks had created.
    """
    datasets: list[str] = []
    with suppress(ApiError, OSError):
        files = _files(tree, record)
        for name in files.names():
            if name not in succeeded:
                lines = _lines(files.read(name))
                _remove_objects(tree, lines)
                datasets += [line for line in lines if not line.startswith("/")]
            files.remove(name)
    return datasets


def _lines(content: bytes) -> list[str]:
    """Return the complete lines: the start of a truncated one could name another object."""
    return content.decode("utf-8", "replace").split("\n")[:-1]


def _files(tree: ObjectTree, record: DatasetRecord) -> HiddenFiles:
    return HiddenFiles(tree, ObsPath.directory(f"{record.inner_work_path}task/"), _PREFIX)


def _remove_objects(tree: ObjectTree, lines: Iterable[str]) -> None:
    for line in lines:
        if not line.startswith("/"):
            continue  # the id of a dataset
        try:
            tree.delete(ObsPath.parse(line))
        except (ApiError, OSError) as error:
            log.warning("Cannot remove %s, written by an interrupted task: %s", line, error)
