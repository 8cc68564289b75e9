"""The table of sample ids, compared with a dictionary."""

from __future__ import annotations

import random

import pytest

from modelarts_emulator.store.id_table import IdTable


def test_id_table_random_operations_match_a_dictionary() -> None:
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
