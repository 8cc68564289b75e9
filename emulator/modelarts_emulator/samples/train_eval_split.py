"""The split of labelled samples into training and evaluation, by label and repeatable."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from modelarts_emulator.contract.errors import PARAMETER_INVALID, ApiError, Error
from modelarts_emulator.contract.wire import Usage


def parse_ratio(member: str, text: str, error: Error = PARAMETER_INVALID) -> Decimal:
    """Return the share of training samples, above 0 and up to 1. Raises ApiError with ``error``.

    ``member`` is the request member that the message names.
    """
    try:
        ratio = Decimal(text)
    except InvalidOperation:
        ratio = Decimal("NaN")
    if not (ratio.is_finite() and 0 < ratio <= 1):
        raise ApiError(error, f"{member}: {text!r} is not above 0 and up to 1")
    return ratio


def split_by_label(samples: Iterable[tuple[str, set[str]]], ratio: float) -> dict[str, Usage]:
    """Return the usage of each sample: of every label's samples the share ``ratio`` is TRAIN, the rest EVAL.

    ``samples`` are pairs of sample id and label names; samples without labels are skipped. With a ratio below 1, each
    label with two samples or more has both usages. A sample with several labels counts for the rarest of them. The
    same ids always get the same usages.
    """
    labels = {sample_id: names for sample_id, names in samples if names}
    usages: dict[str, Usage] = {}
    for members in _by_rarest_label(labels).values():
        members.sort(key=lambda sample_id: hashlib.blake2b(sample_id.encode(), digest_size=8).digest())
        train = len(members) if ratio >= 1 else _training_size(len(members), ratio)
        for position, sample_id in enumerate(members):
            usages[sample_id] = Usage.TRAIN if position < train else Usage.EVAL
    return usages


def _by_rarest_label(labels: dict[str, set[str]]) -> dict[str, list[str]]:
    """Group sample ids by the label of theirs that the fewest samples have."""
    sizes: dict[str, int] = defaultdict(int)
    for names in labels.values():
        for name in names:
            sizes[name] += 1
    groups: dict[str, list[str]] = defaultdict(list)
    for sample_id, names in labels.items():
        groups[min(names, key=lambda name: (sizes[name], name))].append(sample_id)
    return groups


def _training_size(size: int, ratio: float) -> int:
    """Return how many of a label's samples are for training: at least one, and one less than all."""
    if size < 2:
        return size
    return min(max(round(size * ratio), 1), size - 1)
