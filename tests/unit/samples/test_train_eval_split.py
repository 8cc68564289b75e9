"""The split of labelled samples into training and evaluation samples."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelarts_emulator.contract.wire import Usage
from modelarts_emulator.samples.train_eval_split import split_by_label


def numbered(count: int, *labels: str, first: int = 0) -> list[tuple[str, set[str]]]:
    return [(f"{number:032x}", set(labels)) for number in range(first, first + count)]


@pytest.mark.parametrize(
    ("count", "ratio", "train"),
    [
        (1, 0.5, 1),  # a single sample is for training
        (1, 0.01, 1),
        (2, 0.01, 1),  # at least one for training
        (2, 0.5, 1),
        (2, 0.99, 1),  # at least one for evaluation
        (2, 1, 2),
        (3, 0.01, 1),
        (3, 0.5, 2),
        (3, 0.99, 2),
        (10, 0.8, 8),
        (10, 0.84, 8),
        (10, 0.86, 9),
        (10, 0.999, 9),
        (10, 1, 10),
        (100, 0.001, 1),
        (100, 0.25, 25),
    ],
)
def test_share_of_one_label_is_rounded_and_leaves_one_sample_on_each_side(count: int, ratio: float, train: int) -> None:
    usages = split_by_label(numbered(count, "cat"), ratio)
    assert Counter(usages.values()) == Counter({Usage.TRAIN: train, Usage.EVAL: count - train})


def test_every_label_is_split_by_itself() -> None:
    cats, dogs = numbered(10, "cat"), numbered(20, "dog", first=10)
    usages = split_by_label([*cats, *dogs], 0.8)
    assert sum(usages[identity] is Usage.TRAIN for identity, _ in cats) == 8
    assert sum(usages[identity] is Usage.TRAIN for identity, _ in dogs) == 16


def test_unlabelled_sample_has_no_usage() -> None:
    assert split_by_label([("a", set()), ("b", {"cat"})], 0.5) == {"b": Usage.TRAIN}
    assert split_by_label([], 0.5) == {}


def test_sample_with_several_labels_counts_for_the_rarest() -> None:
    # One sample of each group is for training: that of "tiger" with 2, and that of "cat" with the other 8.
    rare, common = numbered(2, "cat", "tiger"), numbered(8, "cat", first=2)
    usages = split_by_label([*rare, *common], 0.01)
    for group in (rare, common):
        assert sum(usages[identity] is Usage.TRAIN for identity, _ in group) == 1


def test_sample_with_equally_rare_labels_counts_for_the_first_by_name() -> None:
    # "a" has only both; "b" has both too, so that all four are of one group.
    both = numbered(4, "b", "a")
    assert Counter(split_by_label(both, 0.5).values()) == {Usage.TRAIN: 2, Usage.EVAL: 2}
    # One more of each alone: the group of "a" has 3 members, the group of "b" has 1, which is for training.
    one_more = [*numbered(2, "a", "b"), *numbered(1, "a", first=2), *numbered(1, "b", first=3)]
    usages = split_by_label(one_more, 0.5)
    assert usages[one_more[3][0]] is Usage.TRAIN
    assert Counter(usages[identity] for identity, _ in one_more[:3]) == {Usage.TRAIN: 2, Usage.EVAL: 1}


def test_split_depends_on_ids_alone() -> None:
    samples = numbered(50, "cat")
    usages = split_by_label(samples, 0.5)
    assert split_by_label(reversed(samples), 0.5) == usages
    # Recorded from an earlier release: a dataset that is published again is split as before.
    assert [number for number in range(10) if usages[f"{number:032x}"] is Usage.TRAIN] == [2, 4, 5]


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.sets(st.sampled_from("abcd"), min_size=1), max_size=30),
    st.floats(0.001, 1),
)
def test_any_split_covers_every_labelled_sample_once(labels: dict[str, set[str]], ratio: float) -> None:
    usages = split_by_label(labels.items(), ratio)
    assert usages.keys() == labels.keys()
    assert set(usages.values()) <= {Usage.TRAIN, Usage.EVAL}
    if ratio == 1 or len(labels) == 1:
        assert set(usages.values()) <= {Usage.TRAIN}
