"""Damaged files are reported and never returned in silence: a flipped bit, a lost file, another id."""

from __future__ import annotations

import logging
import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB

from modelarts_emulator.contract.wire import VersionStatus
from modelarts_emulator.store import DoesNotExist, Selection, Store, VersionRecord, doctor
from modelarts_emulator.store.files import read_tables
from modelarts_emulator.store.indexed_fields import encode_sample
from tests.helpers.stores import ID, OTHER, abandon, dataset, opened, sample

VERSION = "v" * 19
# More damage is for a longer look: DAMAGED_FILES=2000.
DAMAGED = int(os.environ.get("DAMAGED_FILES", "300"))
FILES = [
    "index.json",
    f"datasets/{ID}/dataset.json",
    f"datasets/{ID}/dataset.previous.json",
    f"datasets/{ID}/versions/{VERSION}.json",
    f"datasets/{OTHER}/journal-0.jsonl",
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset as a clean stop leaves it, with a version, and one as a kill leaves it, with two journal groups."""
    root = tmp_path_factory.mktemp("filled") / "data"
    store = opened(root)
    store.create(dataset("one", ID))
    for turn in range(2):
        with store.writing(ID) as writer:
            writer.put_samples(sample(turn * 3 + n, "cat", path=f"b/in/{turn * 3 + n}.png") for n in range(3))
        store.checkpoint(ID)
    store.save_version(ID, VERSION, map(encode_sample, [sample(1, "cat"), sample(2)]))
    with store.writing(ID) as writer:
        version = VersionRecord(
            version_id=VERSION, version_name="V001", status=VersionStatus.RUNNING, create_time=1, update_time=2
        )
        writer.put_version(version)
    store.close()
    store = opened(root)
    store.create(dataset("other", OTHER))
    for label in ("dog", "cat"):
        with store.writing(OTHER) as writer:
            writer.put_samples(sample(n, label, path=f"b/in/{n}.png") for n in range(3))
    abandon(store)
    return root


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "data"))


def served(store: Store) -> dict[str, Any]:
    """All that a client can read, by dataset and version."""
    found: dict[str, Any] = {}
    for entry in store.entries():
        dataset_id = entry.record.id
        try:
            with store.reading(dataset_id) as reader:
                samples = sorted(reader.select(Selection()), key=lambda sample: sample.id)
                found[dataset_id] = (reader.record, entry.counts, samples, reader.labels, reader.versions)
        except DoesNotExist:
            continue
    with suppress(DoesNotExist):
        found[VERSION] = store.version_documents(ID, VERSION)
    return found


def served_after_start(root: Path) -> dict[str, Any]:
    store = opened(root)
    try:
        return served(store)
    finally:
        abandon(store)


def _flip(data: bytearray, chance: random.Random) -> str:
    place, bit = chance.randrange(len(data)), chance.randrange(8)
    data[place] ^= 1 << bit
    return f"bit {bit} of byte {place}"


def _zero(data: bytearray, chance: random.Random) -> str:
    place = chance.randrange(len(data))
    end = min(len(data), place + 1 + chance.randrange(512))
    data[place:end] = bytes(end - place)
    return f"zeros from {place} to {end}"


def _cut_out(data: bytearray, chance: random.Random) -> str:
    place = chance.randrange(len(data) - 1)
    end = min(len(data) - 1, place + 1 + chance.randrange(512))
    del data[place:end]
    return f"no bytes from {place} to {end}"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", [_flip, _zero, _cut_out])
def test_store_damaged_file_is_reported_and_never_returned_in_silence(
    filled: Path,
    tmp_path: Path,
    name: str,
    damage: Callable[[bytearray, random.Random], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    chance = random.Random(name)
    truth = served_after_start(Path(shutil.copytree(filled, tmp_path / "truth")))
    assert set(truth) == {ID, OTHER, VERSION}
    for turn in range(DAMAGED // 15):
        root = Path(shutil.copytree(filled, tmp_path / f"data-{turn}"))
        data = bytearray((root / name).read_bytes())
        here = damage(data, chance)
        (root / name).write_bytes(data)
        report = [each for each in doctor.examine(root, {}).problems if each.kind in ("damaged", "torn", "newer")]
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = served_after_start(root)
        assert report, here
        assert found == truth or caplog.records, here
        others = {VERSION} if "versions" in name else {OTHER} if OTHER in name else set()
        for each in truth.keys() - others - {ID if name.endswith("dataset.json") else ""}:
            assert found.get(each) == truth[each], here
        shutil.rmtree(root)


def test_store_removed_journal_is_reported_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / f"datasets/{OTHER}/journal-0.jsonl").unlink()
    (problem,) = [each for each in doctor.examine(root, {}).problems if each.kind == "missing"]
    assert problem.path == f"datasets/{OTHER}/journal-0.jsonl"
    served_after_start(root)
    assert "journal-0.jsonl: missing" in caplog.text
    caplog.clear()
    served_after_start(root)
    assert "journal-0.jsonl: missing" not in caplog.text


@pytest.mark.parametrize("dataset_id", [ID, OTHER])
def test_store_emptied_journal_is_reported_once(root: Path, dataset_id: str, caplog: pytest.LogCaptureFixture) -> None:
    path = sorted((root / f"datasets/{dataset_id}").glob("journal-*"))[-1]
    path.write_bytes(b"")
    (problem,) = [each for each in doctor.examine(root, {}).problems if each.kind == "damaged"]
    assert problem.path == path.relative_to(root).as_posix()
    served_after_start(root)
    assert f"{path} is empty: the changes in it are lost" in caplog.text
    caplog.clear()
    served_after_start(root)
    assert "is empty" not in caplog.text


def test_store_empty_journal_of_an_earlier_release_is_no_damage(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = root / f"datasets/{ID}"
    for path in (folder / "dataset.json", folder / "dataset.previous.json"):
        _, content = read_tables(path)
        text = path.read_bytes().replace(b',"heads":true', b"").partition(b',"checksum":{\n')[0] + b"}\n"
        path.write_bytes(text.replace(b',"checksum":true', b""))
        assert read_tables(path)[1] == content
    sorted(folder.glob("journal-*"))[-1].write_bytes(b"")
    assert [each for each in doctor.examine(root, {}).problems if each.kind == "damaged"] == []
    served_after_start(root)
    assert "is empty" not in caplog.text


def test_store_new_dataset_has_its_journal_from_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(tmp_path / "data")
    store.create(dataset("one", ID))
    abandon(store)
    assert [each.kind for each in doctor.examine(tmp_path / "data", {}).problems if each.kind == "missing"] == []
    served_after_start(tmp_path / "data")
    assert caplog.records == []


def _rename_folder(root: Path) -> None:
    (root / "datasets" / ID).rename(root / "datasets" / ("f" * 19))


def _exchange_folders(root: Path) -> None:
    one, other = root / "datasets" / ID, root / "datasets" / OTHER
    one.rename(root / "datasets/x")
    other.rename(one)
    (root / "datasets/x").rename(other)


def _directory_in_place_of_a_checkpoint(root: Path) -> None:
    for name in ("dataset.json", "dataset.previous.json"):
        (root / "datasets" / ID / name).unlink()
        (root / "datasets" / ID / name).mkdir()


def _not_utf8_in_index(root: Path) -> None:
    file = root / "index.json"
    file.write_bytes(file.read_bytes().replace(b'"name":"one"', b'"name":"\xff\xfe"'))


def _index_of_another_program(root: Path) -> None:
    (root / "index.json").write_bytes(b'{"meta":{"1":{"format":1}},"datasets":{"1":{"record":"\xff"}}}')


DAMAGE: list[tuple[Callable[[Path], None], set[str]]] = [
    (_rename_folder, {OTHER}),
    (_exchange_folders, set()),
    (_directory_in_place_of_a_checkpoint, {OTHER}),
    (_not_utf8_in_index, {ID, OTHER, VERSION}),
    (_index_of_another_program, {ID, OTHER, VERSION}),
]


@pytest.mark.parametrize(("spoil", "left"), DAMAGE, ids=[spoil.__name__ for spoil, _ in DAMAGE])
def test_store_damage_costs_one_dataset_at_most_and_never_the_start(
    root: Path, spoil: Callable[[Path], None], left: set[str], caplog: pytest.LogCaptureFixture
) -> None:
    truth = served_after_start(root)
    spoil(root)
    assert [each.kind for each in doctor.examine(root, {}).problems if each.kind == "damaged"]
    found = served_after_start(root)
    assert set(found) == left
    assert all(found[each] == truth[each] for each in left)
    assert caplog.records


def test_checkpoint_is_read_by_stock_tinydb_and_written_by_it(root: Path) -> None:
    path = root / "datasets" / ID / "dataset.json"
    with TinyDB(path) as db:
        assert len(db.table("samples").all()) == 6
        db.table("samples").update({"time": 77})
    (root / "index.json").unlink()
    found = served_after_start(root)
    assert {each.time for each in found[ID][2]} == {77}


def test_checkpoint_without_its_checksum_is_damaged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = root / "datasets" / ID / "dataset.json"
    text = path.read_text()
    path.write_text(text[: text.rindex(',"checksum"')] + "}\n")
    truth = served_after_start(root)
    assert "its checksum is missing" in caplog.text
    assert len(truth[ID][2]) == 6  # rebuilt from the previous checkpoint and the journals
