"""The store by itself: what is acknowledged is kept, whole, whatever happens to the process or the files."""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tinydb import TinyDB

from emulator.clock import SystemClock
from emulator.contract.labels import Label
from emulator.contract.samples import SampleLabel
from emulator.contract.wire import DatasetType, LabelType, SampleStatus, SampleType
from emulator.store import (
    DataDirectoryInUse,
    DatasetRecord,
    Durability,
    FormatTooNew,
    SampleRecord,
    Selection,
    Store,
    Unknown,
)

ID = "d" * 19
DAY_MS = 24 * 60 * 60 * 1000
ROOT = Path(__file__).parents[2]


def dataset(name: str = "one", dataset_id: str = ID) -> DatasetRecord:
    return DatasetRecord(
        id=dataset_id,
        project_id="p",
        name=name,
        type=DatasetType.IMAGE_CLASSIFICATION,
        create_time=1,
        update_time=1,
        data_update_time=1,
        counted_day=SystemClock().now_ms() // DAY_MS,  # so that the first change is the change alone
        work_path="/b/w/",
        inner_work_path=f"/b/w/{name}/",
    )


def sample(number: int, *labels: str, **members: object) -> SampleRecord:
    made = SampleRecord(
        id=f"{number:032x}",
        path=f"b/in/{number}.png",
        type=SampleType.IMAGE,
        time=1000 + number,
        signature=(number, number),
        labels=[SampleLabel(name=name, type=LabelType.IMAGE_CLASSIFICATION) for name in labels],
        status=SampleStatus.MANUAL_ANNOTATION if labels else SampleStatus.UN_ANNOTATION,
    )
    for name, value in members.items():
        setattr(made, name, value)
    return made


def opened(root: Path | None, **options: object) -> Store:
    return Store(root, clock=SystemClock(), durability=Durability.PROCESS, **options)  # type: ignore[arg-type]


def abandon(store: Store) -> None:
    """What a kill leaves: nothing is written, the lock is gone."""
    for dataset in store._open.values():
        if dataset.journal:
            os.close(dataset.journal._file)
    store._drop_lock()


def contents(store: Store, dataset_id: str = ID) -> dict[str, list[str]]:
    with store.reading(dataset_id) as reader:
        return {s.id: [str(label.name) for label in s.labels] for s in reader.select(Selection())}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, root: Path) -> Iterator[Store]:
    store = opened(root if request.param == "disk" else None)
    store.create(dataset())
    yield store
    store.close()


def test_indexes_follow_every_change(store: Store) -> None:
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


def test_a_failed_change_changes_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.writing(ID) as writer:
        writer.put_sample(sample(1))
        writer.put_label(Label(name="x", type=LabelType.IMAGE_CLASSIFICATION))
        assert writer.get(sample(1).id) is not None
        assert [label.name for label in writer.labels] == ["x"]
        raise RuntimeError
    assert contents(store) == {}
    with store.reading(ID) as reader:
        assert reader.labels == []


def test_a_deleted_dataset_is_gone(store: Store, root: Path) -> None:
    store.delete(ID)
    with pytest.raises(Unknown):
        store.entry(ID)
    with pytest.raises(Unknown), store.reading(ID):
        pass
    assert not root.exists() or not list((root / "datasets").iterdir())


def test_a_version_stays_as_it_was(store: Store) -> None:
    counts = store.freeze(ID, "v", [sample(1, "a"), sample(2)])
    assert (counts.total, counts.annotated) == (2, 1)
    with store.writing(ID) as writer:
        writer.put_sample(sample(1, "b"))
    with store.version(ID, "v") as version:
        assert version.label_stats() == {("a", 0): (1, 1)}
    store.drop_version(ID, "v")
    with pytest.raises(Unknown), store.version(ID, "v"):
        pass


def test_memory_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = opened(None)
    store.create(dataset())
    with store.writing(ID) as writer:
        writer.put_sample(sample(1))
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_stock_tinydb_reads_the_files_of_a_stopped_store(root: Path) -> None:
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
        assert again._open == {}  # nothing is loaded before it is used
        again.close()
    again = opened(root)
    assert again.entry(ID).counts.total == 10
    assert len(contents(again)) == 10
    again.close()


def test_an_acknowledged_change_survives_the_process(root: Path) -> None:
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


def test_a_journal_cut_anywhere_loses_whole_groups_only(root: Path, tmp_path: Path) -> None:
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
        assert journal.stat().st_size <= length


def test_a_damaged_journal_is_set_aside_and_its_good_part_used(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(root)
    store.create(dataset())
    for group in range(3):
        with store.writing(ID) as writer:
            writer.put_sample(sample(group))
    abandon(store)
    journal = root / "datasets" / ID / "journal-0.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], b"garbage\n", *lines[3:]]))
    with caplog.at_level(logging.WARNING, "modelarts-emulator"):
        again = opened(root)
    assert set(contents(again)) == {sample(0).id}
    again.close()
    assert "is damaged" in caplog.text
    assert list(journal.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"meta":{}}', b"\0" * 100])
def test_a_damaged_file_is_rebuilt_from_the_one_before(
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
    with caplog.at_level(logging.WARNING, "modelarts-emulator"):
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


def test_a_kill_in_the_middle_of_a_checkpoint_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(root)
    store.create(dataset())
    for number in range(3):
        with store.writing(ID) as writer:
            writer.put_sample(sample(number))
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("emulator.store.checkpoints.write_tables", _interrupted)
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
def test_a_lost_index_is_rebuilt_from_the_folders(root: Path, damage: bytes | None) -> None:
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


def test_a_folder_that_is_gone_leaves_the_index(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    store.create(dataset("two", "e" * 19))
    store.close()
    shutil.rmtree(root / "datasets" / ID)
    again = opened(root)
    assert [entry.record.name for entry in again.entries()] == ["two"]
    again.close()


def test_a_newer_format_is_refused(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    store.close()
    file = root / "index.json"
    tables = json.loads(file.read_text())
    tables["meta"]["1"]["format"] = 99
    file.write_text(json.dumps(tables))
    with pytest.raises(FormatTooNew, match="99"):
        opened(root)


def test_a_data_directory_has_one_store(root: Path) -> None:
    store = opened(root)
    with pytest.raises(DataDirectoryInUse, match=str(os.getpid())):
        opened(root)
    store.close()
    opened(root).close()


def test_what_was_not_used_for_long_is_put_away(root: Path) -> None:
    store = opened(root, max_loaded_samples=15)
    for letter in "abc":
        store.create(dataset(letter, letter * 19))
        with store.writing(letter * 19) as writer:
            writer.put_samples(sample(number) for number in range(10))
    with store.reading("a" * 19):
        pass
    assert sum(len(opened.samples) for opened in store._open.values()) <= 20
    assert len(contents(store, "a" * 19)) == len(contents(store, "b" * 19)) == 10
    store.close()


def test_a_batch_is_seen_whole_or_not_at_all(root: Path) -> None:
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


def test_concurrent_writers_lose_nothing(root: Path) -> None:
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


def test_a_full_disk_is_an_error_that_loses_nothing_and_passes(root: Path) -> None:
    """In a process of its own, whose files may not grow: the journal's write fails half-way."""
    script = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.store.test_store import ID, contents, dataset, opened, sample
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


LABELS = st.lists(st.sampled_from("abc"), max_size=2, unique=True)


class AgainstAModel(RuleBasedStateMachine):
    """Random changes, restarts, kills and checkpoints: the store and a plain dictionary always agree."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ["STORE_MODEL_FOLDER"]) / f"{id(self)}-{os.urandom(4).hex()}"
        self.store = opened(self.folder)
        self.store.create(dataset())
        self.model: dict[str, list[str]] = {}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(
        numbers=st.sets(st.integers(0, 12), max_size=6), names=st.lists(st.sampled_from("abc"), max_size=2, unique=True)
    )
    def put(self, numbers: set[int], names: list[str]) -> None:
        with self.store.writing(ID) as writer:
            writer.put_samples(sample(number, *names) for number in numbers)
        self.model |= {sample(number).id: names for number in numbers}

    @rule(number=st.integers(0, 12))
    def remove(self, number: int) -> None:
        with self.store.writing(ID) as writer:
            writer.remove_sample(sample(number).id)
        self.model.pop(sample(number).id, None)

    @rule(number=st.integers(0, 12))
    def fail(self, number: int) -> None:
        with pytest.raises(ZeroDivisionError), self.store.writing(ID) as writer:
            writer.put_sample(sample(number, "never"))
            raise ZeroDivisionError

    @rule()
    def checkpoint(self) -> None:
        self.store.checkpoint(ID)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = opened(self.folder)

    @rule()
    def kill(self) -> None:
        abandon(self.store)
        self.store = opened(self.folder)

    @invariant()
    def agrees(self) -> None:
        assert contents(self.store) == self.model
        assert self.store.entry(ID).counts.total == len(self.model)
        with self.store.reading(ID) as reader:
            stats = {name: count for (name, _), (count, _) in reader.label_stats().items()}
        names = [name for labels in self.model.values() for name in labels]
        assert stats == {name: names.count(name) for name in names}


def test_the_store_agrees_with_a_plain_dictionary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_MODEL_FOLDER", str(tmp_path))
    from hypothesis.stateful import run_state_machine_as_test

    profile = hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None, database=None)
    run_state_machine_as_test(AgainstAModel, settings=profile)
