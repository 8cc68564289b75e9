"""Formats on disk: this one is kept for ever, a later one refused, an earlier one upgraded.

``python -m tests.unit.store.test_format FOLDER`` writes what lies in
``fixtures/data_directory_1``. It was written once, by the release that had this format first;
when ``FORMAT`` grows, another folder is written beside it, and this one stays.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.wire import DatasetStatus, LabelType, SampleStatus, VersionStatus
from modelarts_emulator.store import DatasetDB, FileRecord, FormatTooNew, Selection, Store, TaskRecord, VersionRecord
from modelarts_emulator.store import format as formats
from modelarts_emulator.store.indexed_fields import encode_sample
from tests.helpers.places import FIXTURES
from tests.helpers.stores import abandon, contents, dataset, opened, sample

KEPT = FIXTURES / "data_directory_1"
FOLDED, INTERRUPTED = "a" * 19, "b" * 19
_ALL = Selection()


class Then:
    def now_ms(self) -> int:
        return 1_780_000_000_000


def write_data_directory(root: Path) -> None:
    """One dataset as a clean stop leaves it, with a version, and one as a kill leaves it, with a journal."""
    store = Store(root, clock=Then())
    label = Label(name="cat", type=LabelType.IMAGE_CLASSIFICATION)
    store.create(dataset("folded", FOLDED), [label])
    with store.writing(FOLDED) as writer:
        writer.put_samples(sample(number, "cat", size=100 + number, shape=(32, 24, 3)) for number in range(1, 4))
        writer.put_sample(sample(4, deleted=True))
        writer.put_sample(sample(5, path="b/in/ünï.png", metadata={"@modelarts:hard": True}))
        writer.put_file(FileRecord(path="b/in/lines.txt", signature=(1, 2)))
        writer.put_task(TaskRecord(id="t", kind="sync", status="COMPLETED", create_time=1, update_time=2))
    store.save_version(FOLDED, "v" * 19, map(encode_sample, [sample(1, "cat"), sample(2)]))
    with store.writing(FOLDED) as writer:
        status = VersionStatus.RUNNING
        version = VersionRecord(version_id="v" * 19, version_name="V001", status=status, create_time=1, update_time=2)
        writer.put_version(version)
    store.checkpoint(FOLDED)
    store.create(dataset("interrupted", INTERRUPTED))
    with store.writing(INTERRUPTED) as writer:
        writer.put_samples([sample(1, "cat"), sample(2)])
    with store.writing(INTERRUPTED) as writer:
        writer.put_sample(sample(2, "dog"))
        writer.remove_sample(sample(1).id)
    abandon(store)
    (root / "lock").unlink()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return Path(shutil.copytree(KEPT, tmp_path / "data"))


def test_store_format_1_directory_is_read(kept: Path) -> None:
    store = opened(kept)
    assert [entry.record.name for entry in store.entries()] == ["folded", "interrupted"]
    counts = store.entry(FOLDED).counts
    assert (counts.total, counts.annotated, counts.deleted, counts.hard) == (4, 3, 1, 1)
    assert contents(store, INTERRUPTED) == {sample(2).id: ["dog"]}
    with store.reading(FOLDED) as reader:
        assert reader.record.status is DatasetStatus.CREATING
        assert [(label.name, label.type) for label in reader.labels] == [("cat", 0)]
        assert reader.label_stats() == {("cat", 0): (3, 3)}
        assert [version.version_name for version in reader.versions] == ["V001"]
        assert [task.kind for task in reader.tasks] == ["sync"]
        assert reader.files["b/in/lines.txt"].signature == (1, 2)
        found = reader.get(sample(2).id)
        assert found == sample(2, "cat", size=102, shape=(32, 24, 3))
        assert found.status is SampleStatus.MANUAL_ANNOTATION
        deleted = reader.get(sample(4).id, deleted=True)
        assert deleted is not None and deleted.deleted
        unicode = reader.get(sample(5).id)
        assert unicode is not None and unicode.path == "b/in/ünï.png"
    with store.version(FOLDED, "v" * 19) as version:
        assert (len(version), version.label_stats()) == (2, {("cat", 0): (1, 1)})
    store.close()


@pytest.mark.skipif(formats.FORMAT > 1, reason="this release writes a later format")
def test_store_format_1_files_have_the_kept_layout(tmp_path: Path) -> None:
    write_data_directory(tmp_path / "data")
    for path in KEPT.rglob("*"):
        if path.is_file() and path.name != "index.json":  # that one tells modification times
            written = (tmp_path / "data" / path.relative_to(KEPT)).read_text("utf-8")
            assert _layout(written) == _layout(path.read_text("utf-8")), path


def _layout(text: str) -> list[str]:
    """The lines without checksums and the heads of journals; of records that may get more members, how they begin."""
    text = re.sub(r',"checksum":\{\n.*\n\}\n', "", text)
    text = re.sub(r'\A\{"format":1(,"c":[0-9]+)?\}\n', "", text)
    return [line if '"path":' in line else line[:20] for line in text.splitlines() if '"c":' not in line]


def test_kept_files_each_state_format_1() -> None:
    files = [path for path in KEPT.rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        if path.stat().st_size:
            first = path.read_text("utf-8").splitlines()[0]
            found = json.loads(first if path.suffix == ".jsonl" else first + "}")
            assert found.get("format", found.get("meta", {}).get("1", {}).get("format")) == 1, path


def _newer(path: Path) -> None:
    text = path.read_text("utf-8")
    assert '"format":1' in text
    path.write_text(text.replace('"format":1', '"format":99', 1), "utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "index.json",
        f"datasets/{FOLDED}/dataset.json",
        f"datasets/{INTERRUPTED}/dataset.json",
        f"datasets/{INTERRUPTED}/journal-0.jsonl",
    ],
)
def test_store_later_format_is_refused_and_unchanged(kept: Path, name: str) -> None:
    _newer(kept / name)
    before = (kept / name).read_bytes()
    with pytest.raises(FormatTooNew, match=f"{name} has format 99, written by a later release; this one reads up to 1"):
        opened(kept)
    assert (kept / name).read_bytes() == before
    assert not list(kept.rglob("*.damaged-*"))


def test_version_later_format_is_refused(kept: Path) -> None:
    _newer(kept / "datasets" / FOLDED / "versions" / f"{'v' * 19}.json")
    store = opened(kept)
    with pytest.raises(FormatTooNew), store.version(FOLDED, "v" * 19):
        pass
    store.close()


def test_store_earlier_format_is_upgraded_once(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the next release had renamed a label and moved every sample."""

    def upgrade(table: str, document: dict[str, Any]) -> dict[str, Any]:
        if table == "samples":
            return {**document, "path": document["path"].replace("b/in/", "b/moved/")}
        return {**document, "name": "tom"} if table == "labels" else document

    monkeypatch.setattr(formats, "FORMAT", 2)
    monkeypatch.setitem(formats.UPGRADES, 1, upgrade)
    for _ in range(2):  # an upgraded directory is not upgraded again
        store = opened(kept)
        for dataset_id in (FOLDED, INTERRUPTED):
            with store.reading(dataset_id) as reader:
                assert {sample.path.partition("/")[2][:6] for sample in reader.page(_ALL, offset=0, limit=9)[1]} == {
                    "moved/"
                }
        with store.reading(FOLDED) as reader:
            assert [label.name for label in reader.labels] == ["tom"]
        with store.version(FOLDED, "v" * 19) as version:
            assert version.page(_ALL, offset=0, limit=1)[1][0].path.startswith("b/moved/")
        with store.writing(INTERRUPTED) as writer:
            writer.put_sample(sample(7, path="b/moved/new"))
        store.close()
    for path in kept.rglob("dataset.json"):
        assert '"format":2' in path.read_text("utf-8")
    monkeypatch.undo()
    with pytest.raises(FormatTooNew):
        opened(kept)


def test_store_interrupted_upgrade_is_repeated(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written after it lies in a journal of the new format, behind one of the old."""
    monkeypatch.setattr(formats, "FORMAT", 2)
    monkeypatch.setitem(formats.UPGRADES, 1, lambda table, document: {**document, "size": document.get("size", 0) + 1})
    for number in range(10, 13):
        store = opened(kept)
        with store.writing(INTERRUPTED) as writer:
            writer.put_sample(sample(number, size=number))
        abandon(store)
    store = opened(kept)
    with store.reading(INTERRUPTED) as reader:
        found = {int(s.id, 16): s.size for s in reader.page(_ALL, offset=0, limit=9)[1]}
    assert found == {2: 1, 10: 10, 11: 11, 12: 12}
    store.close()


def test_dataset_db_kept_directory_reads_samples() -> None:
    with DatasetDB(KEPT / "datasets" / INTERRUPTED) as db:
        assert [row["id"] for row in db.table("samples")] == [sample(2).id]


if __name__ == "__main__":
    write_data_directory(Path(sys.argv[1]))
