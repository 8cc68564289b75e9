"""Sorted keys, compared with a set of Python integers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_emulator.store import sorted_keys as module
from modelarts_emulator.store.sorted_keys import SortedKeys


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 4)
        yield


@settings(max_examples=150, deadline=None, database=None)
@given(st.sets(st.integers(0, 60), max_size=30), st.lists(st.integers(0, 60), max_size=80))
def test_sorted_keys_random_operations_match_a_sorted_set(first: set[int], toggled: list[int]) -> None:
    keys, model = SortedKeys(sorted(first)), set(first)
    for key in toggled:
        if key in model:
            keys.remove(key)
            model.remove(key)
        else:
            keys.add(key)
            model.add(key)
        wanted = sorted(model)
        assert list(keys) == list(keys.to_array()) == wanted
        assert len(keys) == len(wanted)
    for start in range(-2, len(wanted := sorted(model)) + 2):
        for stop in range(start, len(wanted) + 2):
            assert keys.slice(start, stop) == wanted[max(0, start) : max(0, stop)]


def test_sorted_keys_accept_64_bits() -> None:
    keys = SortedKeys([0])
    keys.add(2**64 - 1)
    assert list(keys) == [0, 2**64 - 1]


@pytest.mark.parametrize("key", [0, 3, 9])
def test_remove_missing_key_raises_and_changes_nothing(key: int) -> None:
    keys = SortedKeys([1, 2, 5])
    with pytest.raises(KeyError):
        keys.remove(key)
    assert list(keys) == [1, 2, 5]
