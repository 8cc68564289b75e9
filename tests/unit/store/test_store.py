"""The store by itself: what is acknowledged is kept, whole, whatever happens to the process or the files."""

from __future__ import annotations

import json
import logging
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tinydb import TinyDB

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.wire import LabelType, SampleStatus
from modelarts_emulator.store import (
    DataDirectoryInUse,
    DoesNotExist,
    FormatTooNew,
    Selection,
    Store,
)
from modelarts_emulator.store import open_dataset as dataset_module
from modelarts_emulator.store.indexed_fields import encode_sample
from modelarts_emulator.store.journal import first_line
from modelarts_emulator.util.clock import SystemClock
from tests.helpers.places import ROOT
from tests.helpers.stores import ID, abandon, contents, dataset, opened, sample


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, root: Path) -> Iterator[Store]:
    store = opened(root if request.param == "disk" else None)
    store.create(dataset())
    yield store
    store.close()


def test_indexes_after_changes_match_the_samples(store: Store) -> None:
    with store.writing(ID) as writer:
        writer.put_samples([sample(1, "a"), sample(2, "a", "b"), sample(3), sample(4, path="b/in/deep/4.png")])
    with store.writing(ID) as writer:
        writer.put_sample(sample(1, "b"))
        writer.put_sample(sample(3, deleted=True))
        writer.put_sample(sample(5, "c", time=1))
        writer.remove_sample(sample(4).id)
    with store.reading(ID) as reader:
        counts = reader.counts
        assert (counts.total, counts.annotated, counts.deleted) == (3, 3, 1)
        assert reader.label_stats() == {("a", 0): (1, 1), ("b", 0): (2, 2), ("c", 0): (1, 1)}
        total, page = reader.page(Selection(), offset=0, limit=2)
        assert (total, [s.id for s in page]) == (3, [sample(2).id, sample(1).id])
        _, page = reader.page(Selection(), offset=0, limit=9, descending=False)
        assert [s.id for s in page] == [sample(5).id, sample(1).id, sample(2).id]
        for selection, wanted in (
            (Selection(label=("b", None)), {1, 2}),
            (Selection(label=("b", 1)), set()),
            (Selection(label=("a", 0), statuses=frozenset({SampleStatus.MANUAL_ANNOTATION})), {2}),
            (Selection(statuses=frozenset()), set()),
            (Selection(directory="b/in/"), {1, 2, 5}),
            (Selection(directory="b/in/", predicate=lambda s: s.time == 1), {5}),
        ):
            total, page = reader.page(selection, offset=0, limit=10)
            assert (total, {int(s.id, 16) for s in page}) == (len(wanted), wanted)
        assert reader.get(sample(3).id) is None
        assert reader.get(sample(3).id, deleted=True) is not None
        assert reader.get("no hex") is None
    assert store.entry(ID).counts == counts


def test_writing_exception_discards_all_changes(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writing(ID) as writer:
        writer.put_sample(sample(1))
        writer.put_label(Label(name="x", type=LabelType.IMAGE_CLASSIFICATION))
        assert writer.get(sample(1).id) is not None
        assert [label.name for label in writer.labels] == ["x"]
        raise RuntimeError
    assert contents(store) == {}
    with store.reading(ID) as reader:
        assert reader.labels == []


def test_label_count_in_a_change_matches_the_labels(store: Store) -> None:
    chance = random.Random(1)
    for _ in range(20):
        with store.writing(ID) as writer:
            for _ in range(20):
                name, action = f"{chance.randrange(6)}", chance.randrange(9)
                if action < 4:
                    writer.put_label(Label(name=name, type=LabelType.OBJECT_DETECTION))
                elif action < 8:
                    writer.remove_label(name, LabelType.OBJECT_DETECTION)
                else:
                    writer.replace_labels(label for label in writer.labels if label.name != name)
                assert writer.label_count == len(writer.labels)
        with store.reading(ID) as reader:
            assert reader.label_count == len(reader.labels)
            assert reader.page_of_labels(offset=1, limit=2) == (len(reader.labels), reader.labels[1:3])


def test_delete_dataset_removes_its_folder(store: Store, root: Path) -> None:
    store.delete(ID)
    with pytest.raises(DoesNotExist):
        store.entry(ID)
    with pytest.raises(DoesNotExist), store.reading(ID):
        pass
    assert not root.exists() or not list((root / "datasets").iterdir())


def test_version_later_changes_do_not_affect_it(store: Store) -> None:
    store.save_version(ID, "v", map(encode_sample, [sample(1, "a"), sample(2)]))
    with store.writing(ID) as writer:
        writer.put_sample(sample(1, "b"))
    with store.version(ID, "v") as version:
        assert version.label_stats() == {("a", 0): (1, 1)}
        assert (version.counts.total, version.counts.annotated) == (2, 1)
        assert version.documents() == store.version_documents(ID, "v")
    store.delete_version(ID, "v")
    with pytest.raises(DoesNotExist), store.version(ID, "v"):
        pass


def test_commit_large_group_has_the_same_result_as_a_small_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large group is applied to a copy that takes the place of what readers see."""
    seen = []
    for large in (1, 1_000_000):
        monkeypatch.setattr(dataset_module, "LARGE_GROUP", large)
        place = root.with_name(f"large-{large}")
        store = opened(place)
        store.create(dataset())
        with store.writing(ID) as writer:
            writer.put_samples(sample(number, "cat") for number in range(50))
            writer.put_label(Label(name="cat", type=LabelType.IMAGE_CLASSIFICATION))
        reader = store.reading(ID).__enter__()
        before = reader.page(Selection(), offset=0, limit=100)
        with store.writing(ID) as writer:
            for number in range(0, 70, 3):
                writer.put_sample(sample(number, "dog", time=5000 - number))
            for number in range(0, 50, 5):
                writer.remove_sample(sample(number).id)
        with store.reading(ID) as now:
            after = [
                now.page(selection, offset=0, limit=100) for selection in (Selection(), Selection(label=("dog", 0)))
            ]
            seen.append((before, after, now.counts, now.label_stats(), sorted(now.fingerprints()), list(now.ids())))
        if large == 1:
            assert reader.page(Selection(), offset=0, limit=100) == before
        store.close()
    assert seen[0] == seen[1]


def test_store_in_memory_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = opened(None)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_sample(sample(1))
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_close_files_are_readable_with_tinydb(root: Path) -> None:
    store = opened(root)
    store.create(dataset(), [Label(name="a", type=LabelType.IMAGE_CLASSIFICATION)])
    with store.writing(ID) as writer:
        writer.put_samples(sample(number, "a") for number in range(10))
    store.close()
    with TinyDB(root / "datasets" / ID / "dataset.json", access_mode="r") as db:
        assert {row["id"] for row in db.table("samples").all()} == {sample(n).id for n in range(10)}
        assert [row["name"] for row in db.table("labels").all()] == ["a"]
    with TinyDB(root / "index.json", access_mode="r") as db:
        assert [row["record"]["name"] for row in db.table("datasets").all()] == ["one"]
    for _ in range(2):
        again = opened(root)
        assert again._datasets.items() == []  # nothing is loaded before it is used
        again.close()
    again = opened(root)
    assert again.entry(ID).counts.total == 10
    assert len(contents(again)) == 10
    again.close()


def test_writing_acknowledged_change_survives_a_kill(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_samples(sample(number) for number in range(5))
    store.checkpoint(ID)
    with store.writing(ID) as writer:
        writer.put_sample(sample(1, "kept"))
        writer.remove_sample(sample(2).id)
    wanted = contents(store)
    abandon(store)
    again = opened(root)
    assert contents(again) == wanted
    assert again.entry(ID).counts.annotated == 1
    again.close()


@pytest.mark.slow
def test_journal_truncated_anywhere_loses_only_complete_groups(root: Path, tmp_path: Path) -> None:
    store = opened(root)
    store.create(dataset())
    for group in range(3):
        with store.writing(ID) as writer:
            writer.put_samples(sample(group * 10 + number) for number in range(3))
    abandon(store)
    journal = root / "datasets" / ID / "journal-0.jsonl"
    data = journal.read_bytes()
    for length in range(len(data) + 1):
        journal.write_bytes(data[:length])
        again = opened(root)
        found = {int(i, 16) for i in contents(again)}
        abandon(again)
        assert len(found) % 3 == 0
        assert found == {group * 10 + number for group in range(len(found) // 3) for number in range(3)}
        if length == len(data):
            assert len(found) == 9
        assert journal.stat().st_size <= max(length, len(first_line()))


def test_journal_damaged_is_quarantined_and_its_valid_part_used(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(root)
    store.create(dataset())
    for group in range(3):
        with store.writing(ID) as writer:
            writer.put_sample(sample(group))
    abandon(store)
    journal = root / "datasets" / ID / "journal-0.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:3], b"garbage\n", *lines[4:]]))
    with caplog.at_level(logging.WARNING, "modelarts_emulator"):
        again = opened(root)
    assert set(contents(again)) == {sample(0).id}
    again.close()
    assert "is damaged" in caplog.text
    assert list(journal.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"meta":{}}', b"\0" * 100])
def test_checkpoint_damaged_is_rebuilt_from_the_previous_one(
    root: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store = opened(root)
    store.create(dataset())
    store.create(dataset("two", "e" * 19))
    for number in range(4):
        with store.writing(ID) as writer:
            writer.put_sample(sample(number))
        if number % 2:
            store.checkpoint(ID)
    store.close()
    file = root / "datasets" / ID / "dataset.json"
    file.write_bytes(damage)
    with caplog.at_level(logging.WARNING, "modelarts_emulator"):
        again = opened(root)
    assert set(contents(again)) == {sample(number).id for number in range(4)}
    assert contents(again, "e" * 19) == {}
    again.close()
    assert list(file.parent.glob("dataset.json.damaged-*"))
    assert "dataset.json" in caplog.text
    file.write_bytes(damage)
    third = opened(root)
    assert len(contents(third)) == 4
    third.close()


def test_checkpoint_interrupted_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(root)
    store.create(dataset())
    for number in range(3):
        with store.writing(ID) as writer:
            writer.put_sample(sample(number))
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("modelarts_emulator.store.tinydb_storage.write_tables", _interrupted)
            store.checkpoint(ID)
        abandon(store)
        store = opened(root)
        assert len(contents(store)) == number + 1
    store.close()
    (root / "datasets" / ID / "dataset.json").write_bytes(b"damaged")
    again = opened(root)
    assert len(contents(again)) == 3
    again.close()


def _interrupted(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("damage", [None, b"", b"nonsense"])
def test_index_missing_or_damaged_is_rebuilt(root: Path, damage: bytes | None) -> None:
    store = opened(root)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_sample(sample(1))
    store.close()
    if damage is None:
        (root / "index.json").unlink()
    else:
        (root / "index.json").write_bytes(damage)
    again = opened(root)
    assert (again.entry(ID).record.name, again.entry(ID).counts.total) == ("one", 1)
    again.close()


def test_index_missing_folder_is_dropped(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    store.create(dataset("two", "e" * 19))
    store.close()
    shutil.rmtree(root / "datasets" / ID)
    again = opened(root)
    assert [entry.record.name for entry in again.entries()] == ["two"]
    again.close()


def test_index_later_format_is_refused(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    store.close()
    file = root / "index.json"
    tables = json.loads(file.read_text())
    tables["meta"]["1"]["format"] = 99
    file.write_text(json.dumps(tables))
    with pytest.raises(FormatTooNew, match="99"):
        opened(root)


def test_store_second_store_on_a_directory_is_refused(root: Path) -> None:
    store = opened(root)
    with pytest.raises(DataDirectoryInUse, match=str(os.getpid())):
        opened(root)
    store.close()
    opened(root).close()


def test_eviction_least_recently_used_datasets_are_evicted(root: Path) -> None:
    store = opened(root, max_loaded_samples=15)
    for letter in "abc":
        store.create(dataset(letter, letter * 19))
        with store.writing(letter * 19) as writer:
            writer.put_samples(sample(number) for number in range(10))
    with store.reading("a" * 19):
        pass
    assert store.wait_idle(20)
    assert store._datasets.weight() <= 15
    assert len(contents(store, "a" * 19)) == len(contents(store, "b" * 19)) == 10
    store.close()


def test_eviction_concurrent_writers_lose_nothing(root: Path) -> None:
    """Three datasets, room for one: six writers and the evictions they cause all the time."""
    store = opened(root, max_loaded_samples=1)
    names = [letter * 19 for letter in "abc"]
    for name in names:
        store.create(dataset(name[:1], name))

    def write(first: int) -> None:
        for number in range(first, first + 30):
            with store.writing(names[number % 3]) as writer:
                writer.put_sample(sample(number))
            with store.reading(names[(number + 1) % 3]) as reader:
                reader.page(Selection(), offset=0, limit=1)

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 600, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [first + number for first in range(0, 600, 100) for number in range(30)]
    wanted = {name: {number for number in written if number % 3 == place} for place, name in enumerate(names)}
    for again in (store, None):
        checked = again or opened(root)
        assert {name: {int(i, 16) for i in contents(checked, name)} for name in names} == wanted
        abandon(checked)


def test_eviction_dataset_in_use_stays_loaded(root: Path) -> None:
    store = opened(root, max_loaded_samples=1)
    for letter in "ab":
        store.create(dataset(letter, letter * 19))
        with store.writing(letter * 19) as writer:
            writer.put_samples(sample(number) for number in range(3))
    with store.reading("a" * 19):
        loaded = store._datasets.get(("a" * 19, None))
        for _ in range(3):
            with store.reading("b" * 19):
                pass
            assert store.wait_idle(20)
        assert store._datasets.get(("a" * 19, None)) is loaded
    store.close()


def test_journal_group_with_wrong_checksum_is_ignored(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    for number in range(3):
        with store.writing(ID) as writer:
            writer.put_sample(sample(number))
    abandon(store)
    journal = root / "datasets" / ID / "journal-0.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"b/in/1.png", b"b/in/7.png"))
    again = opened(root)
    assert set(contents(again)) == {sample(0).id}
    again.close()


def test_checkpoint_without_changes_writes_nothing(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_sample(sample(1))
    store.checkpoint(ID)
    file = root / "datasets" / ID / "dataset.json"
    before = file.stat()
    store.checkpoint(ID)
    store.close()
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_close_leaves_no_descriptor_open(root: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        store = opened(root, max_loaded_samples=0)
        for turn in range(5):
            name = f"{root.stat().st_mtime_ns + turn:019d}"
            store.create(dataset(name, name))
            with store.writing(name) as writer:
                writer.put_sample(sample(1))
            store.checkpoint(name)
            with store.writing(name) as writer:
                writer.put_sample(sample(2))
        store.delete(name)
        store.close()
    assert len(list(descriptors.iterdir())) == before


def test_label_stats_count_repeated_labels_of_a_sample(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_samples([sample(1, "a", "a", "b"), sample(2, "a")])
    for _ in range(2):
        with store.reading(ID) as reader:
            assert reader.label_stats() == {("a", 0): (3, 2), ("b", 0): (1, 1)}
            assert reader.page(Selection(label=("a", 0)), offset=0, limit=9)[0] == 2
        store.close()
        store = opened(root)
    store.close()


def test_page_combined_selection_follows_every_change(store: Store) -> None:
    both = Selection(label=("a", None), statuses=frozenset({SampleStatus.MANUAL_ANNOTATION}), directory="b/in/")
    for number in range(3):
        with store.writing(ID) as writer:
            writer.put_samples([sample(number, "a"), sample(number + 10, "a", path="b/elsewhere/1.png")])
        with store.reading(ID) as reader:
            total, page = reader.page(both, offset=0, limit=1)
            assert (total, page) == (number + 1, [sample(number, "a")])


def test_writing_batch_is_visible_all_or_nothing(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_samples(sample(number, "0") for number in range(50))
    done, torn = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            with store.reading(ID) as reader:
                _, page = reader.page(Selection(), offset=0, limit=50)
                names = {str(s.labels[0].name) for s in page}
                if len(names) != 1 or len(page) != 50 or len(reader.label_stats()) != 1:
                    torn.append(names)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for turn in range(60):
        with store.writing(ID) as writer:
            writer.put_samples(sample(number, str(turn)) for number in range(50))
    done.set()
    for thread in readers:
        thread.join()
    assert torn == []
    store.close()


def test_writing_concurrent_writers_lose_nothing(root: Path) -> None:
    store = Store(root, clock=SystemClock())
    store.create(dataset())

    def write(start: int) -> None:
        for number in range(start, start + 25):
            with store.writing(ID) as writer:
                writer.put_sample(sample(number))

    threads = [threading.Thread(target=write, args=(start * 100,)) for start in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    abandon(store)
    again = opened(root)
    assert len(contents(again)) == 150
    again.close()


def test_writing_full_disk_raises_and_works_again_later(root: Path) -> None:
    """In a process of its own, whose files may not grow: the journal's write fails half-way."""
    script = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.helpers.stores import ID, contents, dataset, opened, sample
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = opened(Path(sys.argv[1]))
store.create(dataset())
with store.writing(ID) as writer:
    writer.put_sample(sample(1))
size = (Path(sys.argv[1]) / "datasets" / ID / "journal-0.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
try:
    with store.writing(ID) as writer:
        writer.put_samples(sample(number) for number in range(2, 9))
except OSError as error:
    print("refused", error.errno)
assert set(contents(store)) == {sample(1).id}
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with store.writing(ID) as writer:
    writer.put_sample(sample(9))
print(sorted(int(i, 16) for i in contents(store)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(root), str(ROOT)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines() == ["refused 27", "[1, 9]"], done.stderr
    again = opened(root)
    assert {int(i, 16) for i in contents(again)} == {1, 9}
    again.close()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("version_id", ["../../outside", "/outside", "..", "a/b", "", "x" * 65])
def test_version_id_that_is_a_path_opens_and_removes_nothing(store: Store, root: Path, version_id: str) -> None:
    outside = root.parent / "outside.json"
    outside.write_text("{}")
    with pytest.raises(DoesNotExist), store.version(ID, version_id):
        pass
    store.delete_version(ID, version_id)
    assert outside.read_text() == "{}"
    assert [each.name for each in root.parent.iterdir() if "damaged" in each.name] == []
