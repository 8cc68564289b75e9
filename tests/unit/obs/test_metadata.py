import io
import sqlite3
from contextlib import closing

import orjson
import pytest

from modelarts_emulator.obs.metadata import Metadata, MetadataStore, etag_of_parts, guess_type
from modelarts_emulator.obs.metadata_file import MetadataRow, is_intact, with_checksum
from modelarts_emulator.obs.object_tree import ObjectStat

STAT = ObjectStat(5, 1_000)
KNOWN = Metadata("0" * 32, "image/jpeg", {"meta-owner": "jürgen", "cache-control": "no-store"})


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path):
    made = MetadataStore(tmp_path / "new" / "objects.sqlite" if request.param == "file" else None)
    yield made
    made.close()


def test_get_stored_metadata_is_returned(store):
    store.put("bucket/a.jpg", STAT, KNOWN)
    assert store.get("bucket/a.jpg", STAT) == KNOWN


@pytest.mark.parametrize("stat", [ObjectStat(6, 1_000), ObjectStat(5, 1_001)])
def test_get_other_size_or_time_returns_none(store, stat):
    store.put("bucket/a.jpg", STAT, KNOWN)
    assert store.get("bucket/a.jpg", stat) is None


def test_get_or_compute_dropped_file_is_read_once(store):
    first = store.get_or_compute("bucket/a.jpg", STAT, io.BytesIO(b"hello"))
    assert first == Metadata("5d41402abc4b2a76b9719d911017c592", "image/jpeg")
    assert store.get_or_compute("bucket/a.jpg", STAT, io.BytesIO(b"not read")) == first


def test_remove_deletes_the_metadata(store):
    store.put("bucket/a.jpg", STAT, KNOWN)
    store.remove("bucket/a.jpg")
    assert store.get("bucket/a.jpg", STAT) is None


def test_directories_returns_those_of_one_bucket(store):
    for path in ("one/a/", "one/a/b/", "one/file", "one-more/x/", "two/y/"):
        store.put(path, ObjectStat(0, 0), KNOWN)
    assert store.directories("one") == {"a/", "a/b/"}


def test_metadata_store_file_is_read_again(tmp_path):
    file = tmp_path / "objects.sqlite"
    first = MetadataStore(file)
    first.put("bucket/a.jpg", STAT, KNOWN)
    first.close()
    second = MetadataStore(file)
    assert second.get("bucket/a.jpg", STAT) == KNOWN
    second.close()


def test_etag_of_parts_is_the_md5_of_md5s_and_the_number():
    assert etag_of_parts(["5d41402abc4b2a76b9719d911017c592"]) == "62109206880d38a4010a98e11243924a-1"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "image/jpeg"),
        ("x/V001.manifest", "application/x-ndjson"),
        ("noname", "application/octet-stream"),
        ("a.txt", "text/plain"),
    ],
)
def test_guess_type_uses_the_extension(name, expected):
    assert guess_type(name) == expected


def filled(file, number=500):
    store = MetadataStore(file)
    for index in range(number):
        store.put(f"bucket/{index:04d}.jpg", STAT, KNOWN)
    store.close()
    return file


def test_metadata_store_open_file_has_no_shared_memory_map(tmp_path):
    store = MetadataStore(tmp_path / "objects.sqlite")
    store.put("bucket/a.jpg", STAT, KNOWN)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["objects.sqlite", "objects.sqlite-wal"]
    store.close()


@pytest.mark.parametrize("size", [0.6, 0.1], ids=["most", "little"])
def test_metadata_store_truncated_file_is_quarantined_and_others_rows_are_kept(tmp_path, caplog, size):
    file = filled(tmp_path / "objects.sqlite", 3000)
    with file.open("rb+") as opened:
        opened.truncate(int(file.stat().st_size * size))
    store = MetadataStore(file)
    kept = [row for row in store.rows() if store.get(row.path, STAT) == KNOWN]
    assert len(kept) < 3000
    store.put("bucket/new.jpg", STAT, KNOWN)
    assert store.get("bucket/new.jpg", STAT) == KNOWN
    store.close()
    assert f"{file} is damaged" in caplog.text
    assert len(list(tmp_path.glob("objects.sqlite.damaged-*"))) == 1


def test_metadata_store_emptied_file_is_quarantined_at_the_start(tmp_path, caplog):
    file = filled(tmp_path / "objects.sqlite", 3)
    file.write_bytes(b"")
    MetadataStore(file).close()
    assert f"{file} is damaged (its table is missing)" in caplog.text
    caplog.clear()
    MetadataStore(file).close()
    assert caplog.records == []


def test_metadata_store_shortened_file_is_quarantined_at_the_start(tmp_path, caplog):
    file = filled(tmp_path / "objects.sqlite", 3000)
    with file.open("rb+") as opened:
        opened.truncate(file.stat().st_size - 4096)
    MetadataStore(file).close()
    assert f"{file} is damaged" in caplog.text


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "head"])
def test_metadata_store_other_file_is_quarantined(tmp_path, content, caplog):
    file = tmp_path / "objects.sqlite"
    file.write_bytes(content)
    store = MetadataStore(file)
    store.put("bucket/a.jpg", STAT, KNOWN)
    assert store.get("bucket/a.jpg", STAT) == KNOWN
    store.close()
    (quarantined,) = tmp_path.glob("objects.sqlite.damaged-*")
    assert quarantined.read_bytes() == content


def test_metadata_store_flipped_bit_is_reported_and_never_returned(tmp_path, caplog):
    file = filled(tmp_path / "objects.sqlite", 3)
    data = bytearray(file.read_bytes())
    for text in (b"jpeg", "jürgen".encode(), b"no-store"):
        data[data.index(text)] ^= 0x80 if text == b"jpeg" else 1
    file.write_bytes(data)
    store = MetadataStore(file)
    found = [store.get(f"bucket/{index:04d}.jpg", STAT) for index in range(3)]
    assert found.count(None) >= 1
    assert all(each in (None, KNOWN) for each in found)
    assert "are damaged" in caplog.text
    store.close()


def test_metadata_store_every_flipped_bit_of_a_row_is_noticed(tmp_path):
    row = MetadataRow("bucket/a.jpg", *STAT, KNOWN.etag, KNOWN.content_type, b"{}")
    stored = with_checksum(row)
    assert is_intact(stored)
    for column, other in enumerate(("bucket/b.jpg", 6, 1_001, "1" * 32, "image/jpe", b"[]", stored[-1] ^ 1)):
        assert not is_intact((*stored[:column], other, *stored[column + 1 :]))


def test_metadata_store_file_of_an_earlier_release_is_read(tmp_path):
    file = tmp_path / "objects.sqlite"
    with closing(sqlite3.connect(file)) as rows:
        rows.execute(
            "CREATE TABLE objects (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, etag TEXT,"
            " content_type TEXT, headers BLOB) WITHOUT ROWID"
        )
        row = ("bucket/a.jpg", *STAT, KNOWN.etag, KNOWN.content_type, orjson.dumps(dict(KNOWN.headers)))
        rows.execute("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", row)
        rows.commit()
    store = MetadataStore(file)
    assert store.get("bucket/a.jpg", STAT) == KNOWN
    store.close()
