import msgspec
import pytest

from modelarts_emulator.obs.paths import ObsPath
from modelarts_emulator.store import Counts, DatasetRecord
from modelarts_emulator.store.dataset_entries import DatasetEntries, IndexEntry
from tests.helpers.stores import dataset


def entry(number: int, *, at: int | None = None) -> IndexEntry:
    made: DatasetRecord = msgspec.structs.replace(
        dataset(dataset_id=f"id-{number}"),
        name=f"name-{number}",
        create_time=number if at is None else at,
        inner_work_path=f"/bucket/out/{number}/",
        project_id="p",
        workspace_id="0",
    )
    return IndexEntry(made, Counts())


@pytest.fixture
def entries() -> DatasetEntries:
    return DatasetEntries(map(entry, (3, 1, 2)))


def ids(entries: DatasetEntries, start: int = 0, count: int = 10, *, newest_first: bool = True) -> list[str] | None:
    page = entries.page("p", "0", start, count, newest_first=newest_first)
    return None if page is None else [each.record.id for each in page.entries]


def test_page_is_in_the_order_of_creation(entries: DatasetEntries) -> None:
    entries.put(entry(4))
    assert ids(entries) == ["id-4", "id-3", "id-2", "id-1"]
    assert ids(entries, 1, 2) == ["id-3", "id-2"]
    assert ids(entries, 3, 2, newest_first=False) == ["id-4"]
    assert entries.page("p", "0", 9, 2, newest_first=True) == ([], 4)
    assert entries.page("other", "0", 0, 2, newest_first=True) == ([], 0)


def test_page_is_unknown_after_the_clock_was_set_back(entries: DatasetEntries) -> None:
    entries.put(entry(4, at=0))
    assert ids(entries) is None
    entries.replace(entries.all())
    assert ids(entries) == ["id-3", "id-2", "id-1", "id-4"]


def test_removed_dataset_leaves_no_trace(entries: DatasetEntries) -> None:
    for number in (1, 2, 3):
        entries.pop(f"id-{number}")
    entries.pop("id-1")
    assert (len(entries), ids(entries), entries.has_name("p", "name-1")) == (0, [], False)
    assert entries.work_paths.below(ObsPath.directory("/bucket/out/")) == []


def test_name_is_that_of_the_latest_record(entries: DatasetEntries) -> None:
    renamed = msgspec.structs.replace(entry(1).record, name="new")
    entries.put(IndexEntry(renamed, Counts()))
    assert (entries.has_name("p", "name-1"), entries.has_name("p", "new")) == (False, True)
    entries.put(IndexEntry(msgspec.structs.replace(entry(7).record, name="new"), Counts()))
    entries.pop("id-1")
    assert entries.has_name("p", "new")
    assert not entries.has_name("other", "new")
