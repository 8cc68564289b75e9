"""Sorted keys and the table of ids, against Python's own containers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelarts_emulator.store import sorted_keys as module
from modelarts_emulator.store.sorted_keys import IdTable, KeyList


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", 4)
        yield


@settings(max_examples=150, deadline=None, database=None)
@given(st.sets(st.integers(0, 60), max_size=30), st.lists(st.integers(0, 60), max_size=80))
def test_keys_are_those_of_a_sorted_set(first: set[int], toggled: list[int]) -> None:
    keys, model = KeyList(sorted(first)), set(first)
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


def test_keys_have_64_bits() -> None:
    keys = KeyList([0])
    keys.add(2**64 - 1)
    assert list(keys) == [0, 2**64 - 1]


@pytest.mark.parametrize("key", [0, 3, 9])
def test_a_key_that_is_not_there_cannot_be_removed(key: int) -> None:
    keys = KeyList([1, 2, 5])
    with pytest.raises(KeyError):
        keys.remove(key)
    assert list(keys) == [1, 2, 5]


def test_ids_are_found_again() -> None:
    chance, documents, table = random.Random(1), [None], IdTable(200)
    known: dict[str, int] = {}
    for _ in range(1_000):
        identity = f"{chance.randrange(200):032x}"
        assert table.find(identity, documents) == known.get(identity)
        if identity in known:
            number = known.pop(identity)
            table.remove(identity, number)
            documents[number] = None
            continue
        known[identity] = len(documents)
        documents.append(f'{{"id":"{identity}","path":""}}'.encode())
        if not table.add(identity, known[identity]):
            table = IdTable(2 * len(known))
            assert all(table.add(each, number) for each, number in known.items())
    assert known
    with pytest.raises(KeyError):
        table.remove("unknown", 1)
