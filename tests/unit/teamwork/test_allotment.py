"""Allotment: even, to different labelers, and repeatable."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from modelarts_emulator.teamwork.allotment import allot, draw

SAMPLES = [f"s{number}" for number in range(17)]


@pytest.mark.parametrize("labelers", [1, 2, 3, 7])
@pytest.mark.parametrize("repetition", [1, 2, 3])
def test_allot_is_even_and_gives_each_sample_to_different_labelers(labelers: int, repetition: int) -> None:
    workers = [f"w{number}" for number in range(labelers)]
    count = min(repetition, labelers)
    pairs = list(allot(SAMPLES, dict.fromkeys(workers, 0), count, random.Random(1)))
    loads = Counter(worker for _, worker in pairs)
    assert len(set(pairs)) == len(pairs) == len(SAMPLES) * count
    assert Counter(sample for sample, _ in pairs) == dict.fromkeys(SAMPLES, count)
    assert max(loads.values()) - min(loads[worker] for worker in workers) <= 1


def test_allot_yields_the_samples_in_their_order() -> None:
    assert [sample for sample, _ in allot(SAMPLES, {"a": 0, "b": 0}, 1, random.Random(1))] == SAMPLES


def test_allot_with_one_seed_is_repeated_and_with_another_it_differs() -> None:
    loads = {"a": 0, "b": 0}
    first = list(allot(SAMPLES, loads, 1, random.Random(1)))
    assert first == list(allot(SAMPLES, loads, 1, random.Random(1)))
    assert first != list(allot(SAMPLES, loads, 1, random.Random(2)))


def test_allot_fills_up_the_labeler_with_fewer_samples() -> None:
    loads = Counter(worker for _, worker in allot(SAMPLES[:5], {"a": 10, "b": 7}, 1, random.Random(1)))
    assert loads == {"a": 1, "b": 4}


def test_allot_counts_the_labelers_that_a_sample_has() -> None:
    holders = {"s0": ["a"], "s1": ["a", "b"]}
    pairs = list(allot(["s0", "s1", "s2"], {"a": 0, "b": 0, "c": 9}, 2, random.Random(1), holders))
    assert {pair for pair in pairs if pair[0] == "s0"} == {("s0", "b")}
    assert not [pair for pair in pairs if pair[0] == "s1"]
    assert {pair for pair in pairs if pair[0] == "s2"} == {("s2", "a"), ("s2", "b")}


def test_allot_without_a_labeler_yields_nothing() -> None:
    assert list(allot(SAMPLES, {}, 1, random.Random(1))) == []


def test_draw_returns_different_positions_in_order() -> None:
    drawn = draw(100, 10, random.Random(1))
    assert drawn == sorted(set(drawn))
    assert len(drawn) == 10
    assert draw(3, 3, random.Random(1)) == [0, 1, 2]
