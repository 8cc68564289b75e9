"""Allot samples to labelers: at random and evenly, each sample to as many different labelers as the task repeats it."""

from __future__ import annotations

import heapq
import random
from collections.abc import Collection, Iterator, Mapping, Sequence


def allot(
    sample_ids: Sequence[str],
    loads: Mapping[str, int],
    repetition: int,
    choices: random.Random,
    holders: Mapping[str, Collection[str]] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield (sample id, worker id) pairs in the order of the samples.

    Args:
        sample_ids: the samples to allot.
        loads: the number of samples that each labeler has already. Numbers that are equal now differ by at most one
            afterwards.
        repetition: the number of labelers of each sample, at most the number of labelers.
        choices: the source of randomness; a seeded one gives the same allotment again.
        holders: for each sample the labelers that have it already; they count for ``repetition``.

    Example:
        >>> sorted(worker for _, worker in allot(["a", "b", "c", "d"], {"x": 0, "y": 0}, 1, random.Random(1)))
        ['x', 'x', 'y', 'y']
    """
    heap = [(load, choices.random(), worker_id) for worker_id, load in loads.items()]
    heapq.heapify(heap)
    order = list(range(len(sample_ids)))
    choices.shuffle(order)
    chosen: list[list[str]] = [[] for _ in sample_ids]
    for position in order:
        present = (holders or {}).get(sample_ids[position], ())
        chosen[position] = _take(heap, repetition - len(present), present)
    for sample_id, workers in zip(sample_ids, chosen, strict=True):
        for worker_id in workers:
            yield sample_id, worker_id


def _take(heap: list[tuple[int, float, str]], count: int, excluded: Collection[str]) -> list[str]:
    """Take the ``count`` labelers with the smallest load that are not excluded, and add one to their loads."""
    taken: list[str] = []
    popped: list[tuple[int, float, str]] = []
    while heap and len(taken) < count:
        load, tie, worker_id = heapq.heappop(heap)
        if worker_id in excluded:
            popped.append((load, tie, worker_id))
            continue
        popped.append((load + 1, tie, worker_id))
        taken.append(worker_id)
    for each in popped:
        heapq.heappush(heap, each)
    return taken


def draw(numbers: int, count: int, choices: random.Random) -> list[int]:
    """Return ``count`` different positions below ``numbers``, at random and in ascending order."""
    return sorted(choices.sample(range(numbers), count))
