"""Delete samples and, after the commit, their files, so that a crash leaves a deletion whole or not at all.

The deletion journals the files in the same group as the tombstones. The files are removed after the commit; a file that
a crash has kept is removed at the next start (:mod:`modelarts_emulator.ingest.pending_files`).
"""

from __future__ import annotations

import msgspec

from modelarts_emulator.contract.dataset_types import DATASET_TYPES
from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.obs.object_tree import ObjectTree
from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.samples.changes import require_sample, with_remaining_labels
from modelarts_emulator.store import DatasetWriter, PendingFile, SampleRecord, Store
from modelarts_emulator.util.clock import Clock

_KEPT = 0.9
"""Part of the limit that is kept: finding the oldest tombstones reads all samples, so many are forgotten at once."""


class SourceRemoval:
    """The files of the samples that one change deletes.

    Above ``max_deleted`` deleted samples the dataset forgets those without a file, the oldest first.
    """

    def __init__(self, store: Store, tree: ObjectTree, dataset_id: str, clock: Clock, max_deleted: int) -> None:
        self._max_deleted = max_deleted
        self._store, self._tree, self._dataset_id, self._clock = store, tree, dataset_id, clock
        self._samples: list[SampleRecord] = []

    def add(self, dataset: DatasetWriter, sample: SampleRecord) -> None:
        """Add the file of a sample that is deleted in this change."""
        dataset.put_pending_file(PendingFile(path=sample.path, time=self._clock.now_ms(), remove=True))
        self._samples.append(sample)

    def run(self) -> dict[str, ApiError]:
        """Remove the files after the commit. Return the refusals by sample id; these samples are restored.

        Raises OSError: the journal cannot be written; the next start completes the removal.
        """
        refused: dict[str, ApiError] = {}
        if not self._samples:
            return refused
        for sample in self._samples:
            try:
                self._tree.delete(ObsPath.of(sample.path))
            except ApiError as error:
                refused[sample.id] = error
        with self._store.writing(self._dataset_id, durable=False) as dataset:
            for sample in self._samples:
                pending = dataset.pending_file(sample.path)
                if pending is not None and pending.remove:  # else a concurrent upload has created the file again
                    dataset.drop_pending_file(sample.path)
                stored = dataset.get(sample.id, deleted=True)
                if stored is None or not stored.deleted:
                    continue  # uploaded again concurrently
                if sample.id in refused:
                    labels = [each for each in sample.labels if dataset.label(each.name or "", each.type)]
                    dataset.put_sample(with_remaining_labels(sample, labels) if sample.labels else sample)
                else:  # a file that is dropped there from now on is a new one
                    dataset.put_sample(msgspec.structs.replace(stored, signature=None))
            if dataset.counts.deleted > self._max_deleted:
                self._forget_oldest(dataset)
        return refused

    def _forget_oldest(self, dataset: DatasetWriter) -> None:
        """Remove the oldest tombstones whose files are deleted: nothing can bring these samples back."""
        spent = [each for each in dataset.tombstones() if each.signature is None and not each.switched_out]
        spent.sort(key=lambda sample: sample.time)
        for each in spent[: max(0, dataset.counts.deleted - int(self._max_deleted * _KEPT))]:
            dataset.remove_sample(each.id)


def delete_sample(dataset: DatasetWriter, sample_id: str | None, sources: SourceRemoval | None = None) -> None:
    """Delete a sample and keep a tombstone, so that its file does not bring it back. Raises SAMPLE_NOT_FOUND.

    With ``sources`` its file is removed after the commit. The file of a text line or table row is kept even then,
    because it holds other samples.
    """
    sample = require_sample(dataset, sample_id)
    dataset.put_sample(sample.tombstone())
    if sources is not None and DATASET_TYPES[dataset.record.type].unit == "file":
        sources.add(dataset, sample)
