"""The split of labelled samples into training and evaluation, by label and repeatable."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from modelarts_emulator.contract.wire import Usage


def split_by_label(samples: Iterable[tuple[str, set[str]]], ratio: float) -> dict[str, Usage]:
    """Each sample's usage: of the samples of every label, ``ratio`` are TRAIN and the rest EVAL.

    Below a ratio of 1 each label with two samples or more has both. A sample with several labels is counted for the
    rarest of them. The same ids always fall on the same side.
    """
    labels = {identity: names for identity, names in samples if names}
    groups = _grouped(labels)
    usages: dict[str, Usage] = {}
    for members in groups.values():
        members.sort(key=lambda identity: hashlib.blake2b(identity.encode(), digest_size=8).digest())
        train = len(members) if ratio >= 1 else _training_size(len(members), ratio)
        for place, identity in enumerate(members):
            usages[identity] = Usage.TRAIN if place < train else Usage.EVAL
    return usages


def _grouped(labels: dict[str, set[str]]) -> dict[str, list[str]]:
    sizes: dict[str, int] = defaultdict(int)
    for names in labels.values():
        for name in names:
            sizes[name] += 1
    groups: dict[str, list[str]] = defaultdict(list)
    for identity, names in labels.items():
        groups[min(names, key=lambda name: (sizes[name], name))].append(identity)
    return groups


def _training_size(size: int, ratio: float) -> int:
    if size < 2:
        return size
    return min(max(round(size * ratio), 1), size - 1)
