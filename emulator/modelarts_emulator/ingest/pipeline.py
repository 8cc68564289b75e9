"""The ingest pipeline: resolve units into candidates, merge each with the stored sample, and commit them by batches.

Synchronization, import and upload share it. They differ in the units that they read (files, lines, rows), in the
resolver that turns a unit into a candidate, and in the merge policy (:mod:`modelarts_emulator.ingest.merge`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.ingest.merge import Candidate, Merge
from modelarts_emulator.samples.dataset_labels import ensure_labels
from modelarts_emulator.store import DatasetWriter, SampleRecord, Store

BATCH = 1_000
"""The number of samples in one transaction of the journal: they share its fsync, and progress stays visible."""

T = TypeVar("T")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """The result of merging one candidate: ``merged`` is stored now; both are None if nothing had to change."""

    candidate: Candidate
    stored: SampleRecord | None
    """The sample before the merge; it may be a tombstone."""
    merged: SampleRecord | None = None
    error: ApiError | None = None


def run_pipeline(
    store: Store,
    dataset_id: str,
    units: Iterable[T],
    resolve: Callable[[Sequence[T]], Iterable[Candidate]],
    merge: Merge,
    on_batch: Callable[[list[Outcome]], None],
    complete: Callable[[DatasetWriter], None] | None = None,
) -> None:
    """Resolve and merge units batch by batch; ``resolve`` reads files, so it runs before the dataset is locked.

    ``on_batch`` gets the outcomes of each batch after its commit. ``complete`` adds to the change of a batch. Raises
    what ``resolve`` raises; the batches before that stay.
    """
    for batch in in_batches(units, BATCH):
        on_batch(commit(store, dataset_id, resolve(batch), merge, complete))


def commit(
    store: Store,
    dataset_id: str,
    candidates: Iterable[Candidate],
    merge: Merge,
    complete: Callable[[DatasetWriter], None] | None = None,
) -> list[Outcome]:
    """Merge candidates in one transaction; return the outcome of each.

    Labels that the dataset does not know yet are added to it. A refused candidate changes nothing. ``complete`` adds to
    the transaction.
    """
    candidates = list(candidates)
    outcomes: list[Outcome] = []
    if not candidates:
        return outcomes
    with store.writing(dataset_id) as dataset:
        for candidate in candidates:
            stored = dataset.get(candidate.id, deleted=True)
            try:
                merged = merge(stored, candidate)
                labelling = candidate.labelling
                if labelling is not None and labelling.labels and merged is not None:
                    ensure_labels(dataset, merged.labels)
            except ApiError as error:
                outcomes.append(Outcome(candidate, stored, None, error))
                continue
            if merged is not None and (stored is None or merged != stored):
                dataset.put_sample(merged)
            outcomes.append(Outcome(candidate, stored, merged))
        if complete is not None:
            complete(dataset)
    return outcomes


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Return lists of ``size`` items; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
