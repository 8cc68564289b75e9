"""Journals share few descriptors: those used longest ago are closed, and opened again when needed."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelarts_emulator.store import journal as journal_module
from modelarts_emulator.store.journal import DocumentChange, Journal, JournalFile, OpenJournals, encode_group


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> OpenJournals:
    """Let three journals be open at once."""
    limited = OpenJournals(3)
    monkeypatch.setattr(journal_module, "OPEN_JOURNALS", limited)
    return limited


def group(number: int) -> bytes:
    return encode_group([DocumentChange("samples", number)])


@pytest.mark.parametrize("fsync", [True, False])
def test_open_journals_above_the_limit_are_released_and_lose_nothing(
    tmp_path: Path, few: OpenJournals, fsync: bool
) -> None:
    journals = [Journal(tmp_path / f"{number}.jsonl", fsync=fsync) for number in range(20)]
    for turn in range(3):
        for journal in journals:
            journal.sync(journal.append(group(turn)))
    assert len(few) == 3
    assert sum(journal._file >= 0 for journal in journals) == 3
    for journal in journals:
        journal.close()
        found = [each[0].number for each in JournalFile(journal.path).groups()]
        assert found == [0, 1, 2]
    assert len(few) == 0


def test_open_journals_used_concurrently_lose_nothing(tmp_path: Path, few: OpenJournals) -> None:
    journals = [Journal(tmp_path / f"{number}.jsonl", fsync=True) for number in range(8)]

    def use(journal: Journal) -> None:
        for number in range(50):
            journal.sync(journal.append(group(number)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, journals))
    for journal in journals:
        journal.close()
        assert [each[0].number for each in JournalFile(journal.path).groups()] == list(range(50))


def test_journal_with_unflushed_data_keeps_its_descriptor(tmp_path: Path, few: OpenJournals) -> None:
    first = Journal(tmp_path / "first.jsonl", fsync=True)
    end = first.append(group(1))
    others = [Journal(tmp_path / f"{number}.jsonl", fsync=True) for number in range(5)]
    assert first._file >= 0
    first.sync(end)
    for journal in (*others, first):
        journal.close()


def test_journal_changed_by_another_program_is_not_appended_to(tmp_path: Path, few: OpenJournals) -> None:
    journal = Journal(tmp_path / "a.jsonl", fsync=False)
    journal.append(group(1))
    assert journal.release()
    with journal.path.open("ab") as file:
        file.write(b"something else")
    with pytest.raises(OSError, match="another program") as refused:
        journal.append(group(2))
    assert refused.value.errno == errno.EIO
    assert journal.failed
    journal.close()
