"""Files that a batch creates or removes, so that a crash leaves the batch whole or not at all.

Before a batch creates files, it journals their paths. The change that stores their samples drops these records, so that
the journal decides: a record that a start finds belongs to a batch that was not stored, and its file is removed. A
deletion of samples with their files (``samples.deletion``) journals the files in the same group as the tombstones: a
record that a start finds then belongs to a file that has still to be removed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from types import TracebackType

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObjectKey, ObsPath
from modelarts_emulator.samples.factory import input_directories
from modelarts_emulator.store import (
    DatasetReader,
    DatasetWriter,
    DoesNotExist,
    PendingFile,
    SampleRecord,
    Selection,
    Store,
)
from modelarts_emulator.util.clock import Clock
from modelarts_emulator.util.ids import sample_id

log = logging.getLogger(__name__)


class PendingFiles:
    """The files that one batch creates. As a context manager it removes those that are pending if the batch fails.

    The files get the modification time ``time_ms``: a file of another writer is never taken for one of them.
    """

    def __init__(
        self, store: Store, tree: ObjectTree, dataset_id: str, clock: Clock, time_ms: int | None = None
    ) -> None:
        self._store, self._tree, self._dataset_id = store, tree, dataset_id
        self.time_ms = clock.now_ms() if time_ms is None else time_ms
        """Modification time for the files, in ms since the epoch."""
        self._announced: set[ObjectKey] = set()

    def __enter__(self) -> PendingFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._announced:
            return
        if error is not None:
            for path in self._announced:
                with suppress(ApiError, OSError):
                    _remove_created(self._tree, PendingFile(path=path, time=self.time_ms))
        try:
            with self._store.writing(self._dataset_id, durable=False) as dataset:
                self.drop_all(dataset)
        except (OSError, DoesNotExist):
            if error is None:  # else the first error says more; the next start drops the records
                raise

    def announce(self, paths: Collection[ObsPath]) -> None:
        """Journal the files that are about to be created; those that exist are skipped. Raises OSError.

        The journal is not flushed: the change that stores the samples flushes it, and before that the batch is not
        acknowledged.
        """
        new = [path.object_name for path in paths if self._is_free(path)]
        if new:
            with self._store.writing(self._dataset_id, durable=False) as dataset:
                for path in new:
                    dataset.put_pending_file(PendingFile(path=path, time=self.time_ms))
            self._announced.update(new)

    def is_announced(self, path: ObsPath) -> bool:
        """Return whether a file is pending."""
        return path.object_name in self._announced

    def drop_all(self, dataset: DatasetWriter) -> None:
        """Drop the records of all files that were announced, in the change that stores their samples."""
        for path in self._announced:
            dataset.drop_pending_file(path)
        self._announced.clear()

    def _is_free(self, path: ObsPath) -> bool:
        try:
            return self._tree.stat(path) is None
        except ApiError:
            return False  # it cannot be written either


def complete_pending_files(store: Store, tree: ObjectTree, dataset_id: str) -> None:
    """Remove the files of batches that a crash has interrupted. Raises OSError.

    Created files are removed because their samples were not stored; files of deleted samples because they were deleted.
    A file that cannot be removed is logged and kept.
    """
    with store.reading(dataset_id) as dataset:
        pending, inputs = dataset.pending_files, input_directories(dataset.record)
        if not pending:
            return
        tombstones = {file.path: _tombstone(dataset, file.path) for file in pending if file.remove}
    gone: set[ObjectKey] = set()
    for file in pending:
        try:
            if any(directory.contains(ObsPath.of(file.path)) for directory in inputs):
                _remove(tree, file, tombstones.get(file.path))
            if tree.stat(ObsPath.of(file.path)) is None:
                gone.add(file.path)
        except (ApiError, OSError) as error:
            log.warning("Cannot remove /%s, which belongs to an interrupted change: %s", file.path, error)
    log.info("Dataset %s: removed %d files of interrupted changes", dataset_id, len(gone))
    with store.writing(dataset_id) as dataset:
        for file in pending:
            dataset.drop_pending_file(file.path)
            if file.path in gone:
                _forget(dataset, file)


def _tombstone(dataset: DatasetReader, path: ObjectKey) -> SampleRecord | None:
    sample = dataset.get(sample_id(dataset.record.id, path), deleted=True)
    return sample if sample is not None and sample.deleted and sample.path == path else None


def _remove(tree: ObjectTree, file: PendingFile, tombstone: SampleRecord | None) -> None:
    """Remove a pending file unless it is another one by now. Raises ApiError, OSError."""
    if not file.remove:
        _remove_created(tree, file)
        return
    stat = tree.stat(ObsPath.of(file.path))
    if stat is not None and tombstone is not None and tombstone.signature == (stat.size, stat.mtime_ns):
        tree.delete(ObsPath.of(file.path))


def _forget(dataset: DatasetWriter, file: PendingFile) -> None:
    """Update the dataset's records of a file that was removed."""
    if file.remove:
        if (tombstone := _tombstone(dataset, file.path)) is not None:
            dataset.put_sample(msgspec.structs.replace(tombstone, signature=None))
        return
    folder = file.path[: file.path.rfind("/") + 1]
    selection = Selection(directory=folder, predicate=lambda sample: sample.path == file.path)
    for sample in dataset.select(selection):
        dataset.remove_sample(sample.id)
    dataset.remove_file(file.path)


def _remove_created(tree: ObjectTree, file: PendingFile) -> None:
    """Remove a file that this batch has created, and no other. Raises ApiError, OSError."""
    path = ObsPath.of(file.path)
    stat = tree.stat(path)
    if stat is not None and stat.mtime_ns // 1_000_000 == file.time:
        tree.delete(path)
