"""A dataset's folder as a TinyDB database: queries see the journal, changes write only what they touch."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinydb import TinyDB, where
from tinydb.operations import increment

from modelarts_emulator.store import DatasetDB
from modelarts_emulator.store.tinydb_storage import DatasetStorage
from tests.helpers.stores import ID, abandon, contents, dataset, opened, sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Half of it in the checkpoint, half in the journal."""
    store = opened(tmp_path / "data")
    store.create(dataset())
    for start in (0, 5):
        with store.writing(ID) as writer:
            writer.put_samples(
                sample(number, "a" if number % 2 else "b", size=number) for number in range(start, start + 5)
            )
        if not start:
            store.checkpoint(ID)
    with store.writing(ID) as writer:
        writer.remove_sample(sample(0).id)
    abandon(store)
    return tmp_path / "data" / "datasets" / ID


def looks(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("opening", [DatasetDB, lambda folder: TinyDB(folder, storage=DatasetStorage)])
def test_dataset_db_queries_include_the_journal_and_change_nothing(folder: Path, opening: type[DatasetDB]) -> None:
    before = looks(folder)
    with opening(folder) as db:
        samples = db.table("samples")
        assert len(samples) == 9
        assert db.tables() == {"dataset", "labels", "versions", "tasks", "files", "samples"}
        assert {row["size"] for row in samples.search(where("size") > 6)} == {7, 8, 9}
        assert samples.get(where("id") == sample(3).id).doc_id == 4
        assert samples.get(doc_id=1) is None
        assert samples.count(where("labels").any(where("name") == "a")) == 5
        with pytest.raises(OSError, match="for reading only"):
            samples.update({"size": 1})
    assert looks(folder) == before


def test_dataset_db_update_appends_only_changed_documents(folder: Path) -> None:
    journal = folder / "journal-1.jsonl"
    before = journal.stat().st_size
    with DatasetDB(folder, access_mode="r+") as db:
        samples = db.table("samples")
        assert samples.update(increment("size"), where("size") == 9) == [10]
        added = journal.read_bytes()[before:].splitlines()
        assert len(added) == 2 and b'"k":10' in added[0]
        assert samples.insert({**samples.all()[0], "id": sample(77).id}) == 11
        assert samples.remove(where("size") == 10) == [10]
        samples.upsert({**samples.all()[0], "size": 100}, where("id") == sample(1).id)
        assert samples.update({"size": 100}, where("size") == 100) == [2]  # as it was: nothing is written
        grown = journal.stat().st_size
        samples.update({"size": 100}, where("size") == 100)
        assert journal.stat().st_size == grown
    store = opened(folder.parents[1])
    assert set(contents(store)) == {sample(number).id for number in (*range(1, 9), 77)}
    with store.reading(ID) as reader:
        assert reader.get(sample(1).id).size == 100
    store.close()


def test_dataset_db_truncate_and_drop_remove_documents(folder: Path) -> None:
    with DatasetDB(folder, access_mode="r+") as db:
        db.table("samples").truncate()
        assert db.table("samples").all() == []
        db.drop_table("tasks")
        assert "tasks" not in db.tables()
    store = opened(folder.parents[1])
    assert contents(store) == {}
    store.close()


def test_dataset_db_torn_journal_is_reported_and_repaired_only_when_writing(folder: Path) -> None:
    journal = folder / "journal-1.jsonl"
    with journal.open("ab") as file:
        file.write(b'{"t":"samples","k":1')
    before = looks(folder)
    with DatasetDB(folder) as db:
        assert len(db.table("samples")) == 9
        (fault,) = db.storage.damage
        assert (fault.kind, fault.path) == ("torn", journal)
    assert looks(folder) == before
    with DatasetDB(folder, access_mode="r+") as db:
        assert len(db.table("samples")) == 9
    assert journal.read_bytes() == before[journal.name][1].removesuffix(b'{"t":"samples","k":1')


def test_store_documents_in_another_layout_are_read(folder: Path) -> None:
    store = opened(folder.parents[1])
    store.close()
    with TinyDB(folder / "dataset.json", indent=2, sort_keys=True) as db:
        db.table("samples").update({"size": 5}, where("size") == 4)
    (folder.parents[1] / "index.json").unlink()
    again = opened(folder.parents[1])
    with again.reading(ID) as reader:
        found = reader.get(sample(4).id)
        assert found is not None and found.size == 5
        document = reader.document(sample(4).id)
        assert document is not None and document.startswith(b'{"id":"' + sample(4).id.encode())
    again.close()
    assert list((folder / "versions").iterdir()) == []
