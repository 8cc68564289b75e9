"""A disk that refuses, files that are damaged: a clear error, nothing lost, and all is well when the cause is gone."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from modelarts_emulator.store import DoesNotExist, Store
from modelarts_emulator.store.indexed_fields import encode_sample
from modelarts_emulator.util.clock import SystemClock
from tests.helpers.places import ROOT
from tests.helpers.stores import ID, OTHER, abandon, contents, dataset, numbers, opened, put, sample


def in_a_process(script: str, *arguments: str) -> list[str]:
    """The lines that a script of its own process prints."""
    head = """
import logging, os, resource, shutil, signal, sys
sys.path.insert(0, sys.argv.pop())
from pathlib import Path
from modelarts_emulator.contract.labels import Label
from modelarts_emulator.contract.wire import LabelType
from modelarts_emulator.store import DoesNotExist
from modelarts_emulator.store.indexed_fields import encode_sample
from tests.helpers.stores import ID, OTHER, dataset, numbers, opened, put, sample
"""
    done = subprocess.run(
        [sys.executable, "-c", head + script, *arguments, str(ROOT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_store_full_disk_refuses_writes_and_keeps_data(root: Path) -> None:
    """A limit on the size of files stands for the disk: every write beyond 2,000 bytes of a file fails."""
    script = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = opened(Path(sys.argv[1]))
store.create(dataset())
for number in range(8):
    put(store, number)
store.checkpoint(ID)
put(store, 8)
many = [Label(name=f"label {n}", type=LabelType.IMAGE_CLASSIFICATION) for n in range(100)]
limits = (resource.RLIM_INFINITY,) * 2
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
for refused in (
    lambda: store.checkpoint(ID),
    lambda: store.create(dataset("two", OTHER), many),
    lambda: store.save_version(ID, "v", map(encode_sample, [sample(n) for n in range(50)])),
    lambda: put(store, *range(100, 150)),
):
    try:
        refused()
    except OSError as error:
        print(error.errno)
print(sorted(numbers(store)), len(store.entries()))
leftovers = [path.name for path in Path(sys.argv[1]).rglob("*") if path.name.endswith(".tmp") or OTHER in str(path)]
print(leftovers)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
store.create(dataset("two", OTHER), many)
store.save_version(ID, "v", map(encode_sample, [sample(n) for n in range(50)]))
put(store, 9)
store.close()
"""
    *refused, known, leftovers = in_a_process(script, str(root))
    assert refused == [str(errno.EFBIG)] * 4
    assert known == "[0, 1, 2, 3, 4, 5, 6, 7, 8] 1"
    assert leftovers == "[]"
    again = opened(root)
    assert numbers(again) == set(range(10))
    with again.reading(OTHER) as reader:
        assert len(reader.labels) == 100
    with again.version(ID, "v") as version:
        assert len(version) == 50
    again.close()


def test_close_full_disk_logs_and_loses_nothing(root: Path) -> None:
    script = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
store = opened(Path(sys.argv[1]))
store.create(dataset())
put(store, *range(20))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
store.close()
"""
    (line,) = in_a_process(script, str(root))
    assert line.startswith(f"ERROR Checkpoint of dataset {ID} failed at shutdown (no data lost, journal kept): ")
    again = opened(root)
    assert numbers(again) == set(range(20))
    again.close()


@pytest.mark.slow
def test_store_read_only_directory_refuses_until_writable() -> None:
    """In a process without root's rights: those would write all the same."""
    folder = Path(tempfile.mkdtemp(prefix="store-readonly-"))
    script = """
folder = Path(sys.argv[1])
root = folder / "data"
opened(root).close()  # every module is loaded before the rights are gone
shutil.rmtree(root)
if os.getuid() == 0:
    os.chown(folder, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
store = opened(root)
store.create(dataset())
put(store, 1)
for path in (root / "datasets" / ID / "versions", root / "datasets" / ID, root / "datasets", root):
    path.chmod(0o555)
for refused in (
    lambda: store.create(dataset("two", OTHER)),
    lambda: store.checkpoint(ID),
    lambda: store.save_version(ID, "v", map(encode_sample, [sample(1)])),
    lambda: store.delete(ID),
):
    try:
        refused()
        print("accepted")
    except OSError as error:
        print(error.errno)
try:
    put(store, 2)  # the journal is open already
except DoesNotExist:
    print("gone")
for path in (root, root / "datasets", root / "datasets" / ID, root / "datasets" / ID / "versions"):
    path.chmod(0o755)
print(sorted(numbers(store)))
store.create(dataset("two", OTHER))
store.checkpoint(ID)
store.close()
again = opened(root)
print(sorted(numbers(again)), len(again.entries()))
again.close()
"""
    try:
        folder.chmod(0o755)
        *refused, known, later = in_a_process(script, str(folder))
        assert refused == [str(errno.EACCES)] * 4
        assert (known, later) == ("[1, 2]", "[1, 2] 2")
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["data", "data/datasets", "data/lock"])
def test_store_file_in_place_of_a_directory_raises(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    if name.endswith("lock"):
        place.mkdir()
    else:
        place.write_text("no directory")
    with pytest.raises(OSError):
        opened(tmp_path / "data")
    place.rmdir() if place.is_dir() else place.unlink()
    opened(tmp_path / "data").close()


def test_writing_after_failed_flush_writes_a_checkpoint_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may forget what it could not write, and say that the next sync went well."""
    store = Store(root, clock=SystemClock())
    store.create(dataset())
    put(store, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", _refuse)
        with pytest.raises(OSError, match="Input/output"):
            put(store, 2)
        patch.setattr("modelarts_emulator.store.tinydb_storage.write_tables", _refuse)
        with pytest.raises(OSError, match="Input/output"):
            put(store, 3)
        assert 3 not in numbers(store)
    put(store, 4)
    folder = root / "datasets" / ID
    (folder / "journal-0.jsonl").write_bytes(b"lost")  # what the disk may have made of it
    abandon(store)
    again = opened(root)
    assert {1, 4} <= numbers(again) <= {1, 2, 4}
    again.close()


def _refuse(*arguments: object, **options: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_writing_after_failed_rollback_uses_a_new_journal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(root)
    store.create(dataset())
    put(store, 1)
    write = os.write
    with monkeypatch.context() as patch:

        def half(file: int, data: memoryview) -> int:
            if len(data) < 100:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, data[: len(data) // 2])

        patch.setattr(os, "write", half)
        patch.setattr(os, "ftruncate", _refuse)
        with pytest.raises(OSError, match="Input/output"):
            put(store, 2)
    put(store, 3)
    abandon(store)
    again = opened(root)
    assert numbers(again) == {1, 3}
    again.close()


@pytest.mark.slow
def test_store_truncated_checkpoint_is_rebuilt(root: Path) -> None:
    store = opened(root)
    store.create(dataset())
    put(store, 1, 2)
    store.checkpoint(ID)
    put(store, 3)
    store.close()
    folder = root / "datasets" / ID
    kept = root.with_name("kept")
    shutil.copytree(root, kept)
    data = (folder / "dataset.json").read_bytes()
    for length in [*range(0, len(data) - 400, 97), *range(len(data) - 400, len(data))]:
        (folder / "dataset.json").write_bytes(data[:length])
        again = opened(root)
        assert numbers(again) == {1, 2, 3}, length
        again.close()
        shutil.rmtree(root)
        shutil.copytree(kept, root)


def test_store_unreadable_dataset_is_quarantined_and_others_work(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(root)
    for each in (ID, OTHER):
        store.create(dataset(each[:3], each))
        put(store, 1, dataset_id=each)
    store.close()
    store = opened(root)
    for path in (root / "datasets" / ID).glob("dataset*.json"):
        path.write_bytes(b"\0" * path.stat().st_size)
    with caplog.at_level(logging.ERROR, "modelarts_emulator"), pytest.raises(DoesNotExist):
        contents(store)
    (line,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert ID in line and "quarantined as" in line
    assert [entry.record.id for entry in store.entries()] == [OTHER]
    assert numbers(store, OTHER) == {1}
    assert list(root.glob(f"{ID}.damaged-*"))
    store.close()


def test_store_damaged_document_is_rebuilt(root: Path) -> None:
    """A file that is laid out as it should be, with one document that is no JSON."""
    store = opened(root)
    store.create(dataset())
    put(store, 1, 2)
    store.checkpoint(ID)
    put(store, 3)
    store.close()
    file = root / "datasets" / ID / "dataset.json"
    file.write_bytes(file.read_bytes().replace(b'"path":"b/in/2.png"', b'"path":"b/in/2.png\xff'))
    again = opened(root)
    assert numbers(again) == {1, 2, 3}
    again.close()
    assert list(file.parent.glob("dataset.json.damaged-*"))


def test_version_damaged_file_is_quarantined_once(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(root)
    store.create(dataset())
    store.save_version(ID, "v", map(encode_sample, [sample(1)]))
    store.close()
    store = opened(root)
    (root / "datasets" / ID / "versions" / "v.json").write_bytes(b"{")
    for _ in range(2):
        with pytest.raises(DoesNotExist), store.version(ID, "v"):
            pass
    store.close()
    assert len([record for record in caplog.records if "quarantined" in record.message]) == 1


def test_maintenance_checkpoint_does_not_block_readers_and_writers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it writes, others read and write; the journal is folded in the end."""
    started, may_go_on = threading.Event(), threading.Event()

    def slow(*arguments: object, **options: object) -> None:
        started.set()
        assert may_go_on.wait(20)
        write(*arguments, **options)

    from modelarts_emulator.store import tinydb_storage

    write = tinydb_storage.write_tables
    monkeypatch.setattr(tinydb_storage, "write_tables", slow)
    monkeypatch.setattr(tinydb_storage, "MIN_OVERSIZED_BYTES", 10)
    store = opened(root)
    store.create(dataset())
    put(store, *range(10))
    put(store, 10)
    assert started.wait(20)
    assert "store-maintenance" in {thread.name for thread in threading.enumerate()}
    monkeypatch.setattr(tinydb_storage, "MIN_OVERSIZED_BYTES", 10**9)
    put(store, 11)
    assert numbers(store) == set(range(12))
    may_go_on.set()
    assert store.wait_idle(20)
    abandon(store)
    again = opened(root)
    assert numbers(again) == set(range(12))
    again.close()
    assert "store-maintenance" not in {thread.name for thread in threading.enumerate()}


def test_maintenance_many_writes_keep_journals_small(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelarts_emulator.store.tinydb_storage.MIN_OVERSIZED_BYTES", 2_000)
    store = opened(root)
    store.create(dataset())
    sizes = []
    for turn in range(200):
        put(store, *range(turn % 5, 10))
        assert store.wait_idle(20)
        sizes.append(sum(path.stat().st_size for path in (root / "datasets" / ID).iterdir() if path.is_file()))
    assert max(sizes[100:]) < 20_000
    assert len(list((root / "datasets" / ID).glob("journal-*"))) <= 3
    abandon(store)
    again = opened(root)
    assert numbers(again) == set(range(10))
    again.close()


def test_maintenance_failed_checkpoint_is_logged_and_repeated(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("modelarts_emulator.store.tinydb_storage.MIN_OVERSIZED_BYTES", 500)
    store = opened(root)
    store.create(dataset())
    with monkeypatch.context() as patch:
        patch.setattr("modelarts_emulator.store.tinydb_storage.write_tables", _refuse)
        for number in range(30):
            put(store, number)
            assert store.wait_idle(20)
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert errors and len(errors) < 30
    assert all("no data lost" in line for line in errors)
    for number in range(30, 60):
        put(store, number)
        assert store.wait_idle(20)
    assert len(list((root / "datasets" / ID).glob("journal-*"))) <= 3
    abandon(store)
    again = opened(root)
    assert numbers(again) == set(range(60))
    again.close()


def test_document_numbers_of_removed_samples_are_reused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelarts_emulator.store.index.REUSE_FROM", 20)
    monkeypatch.setattr("modelarts_emulator.store.index.MAX_NUMBER", 31)
    store = opened(root)
    store.create(dataset())
    put(store, 1000)
    for turn in range(40):
        put(store, turn, turn + 100)
        with store.writing(ID) as writer:
            writer.remove_sample(sample(turn).id)
            writer.remove_sample(sample(turn + 100).id)
        if turn % 10 == 0:
            store.close()
            store = opened(root)
    assert numbers(store) == {1000}
    put(store, *range(2000, 2030))
    with pytest.raises(OSError, match="at most 31 samples"):
        put(store, 3000)
    assert len(numbers(store)) == 31
    store.close()
    again = opened(root)
    assert len(numbers(again)) == 31
    again.close()
