import io

import pytest

from modelarts_emulator.obs.metadata import Metadata, MetadataStore, etag_of_parts, guess_type
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
